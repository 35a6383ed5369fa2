"""Elementwise mathematical functions: exponentials, logarithms, trigonometry, rounding, special functions."""

from __future__ import annotations

import builtins
import math

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import special
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.ops.elementwise import one

_QUIET = {"divide": "ignore", "invalid": "ignore", "over": "ignore"}


def _unary(name, forward, rule=None, doc=""):
    """Declares an elementwise function whose forward is one call; integers give the default floating-point type."""

    def function(input: Array):
        with np.errstate(**_QUIET):
            return forward(xp(input), input)

    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = doc
    function.__annotations__ = {"input": "Array"}
    declared = op(f"{name.capitalize()}Backward0", promote="float")(function)
    return declared.rules(input=rule) if rule is not None else declared


@op("ExpBackward0", promote="float")
def exp(input: Array):
    """e to the power of ``input``."""
    return xp(input).exp(input)


exp.rules(input=lambda g, out: g * out)


@op("TanhBackwardBackward0")
def _tanh_grad(g: Array, out: Array):
    slope = out * out
    return (one(out) - slope) * g


@op("TanhBackward0", promote="float")
def tanh(input: Array):
    """Hyperbolic tangent."""
    return xp(input).tanh(input)


_tanh_grad.rules(
    g=lambda h, out: _tanh_grad(h, out),
    out=lambda h, g, out: -2 * h * g * out,
)
tanh.rules(input=_tanh_grad)


@op("SigmoidBackwardBackward0")
def _sigmoid_grad(g: Array, result: Array):
    return g * result * (1 - result)


@op("SigmoidBackward0", promote="float")
def sigmoid(input: Array):
    """``1 / (1 + exp(-input))``, without overflow."""
    half = input.dtype.type(0.5)
    return xp(input).tanh(input * half) * half + half


_sigmoid_grad.rules(
    g=lambda h, result: _sigmoid_grad(h, result),
    result=lambda h, g, result: h * g * (1 - 2 * result),
)
sigmoid.rules(input=lambda g, out: _sigmoid_grad(g, out))

