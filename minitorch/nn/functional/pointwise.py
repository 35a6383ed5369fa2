"""The operations behind activation functions that consist of straight pieces, and gates.

The parameters of an operation are one tuple, its last argument.
"""

from __future__ import annotations

from collections.abc import Callable

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import activations
from minitorch.backend.primitives.activations import logistic
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.ops.joining import cat


@op("MulBackward0")
def times(input: Array, factor):
    """``input`` times an array outside the graph."""
    return input * factor


times.rules(input=times)

# ---- straight pieces


def straight(name: str, node: str, kinds: str = "f") -> Callable[..., Tensor]:
    """The operation that the pair ``name`` of :mod:`minitorch.backend.primitives.activations` computes.

    The derivative is constant between kinks, so it has one by ``g`` alone, which is itself.
    """
    value, gradient = getattr(activations, name), getattr(activations, f"{name}_grad")

    def function(input: Array, params):
        return value(input, *params)

    def backward(g: Array, input: Array, params):
        return gradient(g, input, *params)

    function.__name__ = name
    operation = op(node, kinds=kinds)(function)
    derivative = op(node.replace("Backward0", "BackwardBackward0"))(backward)
    operation.rules(input=derivative)
    derivative.rules(g=derivative)
    return operation


leaky_relu = straight("leaky_relu", "LeakyReluBackward0")
hardtanh = straight("hardtanh", "HardtanhBackward0", kinds="iuf")
threshold = straight("threshold", "ThresholdBackward0", kinds="iuf")
hardshrink = straight("hardshrink", "HardshrinkBackward0")
softshrink = straight("softshrink", "SoftshrinkBackward0")
hardsigmoid = straight("hardsigmoid", "HardsigmoidBackward0")


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
