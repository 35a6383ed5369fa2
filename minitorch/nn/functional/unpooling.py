"""The way back from maxima."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.adaptive_pooling import gather_planes
from minitorch.nn.functional.conv import Ints, ntuple
from minitorch.nn.functional.pooling import window
from minitorch.nn.functional.refusals import refuse_dtype, require_tensor


def _declare(dims: int) -> Any:
    @op(f"MaxUnpool{dims}DBackward0")
    def unpool(input: Array, where, spatial):
        # Where windows overlap, several elements are one maximum: it is put down once, not added up.
        lib, lead = xp(input), input.shape[: input.ndim - dims]
        out = lib.zeros((math.prod(lead), math.prod(spatial)), input.dtype)
        if input.size:
            places = where.reshape(len(out), -1)
            out[lib.arange(len(out))[:, None], places] = input.reshape(places.shape)
        return out.reshape(*lead, *spatial)

    unpool.rules(input=lambda g, where, spatial: gather_planes(g, where, spatial))
    return unpool


_UNPOOL = {dims: _declare(dims) for dims in (1, 2, 3)}


def _unpooled_size(shape: Ints, kernel: Ints, stride: Ints, padding: Ints, output_size: Any) -> Ints:
    """The spatial size that pooling made ``shape`` from.

    Raises:
        ValueError: ``output_size`` is none of those that pooling maps to ``shape``.
    """
    dims = len(kernel)
    least = tuple([(n - 1) * s - 2 * p + k for n, s, p, k in zip(shape[-dims:], stride, padding, kernel)])
    if output_size is None:
        return least
    size = tuple(output_size)
    if len(size) not in (dims, dims + 2) and len(size) != len(shape):
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
            f"{len(size)}"
        )
    size = size[-dims:]
    for axis, (n, low, s) in enumerate(zip(size, least, stride)):
        if not low - s < n < low + s:
            raise ValueError(f"invalid output_size {size} (dim {axis} must be between {low - s} and {low + s})")
    return size


def max_unpool(
    dims: int, input: Tensor, indices: Tensor, kernel: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    """The inverse of max pooling over ``dims`` dimensions: see :func:`max_unpool2d`."""
    name = f"max_unpool{dims}d"
    require_tensor(input, name)
    require_tensor(indices, name, "indices")
    kernels, strides, _, _ = window(dims, kernel, stride, 0, 1, "max")
    shape, where = input._data.shape, indices._data
    if where.dtype != np.int64:
        raise RuntimeError(f"{name}: elements in indices should be type int64 but got {indices.dtype}")
    if where.shape != shape or len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name}: expected indices of the shape of the input with {dims + 1} or {dims + 2} dimensions, got "
            f"{where.shape} and {shape}"
        )
    if input._data.dtype.kind != "f":
        refuse_dtype(name, input)
    size = _unpooled_size(shape, kernels, strides, ntuple(padding, dims, "padding"), output_size)
    if where.size and not 0 <= int(where.min()) <= int(where.max()) < math.prod(size):
        wrong = int(where.max()) if int(where.max()) >= math.prod(size) else int(where.min())
        raise RuntimeError(f"{name}: found an invalid max index {wrong} for an output of size {size}")
    return _UNPOOL[dims](input, where, size)


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

    Raises:
        RuntimeError: ``indices`` are not int64, of another shape, or outside of the plane.
        ValueError: pooling gives another size for ``output_size``.

    >>> import minitorch as torch
    >>> F = torch.nn.functional
    >>> F.max_unpool2d(*F.max_pool2d(torch.tensor([[[1., 2.], [4., 3.]]]), 2, return_indices=True), 2)
    tensor([[[0., 0.],
             [4., 0.]]])
    """
    return max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Tensor:
    """The inverse of :func:`max_pool3d`: see :func:`max_unpool2d`."""
    return max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