log = _unary("log", lambda m, x: m.log(x), lambda g, input: g / input, "Natural logarithm.")
log2 = _unary("log2", lambda m, x: m.log2(x), lambda g, input: g / (input * math.log(2)), "Logarithm to base 2.")
log10 = _unary("log10", lambda m, x: m.log10(x), lambda g, input: g / (input * math.log(10)), "Logarithm to base 10.")
log1p = _unary("log1p", lambda m, x: m.log1p(x), lambda g, input: g / (input + 1), "``log(1 + input)``, exact near 0.")
expm1 = _unary("expm1", lambda m, x: m.expm1(x), lambda g, out: g * (out + 1), "``exp(input) - 1``, exact near 0.")
exp2 = _unary("exp2", lambda m, x: m.exp2(x), lambda g, out: g * out * math.log(2), "2 to the power of ``input``.")
sqrt = _unary("sqrt", lambda m, x: m.sqrt(x), lambda g, out: g / (2 * out), "Square root.")
rsqrt = _unary("rsqrt", lambda m, x: 1 / m.sqrt(x), lambda g, out: g * out**3 * -0.5, "``1 / sqrt(input)``.")
reciprocal = _unary("reciprocal", lambda m, x: 1 / x, lambda g, out: -g * out * out, "``1 / input``.")
sin = _unary("sin", lambda m, x: m.sin(x), lambda g, input: g * cos(input), "Sine.")
cos = _unary("cos", lambda m, x: m.cos(x), lambda g, input: -g * sin(input), "Cosine.")
tan = _unary("tan", lambda m, x: m.tan(x), lambda g, out: g * (1 + out * out), "Tangent.")
asin = _unary("asin", lambda m, x: m.arcsin(x), lambda g, input: g * rsqrt(1 - input * input), "Inverse sine.")
acos = _unary("acos", lambda m, x: m.arccos(x), lambda g, input: -g * rsqrt(1 - input * input), "Inverse cosine.")
atan = _unary("atan", lambda m, x: m.arctan(x), lambda g, input: g / (1 + input * input), "Inverse tangent.")
sinh = _unary("sinh", lambda m, x: m.sinh(x), lambda g, input: g * cosh(input), "Hyperbolic sine.")
cosh = _unary("cosh", lambda m, x: m.cosh(x), lambda g, input: g * sinh(input), "Hyperbolic cosine.")
asinh = _unary("asinh", lambda m, x: m.arcsinh(x), lambda g, input: g * rsqrt(input * input + 1), "Inverse of ``sinh``.")
acosh = _unary("acosh", lambda m, x: m.arccosh(x), lambda g, input: g * rsqrt(input * input - 1), "Inverse of ``cosh``.")
atanh = _unary("atanh", lambda m, x: m.arctanh(x), lambda g, input: g / (1 - input * input), "Inverse of ``tanh``.")
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh
erf = _unary(
    "erf",
    lambda m, x: special.erf(x),
    lambda g, input: g * exp(-input * input) * (2 / math.sqrt(math.pi)),
    "The error function.",
)
erfc = _unary(
    "erfc",
    lambda m, x: special.erfc(x),
    lambda g, input: g * exp(-input * input) * (-2 / math.sqrt(math.pi)),
    "``1 - erf(input)``, exact for large inputs.",
)
erfinv = _unary(
    "erfinv",
    lambda m, x: special.erfinv(x),
    lambda g, out: g * exp(out * out) * (math.sqrt(math.pi) / 2),
    "Inverse of ``erf``.",
)
lgamma = _unary(
    "lgamma",
    lambda m, x: special.lgamma(x),
    lambda g, input: g * digamma(input),
    "Logarithm of the absolute value of the gamma function.",
)
digamma = _unary(
    "digamma", lambda m, x: special.digamma(x), lambda g, input: g * polygamma(1, input), "Derivative of ``lgamma``."
)


@op("PolygammaBackward0", promote="float")
def _polygamma(input: Array, n):
    return special.polygamma(n, input)


_polygamma.rules(input=lambda g, input, n: g * _polygamma(input, n + 1))


def polygamma(n, input):
    """The n-th derivative of ``digamma``."""
    return _polygamma(input, n)


@op("SincBackward0", promote="float")
def sinc(input: Array):
    """``sin(pi x) / (pi x)``, 1 at 0."""
    return xp(input).sinc(input)


def _sinc_slope(g, input):
    angle = input * math.pi
    safe = angle.masked_fill(input == 0, 1)
    return g * (math.pi * (safe * cos(safe) - sin(safe)) / (safe * safe)).masked_fill(input == 0, 0)


sinc.rules(input=_sinc_slope)


@op("LogitBackward0", promote="float")
def _logit(input: Array):
    with np.errstate(**_QUIET):
        return xp(input).log(input / (1 - input))


_logit.rules(input=lambda g, input: g / (input * (1 - input)))


def logit(input, eps=None):
    """``log(x / (1 - x))``, with ``x`` first clamped to [eps, 1 - eps] if ``eps`` is given."""
    return _logit(input if eps is None else input.clamp(eps, 1 - eps))


# ---- absolute value, sign and rounding: derivatives that are constant almost everywhere


@op("SgnBackward0")
def sign(input: Array):
    """-1, 0 or 1."""
    return input if input.dtype == np.bool_ else xp(input).sign(input)


sign.rules(input=lambda g: g * 0)
sgn = sign


@op("AbsBackward0")
def abs(input: Array):
    """Absolute value; the derivative at 0 is 0."""
    return xp(input).abs(input)


abs.rules(input=lambda g, input: g * sign(input))
absolute = abs


