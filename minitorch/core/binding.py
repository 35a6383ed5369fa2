"""What an op becomes as an operator, and as a function that takes ``out``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minitorch.core.calls import OPERANDS
from minitorch.core.out_argument import into
from minitorch.core.tensor import Tensor


def operator_of(function: Callable) -> Callable:
    """What to bind to an operator such as ``+``: ``NotImplemented`` for operands that are no tensors or numbers.

    Python then asks the other operand, and raises a TypeError that names both types.
    """
    spec = getattr(function, "spec", None)
    if spec is not None and hasattr(spec, "operator"):
        return spec.operator()

    @functools.wraps(function)
    def call(self: Tensor, other: Any) -> Any:
        return function(self, other) if isinstance(other, OPERANDS) else NotImplemented

    return call


def swapped(function: Callable) -> Callable:
    """``function`` with its two operands in the other order."""

    @functools.wraps(function, updated=())
    def call(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return call


def takes_out(function: Callable) -> Callable:
    """Gives a function that is made of ops the ``out`` argument that ops have."""
    name = function.__name__

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return result if out is None else into(out, result, name)

    return call
