"""Normalisation over batches, layers, groups and instances: one operation on different axes.

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
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.dtype import finfo, of_numpy
from minitorch.core.grad_mode import state
from minitorch.core.node import bump_version
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.padding import constant_pad
from minitorch.nn.functional.pooling import avg_pool_nd


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


_batch_normalise = _declare("NativeBatchNormBackward0")
_layer_normalise = _declare("NativeLayerNormBackward0")
_group_normalise = _declare("NativeGroupNormBackward0")
_rms_normalise = _declare("FusedRmsNormBackward0")


@op("NativeBatchNormBackward0")
def _scale_channels(input: Array, scale: Array, shift: Array, view, shape):
    """``input * scale + shift`` with scale and shift in ``shape``."""
    out = input.reshape(view) * scale.reshape(shape)
    out += shift.reshape(shape)
    return out.reshape(input.shape)


def _sum_channels(g: Tensor, view: tuple, shape: tuple) -> Tensor:
    return g.reshape(view).sum([i for i, n in enumerate(shape) if n == 1])


_scale_channels.rules(
    input=lambda g, scale, view, shape, input_shape: (g.reshape(view) * scale.reshape(shape)).reshape(input_shape),
    scale=lambda g, input, view, shape, scale_shape: _sum_channels(g * input, view, shape).reshape(scale_shape),
    shift=lambda g, view, shape, shift_shape: _sum_channels(g, view, shape).reshape(shift_shape),
)


# ---- public functions


def _check_channels(name: str, channels: int, **tensors: Tensor | None) -> None:
    for what, tensor in tensors.items():
        if tensor is not None and tensor._data.size != channels:
            raise RuntimeError(
                f"{name}: {what} should contain {channels} elements (the channels of the input) not {tensor._data.size}"
            )


def _check_float(name: str, input: Tensor, weight: Tensor | None) -> None:
    x = input._data
    if x.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for {of_numpy(x.dtype)}: convert the input with .float()')
    if weight is not None and weight._data.dtype != x.dtype:
        raise RuntimeError(
            f"{name}: expected the input's dtype, {of_numpy(x.dtype)}, for the weight, got "
            f"{of_numpy(weight._data.dtype)}; convert one of them with .to()"
        )


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel with mean 0 and variance 1 over batch and space, times ``weight``, plus ``bias``.

    Ioffe and Szegedy 2015, "Batch normalization".  In training the batch's own statistics count, and the running ones
    move towards them (the variance unbiased) by ``momentum``; otherwise the running ones count.

    Shape: input (N, C, \\*), all others (C,).

    Raises:
        ValueError: one value per channel in training.
        RuntimeError: another number of channels, or no running statistics out of training.
    """
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm: expected an input of at least 2 dimensions (N, C, ...), got shape {shape}")
    channels = shape[1]
    _check_channels(
        "batch_norm", channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    _check_float("batch_norm", input, weight)
    view, affine = (shape[0], channels, math.prod(shape[2:])), (1, channels, 1)
    count = view[0] * view[2]
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm: expected running_mean and running_var to be defined when training=False")
        return _with_running_statistics(input, running_mean, running_var, weight, bias, eps, view, affine)
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}: use a larger batch, "
            "or eval() to normalise by the running statistics"
        )
    out, statistics = _batch_normalise(input, weight, bias, Layout(view, (0, 2), affine), eps)
    if running_mean is not None:
        _move(running_mean, statistics.mean, momentum)
    if running_var is not None:
        _move(running_var, statistics.var * (count / max(1, count - 1)), momentum)
    return out


def _move(running: Tensor, batch: Any, momentum: float) -> None:
    array = running._data
    array += array.dtype.type(momentum) * (batch.reshape(array.shape) - array)
    bump_version(running)