def _rounding(name, forward, doc):
    def function(input: Array):
        return forward(xp(input), input) if input.dtype.kind == "f" else input.copy()

    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = doc
    function.__annotations__ = {"input": "Array"}
    return op(f"{name.strip('_').capitalize()}Backward0")(function).rules(input=lambda g: g * 0)


ceil = _rounding("ceil", lambda m, x: m.ceil(x), "The smallest integer not below ``input``.")
floor = _rounding("floor", lambda m, x: m.floor(x), "The largest integer not above ``input``.")
trunc = _rounding("trunc", lambda m, x: m.trunc(x), "``input`` without its fraction.")
fix = trunc
_round = _rounding("_round", lambda m, x: m.rint(x), "")


def round(input, *, decimals=0):
    """``input`` rounded to ``decimals`` digits, halves to even."""
    if decimals == 0:
        return _round(input)
    scale = 10.0 ** builtins.abs(decimals)
    return _round(input * scale) / scale if decimals > 0 else _round(input / scale) * scale


@op("FracBackward0")
def frac(input: Array):
    """The fraction of ``input``, with its sign."""
    return input - xp(input).trunc(input)


frac.rules(input=lambda g: g)


def deg2rad(input):
    """Degrees as radians."""
    return input * (math.pi / 180)


def rad2deg(input):
    """Radians as degrees."""
    return input * (180 / math.pi)


# ---- of two arguments


@op("Atan2Backward0", promote="float")
def atan2(input: Array, other: Array):
    """The angle of the point (other, input), in (-pi, pi]."""
    return xp(input).arctan2(input, other)


atan2.rules(
    input=lambda g, input, other: g * other / (input * input + other * other),
    other=lambda g, input, other: -g * input / (input * input + other * other),
)
arctan2 = atan2


@op("HypotBackward0", promote="common")
def hypot(input: Array, other: Array):
    """``sqrt(input**2 + other**2)``."""
    return xp(input).hypot(input, other)


hypot.rules(
    input=lambda g, input, out: g * input / out,
    other=lambda g, other, out: g * other / out,
)


@op("LogaddexpBackward0", promote="common")
def logaddexp(input: Array, other: Array):
    """``log(exp(input) + exp(other))``, without overflow."""
    return xp(input).logaddexp(input, other)


logaddexp.rules(
    input=lambda g, input, other: g * sigmoid(input - other),
    other=lambda g, input, other: g * sigmoid(other - input),
)


@op("Logaddexp2Backward0", promote="common")
def logaddexp2(input: Array, other: Array):
    """``log2(2**input + 2**other)``, without overflow."""
    return xp(input).logaddexp2(input, other)


logaddexp2.rules(
    input=lambda g, input, other: g * sigmoid((input - other) * math.log(2)),
    other=lambda g, input, other: g * sigmoid((other - input) * math.log(2)),
)


@op("CopysignBackward0", promote="float")
def copysign(input: Array, other: Array):
    """The absolute value of ``input`` with the sign of ``other``."""
    return xp(input).copysign(input, other)


copysign.rules(
    input=lambda g, input, out: g * sign(input) * sign(out),
    other=lambda g: g * 0,
)


@op("XlogyBackward0", promote="float")
def xlogy(input: Array, other: Array):
    """``input * log(other)``, 0 where ``input`` is 0."""
    with np.errstate(**_QUIET):
        product = input * np.log(other)
    return np.where((np.asarray(input) == 0) & ~np.isnan(other), product.dtype.type(0), product)


def _xlogy_by_input(g, input, other):
    logarithm = other.log() if isinstance(other, Tensor) else math.log(other)
    return g * logarithm if not isinstance(input, Tensor) else g * (input * 0 + logarithm)


xlogy.rules(input=_xlogy_by_input, other=lambda g, input, other: g * input / other)


@op("HeavisideBackward0", promote="common")
def heaviside(input: Array, values: Array):
    """0 below 0, 1 above, ``values`` at 0."""
    return xp(input).heaviside(input, values).astype(input.dtype)
