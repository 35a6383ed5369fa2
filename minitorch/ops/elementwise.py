"""Elementwise arithmetic and mathematics."""

from __future__ import annotations

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op


@op("AddBackward0", promote="common")
def add(input: Array, other: Array, alpha=1):
    """``input + alpha * other``, with broadcasting.

    >>> import minitorch as torch
    >>> torch.add(torch.tensor([1., 2.]), 10)
    tensor([11., 12.])
    """
    return input + other if alpha == 1 else input + other * alpha


add.rules(
    input=lambda g: g,
    other=lambda g, alpha: g if alpha == 1 else g * alpha,
)


@op("SubBackward0", promote="common")
def sub(input: Array, other: Array, alpha=1):
    """``input - alpha * other``, with broadcasting.

    Raises:
        TypeError: an operand is bool (use ``logical_xor`` or ``logical_not``).
    """
    return input - other if alpha == 1 else input - other * alpha


sub.rules(
    input=lambda g: g,
    other=lambda g, alpha: -g if alpha == 1 else g * -alpha,
)


@op("MulBackward0", promote="common")
def mul(input: Array, other: Array):
    """``input * other``, with broadcasting."""
    return input * other


mul.rules(
    input=lambda g, other: g * other,
    other=lambda g, input: g * input,
)


@op("DivBackward0", promote="float")
def _true_divide(input: Array, other: Array):
    return xp(input).true_divide(input, other)


_true_divide.rules(
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * (input / other) / other,
)


@op("NegBackward0")
def neg(input: Array):
    """``-input``."""
    return -input


neg.rules(input=lambda g: -g)


@op("PowBackward0", promote="common")
def pow(input: Array, exponent: Array):
    """``input`` to the power of ``exponent``, with broadcasting."""
    return input**exponent


@op("ExpBackward0", promote="float")
def exp(input: Array):
    """e to the power of ``input``."""
    return xp(input).exp(input)


exp.rules(input=lambda g, out: g * out)


@op("ReluBackward0")
def relu(input: Array):
    """``max(input, 0)``; NaN stays NaN.  The derivative at 0 is 0."""
    return xp(input).maximum(input, 0)


@op("ThresholdBackward0")
def _where_positive(g: Array, result: Array):
    return g * (result > 0)


_where_positive.rules(g=lambda h, result: _where_positive(h, result))
relu.rules(input=lambda g, out: _where_positive(g, out))


@op("TanhBackward0", promote="float")
def tanh(input: Array):
    """Hyperbolic tangent."""
    return xp(input).tanh(input)


@op("TanhBackwardBackward0")
def _tanh_grad(g: Array, result: Array):
    return g * (1 - result * result)


_tanh_grad.rules(
    g=lambda h, result: _tanh_grad(h, result),
    result=lambda h, g, result: -2 * h * g * result,
)
tanh.rules(input=lambda g, out: _tanh_grad(g, out))


@op(promote="common")
def gt(input: Array, other: Array):
    """``input > other``, bool."""
    return input > other


def div(input, other, *, rounding_mode=None):
    """``input / other``."""
    return _true_divide(input, other)


pow.rules(
    input=lambda g, input, exponent: g * exponent * input ** (exponent - 1),
    exponent=lambda g, input, out: g * out * input.log(),
)


@op("LogBackward0", promote="float")
def log(input: Array):
    """Natural logarithm."""
    return xp(input).log(input)


log.rules(input=lambda g, input: g / input)


@op("SqrtBackward0", promote="float")
def sqrt(input: Array):
    """Square root."""
    return xp(input).sqrt(input)


sqrt.rules(input=lambda g, out: g / (2 * out))


@op("AbsBackward0")
def abs(input: Array):
    """Absolute value."""
    return xp(input).abs(input)


@op()
def sign(input: Array):
    """Sign."""
    return xp(input).sign(input)


abs.rules(input=lambda g, input: g * sign(input))


@op("SigmoidBackward0", promote="float")
def sigmoid(input: Array):
    """Logistic function."""
    return 1 / (1 + xp(input).exp(-input))


sigmoid.rules(input=lambda g, out: g * out * (1 - out))


@op(promote="common")
def lt(input: Array, other: Array):
    """``input < other``."""
    return input < other


@op(promote="common")
def le(input: Array, other: Array):
    """``input <= other``."""
    return input <= other


@op(promote="common")
def ge(input: Array, other: Array):
    """``input >= other``."""
    return input >= other


@op(promote="common")
def eq(input: Array, other: Array):
    """``input == other``."""
    return input == other


@op(promote="common")
def ne(input: Array, other: Array):
    """``input != other``."""
    return input != other
