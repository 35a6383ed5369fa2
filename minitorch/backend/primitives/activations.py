"""Activation functions and their gradients: of each a pair ``name(x, *params)`` and ``name_grad(g, x, *params)``.

The gradient is that of the input, given the one of the result, ``g``.  float16 is computed in float32: the steps in
between would lose digits, and NumPy's float16 is slow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives import special
from minitorch.backend.primitives.pointwise import of_many
from minitorch.backend.primitives.registry import primitive

__all__ = ["log1p_exp", "logistic"]


def _pair(name: str, value: Callable, gradient: Callable) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The primitives ``value(lib, x, *params)`` and ``gradient(lib, g, x, *params)``; ``lib`` owns the arrays."""

    def forward(x: Any, *params: float) -> Any:
        return value(array_module(x), x, *params)

    def backward(g: Any, x: Any, *params: float) -> Any:
        return gradient(array_module(x), g, x, *params)

    forward.__name__, backward.__name__ = name, f"{name}_grad"
    return primitive(forward), primitive(backward)


def _smooth(name: str, value: Callable, slope: Callable) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The pair of a function whose derivative is ``slope(lib, x, *params)``."""

    def precise(lib: Any, x: Any, *params: float) -> Any:
        if x.dtype.itemsize == 2:
            return value(lib, x.astype(np.float32), *params).astype(x.dtype)
        return value(lib, x, *params)

    def gradient(lib: Any, g: Any, x: Any, *params: float) -> Any:
        if x.dtype.itemsize == 2:
            return (slope(lib, x.astype(np.float32), *params) * g).astype(x.dtype)
        return slope(lib, x, *params) * g

    return _pair(name, precise, gradient)


# ---- in terms of the logistic function


def logistic(lib: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)), exact to rounding on both sides; an infinite exponential gives 0."""
    out = lib.exp(-x)
    out += 1
    return 1 / out


def _log1p(lib: Any, x: Any) -> Any:
    """log(1 + x) for ``x`` from 0 on, with what 1 + x rounded away made good: a fifth of the time of NumPy's log1p."""
    whole = 1 + x
    lost = whole - 1
    lost -= x
    lost /= whole
    out = lib.log(whole)
    out -= lost
    return out


