"""Elementwise arithmetic: sums, products, quotients, powers, bounds."""

from __future__ import annotations

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap

# 0-d arrays by NumPy's type number: ufuncs take them in half the time that a Python number costs on small arrays.
_ZEROS = {np.dtype(t).num: np.zeros((), t) for t in "?bBhilqefd"}
_ONES = {np.dtype(t).num: np.ones((), t) for t in "?bBhilqefd"}


def zero(array):
    """0 in the type of ``array``."""
    return _ZEROS[array.dtype.num] if type(array) is np.ndarray else 0


def one(array):
    """1 in the type of ``array``."""
    return _ONES[array.dtype.num] if type(array) is np.ndarray else 1


def _refuse_bool(name, *arrays):
    if any(getattr(a, "dtype", None) == np.bool_ for a in arrays):
        raise RuntimeError(
            f"{name}: the `-` operator on a bool tensor is not supported; use `~`, logical_not() or logical_xor() instead"
        )


@op("AddBackward0", promote="common")
def add(input: Array, other: Array, alpha=1):
    """``input + alpha * other``, with broadcasting.

    >>> import minitorch as torch
    >>> torch.add(torch.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return input + other if alpha == 1 else input + other * alpha


add.rules(
    on_arrays=True,
    input=lambda g: g,
    other=lambda g, alpha: g if alpha == 1 else g * alpha,
)


@op("SubBackward0", promote="common")
def sub(input: Array, other: Array, alpha=1):
    """``input - alpha * other``, with broadcasting.

    Raises:
        RuntimeError: an operand is bool.
    """
    if input.dtype == np.bool_ if hasattr(input, "dtype") else other.dtype == np.bool_:
        _refuse_bool("sub", input, other)
    return input - other if alpha == 1 else input - other * alpha


sub.rules(
    input=lambda g: g,
    other=lambda g, alpha: -g if alpha == 1 else g * -alpha,
)


def rsub(input, other, alpha=1):
    """``other - alpha * input``."""
    return sub(other, input, alpha)


@op("MulBackward0", promote="common")
def mul(input: Array, other: Array):
    """``input * other``, with broadcasting."""
    return input * other


mul.rules(
    on_arrays=True,
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)


@op("DivBackward0", promote="float")
def true_divide(input: Array, other: Array):
    """``input / other``, with broadcasting; integers give the default floating-point type."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return input / other


true_divide.rules(
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * (input / other) / other,
)


