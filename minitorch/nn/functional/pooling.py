"""Maximum and average over windows."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.backend.primitives import pooling as primitive
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.conv import Ints, Pads, hashable, ntuple
from minitorch.nn.functional.refusals import refuse_dtype, require_tensor


def _declare(dims: int) -> tuple[Any, Any]:
    """The same two operations for each number of dimensions, under PyTorch's names of their nodes."""

    @op(f"MaxPool{dims}DWithIndicesBackward0", aux=True)
    def max_pool_op(input: Array, kernel, stride, padding, dilation, ceil_mode):
        return primitive.max_pool_forward(input, kernel, stride, padding, dilation, ceil_mode, "compact")

    max_pool_op.rules(input=_max_pool_grad)

    @op(f"AvgPool{dims}DBackward0")
    def avg_pool_op(input: Array, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
        return primitive.avg_pool_forward(input, kernel, stride, padding, ceil_mode, count_include_pad, divisor)

    avg_pool_op.rules(input=_avg_pool_grad)
    return max_pool_op, avg_pool_op


@op("MaxPoolBackwardBackward0")
def _max_pool_grad(g: Array, aux, input_shape, kernel, stride, padding, dilation):
    return primitive.max_pool_backward(g, aux, input_shape[-len(kernel) :], kernel, stride, padding, dilation)


@op("MaxPoolBackwardBackward0")
def _max_pool_gather(h: Array, aux, input_shape, kernel, stride, padding, dilation):
    return primitive.max_pool_gather(h, aux, input_shape[-len(kernel) :], kernel, stride, padding, dilation)


@op("AvgPoolBackwardBackward0")
def _avg_pool_grad(g: Array, input_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    how = (kernel, stride, padding, ceil_mode, count_include_pad, divisor)
    return primitive.avg_pool_backward(g, input_shape[-len(kernel) :], *how)


_max_pool_grad.rules(g=_max_pool_gather)
_max_pool_gather.rules(h=_max_pool_grad)
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


def window(
    dims: int, kernel: Any, stride: Any, padding: Any, dilation: Any, kind: str
) -> tuple[Ints, Ints, Pads, Ints]:
    """Kernel, stride, padding and dilation for each dimension, checked; ``kind`` is "max" or "avg"."""
    kernels = ntuple(kernel, dims, "kernel_size")
    strides = kernels if stride is None or stride == () or stride == [] else ntuple(stride, dims, "stride")
    dilations = ntuple(dilation, dims, "dilation")
    pads = check_window(f"{kind}_pool{dims}d", kernels, strides, ntuple(padding, dims, "padding"), dilations)
    return kernels, strides, pads, dilations


@lru_cache(maxsize=512, typed=True)
def _arguments(
    dims: int, shape: tuple, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, kind: str
) -> tuple[Ints, Ints, Pads, Ints]:
    """:func:`window`, and whether the input has room for it: layers ask for the same at every call."""
    kernels, strides, pads, dilations = window(dims, kernel, stride, padding, dilation, kind)
    name = f"{kind}_pool{dims}d"
    if len(shape) not in (dims + 1, dims + 2):
        letters = {1: "L", 2: "H, W", 3: "D, H, W"}[dims]
        raise RuntimeError(
            f"{name} got input of shape {shape}: expected {dims + 1} dimensions (C, {letters}) or {dims + 2} "
            f"(N, C, {letters})"
        )
    out = primitive.pool_output_shape(shape[-dims:], kernels, strides, pads, dilations, ceil_mode)
    if min(out) < 1 or 0 in shape[-1 - dims :]:
        raise RuntimeError(
            f"{name} got input of shape {shape}: with kernel_size={kernels}, stride={strides} the output's spatial "
            f"size would be {out}, which is too small; use a smaller window or fewer layers that shrink the input"
        )
    return kernels, strides, pads, dilations


def arguments(
    dims: int, input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, kind: str
) -> tuple[Ints, Ints, Pads, Ints]:
    """The arguments of a pooling function in full, checked against the input.

    Raises:
        TypeError: ``input`` is no Tensor, or a size is no integer.
        RuntimeError: the input has no room for a window.
    """
    try:
        return _arguments(dims, input._data.shape, kernel, stride, padding, dilation, ceil_mode, kind)
    except (TypeError, AttributeError):  # a list cannot be looked up
        require_tensor(input, f"{kind}_pool{dims}d")
        given = hashable(kernel), hashable(stride), hashable(padding), hashable(dilation)
        return _arguments(dims, input._data.shape, *given, bool(ceil_mode), kind)


def max_pool(
    dims: int, input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: bool
) -> Any:
    """Max pooling over ``dims`` dimensions: see :func:`max_pool2d`."""
    windows = arguments(dims, input, kernel, stride, padding, dilation, ceil_mode, "max")
    if input._data.dtype.kind == "b":
        refuse_dtype(f"max_pool{dims}d", input)
    if indices:
        out, codes = _MAX_POOL[dims](input, *windows, ceil_mode)
        return out, wrap(primitive.max_pool_indices(codes, input._data.shape[-dims:], *windows))
    if state.enabled and input.requires_grad:
        return _MAX_POOL[dims](input, *windows, ceil_mode)[0]
    # Nobody will ask where the maxima were.
    return wrap(primitive.max_pool_forward(input._data, *windows, ceil_mode, None)[0])


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


def _with_indices(dims: int) -> Any:
    def function(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        return max_pool(dims, input, kernel_size, stride, padding, dilation, ceil_mode, True)

    function.__name__ = function.__qualname__ = f"max_pool{dims}d_with_indices"
    function.__doc__ = f":func:`max_pool{dims}d` that always returns the indices as well."
    return function


max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = map(_with_indices, (1, 2, 3))


def avg_pool(
    dims: int, input: Tensor, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, include: bool, divisor: Any
) -> Tensor:
    """Average pooling over ``dims`` dimensions: see :func:`avg_pool2d`."""
    kernels, strides, pads, _ = arguments(dims, input, kernel, stride, padding, 1, ceil_mode, "avg")
    if divisor == 0:
        raise RuntimeError(f"avg_pool{dims}d: divisor_override must be not zero")
    if input._data.dtype == np.int64:  # divided as integers are: towards zero
        means = _AVG_POOL[dims](input.double(), kernels, strides, pads, ceil_mode, include, divisor)
        return (means + means.sign() * 1e-6).long()
    if input._data.dtype.kind != "f":
        refuse_dtype(f"avg_pool{dims}d", input)
    return _AVG_POOL[dims](input, kernels, strides, pads, ceil_mode, include, divisor)


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


# ---- p-norms


def lp_pool(dims: int, input: Tensor, norm_type: float, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    """The p-norm of each window over ``dims`` dimensions: see :func:`lp_pool2d`."""
    require_tensor(input, f"lp_pool{dims}d")
    elements = math.prod(ntuple(kernel, dims, "kernel_size"))
    means = avg_pool(dims, input**norm_type, kernel, stride, 0, ceil_mode, True, None)
    # PyTorch's detour by the size: the sum itself, with a gradient of zero where it is zero
    return (means.sign() * means.abs().relu() * elements) ** (1.0 / norm_type)


def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """``(sum of input**p) ** (1/p)`` over each window: see :func:`lp_pool2d`."""
    return lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """``(sum of input**p) ** (1/p)`` over each window, p being ``norm_type``; NaN where the sum is negative.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H', W'), as :func:`max_pool2d` without padding.

    Args:
        ceil_mode: also windows that reach beyond the input; their mean counts as that of a whole window.

    >>> import minitorch as torch
    >>> torch.nn.functional.lp_pool2d(torch.tensor([[[3., 4.]]]), 2, (1, 2))
    tensor([[[5.]]])
    """
    return lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
    """``(sum of input**p) ** (1/p)`` over each window: see :func:`lp_pool2d`."""
    return lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
