"""Element by element: what array calls do in several passes, or without vectors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive

__all__ = [
    "LARGE",
    "REPAID",
    "add",
    "exp",
    "log",
    "log1p",
    "of_many",
    "relu",
    "tanh",
    "tanh_grad",
    "where_nonzero",
    "zero_where_zero",
]

# From so many elements on a replacement repays its call, where the array library needs few passes itself.
REPAID = 1 << 12
#: and from so many on where one pass is all there is to do
LARGE = 1 << 16


def of_many(function: Callable) -> Callable[..., Any]:
    """A primitive that is replaced for large arrays only: small ones stay with the portable version, the quickest."""
    replaceable = primitive(function)

    @functools.wraps(function)
    def call(array: Any, *others: Any) -> Any:
        return (function if array.size < REPAID else replaceable)(array, *others)

    call.portable = function  # type: ignore[attr-defined]
    return call


@primitive
def relu(x: Any) -> Any:
    """The larger of ``x`` and 0; NaN stays."""
    return array_module(x).maximum(x, 0)


@primitive
def where_nonzero(g: Any, y: Any) -> Any:
    """``g`` where ``y`` (same shape and dtype) is not 0, elsewhere 0: the gradient through a ReLU that gave ``y``."""
    return g * (y != 0)


@primitive
def zero_where_zero(g: Any, y: Any) -> Any:
    """:func:`where_nonzero` in the place of ``g``, which is returned."""
    g *= y != 0
    return g


@primitive
def add(x: Any, y: Any) -> Any:
    """The sum of two arrays, for those of at least ``LARGE`` elements and of one shape."""
    return x + y


@of_many
def exp(x: Any) -> Any:
    """e to the power of ``x``."""
    return array_module(x).exp(x)


@of_many
def log(x: Any) -> Any:
    """Natural logarithm: minus infinity at 0, NaN below."""
    return array_module(x).log(x)


@of_many
def log1p(x: Any) -> Any:
    """The logarithm of ``1 + x``, exact also near 0."""
    return array_module(x).log1p(x)


@of_many
def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return array_module(x).tanh(x)


@of_many
def tanh_grad(g: Any, y: Any) -> Any:
    """The gradient through a hyperbolic tangent that gave ``y``."""
    slope = y * y
    slope *= g
    return g - slope
