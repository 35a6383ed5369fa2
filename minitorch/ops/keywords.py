"""Keywords that reductions and their kin take beside their own: NumPy's ``axis`` and ``keepdims``, and ``out``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minitorch.core.out_argument import into
from minitorch.core.tensor import Tensor

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def keywords(function: Callable) -> Callable:
    """Has ``function`` also take ``axis`` for ``dim``, ``keepdims`` for ``keepdim``, and ``out``.

    Raises (by the function):
        TypeError: its first argument is no Tensor.
    """
    name = function.__name__.strip("_")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = None
        if kwargs:
            for theirs, ours in _NUMPY_NAMES.items():
                if theirs in kwargs:
                    kwargs[ours] = kwargs.pop(theirs)
            out = kwargs.pop("out", None)
        try:
            result = function(*args, **kwargs)
        except AttributeError:
            first = args[0] if args else kwargs.get("input")
            if isinstance(first, Tensor):
                raise
            raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(first).__name__}") from None
        return result if out is None else _write(out, result, name)

    return call


def _write(out: Any, result: Any, name: str) -> Any:
    if not isinstance(result, tuple):
        return into(out, result, name)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors, got {type(out).__name__}")
    return type(result)([into(o, r, name, same_type=True) for o, r in zip(out, result)])
