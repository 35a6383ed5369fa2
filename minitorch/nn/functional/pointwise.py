"""Smooth activation functions from their value, derivative and second derivative."""

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
    """The operation ``value(lib, x, *params)``; ``slope`` is its derivative.  Both work on arrays of the library ``lib``.

    ``curvature(x, *params)`` is the second derivative, in operations on Tensors: it can be differentiated further.
    float16 is computed in float32: the steps in between would lose digits, and NumPy's float16 is slow.
    """

    def function(input: Array, params):
        with np.errstate(all="ignore"):
            if input.dtype.itemsize == 2:
                return value(xp(input), input.astype(np.float32), *params).astype(input.dtype)
            return value(xp(input), input, *params)

    def gradient(g: Array, input: Array, params):
        with np.errstate(all="ignore"):
            if input.dtype.itemsize == 2:
                return (slope(xp(input), input.astype(np.float32), *params) * g).astype(input.dtype)
            return slope(xp(input), input, *params) * g

    function.__name__ = name
    operation = op(node)(function)
    derivative = op(node.replace("Backward0", "BackwardBackward0"))(gradient)
    operation.rules(input=lambda g, input, params: derivative(g, input, params))
    derivative.rules(
        g=lambda h, input, params: derivative(h, input, params),
        input=lambda h, g, input, params: h * g * curvature(input, *params),
    )
    return operation


def logistic(lib: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow, precise on both sides."""
    z = lib.exp(-lib.abs(x))
    return lib.where(x >= 0, x.dtype.type(1), z) / (1 + z)


def log1p_exp(lib: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return lib.maximum(x, 0) + lib.log1p(lib.exp(-lib.abs(x)))


def where_mask(x: Tensor, mask: Any) -> Tensor:
    """A mask as numbers of the dtype of ``x``, outside the graph."""
    return wrap(mask.astype(x._data.dtype))


# ---- x·Φ(x) and its relatives

_silu = smooth(
    "silu",
    "SiluBackward0",
    lambda lib, x: x * logistic(lib, x),
    lambda lib, x: _silu_slope(x, logistic(lib, x)),
    lambda x: _silu_curvature(x, x.sigmoid()),
)


def _silu_slope(x: Any, s: Any) -> Any:
    return s * (1 + x * (1 - s))


def _silu_curvature(x: Tensor, s: Tensor) -> Tensor:
    return s * (1 - s) * (2 + x * (1 - 2 * s))


_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1 / math.sqrt(2 * math.pi)
_gelu = smooth(
    "gelu",
    "GeluBackward0",
    lambda lib, x: x * (0.5 + 0.5 * special.erf(x * _ROOT_HALF)),
    lambda lib, x: 0.5 + 0.5 * special.erf(x * _ROOT_HALF) + x * lib.exp(-0.5 * x * x) * _DENSITY,
    lambda x: (2 - x * x) * (x * x * -0.5).exp() * _DENSITY,
)

_K, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh_slope(lib: Any, x: Any) -> Any:
    square = x * x
    t = lib.tanh(_K * x * (1 + _CUBIC * square))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_K * (1 + 3 * _CUBIC * square))


def _gelu_tanh_curvature(x: Tensor) -> Tensor:
    square = x * x
    t = (x * (1 + _CUBIC * square) * _K).tanh()
    first, second = (1 + 3 * _CUBIC * square) * _K, x * (6 * _CUBIC * _K)
    return (1 - t * t) * (first + x * (0.5 * second - t * first * first))


_gelu_tanh = smooth(
    "gelu",
    "GeluBackward0",
    lambda lib, x: 0.5 * x * (1 + lib.tanh(_K * x * (1 + _CUBIC * (x * x)))),
    _gelu_tanh_slope,
    _gelu_tanh_curvature,
)


def _mish_slope(lib: Any, x: Any) -> Any:
    t = lib.tanh(log1p_exp(lib, x))
    return t + x * logistic(lib, x) * (1 - t * t)


def _mish_curvature(x: Tensor) -> Tensor:
    s = x.sigmoid()
    t = _softplus(x, (1.0, math.inf)).tanh()
    first = s * (1 - t * t)
    return 2 * first + x * first * (1 - s - 2 * t * s)


_mish = smooth("mish", "MishBackward0", lambda lib, x: x * lib.tanh(log1p_exp(lib, x)), _mish_slope, _mish_curvature)

# ---- soft steps and ramps


def _softplus_curvature(x: Tensor, beta: float, threshold: float) -> Tensor:
    s = (x * beta).sigmoid()
    return s * (1 - s) * beta * where_mask(x, x._data * beta <= threshold)


_softplus = smooth(
    "softplus",
    "SoftplusBackward0",
    lambda lib, x, beta, threshold: lib.where(x * beta > threshold, x, log1p_exp(lib, x * beta) / beta),
    lambda lib, x, beta, threshold: lib.where(x * beta > threshold, x.dtype.type(1), logistic(lib, x * beta)),
    _softplus_curvature,
)

_logsigmoid = smooth(
    "logsigmoid",
    "LogSigmoidBackward0",
    lambda lib, x: -log1p_exp(lib, -x),
    lambda lib, x: logistic(lib, -x),
    lambda x: -(x.sigmoid() * (-x).sigmoid()),
)

_softsign = smooth(
    "softsign",
    "SoftsignBackward0",
    lambda lib, x: x / (1 + lib.abs(x)),
    lambda lib, x: (1 + lib.abs(x)) ** -2,
    lambda x: (1 + x.abs()) ** -3 * (where_mask(x, x._data < 0) * 4 - 2),
)


# ---- exponential below zero: elu, selu, celu


def _elu_value(lib: Any, x: Any, alpha: float, scale: float, rate: float) -> Any:
    return lib.where(x > 0, x * scale, lib.expm1(lib.minimum(x, 0) * rate) * (alpha * scale))


def _elu_slope(lib: Any, x: Any, alpha: float, scale: float, rate: float) -> Any:
    below = lib.exp(lib.minimum(x, 0) * rate) * (alpha * scale * rate)
    return lib.where(x > 0, x.dtype.type(scale), below)


def _elu_curvature(x: Tensor, alpha: float, scale: float, rate: float) -> Tensor:
    # the mask comes first: above zero the exponential may overflow
    below = where_mask(x, x._data <= 0)
    return (x * below * rate).exp() * below * (alpha * scale * rate * rate)


_elu = smooth("elu", "EluBackward0", _elu_value, _elu_slope, _elu_curvature)
_celu = smooth("celu", "CeluBackward0", _elu_value, _elu_slope, _elu_curvature)


def _hardswish_slope(lib: Any, x: Any) -> Any:
    return lib.where(x < 3, lib.where(x > -3, x / 3 + x.dtype.type(0.5), x.dtype.type(0)), x.dtype.type(1))


_hardswish = smooth(
    "hardswish",
    "HardswishBackward0",
    lambda lib, x: x * lib.clip(x + 3, 0, 6) / 6,
    _hardswish_slope,
    lambda x: where_mask(x, (x._data > -3) & (x._data < 3)) * (1 / 3),
)
