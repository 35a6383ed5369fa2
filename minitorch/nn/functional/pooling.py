"""Maximum and average over windows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from minitorch.backend.primitives import pooling as primitive
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.conv import Ints, Pads, hashable, ntuple


def _declare(dims: int) -> tuple[Any, Any]:
    """The same two operations for each number of dimensions, under PyTorch's names of their nodes."""

    @op(f"MaxPool{dims}DWithIndicesBackward0", aux=True)
    def max_pool_op(input: Array, kernel, stride, padding, dilation, ceil_mode):
        return primitive.max_pool_forward(input, kernel, stride, padding, dilation, ceil_mode, "compact")

    max_pool_op.rules(
        input=lambda g, input_shape, kernel, stride, padding, dilation, aux: _max_pool_grad(
            g, aux, input_shape[-dims:], kernel, stride, padding, dilation
        )
    )

    @op(f"AvgPool{dims}DBackward0")
    def avg_pool_op(input: Array, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
        return primitive.avg_pool_forward(input, kernel, stride, padding, ceil_mode, count_include_pad, divisor)

    avg_pool_op.rules(
        input=lambda g, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor: _avg_pool_grad(
            g, input_shape[-dims:], kernel, stride, padding, ceil_mode, count_include_pad, divisor
        )
    )
    return max_pool_op, avg_pool_op


@op("MaxPoolBackwardBackward0")
def _max_pool_grad(g: Array, where, spatial, kernel, stride, padding, dilation):
    return primitive.max_pool_backward(g, where, spatial, kernel, stride, padding, dilation)


@op("MaxPoolBackwardBackward0")
def _max_pool_gather(h: Array, where, spatial, kernel, stride, padding, dilation):
    return primitive.max_pool_gather(h, where, spatial, kernel, stride, padding, dilation)


@op("AvgPoolBackwardBackward0")
def _avg_pool_grad(g: Array, spatial, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    return primitive.avg_pool_backward(g, spatial, kernel, stride, padding, ceil_mode, count_include_pad, divisor)


_max_pool_grad.rules(
    g=lambda h, where, spatial, kernel, stride, padding, dilation: _max_pool_gather(
        h, where, spatial, kernel, stride, padding, dilation
    )
)
_max_pool_gather.rules(
    h=lambda g, where, spatial, kernel, stride, padding, dilation: _max_pool_grad(
        g, where, spatial, kernel, stride, padding, dilation
    )
)
_avg_pool_grad.rules(
    g=lambda h, kernel, stride, padding, ceil_mode, count_include_pad, divisor: _AVG_POOL[len(kernel)](
        h, kernel, stride, padding, ceil_mode, count_include_pad, divisor
    )
)
_MAX_POOL: dict[int, Any] = {}
_AVG_POOL: dict[int, Any] = {}
for _dims in (1, 2, 3):
    _MAX_POOL[_dims], _AVG_POOL[_dims] = _declare(_dims)


# ---- arguments


def check_window(name: str, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Pads:
    """The padding as pairs.

    Raises:
        RuntimeError: a size that no window can have, or padding above half of the window.
    """
    for what, values, least in (("kernel size", kernel, 1), ("stride", stride, 1), ("dilation", dilation, 1)):
        if min(values) < least:
            raise RuntimeError(f"{name}: {what} must be greater than zero, got {values}")
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    if any(p < 0 or p > r // 2 for p, r in zip(padding, reach)):
        raise RuntimeError(
            f"{name}: pad should be at least 0 and at most half of effective kernel size, got pad={padding}, "
            f"kernel_size={kernel} and dilation={dilation}"
        )
    return tuple([(p, p) for p in padding])


def _check_input(name: str, shape: tuple, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints, ceil: bool) -> None:
    dims = len(kernel)
    if len(shape) not in (dims + 1, dims + 2):
        letters = {1: "L", 2: "H, W", 3: "D, H, W"}[dims]
        raise RuntimeError(
            f"{name} got input of shape {shape}: expected {dims + 1} dimensions (C, {letters}) or {dims + 2} "
            f"(N, C, {letters})"
        )
    out = primitive.pool_output_shape(shape[-dims:], kernel, stride, pads, dilation, ceil)
    if min(out) < 1 or 0 in shape[1:]:
        raise RuntimeError(
            f"{name} got input of shape {shape}: with kernel_size={kernel}, stride={stride} the output's spatial size "
            f"would be {out}, which is too small; use a smaller window or fewer layers that shrink the input"
        )


def max_pool_nd(input: Tensor, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints, ceil_mode: bool) -> Tensor:
    """Max pooling with arguments in full: the tuples are made once."""
    dims = len(kernel)
    shape = input._data.shape
    _check_input(f"max_pool{dims}d", shape, kernel, stride, pads, dilation, ceil_mode)
    if state.enabled and input.requires_grad:
        return _MAX_POOL[dims](input, kernel, stride, pads, dilation, ceil_mode)[0]
    # Nobody will ask where the maxima were.
    return wrap(primitive.max_pool_forward(input._data, kernel, stride, pads, dilation, ceil_mode, None)[0])


def max_pool_nd_with_indices(
    input: Tensor, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints, ceil_mode: bool
) -> tuple[Tensor, Tensor]:
    """As :func:`max_pool_nd`, with the flat index (int64) of each maximum in the input's plane."""
    dims = len(kernel)
    shape = input._data.shape
    _check_input(f"max_pool{dims}d", shape, kernel, stride, pads, dilation, ceil_mode)
    out, codes = _MAX_POOL[dims](input, kernel, stride, pads, dilation, ceil_mode)
    return out, wrap(primitive.max_pool_indices(codes, shape[-dims:], kernel, stride, pads, dilation))


def avg_pool_nd(
    input: Tensor, kernel: Ints, stride: Ints, pads: Pads, ceil_mode: bool, count_include_pad: bool, divisor: int | None
) -> Tensor:
    """Average pooling with arguments in full."""
    dims = len(kernel)
    name = f"avg_pool{dims}d"
    _check_input(name, input._data.shape, kernel, stride, pads, (1,) * dims, ceil_mode)
    if input._data.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for {input.dtype}: convert the input with .float()')
    if divisor == 0:
        raise RuntimeError(f"{name}: divisor_override must not be zero")
    return _AVG_POOL[dims](input, kernel, stride, pads, ceil_mode, count_include_pad, divisor)


@lru_cache(maxsize=512)
def _window(dims: int, kernel: Any, stride: Any, padding: Any, dilation: Any, kind: str) -> tuple[Ints, Ints, Pads, Ints]:
    """Kernel, stride, padding and dilation for each dimension, checked: layers ask for the same at every call."""
    kernels = ntuple(kernel, dims, "kernel_size")
    strides = kernels if stride is None or stride == () else ntuple(stride, dims, "stride")
    dilations = ntuple(dilation, dims, "dilation")
    pads = check_window(f"{kind}_pool{dims}d", kernels, strides, ntuple(padding, dims, "padding"), dilations)
    return kernels, strides, pads, dilations


def window(dims: int, kernel: Any, stride: Any, padding: Any, dilation: Any, kind: str) -> tuple[Ints, Ints, Pads, Ints]:
    """The arguments of a pooling function in full; ``kind`` is "max" or "avg"."""
    try:
        return _window(dims, kernel, stride, padding, dilation, kind)
    except TypeError:
        return _window(dims, hashable(kernel), hashable(stride), hashable(padding), hashable(dilation), kind)


def max_pool(
    dims: int, input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: bool
) -> Any:
    """Max pooling over ``dims`` dimensions: see :func:`max_pool2d`."""
    kernels, strides, pads, dilations = window(dims, kernel, stride, padding, dilation, "max")
    pool = max_pool_nd_with_indices if indices else max_pool_nd
    return pool(input, kernels, strides, pads, dilations, ceil_mode)


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window along one dimension: see :func:`max_pool2d`."""
    return max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H', W') with
    ``H' = (H + 2·padding - dilation·(kH - 1) - 1) // stride + 1``.

    Args:
        stride: from one window to the next; default: the window's size.
        padding: never the largest.
        ceil_mode: also windows that reach beyond the input.
        return_indices: also the flat index of each maximum in its plane.

    Raises:
        RuntimeError: the shape has no room for a window, or padding is above half of it.

    >>> import minitorch as torch
    >>> torch.nn.functional.max_pool2d(torch.arange(16.).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    return max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window over three dimensions: see :func:`max_pool2d`."""
    return max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool(
    dims: int, input: Tensor, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: Any
) -> Tensor:
    """Average pooling over ``dims`` dimensions: see :func:`avg_pool2d`."""
    kernels, strides, pads, _ = window(dims, kernel, stride, padding, 1, "avg")
    return avg_pool_nd(input, kernels, strides, pads, ceil_mode, include, divisor)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along one dimension: see :func:`avg_pool2d`."""
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H', W'), as :func:`max_pool2d`.

    Args:
        count_include_pad: padding counts as zeros; otherwise it is left out of the mean.
        divisor_override: what sums are divided by, instead of the window's size.

    >>> import minitorch as torch
    >>> torch.nn.functional.avg_pool2d(torch.arange(16.).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """
    return avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over three dimensions: see :func:`avg_pool2d`."""
    return avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
