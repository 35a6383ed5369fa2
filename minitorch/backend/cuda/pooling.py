"""Pooling over one or two spatial dimensions by the kernels of ``source/pooling.cu``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import LIMIT, accepts, contiguous, launch_over
from minitorch.backend.primitives.conv_geometry import Ints, Pads
from minitorch.backend.primitives.pool_geometry import Windows, pool_output_shape, windows

_FILE = "pooling.cu"
_FIELDS = "height,width,out_height,out_width,kernel_y,kernel_x,stride_y,stride_x,pad_y,pad_x,dilation_y,dilation_x"
_WINDOWS = np.dtype({"names": _FIELDS.split(","), "formats": [np.int32] * 12})


def _packed(w: Windows) -> np.ndarray:
    """The kernels' ``struct Windows``; a spatial shape of one dimension gets a height of one in front."""
    filled = np.ones(1, _WINDOWS)
    pairs = (("", "height width", w.spatial), ("", "out_height out_width", w.out), ("kernel_", "y x", w.kernel),
             ("stride_", "y x", w.stride), ("pad_", "y x", w.before), ("dilation_", "y x", w.dilation))  # fmt: skip
    filled["pad_y"] = 0
    for prefix, names, values in pairs:
        for name, value in zip(reversed(names.split()), reversed(values)):
            filled[prefix + name] = value
    return filled


def max_pool_forward(
    x: Any, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, ceil_mode: bool = False,
    indices: str | None = "flat",
) -> Any:  # fmt: skip
    dims = len(kernel)
    if dims > 2 or not accepts(x) or math.prod(kernel) > 256:
        return NotImplemented
    w = windows(x.shape[-dims:], tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), bool(ceil_mode))
    shape = (*x.shape[:-dims], *w.out)
    if math.prod(shape) >= LIMIT:
        return NotImplemented
    xp = cupy()
    y = xp.empty(shape, x.dtype)
    where = None if indices is None else xp.empty(shape, np.int64 if indices == "flat" else np.uint8)
    codes, flat = (None, where) if indices == "flat" else (where, None)
    launch_over(y.size, _FILE, "max_pool_forward", x.dtype, contiguous(x), y, codes, flat, _packed(w))
    return y, where


def max_pool_backward(
    gy: Any, where: Any, input_spatial: Ints, kernel: Ints | None = None, stride: Ints | None = None,
    padding: Pads | None = None, dilation: Ints | None = None,
) -> Any:  # fmt: skip
    dims = len(input_spatial)
    if where.dtype != np.uint8 or dims > 2 or not accepts(gy) or kernel is None or stride is None:
        return NotImplemented
    w = _windows_that_gave(gy.shape[-dims:], input_spatial, kernel, stride, padding, dilation)
    shape = (*gy.shape[:-dims], *w.spatial)
    if math.prod(shape) >= LIMIT:
        return NotImplemented
    xp = cupy()
    gx = xp.empty(shape, gy.dtype)
    gy, where = contiguous(gy), contiguous(where)
    launch_over(gx.size, _FILE, "max_pool_backward", gy.dtype, gy, where, gx, _packed(w))
    return gx


def avg_pool_forward(
    x: Any, kernel: Ints, stride: Ints, padding: Pads, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:  # fmt: skip
    dims = len(kernel)
    if dims > 2 or not accepts(x):
        return NotImplemented
    w = windows(x.shape[-dims:], tuple(kernel), tuple(stride), tuple(padding), (1,) * dims, bool(ceil_mode))
    shape = (*x.shape[:-dims], *w.out)
    if math.prod(shape) >= LIMIT:
        return NotImplemented
    y = cupy().empty(shape, x.dtype)
    counting = _counting(w, padding, count_include_pad, divisor_override)
    launch_over(y.size, _FILE, "avg_pool_forward", x.dtype, contiguous(x), y, _packed(w), *counting)
    return y


def avg_pool_backward(
    gy: Any, input_spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Any:  # fmt: skip
    dims = len(kernel)
    if dims > 2 or not accepts(gy):
        return NotImplemented
    w = windows(tuple(input_spatial), tuple(kernel), tuple(stride), tuple(padding), (1,) * dims, bool(ceil_mode))
    shape = (*gy.shape[:-dims], *w.spatial)
    if math.prod(shape) >= LIMIT:
        return NotImplemented
    gx = cupy().empty(shape, gy.dtype)
    counting = _counting(w, padding, count_include_pad, divisor_override)
    launch_over(gx.size, _FILE, "avg_pool_backward", gy.dtype, contiguous(gy), gx, _packed(w), *counting)
    return gx


def _counting(w: Windows, padding: Pads, count_include_pad: bool, divisor: int | None) -> tuple[int, int, int, int]:
    """What a mean divides by, as the kernels take it."""
    ends = [n + hi for n, (_, hi) in zip(w.spatial, padding)]
    return (ends[-2] if len(ends) == 2 else 1), ends[-1], int(count_include_pad), divisor or 0


def _windows_that_gave(out: Ints, input_spatial: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Windows:
    """The windows of a result; whether they were counted with ``ceil_mode`` shows in its shape."""
    arguments = (tuple(input_spatial), tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))
    return windows(*arguments, pool_output_shape(*arguments, False) != tuple(out))
