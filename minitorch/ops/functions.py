"""Exponentials, logarithms, roots, trigonometry: elementwise functions that NumPy has.

Integers give the default floating-point type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import activations, pointwise
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.ops.elementwise import mul, one


def elementwise(name: str, forward: Callable, rule: Callable, doc: str) -> Any:
    """An op that is one call: ``forward(array library, array)``."""

    def function(input: Array):
        return forward(xp(input), input)

    function.__name__ = function.__qualname__ = name
    function.__module__ = forward.__module__
    function.__doc__ = doc
    return op(f"{name.title()}Backward0", promote="float")(function).rules(input=rule)


# ---- exponentials and logarithms


@op("ExpBackward0", promote="float", ufunc="exp", ufunc_below=pointwise.REPAID)
def exp(input: Array):
    """e to the power of ``input``.

    >>> import minitorch as torch
    >>> torch.exp(torch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """
    return pointwise.exp(input)


exp.rules(on_arrays=True, input=lambda g, out: g * out)


@op("LogBackward0", promote="float", ufunc="log", ufunc_below=pointwise.REPAID)
def log(input: Array):
    """Natural logarithm: minus infinity at 0, NaN below.

    >>> import minitorch as torch
    >>> torch.log(torch.tensor([1., torch.e]))
    tensor([0., 1.])
    """
    return pointwise.log(input)


log.rules(on_arrays=True, input=lambda g, input: g / input)
log2 = elementwise("log2", lambda m, x: m.log2(x), lambda g, input: g / (input * math.log(2)), "Logarithm to base 2.")
log10 = elementwise(
    "log10", lambda m, x: m.log10(x), lambda g, input: g / (input * math.log(10)), "Logarithm to base 10."
)
log1p = elementwise(
    "log1p", lambda m, x: pointwise.log1p(x), lambda g, input: g / (input + 1), "``log(1 + input)``, exact near 0."
)
expm1 = elementwise("expm1", lambda m, x: m.expm1(x), lambda g, out: g * (out + 1), "``exp(input) - 1``, exact near 0.")
exp2 = elementwise(
    "exp2", lambda m, x: m.exp2(x), lambda g, out: g * (out * math.log(2)), "2 to the power of ``input``."
)


# ---- sigmoid and tanh


@op("TanhBackwardBackward0")
def _tanh_grad(g: Array, out: Array):
    return pointwise.tanh_grad(g, out)


@op("TanhBackward0", promote="float", ufunc="tanh", ufunc_below=pointwise.REPAID)
def tanh(input: Array):
    """Hyperbolic tangent.

    >>> import minitorch as torch
    >>> torch.tanh(torch.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return pointwise.tanh(input)


_tanh_grad.rules(
    g=lambda h, out: _tanh_grad(h, out),
    out=lambda h, g, out: h * g * out * -2,
)
tanh.rules(input=_tanh_grad)


@op("SigmoidBackwardBackward0")
def _sigmoid_grad(g: Array, out: Array):
    return activations.sigmoid_grad(g, out)


@op("SigmoidBackward0", promote="float")
def sigmoid(input: Array):
    """``1 / (1 + exp(-input))``.

    >>> import minitorch as torch
    >>> torch.sigmoid(torch.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """
    return activations.sigmoid(input)


_sigmoid_grad.rules(
    g=lambda h, out: _sigmoid_grad(h, out),
    out=lambda h, g, out: h * g * (1 - 2 * out),
)
sigmoid.rules(input=_sigmoid_grad)


# ---- sums of exponentials


@op("LogaddexpBackward0", promote="common", numbers="none", kinds="f")
def logaddexp(input: Array, other: Array):
    """``log(exp(input) + exp(other))``, without overflow."""
    return xp(input).logaddexp(input, other)


logaddexp.rules(
    input=lambda g, input, other: g * sigmoid(input - other),
    other=lambda g, input, other: g * sigmoid(other - input),
)


@op("Logaddexp2Backward0", promote="common", numbers="none", kinds="f")
def logaddexp2(input: Array, other: Array):
    """``log2(2**input + 2**other)``, without overflow."""
    return xp(input).logaddexp2(input, other)


logaddexp2.rules(
    input=lambda g, input, other: g * sigmoid((input - other) * math.log(2)),
    other=lambda g, input, other: g * sigmoid((other - input) * math.log(2)),
)


# ---- roots


@op("SqrtBackward0", promote="float", ufunc="sqrt")
def sqrt(input: Array):
    """Square root: NaN below 0; the derivative at 0 is infinite.

    >>> import minitorch as torch
    >>> torch.sqrt(torch.tensor([4., 9.]))
    tensor([2., 3.])
    """
    return xp(input).sqrt(input)


sqrt.rules(on_arrays=True, input=lambda g, out: g / (out + out))
rsqrt = elementwise("rsqrt", lambda m, x: one(x) / m.sqrt(x), lambda g, out: g * out**3 * -0.5, "``1 / sqrt(input)``.")


@op("HypotBackward0", promote="common", numbers="none", kinds="f")
def hypot(input: Array, other: Array):
    """``sqrt(input**2 + other**2)``, without overflow."""
    return xp(input).hypot(input, other)


hypot.rules(
    input=lambda g, input, out: g * (input / out),
    other=lambda g, other, out: g * (other / out),
)


# ---- trigonometry

sin = elementwise("sin", lambda m, x: m.sin(x), lambda g, input: g * cos(input), "Sine.")
cos: Any = elementwise("cos", lambda m, x: m.cos(x), lambda g, input: g * -sin(input), "Cosine.")
tan = elementwise("tan", lambda m, x: m.tan(x), lambda g, out: g * (1 + out * out), "Tangent.")
asin = elementwise(
    "asin", lambda m, x: m.arcsin(x), lambda g, input: g * rsqrt(1 - input * input), "Inverse of ``sin``."
)
acos = elementwise(
    "acos", lambda m, x: m.arccos(x), lambda g, input: g * -rsqrt(1 - input * input), "Inverse of ``cos``."
)
atan = elementwise("atan", lambda m, x: m.arctan(x), lambda g, input: g / (1 + input * input), "Inverse of ``tan``.")
sinh = elementwise("sinh", lambda m, x: m.sinh(x), lambda g, input: g * cosh(input), "Hyperbolic sine.")
cosh: Any = elementwise("cosh", lambda m, x: m.cosh(x), lambda g, input: g * sinh(input), "Hyperbolic cosine.")
asinh = elementwise(
    "asinh", lambda m, x: m.arcsinh(x), lambda g, input: g * rsqrt(input * input + 1), "Inverse of ``sinh``."
)
acosh = elementwise(
    "acosh", lambda m, x: m.arccosh(x), lambda g, input: g * rsqrt(input * input - 1), "Inverse of ``cosh``."
)
atanh = elementwise(
    "atanh", lambda m, x: m.arctanh(x), lambda g, input: g / (1 - input * input), "Inverse of ``tanh``."
)
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh


@op("Atan2Backward0", promote="float", numbers="none")
def atan2(input: Array, other: Array):
    """The angle of the point (other, input), in (-pi, pi].

    >>> import minitorch as torch
    >>> torch.atan2(torch.tensor([1., -1.]), torch.tensor([1., 0.]))
    tensor([ 0.7854, -1.5708])
    """
    return xp(input).arctan2(input, other)


def _turn(g: Tensor, numerator: Tensor, input: Tensor, other: Tensor) -> Tensor:
    square = input * input + other * other
    return g * (numerator / square).masked_fill(square == 0, 0)


atan2.rules(
    input=lambda g, input, other: _turn(g, other, input, other),
    other=lambda g, input, other: _turn(g, -input, input, other),
)
arctan2 = atan2


def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees as radians."""
    return mul(input, math.pi / 180, out=out)


def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians as degrees."""
    return mul(input, 180 / math.pi, out=out)
