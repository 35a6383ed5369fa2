"""The operations behind activation functions that consist of straight pieces, and gates.

The parameters of an operation are one tuple, its last argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.smooth import logistic
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


# NumPy's where() takes as long as ten passes of arithmetic if its condition has no pattern: hence products with masks.


def _slope_of_leaky(lib: Any, x: Any, slope: float) -> Any:
    """1 above zero, ``slope`` below, as an array."""
    if 0 <= slope <= 1:
        return lib.maximum(x > 0, x.dtype.type(slope))
    return lib.where(x > 0, x.dtype.type(1), x.dtype.type(slope))


def _without_negative_zero(x: Any) -> Any:
    x += 0
    return x


leaky_relu = straight(
    "leaky_relu",
    "LeakyReluBackward0",
    lambda lib, x, slope: lib.maximum(x, x * slope) if slope <= 1 else lib.minimum(x, x * slope),
    lambda lib, g, x, slope: g * _slope_of_leaky(lib, x, slope),
)
hardtanh = straight(
    "hardtanh",
    "HardtanhBackward0",
    lambda lib, x, low, high: lib.clip(x, low, high),
    lambda lib, g, x, low, high: g * ((x > low) & (x < high)),
    kinds="iuf",
)
threshold = straight(
    "threshold",
    "ThresholdBackward0",
    lambda lib, x, threshold, value: lib.where(x <= threshold, x.dtype.type(value), x),
    lambda lib, g, x, threshold, value: g * ~(x <= threshold),
    kinds="iuf",
)
hardshrink = straight(
    "hardshrink",
    "HardshrinkBackward0",
    lambda lib, x, lambd: _without_negative_zero(x * (abs(x) > lambd)),
    lambda lib, g, x, lambd: g * (abs(x) > lambd),
)
softshrink = straight(
    "softshrink",
    "SoftshrinkBackward0",
    lambda lib, x, lambd: x - lib.clip(x, -lambd, lambd),
    lambda lib, g, x, lambd: g * (abs(x) > lambd),
)
hardsigmoid = straight(
    "hardsigmoid",
    "HardsigmoidBackward0",
    lambda lib, x: lib.clip(x + 3, 0, 6) / 6,
    lambda lib, g, x: g * (abs(x) < 3) * g.dtype.type(1 / 6),
)


@op("RreluWithNoiseBackward0", kinds="f")
def rrelu(input: Array, factor):
    return input * factor


rrelu.rules(input=times)


@op("PreluKernelBackward0", promote="common", numbers="none", kinds="f")
def prelu(input: Array, weight: Array):
    lib = xp(input)
    out = lib.minimum(input, 0) * weight
    out += lib.maximum(input, 0)
    return out


@op("PreluKernelBackwardBackward0", promote="common")
def _prelu_grad(g: Array, weight: Array, positive):
    below = g * ~positive * weight
    below += g * positive
    return below


prelu.rules(
    input=lambda g, input, weight: _prelu_grad(g, weight, input._data > 0),
    weight=lambda g, input: times(g * input, input._data <= 0),
)
_prelu_grad.rules(
    g=lambda h, weight, positive: _prelu_grad(h, weight, positive),
    weight=lambda h, g, positive: times(h * g, ~positive),
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
