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
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap


class Layout(NamedTuple):
    """See the module."""

    view: tuple[int, ...]
    axes: tuple[int, ...]
    affine: tuple[int, ...]
    centred: bool = True  # False: only divide by the root of the mean square (RMSNorm)

    @property
    def count(self) -> int:
        return math.prod([self.view[a] for a in self.axes])

    @property
    def affine_axes(self) -> tuple[int, ...]:
        """What the gradients of weight and bias are summed over."""
        return tuple([i for i, n in enumerate(self.affine) if n == 1])


class _Statistics:
    """Mean, variance and 1 / standard deviation of one call, and sums that its three gradients share."""

    __slots__ = ("_of", "_sums", "invstd", "mean", "var")

    def __init__(self, mean: Any, var: Any, invstd: Any) -> None:
        self.mean, self.var, self.invstd = mean, var, invstd
        self._of: Callable = lambda: None
        self._sums: Any = None

    def normalised(self, x: Any) -> Any:
        out = x - self.mean if self.mean is not None else x * self.invstd
        if self.mean is not None:
            out *= self.invstd
        return out

    def keep(self, g: Tensor, sums: tuple) -> tuple:
        self._of, self._sums = weakref.ref(g), sums
        return sums

    def kept(self, g: Tensor) -> tuple | None:
        """The sums for this very gradient, if they are there."""
        return self._sums if self._of() is g else None


def _compute_type(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array


def _declare(name: str) -> Callable:
    @op(name, aux=True)
    def normalise(input: Array, weight: Array | None, bias: Array | None, layout, eps):
        x = _compute_type(input).reshape(layout.view)
        mean, out = None, x
        if layout.centred:
            mean = x.mean(axis=layout.axes, keepdims=True)
            out = x - mean
        var = _mean_square(out, layout)
        invstd = 1 / xp(x).sqrt(var + x.dtype.type(eps))
        if out is x:
            out = x * invstd
        else:
            out *= invstd
        if weight is not None:
            out *= weight.reshape(layout.affine)
        if bias is not None:
            out += bias.reshape(layout.affine)
        return out.reshape(input.shape).astype(input.dtype, copy=False), _Statistics(mean, var, invstd)

    normalise.rules(input=_input_rule, weight=_weight_rule, bias=_bias_rule)
    return normalise


def _mean_square(x: Any, layout: Layout) -> Any:
    """The mean of squares over the axes, in one pass where the axes allow it."""
    lib = xp(x)
    if layout.axes == tuple(range(x.ndim - len(layout.axes), x.ndim)):
        rows = x.reshape(*x.shape[: x.ndim - len(layout.axes)], -1)
        total = lib.einsum("...i,...i->...", rows, rows)
    else:  # batch: the middle axis stays
        total = lib.einsum("ncs,ncs->c", x, x)
    shape = [1 if i in layout.axes else n for i, n in enumerate(layout.view)]
    return total.reshape(shape) / x.dtype.type(max(1, layout.count))


def _sums(g: Any, product: Any, layout: Layout) -> tuple:
    axes = layout.affine_axes
    return g.sum(axis=axes, keepdims=True), product.sum(axis=axes, keepdims=True)


def _input_rule(g: Tensor, input: Tensor, weight: Tensor | None, layout: Layout, eps: float, aux: _Statistics) -> Tensor:
    if state.enabled:
        return _input_gradient(g, input, weight, layout, eps)
    shape, dtype = input._data.shape, input._data.dtype
    slope = _compute_type(g._data).reshape(layout.view)
    x = aux.normalised(_compute_type(input._data).reshape(layout.view))
    product = slope * x
    count = x.dtype.type(max(1, layout.count))
    w = None if weight is None else _compute_type(weight._data).reshape(layout.affine)
    if w is not None:
        sums = aux.keep(g, _sums(slope, product, layout))
        if layout.affine_axes == layout.axes:  # batch: what weight and bias need is all there is to sum
            total, along = sums[0] * w, sums[1] * w
            x *= along / -count
            slope = slope * w
        else:
            slope = slope * w
            product *= w
            total, along = slope.sum(axis=layout.axes, keepdims=True), product.sum(axis=layout.axes, keepdims=True)
            x *= along / -count
    else:
        total, along = _sums_over(slope, product, layout)
        x *= along / -count
    x += slope
    if layout.centred:
        x -= total / count
    x *= aux.invstd
    return wrap(x.reshape(shape).astype(dtype, copy=False))


def _sums_over(g: Any, product: Any, layout: Layout) -> tuple:
    return g.sum(axis=layout.axes, keepdims=True), product.sum(axis=layout.axes, keepdims=True)


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


def _weight_rule(
    g: Tensor, input: Tensor, layout: Layout, eps: float, aux: _Statistics, weight_shape: tuple
) -> Tensor:
    if state.enabled:
        x, _ = _normalised(input, layout, eps)
        return (g.reshape(layout.view) * x).sum(layout.affine_axes).reshape(weight_shape)
    dtype = g._data.dtype
    return wrap(_shared_sums(g, input, layout, aux)[1].reshape(weight_shape).astype(dtype, copy=False))


def _bias_rule(g: Tensor, layout: Layout, aux: _Statistics, bias_shape: tuple) -> Tensor:
    sums = None if state.enabled else aux.kept(g)
    if sums is None:
        return g.reshape(layout.view).sum(layout.affine_axes).reshape(bias_shape)
    return wrap(sums[0].reshape(bias_shape).astype(g._data.dtype, copy=False))


def _shared_sums(g: Tensor, input: Tensor, layout: Layout, aux: _Statistics) -> tuple:
    sums = aux.kept(g)
    if sums is None:
        slope = _compute_type(g._data).reshape(layout.view)
        x = aux.normalised(_compute_type(input._data).reshape(layout.view))
        sums = aux.keep(g, _sums(slope, slope * x, layout))
    return sums


batch_normalise = _declare("NativeBatchNormBackward0")
layer_normalise = _declare("NativeLayerNormBackward0")
group_normalise = _declare("NativeGroupNormBackward0")
rms_normalise = _declare("FusedRmsNormBackward0")


@op("NativeBatchNormBackward0")
def scale_channels(input: Array, scale: Array, shift: Array, view, shape):
    """``input * scale + shift`` with scale and shift in ``shape``."""
    out = input.reshape(view) * scale.reshape(shape)
    out += shift.reshape(shape)
    return out.reshape(input.shape)


def _sum_channels(g: Tensor, view: tuple, shape: tuple) -> Tensor:
    return g.reshape(view).sum([i for i, n in enumerate(shape) if n == 1])


scale_channels.rules(
    input=lambda g, scale, view, shape, input_shape: (g.reshape(view) * scale.reshape(shape)).reshape(input_shape),
    scale=lambda g, input, view, shape, scale_shape: _sum_channels(g * input, view, shape).reshape(scale_shape),
    shift=lambda g, view, shape, shift_shape: _sum_channels(g, view, shape).reshape(shift_shape),
)
