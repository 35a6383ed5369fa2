"""The smooth operations behind activation functions, made from a pair of primitives and the second derivative.

The parameters of an operation are one tuple, its last argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitorch.backend.primitives import activations
from minitorch.backend.primitives.activations import CUBIC, DENSITY, K
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap


def smooth(name: str, node: str, curvature: Callable, primitive: str | None = None) -> Callable[..., Tensor]:
    """The operation that the pair ``primitive`` (default: ``name``) of :mod:`minitorch.backend.primitives.activations`
    computes.

    ``curvature(x, *params)`` is the second derivative, in operations on Tensors: it can be differentiated further.
    """
    value = getattr(activations, primitive or name)
    slope = getattr(activations, f"{primitive or name}_grad")

    def function(input: Array, params):
        return value(input, *params)

    def gradient(g: Array, input: Array, params):
        return slope(g, input, *params)

    function.__name__ = name
    operation = op(node, kinds="f")(function)
    derivative = op(node.replace("Backward0", "BackwardBackward0"))(gradient)
    operation.rules(input=derivative)
    derivative.rules(
        g=derivative,
        input=lambda h, g, input, params: h * g * curvature(input, *params),
    )
    return operation


def where_mask(x: Tensor, mask: Any) -> Tensor:
    """A mask as numbers of the dtype of ``x``, outside the graph."""
    return wrap(mask.astype(x._data.dtype))


# ---- x·Φ(x) and its relatives


def _silu_curvature(x: Tensor) -> Tensor:
    s = x.sigmoid()
    return s * (1 - s) * (2 + x * (1 - 2 * s))


silu = smooth("silu", "SiluBackward0", _silu_curvature)
gelu = smooth("gelu", "GeluBackward0", lambda x: (2 - x * x) * (x * x * -0.5).exp() * DENSITY)


def _gelu_tanh_curvature(x: Tensor) -> Tensor:
    square = x * x
    t = (x * (1 + CUBIC * square) * K).tanh()
    first, second = (1 + 3 * CUBIC * square) * K, x * (6 * CUBIC * K)
    return (1 - t * t) * (first + x * (0.5 * second - t * first * first))


gelu_tanh = smooth("gelu", "GeluBackward0", _gelu_tanh_curvature, primitive="gelu_tanh")


def _mish_curvature(x: Tensor) -> Tensor:
    s = x.sigmoid()
    t = softplus(x, (1.0, math.inf)).tanh()
    first = s * (1 - t * t)
    return 2 * first + x * first * (1 - s - 2 * t * s)


mish = smooth("mish", "MishBackward0", _mish_curvature)

# ---- soft steps and ramps


def _softplus_curvature(x: Tensor, beta: float, threshold: float) -> Tensor:
    s = (x * beta).sigmoid()
    return s * (1 - s) * beta * where_mask(x, x._data * beta <= threshold)


softplus = smooth("softplus", "SoftplusBackward0", _softplus_curvature)
logsigmoid = smooth("logsigmoid", "LogSigmoidBackward0", lambda x: -(x.sigmoid() * (-x).sigmoid()))
softsign = smooth(
    "softsign",
    "SoftsignBackward0",
    lambda x: (1 + x.abs()) ** -3 * (where_mask(x, x._data < 0) * 4 - 2),
)

# ---- exponential below zero: elu, selu, celu


def _elu_curvature(x: Tensor, alpha: float, scale: float, rate: float) -> Tensor:
    # the mask comes first: above zero the exponential may overflow
    below = where_mask(x, x._data <= 0)
    return (x * below * rate).exp() * below * (alpha * scale * rate * rate)


elu = smooth("elu", "EluBackward0", _elu_curvature)
celu = smooth("celu", "CeluBackward0", _elu_curvature, primitive="elu")

hardswish = smooth(
    "hardswish",
    "HardswishBackward0",
    lambda x: where_mask(x, (x._data > -3) & (x._data < 3)) * (1 / 3),
)
