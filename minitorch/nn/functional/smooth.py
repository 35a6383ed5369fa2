"""The smooth operations behind activation functions, made from value, derivative and second derivative.

The parameters of an operation are one tuple, its last argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import special
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap


def smooth(name: str, node: str, value: Callable, slope: Callable, curvature: Callable) -> Callable[..., Tensor]:
    """The operation ``value(lib, x, *params)``; ``slope`` is its derivative, on arrays of the library ``lib`` as well.

    ``curvature(x, *params)`` is the second derivative, in operations on Tensors: it can be differentiated further.
    float16 is computed in float32: the steps in between would lose digits, and NumPy's float16 is slow.
    """

    def function(input: Array, params):
        if input.dtype.itemsize == 2:
            return value(xp(input), input.astype(np.float32), *params).astype(input.dtype)
        return value(xp(input), input, *params)

    def gradient(g: Array, input: Array, params):
        if input.dtype.itemsize == 2:
            return (slope(xp(input), input.astype(np.float32), *params) * g).astype(input.dtype)
        return slope(xp(input), input, *params) * g

    function.__name__ = name
    operation = op(node, kinds="f")(function)
    derivative = op(node.replace("Backward0", "BackwardBackward0"))(gradient)
    operation.rules(input=derivative)
    derivative.rules(
        g=derivative,
        input=lambda h, g, input, params: h * g * curvature(input, *params),
    )
    return operation


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


def _expm1(lib: Any, x: Any) -> Any:
    """exp(x) - 1 without the loss of digits around zero: a fifth of the time of NumPy's expm1."""
    out = lib.exp(x)
    out += 1
    out *= lib.tanh(x * x.dtype.type(0.5))
    return out


def log1p_exp(lib: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    out = _log1p(lib, lib.exp(-abs(x)))
    out += lib.maximum(x, 0)
    return out


def where_mask(x: Tensor, mask: Any) -> Tensor:
    """A mask as numbers of the dtype of ``x``, outside the graph."""
    return wrap(mask.astype(x._data.dtype))


# ---- x·Φ(x) and its relatives

silu = smooth(
    "silu",
    "SiluBackward0",
    lambda lib, x: x * logistic(lib, x),
    lambda lib, x: _silu_slope(x, logistic(lib, x)),
    lambda x: _silu_curvature(x, x.sigmoid()),
)


def _silu_slope(x: Any, s: Any) -> Any:
    out = 1 - s
    out *= x
    out += 1
    out *= s
    return out


def _silu_curvature(x: Tensor, s: Tensor) -> Tensor:
    return s * (1 - s) * (2 + x * (1 - 2 * s))


_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)


def _normal_distribution(x: Any) -> Any:
    """Φ(x), of the normal distribution."""
    out = special.erf(x * _ROOT_HALF)
    out *= 0.5
    out += 0.5
    return out


def _gelu_slope(lib: Any, x: Any) -> Any:
    density = lib.exp(x * x * -0.5)
    density *= _DENSITY
    density *= x
    density += _normal_distribution(x)
    return density


gelu = smooth(
    "gelu",
    "GeluBackward0",
    lambda lib, x: x * _normal_distribution(x),
    _gelu_slope,
    lambda x: (2 - x * x) * (x * x * -0.5).exp() * _DENSITY,
)

_K, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh(lib: Any, x: Any) -> tuple[Any, Any]:
    """The hyperbolic tangent and the square that value and slope have in common."""
    square = x * x
    inner = square * (_K * _CUBIC)
    inner += _K
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
    square *= 1.5 * _K * _CUBIC
    square += 0.5 * _K
    square *= x
    square *= 1 - t * t
    t += 1
    t *= 0.5
    t += square
    return t


def _gelu_tanh_curvature(x: Tensor) -> Tensor:
    square = x * x
    t = (x * (1 + _CUBIC * square) * _K).tanh()
    first, second = (1 + 3 * _CUBIC * square) * _K, x * (6 * _CUBIC * _K)
    return (1 - t * t) * (first + x * (0.5 * second - t * first * first))


gelu_tanh = smooth(
    "gelu",
    "GeluBackward0",
    _gelu_tanh_value,
    _gelu_tanh_slope,
    _gelu_tanh_curvature,
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


def _mish_curvature(x: Tensor) -> Tensor:
    s = x.sigmoid()
    t = softplus(x, (1.0, math.inf)).tanh()
    first = s * (1 - t * t)
    return 2 * first + x * first * (1 - s - 2 * t * s)


mish = smooth("mish", "MishBackward0", _mish_value, _mish_slope, _mish_curvature)

# ---- soft steps and ramps


def _softplus_curvature(x: Tensor, beta: float, threshold: float) -> Tensor:
    s = (x * beta).sigmoid()
    return s * (1 - s) * beta * where_mask(x, x._data * beta <= threshold)


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


softplus = smooth("softplus", "SoftplusBackward0", _softplus_value, _softplus_slope, _softplus_curvature)

logsigmoid = smooth(
    "logsigmoid",
    "LogSigmoidBackward0",
    lambda lib, x: -log1p_exp(lib, -x),
    lambda lib, x: logistic(lib, -x),
    lambda x: -(x.sigmoid() * (-x).sigmoid()),
)

softsign = smooth(
    "softsign",
    "SoftsignBackward0",
    lambda lib, x: x / (1 + abs(x)),
    lambda lib, x: (1 / (1 + abs(x))) ** 2,
    lambda x: (1 + x.abs()) ** -3 * (where_mask(x, x._data < 0) * 4 - 2),
)


# ---- exponential below zero: elu, selu, celu


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


def _elu_curvature(x: Tensor, alpha: float, scale: float, rate: float) -> Tensor:
    # the mask comes first: above zero the exponential may overflow
    below = where_mask(x, x._data <= 0)
    return (x * below * rate).exp() * below * (alpha * scale * rate * rate)


elu = smooth("elu", "EluBackward0", _elu_value, _elu_slope, _elu_curvature)
celu = smooth("celu", "CeluBackward0", _elu_value, _elu_slope, _elu_curvature)


def _hardswish_slope(lib: Any, x: Any) -> Any:
    out = lib.clip(x, -3, 3) / 3
    out += 0.5
    out *= abs(x) < 3
    out += x >= 3
    return out


hardswish = smooth(
    "hardswish",
    "HardswishBackward0",
    lambda lib, x: x * lib.clip(x + 3, 0, 6) / 6,
    _hardswish_slope,
    lambda x: where_mask(x, (x._data > -3) & (x._data < 3)) * (1 / 3),
)