def _with_running_statistics(
    input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, view: Any, affine: Any
) -> Tensor:
    invstd = 1 / xp(var._data).sqrt(var._data + var._data.dtype.type(eps))
    dtype = of_numpy(input._data.dtype)
    scale = wrap(invstd) if weight is None else weight * wrap(invstd)
    shift = scale * wrap(-mean._data)
    if bias is not None:
        shift = shift + bias
    return _scale_channels(input, scale.to(dtype), shift.to(dtype), view, affine)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel of every example with mean 0 and variance 1 over space (Ulyanov et al. 2016, arXiv:1607.08022).

    Shape: input (N, C, \\*), all others (C,).
    """
    shape = input._data.shape
    if len(shape) < 3:
        raise RuntimeError(f"instance_norm: expected an input of at least 3 dimensions (N, C, ...), got shape {shape}")
    channels, inner = shape[1], math.prod(shape[2:])
    _check_channels(
        "instance_norm", channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    _check_float("instance_norm", input, weight)
    view, affine = (shape[0], channels, inner), (1, channels, 1)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is False")
        return _with_running_statistics(input, running_mean, running_var, weight, bias, eps, view, affine)
    if inner == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {list(shape)}: instance normalisation "
            "would set everything to zero"
        )
    out, statistics = _batch_normalise(input, weight, bias, Layout(view, (2,), affine), eps)
    if running_mean is not None:
        _move(running_mean, statistics.mean.mean(axis=0), momentum)
    if running_var is not None:
        _move(running_var, statistics.var.mean(axis=0) * (inner / (inner - 1)), momentum)
    return out


def _normal_shape(name: str, input: Tensor, normalized_shape: Sequence[int], weight: Any, bias: Any) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape:
        raise RuntimeError(f"{name}: expected normalized_shape to have at least one dimension")
    has = input._data.shape
    if len(has) < len(shape) or has[len(has) - len(shape) :] != shape:
        raise RuntimeError(
            f"{name}: given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            f"but got input of size {list(has)}"
        )
    for what, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor._data.shape != shape:
            raise RuntimeError(
                f"{name}: expected {what} to be of the same shape as normalized_shape, but got {what} of shape "
                f"{list(tensor._data.shape)} and normalized_shape = {list(shape)}"
            )
    _check_float(name, input, weight)
    return shape


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions, times ``weight``, plus ``bias`` (Ba et al. 2016, arXiv:1607.06450).

    Shape: input (\\*, \\*normalized_shape), weight and bias ``normalized_shape``.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    >>> import minitorch as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1., 2., 3.]]), (3,))
    tensor([[-1.2247,  0.0000,  1.2247]])
    """
    shape = _normal_shape("layer_norm", input, normalized_shape, weight, bias)
    inner = math.prod(shape)
    view = (input._data.size // inner if inner else 0, inner)
    return _layer_normalise(input, weight, bias, Layout(view, (1,), (1, inner)), eps)[0]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divided by the root of the mean square over the last dimensions, times ``weight`` (Zhang and Sennrich 2019).

    Args:
        eps: added to the mean square; default: the smallest step above 1 of the dtype.
    """
    shape = _normal_shape("rms_norm", input, normalized_shape, weight, None)
    inner = math.prod(shape)
    view = (input._data.size // inner if inner else 0, inner)
    eps = finfo(of_numpy(input._data.dtype)).eps if eps is None else eps
    return _rms_normalise(input, weight, None, Layout(view, (1,), (1, inner), False), eps)[0]


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Mean 0 and variance 1 over groups of channels and space (Wu and He 2018, arXiv:1803.08494).

    Shape: input (N, C, \\*), weight and bias (C,).

    Raises:
        RuntimeError: the channels cannot be divided into ``num_groups``.
    """
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"group_norm: expected an input of at least 2 dimensions (N, C, ...), got shape {shape}")
    channels, inner = shape[1], math.prod(shape[2:])
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} "
            f"and num_groups={num_groups}"
        )
    _check_channels("group_norm", channels, weight=weight, bias=bias)
    _check_float("group_norm", input, weight)
    each = channels // num_groups
    layout = Layout((shape[0], num_groups, each, inner), (2, 3), (1, num_groups, each, 1))
    return _group_normalise(input, weight, bias, layout, eps)[0]


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element divided by ``(k + alpha · mean of squares over size neighbouring channels) ** beta``.

    Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", section 3.3.
    """
    shape = input._data.shape
    if len(shape) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)")
    square = (input * input).reshape(shape[0], 1, shape[1], math.prod(shape[2:]))
    before = size // 2
    square = constant_pad(square, ((0, 0), (0, 0), (before, size - 1 - before), (0, 0)), 0)
    mean = avg_pool_nd(square, (size, 1), (1, 1), ((0, 0), (0, 0)), False, True, None)
    return input / (mean.reshape(shape) * alpha + k) ** beta
