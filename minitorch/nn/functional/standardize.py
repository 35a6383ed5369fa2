"""The operation behind batch, layer, group and instance normalisation: they differ in their axes.

:mod:`minitorch.backend.primitives.normalization` has the arithmetic and says what a layout is.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.primitives.normalization import Layout, dot, standardize, standardize_by, standardize_grad
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap


class _Statistics:
    """Mean, variance and 1 / standard deviation of one call, and the sums that its three gradients share."""

    __slots__ = ("_of", "_sums", "invstd", "mean", "var")

    def __init__(self, mean: Any, var: Any, invstd: Any) -> None:
        self.mean, self.var, self.invstd = mean, var, invstd
        self._of: Callable = lambda: None
        self._sums: Any = None

    def keep(self, g: Tensor, by_weight: Any, by_bias: Any) -> None:
        self._of, self._sums = weakref.ref(g), (by_weight, by_bias)

    def kept(self, g: Tensor) -> tuple | None:
        """The gradients by weight and bias for this very gradient, if they are there."""
        return self._sums if self._of() is g else None


def _compute_type(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array


def _declare(name: str) -> Callable:
    @op(name, aux=True)
    def normalise(input: Array, weight: Array | None, bias: Array | None, layout, eps):
        x = _compute_type(input).reshape(layout.view)
        w = None if weight is None else _compute_type(weight).reshape(layout.affine)
        b = None if bias is None else _compute_type(bias).reshape(layout.affine)
        out, mean, var, invstd = standardize(x, w, b, layout, eps)
        return out.reshape(input.shape).astype(input.dtype, copy=False), _Statistics(mean, var, invstd)

    normalise.rules(input=_input_rule, weight=_weight_rule, bias=_bias_rule)
    return normalise


def _input_rule(
    g: Tensor, input: Tensor, weight: Tensor | None, layout: Layout, eps: float, aux: _Statistics
) -> Tensor:
    if state.enabled:
        return _input_gradient(g, input, weight, layout, eps)
    w = None if weight is None else _compute_type(weight._data).reshape(layout.affine)
    slope, x = _seen_as(g, layout), _seen_as(input, layout)
    by_input, by_weight, by_bias = standardize_grad(slope, x, w, aux.mean, aux.invstd, layout)
    aux.keep(g, by_weight, by_bias)
    return wrap(by_input.reshape(input._data.shape).astype(input._data.dtype, copy=False))


def _seen_as(tensor: Tensor, layout: Layout) -> Any:
    return _compute_type(tensor._data).reshape(layout.view)


def _input_gradient(g: Tensor, input: Tensor, weight: Tensor | None, layout: Layout, eps: float) -> Tensor:
    """The same in operations on Tensors, to be differentiated again."""
    axes = layout.axes
    x, invstd = _normalised(input, layout, eps)
    slope = g.reshape(layout.view)
    if weight is not None:
        slope = slope * weight.reshape(layout.affine)
    out = slope - x * (slope * x).mean(axes, keepdim=True)
    if layout.centred:
        out = out - slope.mean(axes, keepdim=True)
    return (out * invstd).reshape(input._data.shape)


def _normalised(input: Tensor, layout: Layout, eps: float) -> tuple[Tensor, Tensor]:
    x = input.reshape(layout.view)
    if layout.centred:
        x = x - x.mean(layout.axes, keepdim=True)
    invstd = ((x * x).mean(layout.axes, keepdim=True) + eps) ** -0.5
    return x * invstd, invstd


def _weight_rule(g: Tensor, input: Tensor, layout: Layout, eps: float, aux: _Statistics, weight_shape: tuple) -> Tensor:
    if state.enabled:
        x, _ = _normalised(input, layout, eps)
        return (g.reshape(layout.view) * x).sum(layout.affine_axes).reshape(weight_shape)
    kept = aux.kept(g)
    if kept is None or kept[0] is None:
        x = _seen_as(input, layout)
        x = (x - aux.mean if layout.centred else x) * aux.invstd
        by_weight = dot(_seen_as(g, layout), x, layout.affine_axes)
    else:
        by_weight = kept[0]
    return wrap(by_weight.reshape(weight_shape).astype(g._data.dtype, copy=False))


def _bias_rule(g: Tensor, layout: Layout, aux: _Statistics, bias_shape: tuple) -> Tensor:
    kept = None if state.enabled else aux.kept(g)
    if kept is None or kept[1] is None:
        return g.reshape(layout.view).sum(layout.affine_axes).reshape(bias_shape)
    return wrap(kept[1].reshape(bias_shape).astype(g._data.dtype, copy=False))


batch_normalise = _declare("NativeBatchNormBackward0")
layer_normalise = _declare("NativeLayerNormBackward0")
group_normalise = _declare("NativeGroupNormBackward0")
rms_normalise = _declare("MulBackward0")
instance_normalise = _declare("ViewBackward0")


@op("NativeBatchNormBackward0", aux=True)
def normalise_by(input: Array, weight: Array | None, bias: Array | None, mean, var, eps, view):
    """``(input - mean) / sqrt(var + eps) * weight + bias`` with statistics that are given, arrays (C,)."""
    w, b, m, v = (None if a is None else a.reshape(1, -1, 1) for a in (weight, bias, mean, var))
    out, mean, invstd = standardize_by(input.reshape(view), m, v, w, b, eps)
    return out.reshape(input.shape), (mean, invstd)


def _by_input(g, weight, aux, view, input_shape):
    _, invstd = aux
    scale = wrap(invstd) if weight is None else weight.reshape(invstd.shape) * wrap(invstd)
    return (g.reshape(view) * scale).reshape(input_shape)


def _by_weight(g, input, aux, view, weight_shape):
    mean, invstd = map(wrap, aux)
    x = (input.reshape(view) - mean) * invstd
    return (g.reshape(view) * x).sum((0, 2)).reshape(weight_shape)


normalise_by.rules(
    input=_by_input,
    weight=_by_weight,
    bias=lambda g, view, bias_shape: g.reshape(view).sum((0, 2)).reshape(bias_shape),
)
