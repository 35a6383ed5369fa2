"""Pooling to a given output size, pooling of p-norms, and the way back from maxima."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.primitives import adaptive_pooling as primitive
from minitorch.backend.primitives import pooling
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.conv import Ints
from minitorch.nn.functional.pooling import avg_pool_nd, window


def _declare(dims: int) -> tuple[Any, Any]:
    """The same two operations for each number of dimensions, under PyTorch's names of their nodes."""

    @op(f"AdaptiveAvgPool{dims}DBackward0")
    def average(input: Array, size):
        return primitive.adaptive_avg_pool_forward(input, size)

    average.rules(input=lambda g, input_shape: _adaptive_avg_grad(g, input_shape[-dims:]))

    @op(f"AdaptiveMaxPool{dims}DBackward0", aux=True)
    def maximum(input: Array, size):
        return primitive.adaptive_max_pool_forward(input, size)

    maximum.rules(input=lambda g, input_shape, aux: _scatter(g, aux, input_shape[-dims:]))
    return average, maximum


@op("AdaptiveAvgPoolBackwardBackward0")
def _adaptive_avg_grad(g: Array, spatial):
    return primitive.adaptive_avg_pool_backward(g, spatial)


_adaptive_avg_grad.rules(
    g=lambda h, g_shape, spatial: _OPS[len(spatial)][0](h, tuple(g_shape[len(g_shape) - len(spatial) :]))
)


@op("MaxUnpoolBackward0")
def _scatter(input: Array, where, spatial):
    """Elements put at flat places of planes of zeros."""
    return pooling.max_pool_backward(input, where, spatial)


@op("MaxUnpoolBackwardBackward0")
def _gather(planes: Array, where, spatial):
    return pooling.max_pool_gather(planes, where, spatial)


_scatter.rules(input=lambda g, where, spatial: _gather(g, where, spatial))
_gather.rules(planes=lambda g, where, spatial: _scatter(g, where, spatial))
_OPS = {dims: _declare(dims) for dims in (1, 2, 3)}


def _target_size(name: str, dims: int, shape: tuple, output_size: Any) -> Ints:
    """The output's spatial size; ``None`` keeps that of the input.

    Raises:
        RuntimeError: the input has another number of dimensions, an empty one, or the size is negative.
    """
    if len(shape) not in (dims + 1, dims + 2) or 0 in shape[1:]:
        raise RuntimeError(
            f"{name} got input of shape {shape}: expected {dims + 1} or {dims + 2} dimensions, none of them empty"
        )
    sizes = (output_size,) * dims if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(sizes) == 1:
        sizes *= dims
    if len(sizes) != dims:
        raise ValueError(f"{name}: output_size must have {dims} elements, got {output_size}")
    size = tuple([n if m is None else int(m) for n, m in zip(shape[-dims:], sizes)])
    if min(size) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, got {size}")
    return size


def adaptive_avg_pool(dims: int, input: Tensor, output_size: Any) -> Tensor:
    """Adaptive average pooling over ``dims`` dimensions: see :func:`adaptive_avg_pool2d`."""
    name = f"adaptive_avg_pool{dims}d"
    size = _target_size(name, dims, input._data.shape, output_size)
    if input._data.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for {input.dtype}: convert the input with .float()')
    return _OPS[dims][0](input, size)


def adaptive_max_pool(dims: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    """Adaptive max pooling over ``dims`` dimensions: see :func:`adaptive_max_pool2d`."""
    size = _target_size(f"adaptive_max_pool{dims}d", dims, input._data.shape, output_size)
    out, where = _OPS[dims][1](input, size)
    return (out, wrap(where)) if return_indices else out


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen for the output's size: see :func:`adaptive_avg_pool2d`."""
    return adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen for the output's size: window i of m covers ⌊i·n/m⌋ up to ⌈(i+1)·n/m⌉ of n elements.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, \\*output_size); ``None`` keeps a size.

    >>> import minitorch as torch
    >>> torch.nn.functional.adaptive_avg_pool2d(torch.arange(16.).reshape(1, 4, 4), 1)
    tensor([[[7.5000]]])
    """
    return adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means over windows chosen for the output's size: see :func:`adaptive_avg_pool2d`."""
    return adaptive_avg_pool(3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows chosen for the output's size: see :func:`adaptive_max_pool2d`."""
    return adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over the windows of :func:`adaptive_avg_pool2d`, with their flat places in the plane if asked for."""
    return adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over windows chosen for the output's size: see :func:`adaptive_max_pool2d`."""
    return adaptive_max_pool(3, input, output_size, return_indices)


# ---- p-norms


def lp_pool(dims: int, input: Tensor, norm_type: float, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    """The p-norm of each window over ``dims`` dimensions: see :func:`lp_pool2d`."""
    kernels, strides, pads, _ = window(dims, kernel, stride, 0, 1, "avg")
    powers = input**norm_type
    total = avg_pool_nd(powers, kernels, strides, pads, ceil_mode, True, 1)
    # odd powers may be negative: their root is taken of the size, as in PyTorch, and is zero for them
    return total.sign() * total.abs().relu() ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """``(sum of input**p) ** (1/p)`` over each window: see :func:`lp_pool2d`."""
    return lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """``(sum of input**p) ** (1/p)`` over each window, p being ``norm_type``."""
    return lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """``(sum of input**p) ** (1/p)`` over each window: see :func:`lp_pool2d`."""
    return lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


# ---- back from maxima


def max_unpool(
    dims: int, input: Tensor, indices: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    """The inverse of max pooling over ``dims`` dimensions: see :func:`max_unpool2d`."""
    name = f"max_unpool{dims}d"
    kernels, strides, pads, _ = window(dims, kernel, stride, padding, 1, "max")
    shape, where = input._data.shape, indices._data
    if where.dtype != np.int64:
        raise RuntimeError(f"{name}: elements in indices should be type int64 but got {indices.dtype}")
    if where.shape != shape or len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}: expected indices of the shape of the input with {dims + 1} or {dims + 2} dimensions, got "
            f"{where.shape} and {shape}"
        )
    least = [(n - 1) * s - 2 * lo + k for n, s, (lo, _), k in zip(shape[-dims:], strides, pads, kernels)]
    size = tuple(least) if output_size is None else tuple(output_size)[-dims:]
    for n, low, s in zip(size, least, strides):
        if not low - s < n < low + s:
            raise ValueError(f"invalid output_size {list(size)}: each must be within one stride of {least}")
    plane = int(np.prod(size))
    if where.size and (int(where.min()) < 0 or int(where.max()) >= plane):
        raise RuntimeError(f"{name}: found an invalid max index {int(where.max())} for an output of size {size}")
    return _scatter(input, where, size)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The inverse of :func:`max_pool1d`: see :func:`max_unpool2d`."""
    return max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """Maxima back at the places that ``max_pool2d(..., return_indices=True)`` gave, with zeros around.

    Args:
        output_size: to choose among the sizes that one stride makes equal.
    """
    return max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The inverse of :func:`max_pool3d`: see :func:`max_unpool2d`."""
    return max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
