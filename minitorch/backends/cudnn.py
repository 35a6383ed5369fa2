"""cuDNN's switches.

cuDNN computes convolutions on a GPU that have no kernel of their own, where ``nvidia-cudnn-frontend`` and cuDNN are
installed.  ``enabled`` and ``allow_tf32`` (or ``conv.fp32_precision``) are for them.  ``benchmark`` and
``deterministic`` are remembered: plans come from cuDNN's heuristics, and only such as give the same bits every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from minitorch.backends.precision import Precision

enabled = True
benchmark = False
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
conv, rnn = Precision("tf32"), Precision("tf32")


def _frontend() -> Any:
    from minitorch.backend.array_module import why_no_cupy
    from minitorch.backend.cuda.cudnn import frontend

    return None if why_no_cupy() is not None else frontend()


def is_available() -> bool:
    """Whether there is a GPU, and cuDNN with its Python frontend is installed."""
    return _frontend() is not None


def version() -> int | None:
    """cuDNN's version as a number (91300 for 9.13.0); ``None`` where it is not available."""
    library = _frontend()
    return None if library is None else int(library.backend_version())


def is_acceptable(tensor: Any) -> bool:
    """Whether convolutions of ``tensor`` may go to cuDNN."""
    return bool(enabled) and tensor.is_cuda and tensor.dtype.is_floating_point and is_available()


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
) -> tuple:
    """Sets what is not ``None`` and returns what was set before."""
    given = {name.lstrip("_"): value for name, value in locals().items()}
    before = tuple(globals()[name] for name in given)
    globals().update({name: value for name, value in given.items() if value is not None})
    return before


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int | None = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
) -> Iterator[None]:
    """A ``with`` block with other settings.

    >>> import minitorch as torch
    >>> with torch.backends.cudnn.flags(benchmark=True):
    ...     torch.backends.cudnn.benchmark
    True
    >>> torch.backends.cudnn.benchmark
    False
    """
    inside = dict(locals())
    outside = {name: globals()[name] for name in inside}
    globals().update(inside)
    try:
        yield
    finally:
        globals().update(outside)
