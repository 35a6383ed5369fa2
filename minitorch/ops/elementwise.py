"""Elementwise arithmetic: sums, differences, products, powers, and sums of products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.binding import takes_out
from minitorch.core.dtype import float64
from minitorch.core.inplace import inplace
from minitorch.core.op import NUMBERS, Array, op
from minitorch.core.promotion import cast
from minitorch.core.tensor import Tensor

# 0-d arrays by NumPy's type number: ufuncs take them in half the time that a Python number costs on small arrays.
ZEROS = {np.dtype(t).num: np.zeros((), t) for t in "?bBhilqefd"}
_ONES = {np.dtype(t).num: np.ones((), t) for t in "?bBhilqefd"}


def one(array):
    """1 in the type of ``array``."""
    return _ONES[array.dtype.num] if type(array) is np.ndarray else 1


#: the usual ``alpha``; True is not it
_UNIT = 1


def no_derivative(name: str) -> Any:
    """The rule of an input by which an op has no derivative."""

    def rule(g: Tensor) -> Tensor:
        raise RuntimeError(f"derivative for {name} is not implemented; use .detach() on what goes into it")

    return rule


@op()
def no_slope(g: Array):
    """The gradient of what is constant almost everywhere: zeros, also where ``g`` is infinite."""
    return xp(g).zeros_like(g)


def _scaled(array, alpha, other):
    """``alpha * array``, in the type that it has beside ``other``.

    Raises:
        RuntimeError: ``alpha`` is of a higher kind.
    """
    kind = (array if hasattr(array, "dtype") else other).dtype.kind
    if kind != "f" and isinstance(alpha, float):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if kind != "b" and isinstance(alpha, bool):
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    return array * cast(alpha, (array if hasattr(array, "dtype") else other).dtype)


@op("AddBackward0", promote="common", ufunc="add")
def add(input: Array, other: Array, alpha=1):
    """``input + alpha * other``, with broadcasting.

    >>> import minitorch as torch
    >>> torch.add(torch.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return input + other if alpha is _UNIT else input + _scaled(other, alpha, input)


add.rules(
    on_arrays=True,
    input=lambda g: g,
    other=lambda g, alpha: g if alpha == 1 else g * alpha,
)


def _refuse_bool(name, *operands):
    bools = sum(isinstance(x, bool) or getattr(x, "dtype", None) == np.bool_ for x in operands)
    if bools == len(operands) > 1:
        raise RuntimeError(
            f"{name}(): subtraction of two bool tensors is not supported; use ^ or logical_xor() instead"
        )
    if bools:
        raise RuntimeError(
            f"{name}(): the operator is not supported on bool tensors; use ~ or logical_not() to invert a mask"
        )


@op("SubBackward0", promote="common", check=_refuse_bool, ufunc="subtract")
def sub(input: Array, other: Array, alpha=1):
    """``input - alpha * other``, with broadcasting.

    Raises:
        RuntimeError: an operand is bool.
    """
    return input - other if alpha is _UNIT else input - _scaled(other, alpha, input)


sub.rules(
    on_arrays=True,
    input=lambda g: g,
    other=lambda g, alpha: -g if alpha == 1 else g * -alpha,
)
subtract = sub


@op("RsubBackward1", promote="common", numbers="second", check=_refuse_bool)
def rsub(input: Array, other: Array, alpha=1):
    """``other - alpha * input``, with broadcasting."""
    return other - input if alpha is _UNIT else other - _scaled(input, alpha, other)


rsub.rules(
    on_arrays=True,
    input=lambda g, alpha: -g if alpha == 1 else g * -alpha,
    other=lambda g: g,
)


@op("MulBackward0", promote="common", ufunc="multiply")
def mul(input: Array, other: Array):
    """``input * other``, with broadcasting."""
    return input * other


mul.rules(
    on_arrays=True,
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)
multiply = mul


@op("NegBackward0", check=_refuse_bool, ufunc="negative")
def neg(input: Array):
    """``-input``.

    Raises:
        RuntimeError: ``input`` is bool.
    """
    return -input


neg.rules(on_arrays=True, input=lambda g: -g)
negative = neg


def positive(input: Tensor) -> Tensor:
    """``input`` itself.

    Raises:
        RuntimeError: it is bool.
    """
    _refuse_bool("positive", input._data)
    return input


# ---- powers


def _power(input, exponent):
    if type(exponent) in (int, float):
        if exponent == 2:
            return input * input
        if exponent == 3:
            return input * input * input
    if input.dtype.kind == "f" if hasattr(input, "dtype") else exponent.dtype.kind == "f":
        # power() also for 0-d exponents: the operator would take square roots, of -inf too
        return xp(exponent).power(input, exponent) if hasattr(exponent, "dtype") else input**exponent
    if hasattr(exponent, "dtype") and exponent.dtype.kind == "i":
        module = xp(exponent)
        below = exponent < 0
        if below.any():
            # of integers only 1 and -1 have an integer inverse
            inverse = module.where(exponent % 2 == 0, input * input, input) * (abs(input) == 1)
            return module.where(below, inverse, input ** module.maximum(exponent, 0)).astype(exponent.dtype)
    return input**exponent


def _refuse_negative(name, input, exponent):
    if isinstance(exponent, int) and exponent < 0 and input.dtype.kind != "f":
        raise RuntimeError("Integers to negative integer powers are not allowed.")


@op("PowBackward0", promote="common", kinds="iuf", numbers="second", check=_refuse_negative, public="pow")
def _to_number(input: Array, other: Array):
    return _power(input, other)


def _slope_to_number(g, input, other):
    if other == 2:
        return g * (input + input)
    if other == 0:
        return no_slope(g) if isinstance(g, Tensor) else no_slope.spec.forward(g)
    return g * (input ** (other - 1) * other)


_to_number.rules(on_arrays=True, input=_slope_to_number)


@op("PowBackward1", promote="common", kinds="iuf", public="pow")
def _to_tensor(input: Array, other: Array):
    return _power(input, other)


def _slope_by_base(g, input, other):
    return (g * (other * _to_tensor(input, other - 1))).masked_fill(other == 0, 0)


def _slope_by_exponent(g, input, other, out):
    if isinstance(input, Tensor):
        # 0 ** y has derivative 0, not 0 * log(0)
        return (g * (out * input.log())).masked_fill((input == 0) & (other >= 0), 0)
    if input == 0:
        return (g * (out * -math.inf)).masked_fill(other >= 0, 0)
    return g * (out * (math.log(input) if input > 0 else math.nan))


_to_tensor.rules(input=_slope_by_base, other=_slope_by_exponent)


def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """``input`` to the power of ``exponent``, with broadcasting; one of the two may be a number.

    Integers to a tensor of negative integers give 0, but for the bases 1 and -1.

    Raises:
        RuntimeError: an integer tensor to a negative number, which is an integer.

    >>> import minitorch as torch
    >>> torch.pow(2, torch.tensor([1., 2., 3.]))
    tensor([2., 4., 8.])
    """
    return (_to_number if isinstance(exponent, NUMBERS) else _to_tensor)(input, exponent, out=out)


def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``input * input``."""
    return pow(input, 2, out=out)


@takes_out
def float_power(input: Any, exponent: Any) -> Tensor:
    """``pow`` in float64."""
    return pow(*(x.to(float64) if isinstance(x, Tensor) else float(x) for x in (input, exponent)))


def float_power_(self: Tensor, exponent: Any) -> Tensor:
    """In-place :func:`float_power`.

    Raises:
        RuntimeError: the tensor is not float64.
    """
    if self.dtype is not float64:
        raise RuntimeError(f"float_power_(): the result is torch.float64, the tensor {self.dtype}; use float_power()")
    return inplace(float_power)(self, exponent)


# ---- sums of products


def same_types(name, *operands):
    kinds = {x.dtype for x in operands if hasattr(x, "dtype")}
    if len(kinds) > 1:
        raise RuntimeError(f"{name}(): expected tensors of one dtype, got {' and '.join(sorted(map(str, kinds)))}")


def _same_floats(name, *operands):
    same_types(name, *operands)
    if any(x.dtype.kind != "f" for x in operands if hasattr(x, "dtype")):
        raise NotImplementedError(f"{name}() is not implemented for integers: it takes floating-point numbers")


def _interpolate(name):
    def lerp(input: Array, end: Array, weight: Array):
        # From the nearer end, so that the far one is met exactly.
        step = end - input
        if hasattr(weight, "dtype"):
            return xp(step).where(abs(weight) < 0.5, input + weight * step, end - step * (1 - weight))
        return input + step * weight if abs(weight) < 0.5 else end - step * (1 - weight)

    return op(name, promote="common", check=_same_floats)(lerp).rules(
        input=lambda g, weight: g * (1 - weight),
        end=lambda g, weight: g * weight,
        weight=lambda g, input, end: g * (end - input),
    )


_lerp_number, _lerp_tensor = _interpolate("LerpBackward0"), _interpolate("LerpBackward1")


@takes_out
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """``input + weight * (end - input)``; ``weight`` is a number or a tensor.

    Raises:
        NotImplementedError: they are not of floating point.
        RuntimeError: their dtypes differ.

    >>> import minitorch as torch
    >>> torch.lerp(torch.zeros(2), torch.tensor([2., 4.]), 0.5)
    tensor([1., 2.])
    """
    return (_lerp_tensor if isinstance(weight, Tensor) else _lerp_number)(input, end, weight)


@op("AddcmulBackward0", promote="common", numbers="none")
def _addcmul(input: Array, tensor1: Array, tensor2: Array, value):
    return input + (tensor1 * tensor2 if value is _UNIT else _scaled(tensor1, value, input) * tensor2)


_addcmul.rules(
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * (tensor2 if value == 1 else tensor2 * value),
    tensor2=lambda g, tensor1, value: g * (tensor1 if value == 1 else tensor1 * value),
)


@takes_out
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """``input + value * tensor1 * tensor2``, with broadcasting."""
    return _addcmul(input, tensor1, tensor2, value)


@op("AddcdivBackward0", promote="common", numbers="none", kinds="f")
def _addcdiv(input: Array, tensor1: Array, tensor2: Array, value):
    return input + (tensor1 if value is _UNIT else tensor1 * value) / tensor2


_addcdiv.rules(
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * (value / tensor2),
    tensor2=lambda g, tensor1, tensor2, value: -g * (tensor1 * value / (tensor2 * tensor2)),
)


@takes_out
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """``input + value * tensor1 / tensor2``, with broadcasting.

    Raises:
        NotImplementedError: all are integers: convert them first, or use ``//``.
    """
    return _addcdiv(input, tensor1, tensor2, value)