def log1p_exp(lib: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    out = _log1p(lib, lib.exp(-abs(x)))
    out += lib.maximum(x, 0)
    return out


@primitive
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return logistic(array_module(x), x)


@of_many
def sigmoid_grad(g: Any, y: Any) -> Any:
    """The gradient through a :func:`sigmoid` that gave ``y``."""
    slope = y - y * y
    slope *= g
    return slope


def _silu_slope(lib: Any, x: Any) -> Any:
    s = logistic(lib, x)
    out = 1 - s
    out *= x
    out += 1
    out *= s
    return out


silu, silu_grad = _smooth("silu", lambda lib, x: x * logistic(lib, x), _silu_slope)


def _softplus_value(lib: Any, x: Any, beta: float, threshold: float) -> Any:
    scaled = x if beta == 1 else x * beta
    out = _log1p(lib, lib.exp(-abs(scaled)))
    linear = scaled > threshold  # there the function is x itself
    out *= ~linear
    out += lib.maximum(scaled, 0) if threshold >= 0 else lib.where(linear, scaled, lib.maximum(scaled, 0))
    if beta != 1:
        out /= beta
    return out


def _softplus_slope(lib: Any, x: Any, beta: float, threshold: float) -> Any:
    scaled = x if beta == 1 else x * beta
    return lib.maximum(logistic(lib, scaled), scaled > threshold)


softplus, softplus_grad = _smooth("softplus", _softplus_value, _softplus_slope)
logsigmoid, logsigmoid_grad = _smooth(
    "logsigmoid", lambda lib, x: -log1p_exp(lib, -x), lambda lib, x: logistic(lib, -x)
)


# tanh(log(1 + e)) = n / (n + 2) with n = e·(e + 2), for e = exp(x); from 20 on it is 1 to rounding.


def _mish_value(lib: Any, x: Any) -> Any:
    e = lib.exp(lib.minimum(x, 20))
    n = e + 2
    n *= e
    out = n / (n + 2)
    out *= x
    return out


def _mish_slope(lib: Any, x: Any) -> Any:
    x = lib.minimum(x, 20)
    e = lib.exp(x)
    n = e * (e + 2)
    t = n / (n + 2)
    # 1 - t² is 4·(n + 1) / (n + 2)², and n + 1 = (e + 1)²: the logistic e / (e + 1) takes one factor
    out = e * (e + 1) * 4
    n += 2
    n *= n
    out /= n
    out *= x
    out += t
    return out


mish, mish_grad = _smooth("mish", _mish_value, _mish_slope)

# ---- x·Φ(x)

ROOT_HALF = math.sqrt(0.5)
DENSITY = 1 / math.sqrt(2 * math.pi)


def _normal_distribution(x: Any) -> Any:
    """Φ(x), of the normal distribution."""
    out = special.erf(x * ROOT_HALF)
    out *= 0.5
    out += 0.5
    return out


def _gelu_slope(lib: Any, x: Any) -> Any:
    density = lib.exp(x * x * -0.5)
    density *= DENSITY
    density *= x
    density += _normal_distribution(x)
    return density


gelu, gelu_grad = _smooth("gelu", lambda lib, x: x * _normal_distribution(x), _gelu_slope)

#: Hendrycks and Gimpel 2016, arXiv:1606.08415: Φ(x) ≈ (1 + tanh(K·(x + CUBIC·x³))) / 2
K, CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh(lib: Any, x: Any) -> tuple[Any, Any]:
    """The hyperbolic tangent and the square that value and slope have in common."""
    square = x * x
    inner = square * (K * CUBIC)
    inner += K
    inner *= x
    return lib.tanh(inner), square


def _gelu_tanh_value(lib: Any, x: Any) -> Any:
    out, _ = _gelu_tanh(lib, x)
    out += 1
    out *= x
    out *= 0.5
    return out


def _gelu_tanh_slope(lib: Any, x: Any) -> Any:
    t, square = _gelu_tanh(lib, x)
    square *= 1.5 * K * CUBIC
    square += 0.5 * K
    square *= x
    square *= 1 - t * t
    t += 1
    t *= 0.5
    t += square
    return t


gelu_tanh, gelu_tanh_grad = _smooth("gelu_tanh", _gelu_tanh_value, _gelu_tanh_slope)

# ---- exponential below zero: elu, selu, celu


def _expm1(lib: Any, x: Any) -> Any:
    """exp(x) - 1 without the loss of digits around zero: a fifth of the time of NumPy's expm1."""
    out = lib.exp(x)
    out += 1
    out *= lib.tanh(x * x.dtype.type(0.5))
    return out


def _elu_value(lib: Any, x: Any, alpha: float, scale: float, rate: float) -> Any:
    out = _expm1(lib, lib.minimum(x, 0) * rate)  # zero above zero
    out *= alpha * scale
    above = lib.maximum(x, 0)
    if scale != 1:
        above *= scale
    out += above
    return out


def _elu_slope(lib: Any, x: Any, alpha: float, scale: float, rate: float) -> Any:
    out = lib.exp(lib.minimum(x, 0) * rate)
    out *= alpha * scale * rate
    if alpha * rate != 1:
        out += (x > 0) * x.dtype.type(scale - alpha * scale * rate)
    return out


elu, elu_grad = _smooth("elu", _elu_value, _elu_slope)

# ---- quotients


def _hardswish_slope(lib: Any, x: Any) -> Any:
    out = lib.clip(x, -3, 3) / 3
    out += 0.5
    out *= abs(x) < 3
    out += x >= 3
    return out


hardswish, hardswish_grad = _smooth("hardswish", lambda lib, x: x * lib.clip(x + 3, 0, 6) / 6, _hardswish_slope)
softsign, softsign_grad = _smooth("softsign", lambda lib, x: x / (1 + abs(x)), lambda lib, x: (1 / (1 + abs(x))) ** 2)

# ---- straight pieces

# NumPy's where() takes as long as ten passes of arithmetic if its condition has no pattern: hence products with masks.


def _slope_of_leaky(lib: Any, x: Any, slope: float) -> Any:
    """1 above zero, ``slope`` below, as an array."""
    if 0 <= slope <= 1:
        return lib.maximum(x > 0, x.dtype.type(slope))
    return lib.where(x > 0, x.dtype.type(1), x.dtype.type(slope))


def _without_negative_zero(x: Any) -> Any:
    x += 0
    return x


leaky_relu, leaky_relu_grad = _pair(
    "leaky_relu",
    lambda lib, x, slope: lib.maximum(x, x * slope) if slope <= 1 else lib.minimum(x, x * slope),
    lambda lib, g, x, slope: g * _slope_of_leaky(lib, x, slope),
)
hardtanh, hardtanh_grad = _pair(
    "hardtanh",
    lambda lib, x, low, high: lib.clip(x, low, high),
    lambda lib, g, x, low, high: g * ((x > low) & (x < high)),
)
threshold, threshold_grad = _pair(
    "threshold",
    lambda lib, x, threshold, value: lib.where(x <= threshold, x.dtype.type(value), x),
    lambda lib, g, x, threshold, value: g * ~(x <= threshold),
)
hardshrink, hardshrink_grad = _pair(
    "hardshrink",
    lambda lib, x, lambd: _without_negative_zero(x * (abs(x) > lambd)),
    lambda lib, g, x, lambd: g * (abs(x) > lambd),
)
softshrink, softshrink_grad = _pair(
    "softshrink",
    lambda lib, x, lambd: x - lib.clip(x, -lambd, lambd),
    lambda lib, g, x, lambd: g * (abs(x) > lambd),
)
hardsigmoid, hardsigmoid_grad = _pair(
    "hardsigmoid",
    lambda lib, x: lib.clip(x + 3, 0, 6) / 6,
    lambda lib, g, x: g * (abs(x) < 3) * g.dtype.type(1 / 6),
)