@op("DivBackward1", promote="common")
def _floor_quotient(input: Array, other: Array):
    _refuse_integer_zero(input, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        if _is_float(input, other):
            # NumPy's floor_divide gives NaN for x / 0, PyTorch's the infinity
            return xp(input).floor(input / other) if hasattr(input, "dtype") else np.floor(input / other)
        return input // other


@op("DivBackward2", promote="common")
def _truncated_quotient(input: Array, other: Array):
    _refuse_integer_zero(input, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        if _is_float(input, other):
            return np.trunc(input / other)
        quotient = input // other
        return quotient + ((input % other != 0) & ((input < 0) != (other < 0))).astype(quotient.dtype)


def _is_float(*values):
    return any(a.dtype.kind == "f" for a in values if hasattr(a, "dtype"))


def _refuse_integer_zero(input, other):
    if not _is_float(input, other) and np.any(np.equal(other, 0)):
        raise RuntimeError("ZeroDivisionError: integer division by zero")


for _quotient in (_floor_quotient, _truncated_quotient):
    _quotient.rules(input=lambda g: g * 0, other=lambda g: g * 0)


def div(input, other, *, rounding_mode=None, out=None):
    """``input / other``; ``rounding_mode`` "floor" or "trunc" rounds the quotient and keeps integers.

    >>> import minitorch as torch
    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    functions = {None: true_divide, "floor": _floor_quotient, "trunc": _truncated_quotient}
    if rounding_mode not in functions:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return functions[rounding_mode](input, other) if out is None else functions[rounding_mode](input, other, out=out)


divide = div


def floor_divide(input, other):
    """The quotient rounded down."""
    return _floor_quotient(input, other)


@op("RemainderBackward0", promote="common")
def remainder(input: Array, other: Array):
    """What is left of ``input / other`` rounded down: it has the sign of ``other``."""
    _refuse_integer_zero(input, other)
    with np.errstate(invalid="ignore", divide="ignore"):
        return input % other


remainder.rules(
    input=lambda g: g,
    other=lambda g, input, other: -g * _floor_quotient(input, other),
)


@op("FmodBackward0", promote="common")
def fmod(input: Array, other: Array):
    """What is left of ``input / other`` rounded towards zero: it has the sign of ``input``."""
    _refuse_integer_zero(input, other)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (xp(input) if hasattr(input, "dtype") else np).fmod(input, other)


fmod.rules(
    input=lambda g: g,
    other=lambda g, input, other: -g * _truncated_quotient(input, other),
)


@op("NegBackward0")
def neg(input: Array):
    """``-input``."""
    _refuse_bool("neg", input)
    return -input


neg.rules(input=lambda g: -g)
negative = neg


def positive(input):
    """``input`` itself."""
    _refuse_bool("positive", input._data)
    return input


@op("PowBackward0", promote="common")
def pow(input: Array, exponent: Array):
    """``input`` to the power of ``exponent``, with broadcasting.

    Raises:
        RuntimeError: an integer tensor to a negative integer power.
    """
    integers = not _is_float(input, exponent)
    if integers and not hasattr(exponent, "dtype") and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if type(exponent) in (int, float) and exponent in (2, 3):
            return input * input if exponent == 2 else input * input * input
        if integers and hasattr(exponent, "dtype") and exponent.dtype.kind == "i" and (exponent < 0).any():
            # of integers only 1 and -1 have an integer inverse
            inverse = np.where(exponent % 2 == 0, input * input, input)
            return np.where(exponent < 0, np.where(np.abs(input) == 1, inverse, 0), input ** np.maximum(exponent, 0))
        return input**exponent


def _pow_by_base(g, input, exponent):
    if not isinstance(exponent, Tensor):
        if exponent == 0:
            return g * 0
        return g * (input * 2 if exponent == 2 else pow(input, exponent - 1) * exponent)
    power = exponent * pow(input, exponent - 1)
    return g * power.masked_fill(exponent == 0, 0)


def _pow_by_exponent(g, input, exponent, out):
    if isinstance(input, Tensor):
        # 0 ** y has derivative 0, not 0 * log(0)
        return g * (out * input.masked_fill(input == 0, 1).log()).masked_fill((input == 0) & (exponent >= 0), 0)
    return g * out * (float(np.log(input)) if input > 0 else (0.0 if input == 0 else float("nan")))


pow.rules(input=_pow_by_base, exponent=_pow_by_exponent)


def square(input):
    """``input * input``."""
    return pow(input, 2)


def float_power(input, exponent):
    """``pow`` in float64."""
    from minitorch.core.dtype import float64

    return pow(input.to(float64) if isinstance(input, Tensor) else float(input), exponent)


# ---- the largest and the smallest of two


def _extremum_rules(function, larger):
    function.rules(
        input=lambda g, input, other: _share(g, input, other, larger),
        other=lambda g, input, other: _share(g, other, input, larger),
    )


def _share(g, mine, its, larger):
    """The part of a gradient that goes to ``mine``: all where it won, half where both are equal."""
    with_ties = (mine == its).to(g.dtype) * 0.5
    return g * (((mine > its) if larger else (mine < its)).to(g.dtype) + with_ties)


@op("MaximumBackward0", promote="common")
def maximum(input: Array, other: Array):
    """The larger of two, elementwise; NaN if one is NaN.  Equal values share the gradient."""
    return np.maximum(input, other) if type(input) is np.ndarray else xp(other).maximum(input, other)


@op("MinimumBackward0", promote="common")
def minimum(input: Array, other: Array):
    """The smaller of two, elementwise; NaN if one is NaN.  Equal values share the gradient."""
    return np.minimum(input, other) if type(input) is np.ndarray else xp(other).minimum(input, other)


_extremum_rules(maximum, True)
_extremum_rules(minimum, False)


@op("FmaxBackward0", promote="common")
def fmax(input: Array, other: Array):
    """The larger of two, elementwise; the other one if one is NaN."""
    return xp(input).fmax(input, other)


@op("FminBackward0", promote="common")
def fmin(input: Array, other: Array):
    """The smaller of two, elementwise; the other one if one is NaN."""
    return xp(input).fmin(input, other)


fmax.rules(
    input=lambda g, input, other: g * ((input >= other) | (other != other)),
    other=lambda g, input, other: g * ((input < other) | (input != input)),
)
fmin.rules(
    input=lambda g, input, other: g * ((input <= other) | (other != other)),
    other=lambda g, input, other: g * ((input > other) | (input != input)),
)


@op("ClampBackward1")
def _clamp(input: Array, min, max):
    return xp(input).clip(input, min, max)


@op("ClampMaskBackward0")
def _inside(g: Array, input: Array, min, max):
    keep = True
    if min is not None:
        keep = input >= min
    if max is not None:
        keep = keep & (input <= max)
    return g * keep


_inside.rules(g=lambda h, input, min, max: _inside(h, input, min, max))
_clamp.rules(input=lambda g, input, min, max: _inside(g, input, min, max))


def clamp(input, min=None, max=None):
    """``input`` with values below ``min`` or above ``max`` replaced by them: numbers, or tensors that broadcast.

    Raises:
        RuntimeError: neither bound is given.

    >>> import minitorch as torch
    >>> torch.clamp(torch.tensor([-1., 0.5, 2.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    bounds = [b for b in (min, max) if b is not None]
    if any(isinstance(b, Tensor) for b in bounds):
        out = input if min is None else maximum(input, min)
        return out if max is None else minimum(out, max)
    if input._data.dtype.kind != "f" and any(isinstance(b, float) for b in bounds):
        input = input * 1.0
    return _clamp(input, min, max)


clip = clamp


def clamp_min(input, min):
    """``clamp`` with a lower bound only."""
    return clamp(input, min=min)


def clamp_max(input, max):
    """``clamp`` with an upper bound only."""
    return clamp(input, max=max)


# ---- combinations


def lerp(input, end, weight):
    """``input + weight * (end - input)``."""
    return input + weight * (end - input)


def addcmul(input, tensor1, tensor2, *, value=1):
    """``input + value * tensor1 * tensor2``."""
    product = tensor1 * tensor2
    return input + (product if value == 1 else product * value)


def addcdiv(input, tensor1, tensor2, *, value=1):
    """``input + value * tensor1 / tensor2``."""
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 else quotient * value)


@op("WhereFiniteBackward0")
def _nan_to_num(input: Array, nan, posinf, neginf):
    return xp(input).nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


_nan_to_num.rules(input=lambda g, input: g * wrap(xp(input._data).isfinite(input._data)))


def nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    """NaN and infinities replaced: by 0 and the largest finite numbers, unless given."""
    if input._data.dtype.kind != "f":
        return input.clone()
    return _nan_to_num(input, nan, posinf, neginf)


# ---- rectifier


@op("ThresholdBackward0")
def _where_positive(g: Array, out: Array):
    return g * (out > zero(out))


_where_positive.rules(g=lambda h, out: _where_positive(h, out))


@op("ReluBackward0")
def relu(input: Array):
    """``max(input, 0)``; NaN stays NaN.  The derivative at 0 is 0."""
    return np.maximum(input, zero(input)) if type(input) is np.ndarray else xp(input).maximum(input, 0)


relu.rules(input=_where_positive)
