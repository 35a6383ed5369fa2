"""The operation behind batch, layer, group and instance normalisation: they differ in their axes.

The input is seen as ``view``, whose ``axes`` are brought to mean 0 and variance 1; ``affine`` is the shape in which
weight and bias meet that view.  For (N, C, \\*d) with S the product of d:

=========  =================  ========  ==============
kind       view               axes      affine
=========  =================  ========  ==============
batch      (N, C, S)          0, 2      (1, C, 1)
instance   (N, C, S)          2         (1, C, 1)
group      (N, G, C / G, S)   2, 3      (1, G, C / G, 1)
layer      (M, D)             1         (1, D)
=========  =================  ========  ==============
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap


class Layout:
    """See the module.  ``centred=False``: only divide by the root of the mean square (RMSNorm)."""

    __slots__ = ("affine", "affine_axes", "axes", "centred", "inner", "samples", "view")

    def __init__(
        self, view: tuple[int, ...], axes: tuple[int, ...], affine: tuple[int, ...], centred: bool = True
    ) -> None:
        self.view, self.axes, self.affine, self.centred = view, axes, affine, centred
        self.samples = max(1, math.prod([view[a] for a in axes]))
        #: what the gradients of weight and bias are summed over
        self.affine_axes = tuple([i for i, n in enumerate(affine) if n == 1])
        #: axes that are normalised over and share weight and bias: what sums over them leave is small
        self.inner = tuple([a for a in axes if affine[a] == 1])


layout_of = lru_cache(maxsize=256)(Layout)


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


def _dot(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    """``(a * b).sum(axes, keepdims=True)`` without the product in memory."""
    total = xp(a).einsum(_subscripts(a.ndim, axes), a, b)
    return total.reshape([1 if i in axes else n for i, n in enumerate(a.shape)])


@lru_cache(maxsize=64)
def _subscripts(ndim: int, axes: tuple[int, ...]) -> str:
    letters = "abcd"[:ndim]
    return f"{letters},{letters}->" + "".join([x for i, x in enumerate(letters) if i not in axes])


def _declare(name: str) -> Callable:
    @op(name, aux=True)
    def normalise(input: Array, weight: Array | None, bias: Array | None, layout, eps):
        x = _compute_type(input).reshape(layout.view)
        mean, out = None, x
        if layout.centred:
            mean = x.sum(axis=layout.axes, keepdims=True)
            mean /= layout.samples
            out = x - mean
        var = _dot(out, out, layout.axes) / x.dtype.type(layout.samples)
        invstd = 1 / xp(x).sqrt(var + x.dtype.type(eps))
        scale, w = invstd, None if weight is None else weight.reshape(layout.affine)
        if w is not None and layout.inner:
            scale, w = scale * w, None
        if out is x:
            out = x * scale
        else:
            out *= scale
        if w is not None:
            out *= w
        if bias is not None:
            out += bias.reshape(layout.affine)
        return out.reshape(input.shape).astype(input.dtype, copy=False), _Statistics(mean, var, invstd)

    normalise.rules(input=_input_rule, weight=_weight_rule, bias=_bias_rule)
    return normalise


def _input_rule(
    g: Tensor, input: Tensor, weight: Tensor | None, layout: Layout, eps: float, aux: _Statistics
) -> Tensor:
    if state.enabled:
        return _input_gradient(g, input, weight, layout, eps)
    # With x the centred input, s = 1 / std and w the weight: s·w·g - x·s³·mean(w·g·x) - s·mean(w·g).
    shape, dtype = input._data.shape, input._data.dtype
    slope, x = _seen_as(g, layout), _seen_as(input, layout)
    own = layout.centred
    if own:
        x = x - aux.mean
    s, axes = aux.invstd, layout.axes
    w = None if weight is None else _compute_type(weight._data).reshape(layout.affine)
    if layout.inner:
        total, along = slope.sum(axis=layout.inner, keepdims=True), _dot(slope, x, layout.inner)
        if w is not None:
            aux.keep(g, _over(along * s, layout.affine_axes), _over(total, layout.affine_axes))
            total, along = total * w, along * w
        total, along = _over(total, axes), _over(along, axes)
        slope = slope * (s if w is None else s * w)
        total, along = total * s, along * s
    else:
        slope = slope * s
        if w is not None:
            aux.keep(g, _dot(slope, x, layout.affine_axes), None)
            slope *= w
        total, along = slope.sum(axis=axes, keepdims=True), _dot(slope, x, axes)
    along *= s * s / -layout.samples
    out = xp(x).multiply(x, along, out=x if own else None)
    out += slope
    if layout.centred:
        out -= total / layout.samples
    return wrap(out.reshape(shape).astype(dtype, copy=False))


def _seen_as(tensor: Tensor, layout: Layout) -> Any:
    return _compute_type(tensor._data).reshape(layout.view)


def _over(values: Any, axes: tuple[int, ...]) -> Any:
    """The sum over those of the axes that are still there."""
    left = tuple([a for a in axes if values.shape[a] != 1])
    return values.sum(axis=left, keepdims=True) if left else values


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
    if kept is None:
        x = _seen_as(input, layout)
        x = (x - aux.mean if layout.centred else x) * aux.invstd
        by_weight = _dot(_seen_as(g, layout), x, layout.affine_axes)
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


@op("NativeBatchNormBackward0")
def normalise_by(input: Array, weight: Array | None, bias: Array | None, mean, invstd, view):
    """``(input - mean) * invstd * weight + bias`` with a mean and a deviation that are given, (1, C, 1)."""
    scale = invstd if weight is None else invstd * weight.reshape(invstd.shape)
    out = input.reshape(view) * scale
    out += -mean * scale if bias is None else bias.reshape(invstd.shape) - mean * scale
    return out.reshape(input.shape)


def _by_input(g, weight, invstd, view, input_shape):
    scale = wrap(invstd) if weight is None else weight.reshape(invstd.shape) * wrap(invstd)
    return (g.reshape(view) * scale).reshape(input_shape)


def _by_weight(g, input, mean, invstd, view, weight_shape):
    x = (input.reshape(view) - wrap(mean)) * wrap(invstd)
    return (g.reshape(view) * x).sum((0, 2)).reshape(weight_shape)


normalise_by.rules(
    input=_by_input,
    weight=_by_weight,
    bias=lambda g, view, bias_shape: g.reshape(view).sum((0, 2)).reshape(bias_shape),
)
