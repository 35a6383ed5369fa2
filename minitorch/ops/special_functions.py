"""The error function, the gamma function and their kin, and functions of information: elementwise.

Integers give the default floating-point type.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import special
from minitorch.core.binding import takes_out
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.ops.functions import cos, elementwise, exp, sin

# ---- the error function

erf = elementwise(
    "erf",
    lambda m, x: special.erf(x),
    lambda g, input: g * exp(-input * input) * (2 / math.sqrt(math.pi)),
    "The error function, 2/√π ∫₀ˣ exp(-t²) dt.",
)
erfc = elementwise(
    "erfc",
    lambda m, x: special.erfc(x),
    lambda g, input: g * exp(-input * input) * (-2 / math.sqrt(math.pi)),
    "``1 - erf(input)``, exact also where that is tiny.",
)
erfinv = elementwise(
    "erfinv",
    lambda m, x: special.erfinv(x),
    lambda g, out: g * exp(out * out) * (math.sqrt(math.pi) / 2),
    "The inverse of ``erf``.",
)

# ---- the gamma function


@op("PolygammaBackward0", promote="float")
def _polygamma(input: Array, n):
    return special.polygamma(n, input)


_polygamma.rules(input=lambda g, input, n: g * _polygamma(input, n + 1))


lgamma = elementwise(
    "lgamma",
    lambda m, x: special.lgamma(x),
    lambda g, input: g * digamma(input),
    "Logarithm of the absolute value of the gamma function.",
)
digamma: Any = elementwise(
    "digamma", lambda m, x: special.digamma(x), lambda g, input: g * _polygamma(input, 1), "Derivative of ``lgamma``."
)


@takes_out
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of ``digamma``.

    Raises:
        RuntimeError: ``n`` is negative.
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}")
    return _polygamma(input, n)


def polygamma_method(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of ``digamma``."""
    return polygamma(n, self)


@takes_out
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """Logarithm of the multivariate gamma function of dimension ``p``.

    Raises:
        RuntimeError: ``p`` is below 1.
    """
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p}")
    total = lgamma(input) + p * (p - 1) / 4 * math.log(math.pi)
    for j in range(1, p):
        total = total + lgamma(input - j / 2)
    return total


# ---- sines and logarithms


@op("SincBackward0", promote="float")
def sinc(input: Array):
    """``sin(pi x) / (pi x)``, 1 at 0."""
    if input.dtype.itemsize < 4:  # half precision loses the zeros
        return xp(input).sinc(input.astype(np.float32)).astype(input.dtype)
    return xp(input).sinc(input)


def _sinc_slope(g: Tensor, input: Tensor) -> Tensor:
    at_zero = input == 0
    angle = (input * math.pi).masked_fill(at_zero, 1)
    slope = math.pi * (angle * cos(angle) - sin(angle)) / (angle * angle)
    return g * slope.masked_fill(at_zero, 0)


sinc.rules(input=_sinc_slope)


@op("LogitBackward0", promote="float")
def _logit(input: Array):
    return xp(input).log(input / (1 - input))


_logit.rules(
    input=lambda g, input: (g / (input * (1 - input))).masked_fill((input < 0) | (input > 1), math.nan),
)


@takes_out
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """``log(x / (1 - x))``, with ``x`` first clamped to [eps, 1 - eps] if ``eps`` is given."""
    return _logit(input if eps is None else input.clamp(eps, 1 - eps))


@op("XlogyBackward0", promote="float")
def xlogy(input: Array, other: Array):
    """``input * log(other)``: 0 where ``input`` is 0, unless ``other`` is NaN."""
    module = xp(input if hasattr(input, "dtype") else other)
    if not hasattr(other, "dtype"):
        other = input.dtype.type(other)
    out = input * module.log(other)
    return module.where((input == 0) & (other == other), out.dtype.type(0), out)


def _xlogy_by_input(g: Tensor, input: Tensor, other: Any) -> Tensor:
    if isinstance(other, Tensor):
        return (g * other.log()).masked_fill(input.eq(0) & (other <= 0), 0)
    if other > 0:
        return g * math.log(other)
    return (g * (-math.inf if other == 0 else math.nan)).masked_fill(input == 0, 0)


xlogy.rules(input=_xlogy_by_input, other=lambda g, input, other: g * (input / other))
