"""Image data sets, transforms, models and helpers under torchvision's names.

    import minitorch.vision as torchvision

The parts are imported when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from minitorch.version import __version__

_PARTS = ("datasets", "io", "models", "transforms", "utils")
__all__ = ["__version__", "datasets", "io", "models", "transforms", "utils"]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PARTS})
