"""The operations behind activation functions, made from value and derivative (and second derivative, if smooth).

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
from minitorch.ops.joining import cat


@op("MulBackward0")
def times(input: Array, factor):
    """``input`` times an array outside the graph."""
    return input * factor


times.rules(input=times)

# ---- straight pieces


def straight(name: str, node: str, value: Callable, gradient: Callable, kinds: str = "f") -> Callable[..., Tensor]:
    """The operation ``value(lib, x, *params)`` on arrays of the library ``lib``; ``gradient(lib, g, x, *params)``.

    The derivative is constant between kinks, so it has one by ``g`` alone, which is itself.
    """

    def function(input: Array, params):
        return value(xp(input), input, *params)

    def backward(g: Array, input: Array, params):
        return gradient(xp(g), g, input, *params)

    function.__name__ = name
    operation = op(node, kinds=kinds)(function)
    derivative = op(node.replace("Backward0", "BackwardBackward0"))(backward)
    operation.rules(input=derivative)
    derivative.rules(g=derivative)
    return operation


leaky_relu = straight(
    "leaky_relu",
    "LeakyReluBackward0",
    lambda lib, x, slope: lib.where(x > 0, x, x * slope),
    lambda lib, g, x, slope: lib.where(x > 0, g, g * slope),
)
hardtanh = straight(
    "hardtanh",
    "HardtanhBackward0",
    lambda lib, x, low, high: lib.clip(x, low, high),
    lambda lib, g, x, low, high: lib.where((x > low) & (x < high), g, g.dtype.type(0)),
    kinds="iuf",
)
threshold = straight(
    "threshold",
    "ThresholdBackward0",
    lambda lib, x, threshold, value: lib.where(x <= threshold, x.dtype.type(value), x),
    lambda lib, g, x, threshold, value: lib.where(x <= threshold, g.dtype.type(0), g),
    kinds="iuf",
)
hardshrink = straight(
    "hardshrink",
    "HardshrinkBackward0",
    lambda lib, x, lambd: lib.where(abs(x) <= lambd, x.dtype.type(0), x),
    lambda lib, g, x, lambd: lib.where(abs(x) <= lambd, g.dtype.type(0), g),
)
softshrink = straight(
    "softshrink",
    "SoftshrinkBackward0",
    lambda lib, x, lambd: x - lib.clip(x, -lambd, lambd),
    lambda lib, g, x, lambd: lib.where(abs(x) <= lambd, g.dtype.type(0), g),
)
hardsigmoid = straight(
    "hardsigmoid",
    "HardsigmoidBackward0",
    lambda lib, x: lib.clip(x + 3, 0, 6) / 6,
    lambda lib, g, x: lib.where(abs(x) < 3, g * g.dtype.type(1 / 6), g.dtype.type(0)),
)


@op("RreluWithNoiseBackward0", kinds="f")
def rrelu(input: Array, factor):
    return input * factor


rrelu.rules(input=times)


@op("PreluKernelBackward0", promote="common", numbers="none", kinds="f")
def prelu(input: Array, weight: Array):
    return xp(input).where(input > 0, input, input * weight)


@op("PreluKernelBackwardBackward0", promote="common")
def _prelu_grad(g: Array, weight: Array, positive):
    return xp(g).where(positive, g, g * weight)


prelu.rules(
    input=lambda g, input, weight: _prelu_grad(g, weight, input._data > 0),
    weight=lambda g, input: times(g * input, input._data <= 0),
)
_prelu_grad.rules(
    g=lambda h, weight, positive: _prelu_grad(h, weight, positive),
    weight=lambda h, g, positive: times(h * g, ~positive),
)

# ---- smooth ones


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

silu = smooth(
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
gelu = smooth(
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


gelu_tanh = smooth(
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
    t = softplus(x, (1.0, math.inf)).tanh()
    first = s * (1 - t * t)
    return 2 * first + x * first * (1 - s - 2 * t * s)


mish = smooth("mish", "MishBackward0", lambda lib, x: x * lib.tanh(log1p_exp(lib, x)), _mish_slope, _mish_curvature)

# ---- soft steps and ramps


def _softplus_curvature(x: Tensor, beta: float, threshold: float) -> Tensor:
    s = (x * beta).sigmoid()
    return s * (1 - s) * beta * where_mask(x, x._data * beta <= threshold)


softplus = smooth(
    "softplus",
    "SoftplusBackward0",
    lambda lib, x, beta, threshold: lib.where(x * beta > threshold, x, log1p_exp(lib, x * beta) / beta),
    lambda lib, x, beta, threshold: lib.where(x * beta > threshold, x.dtype.type(1), logistic(lib, x * beta)),
    _softplus_curvature,
)

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


elu = smooth("elu", "EluBackward0", _elu_value, _elu_slope, _elu_curvature)
celu = smooth("celu", "CeluBackward0", _elu_value, _elu_slope, _elu_curvature)


def _hardswish_slope(lib: Any, x: Any) -> Any:
    return lib.where(x < 3, lib.where(x > -3, x / 3 + x.dtype.type(0.5), x.dtype.type(0)), x.dtype.type(1))


hardswish = smooth(
    "hardswish",
    "HardswishBackward0",
    lambda lib, x: x * lib.clip(x + 3, 0, 6) / 6,
    _hardswish_slope,
    lambda x: where_mask(x, (x._data > -3) & (x._data < 3)) * (1 / 3),
)


# ---- gates


@op("GluBackward0", kinds="f")
def glu(input: Array, axis):
    first, second = xp(input).split(input, 2, axis)
    return first * logistic(xp(input), second)


def _glu_grad(g: Tensor, input: Tensor, axis: int) -> Tensor:
    first, second = input.chunk(2, axis)
    gate = second.sigmoid()
    return cat([g * gate, g * first * gate * (1 - gate)], axis)


glu.rules(input=_glu_grad)
