"""Pooling to a given output size."""

from __future__ import annotations

from typing import Any

from minitorch.backend.primitives import adaptive_pooling as primitive
from minitorch.backend.primitives import pooling
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.conv import Ints
from minitorch.nn.functional.refusals import refuse_dtype, require_tensor


def _declare(dims: int) -> tuple[Any, Any]:
    """The same two operations for each number of dimensions, under PyTorch's names of their nodes."""

    @op(f"AdaptiveAvgPool{dims}DBackward0")
    def average(input: Array, size):
        return primitive.adaptive_avg_pool_forward(input, size)

    average.rules(input=lambda g, input_shape: _adaptive_avg_grad(g, input_shape[-dims:]))

    @op(f"AdaptiveMaxPool{dims}DBackward0", aux=True)
    def maximum(input: Array, size):
        return primitive.adaptive_max_pool_forward(input, size)

    maximum.rules(input=lambda g, input_shape, aux: scatter_planes(g, aux, input_shape[-dims:]))
    return average, maximum


@op("AdaptiveAvgPoolBackwardBackward0")
def _adaptive_avg_grad(g: Array, spatial):
    return primitive.adaptive_avg_pool_backward(g, spatial)


_adaptive_avg_grad.rules(
    g=lambda h, g_shape, spatial: _OPS[len(spatial)][0](h, tuple(g_shape[len(g_shape) - len(spatial) :]))
)


@op("AdaptiveMaxPoolBackwardBackward0")
def scatter_planes(input: Array, where, spatial):
    """Elements added at flat places of planes of zeros."""
    return pooling.max_pool_backward(input, where, spatial)


@op("GatherBackward0")
def gather_planes(planes: Array, where, spatial):
    """The elements at flat places of planes."""
    return pooling.max_pool_gather(planes, where, spatial)


scatter_planes.rules(input=lambda g, where, spatial: gather_planes(g, where, spatial))
gather_planes.rules(planes=lambda g, where, spatial: scatter_planes(g, where, spatial))
_OPS: dict[int, Any] = {dims: _declare(dims) for dims in (1, 2, 3)}


def _target_size(name: str, dims: int, input: Any, output_size: Any) -> Ints:
    """The output's spatial size; ``None`` keeps that of the input.

    Raises:
        TypeError: ``input`` is no Tensor, or a size is no integer.
        ValueError: the input has no more dimensions than ``output_size`` names.
        RuntimeError: the input has another number of dimensions or an empty one, or sizes are negative or too many.
        NotImplementedError: the input is not of floating point.
    """
    require_tensor(input, name)
    shape = input._data.shape
    if isinstance(output_size, (tuple, list)) and len(shape) <= len(output_size) > 1:
        raise ValueError(f"{name} got input of shape {shape}: Input dimension should be at least {dims + 1}")
    if len(shape) not in (dims + 1, dims + 2) or 0 in shape[1:]:
        raise RuntimeError(
            f"{name} got input of shape {shape}: expected {dims + 1} or {dims + 2} dimensions, none of them empty"
        )
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * dims
    if len(given) == 1 < dims or len(given) != dims:
        raise RuntimeError(f"{name}: output_size must have {dims} elements, got {output_size}")
    wrong = [m for m in given if not (m is None or hasattr(m, "__index__")) or isinstance(m, bool)]
    if wrong:
        raise TypeError(f"{name}: output_size must be an int or {dims} of int or None, got {output_size!r}")
    size = tuple([n if m is None else m.__index__() for n, m in zip(shape[-dims:], given)])
    if min(size) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, got {size}")
    if input._data.dtype.kind != "f":
        refuse_dtype(name, input)
    return size


def adaptive_avg_pool(dims: int, input: Tensor, output_size: Any) -> Tensor:
    """Adaptive average pooling over ``dims`` dimensions: see :func:`adaptive_avg_pool2d`."""
    return _OPS[dims][0](input, _target_size(f"adaptive_avg_pool{dims}d", dims, input, output_size))


def adaptive_max_pool(dims: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    """Adaptive max pooling over ``dims`` dimensions: see :func:`adaptive_max_pool2d`."""
    out, where = _OPS[dims][1](input, _target_size(f"adaptive_max_pool{dims}d", dims, input, output_size))
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


def _with_indices(dims: int) -> Any:
    def function(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        return adaptive_max_pool(dims, input, output_size, True)

    function.__name__ = function.__qualname__ = f"adaptive_max_pool{dims}d_with_indices"
    function.__doc__ = f":func:`adaptive_max_pool{dims}d` that always returns the indices as well."
    return function


adaptive_max_pool1d_with_indices = _with_indices(1)
adaptive_max_pool2d_with_indices = _with_indices(2)
adaptive_max_pool3d_with_indices = _with_indices(3)
