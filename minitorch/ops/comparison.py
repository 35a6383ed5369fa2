"""Comparisons, logic and bits: elementwise, without gradients."""

from __future__ import annotations

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor


@op(promote="common")
def eq(input: Array, other: Array):
    """``input == other``."""
    return input == other


@op(promote="common")
def ne(input: Array, other: Array):
    """``input != other``."""
    return input != other


@op(promote="common")
def lt(input: Array, other: Array):
    """``input < other``."""
    return input < other


@op(promote="common")
def le(input: Array, other: Array):
    """``input <= other``."""
    return input <= other


@op(promote="common")
def gt(input: Array, other: Array):
    """``input > other``."""
    return input > other


@op(promote="common")
def ge(input: Array, other: Array):
    """``input >= other``."""
    return input >= other


less, less_equal, greater, greater_equal, not_equal = lt, le, gt, ge, ne


def equal(input, other):
    """Whether two tensors have the same shape and elements.

    >>> import minitorch as torch
    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    if not isinstance(input, Tensor) or not isinstance(other, Tensor):
        raise TypeError("equal(): both arguments must be Tensors")
    return input._data.shape == other._data.shape and bool((input._data == other._data).all())


@op(promote="common")
def isclose(input: Array, other: Array, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether ``|input - other| <= atol + rtol * |other|``."""
    return xp(input).isclose(input, other, rtol, atol, equal_nan)


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close: see :func:`isclose`.

    Raises:
        RuntimeError: the dtypes differ.
    """
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{input.dtype} did not match {other.dtype}")
    return bool(isclose(input, other, rtol, atol, equal_nan)._data.all())


@op()
def isnan(input: Array):
    """Whether each element is NaN."""
    return xp(input).isnan(input)


@op()
def isinf(input: Array):
    """Whether each element is infinite."""
    return xp(input).isinf(input)


@op()
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
    """Whether the sign bit is set."""
    return xp(input).signbit(input) if input.dtype.kind == "f" else input < 0


@op()
def isreal(input: Array):
    """True everywhere: there are no complex tensors."""
    return xp(input).ones(input.shape, np.bool_)


# ---- logic


@op()
def logical_not(input: Array):
    """Whether each element is zero."""
    return xp(input).logical_not(input)


@op(promote="common")
def logical_and(input: Array, other: Array):
    """Whether both are non-zero."""
    return xp(input).logical_and(input, other)


@op(promote="common")
def logical_or(input: Array, other: Array):
    """Whether one is non-zero."""
    return xp(input).logical_or(input, other)


@op(promote="common")
def logical_xor(input: Array, other: Array):
    """Whether exactly one is non-zero."""
    return xp(input).logical_xor(input, other)


# ---- bits


def _refuse_floats(name, *values):
    if any(getattr(v, "dtype", np.dtype(bool)).kind == "f" or isinstance(v, float) for v in values):
        raise RuntimeError(f'"{name}" is for integers and bools: convert with .long() or .bool() first')


@op()
def bitwise_not(input: Array):
    """All bits flipped; ``not`` for bools."""
    _refuse_floats("bitwise_not", input)
    return ~input


@op(promote="common")
def bitwise_and(input: Array, other: Array):
    """Bits set in both."""
    _refuse_floats("bitwise_and", input, other)
    return input & other


@op(promote="common")
def bitwise_or(input: Array, other: Array):
    """Bits set in one."""
    _refuse_floats("bitwise_or", input, other)
    return input | other


@op(promote="common")
def bitwise_xor(input: Array, other: Array):
    """Bits set in exactly one."""
    _refuse_floats("bitwise_xor", input, other)
    return input ^ other


@op(promote="common")
def bitwise_left_shift(input: Array, other: Array):
    """``input`` times 2 to the power of ``other``."""
    _refuse_floats("bitwise_left_shift", input, other)
    return input << other


@op(promote="common")
def bitwise_right_shift(input: Array, other: Array):
    """``input`` divided by 2 to the power of ``other``, rounded down."""
    _refuse_floats("bitwise_right_shift", input, other)
    return input >> other
