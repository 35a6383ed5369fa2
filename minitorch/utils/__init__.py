"""Helpers around the core: ``data`` (data sets and loaders), ``checkpoint`` (memory for time), ``tensorboard``,
``dlpack`` (exchange of arrays) and ``optional`` (packages that need not be there).

They are imported when they are first asked for: scripts use ``minitorch.utils.data`` after a bare ``import minitorch``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_LAZY = frozenset({"checkpoint", "data", "dlpack", "tensorboard"})


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
