"""Comparisons and questions about each element; they have no gradients."""

from __future__ import annotations

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor


@op(promote="common", numbers="second", ufunc="equal")
def eq(input: Array, other: Array):
    """``input == other``, with broadcasting.

    >>> import minitorch as torch
    >>> torch.eq(torch.tensor([1, 2]), 2)
    tensor([False,  True])
    """
    return input == other


@op(promote="common", numbers="second", ufunc="not_equal")
def ne(input: Array, other: Array):
    """``input != other``, with broadcasting."""
    return input != other


@op(promote="common", numbers="second", ufunc="less")
def lt(input: Array, other: Array):
    """``input < other``, with broadcasting."""
    return input < other


@op(promote="common", numbers="second", ufunc="less_equal")
def le(input: Array, other: Array):
    """``input <= other``, with broadcasting."""
    return input <= other


@op(promote="common", numbers="second", ufunc="greater")
def gt(input: Array, other: Array):
    """``input > other``, with broadcasting."""
    return input > other


@op(promote="common", numbers="second", ufunc="greater_equal")
def ge(input: Array, other: Array):
    """``input >= other``, with broadcasting."""
    return input >= other


less, less_equal, greater, greater_equal, not_equal = lt, le, gt, ge, ne


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements.

    >>> import minitorch as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    for name, x in (("input", input), ("other", other)):
        if not isinstance(x, Tensor):
            raise TypeError(f"equal(): argument '{name}' must be Tensor, not {type(x).__name__}")
    return input._data.shape == other._data.shape and bool(eq(input, other)._data.all())


def _same_types(name, input, other):
    if input.dtype != other.dtype:
        raise RuntimeError(f"{name}(): {input.dtype} did not match {other.dtype}; convert one with .to()")


@op(promote="common", numbers="none", check=_same_types)
def isclose(input: Array, other: Array, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether ``|input - other| <= atol + rtol * |other|``, elementwise.

    Raises:
        RuntimeError: the dtypes differ, or a tolerance is negative.
    """
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"isclose(): {name} must be greater than or equal to zero, but got {value}")
    close = input == other
    if input.dtype.kind != "f":
        if not rtol and not atol:
            return close
        input, other = input.astype(np.float64), other.astype(np.float64)
    elif equal_nan:
        close = close | ((input != input) & (other != other))
    # an infinity is close to nothing but itself, though atol + rtol * |inf| is infinite
    return close | ((abs(input - other) <= atol + rtol * abs(other)) & xp(other).isfinite(other))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close: see :func:`isclose`.

    Raises:
        RuntimeError: the dtypes differ.

    >>> import minitorch as torch
    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-6]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan)._data.all())


# ---- of one tensor


@op()
def isnan(input: Array):
    """Whether each element is NaN."""
    return input != input


@op(ufunc="isinf")
def isinf(input: Array):
    """Whether each element is infinite."""
    return xp(input).isinf(input)


@op(ufunc="isfinite")
def isfinite(input: Array):
    """Whether each element is neither NaN nor infinite."""
    return xp(input).isfinite(input)


@op()
def isposinf(input: Array):
    """Whether each element is +inf."""
    return input == np.inf


@op()
def isneginf(input: Array):
    """Whether each element is -inf."""
    return input == -np.inf


@op()
def signbit(input: Array):
    """Whether the sign bit is set: of -0 too."""
    return xp(input).signbit(input) if input.dtype.kind == "f" else input < 0


@op()
def isreal(input: Array):
    """True everywhere: there are no complex tensors."""
    return xp(input).ones(input.shape, np.bool_)
