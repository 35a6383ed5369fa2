"""Maximum pooling in one pass: the forward for windows of 2x2 side by side, the backward for all windows."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import real
from minitorch.backend.cpu.pooling_kernels import max_backward, max_backward_2x2, max_forward_2x2
from minitorch.backend.cpu.threads import parts
from minitorch.backend.primitives.conv_geometry import Ints, Pads
from minitorch.backend.primitives.pool_geometry import pool_output_shape
from minitorch.backend.primitives.pooling import max_pool_indices

# Elements of the input that are worth another thread.
_LEAST = 1 << 14
_NO_PADDING = ((0, 0), (0, 0))


@functools.lru_cache(maxsize=512)
def _windows(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, ceil_mode: bool
) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    """Output, kernel, stride, padding in front, dilation and input, each for three dimensions."""
    out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil_mode)
    lead = 3 - len(spatial)
    front = tuple([before for before, _ in padding])
    return (
        (1,) * lead + tuple(out),
        (1,) * lead + kernel,
        (1,) * lead + stride,
        (0,) * lead + front,
        (1,) * lead + dilation,
        (1,) * lead + spatial,
    )


def _suits(array: np.ndarray, kernel: Ints) -> bool:
    return real(array.dtype) and array.size > 0 and math.prod(kernel) <= 256


@functools.lru_cache(maxsize=512)
def _side_by_side(kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> bool:
    """Whether windows are of 2x2, each beside the other."""
    return kernel == stride == (2, 2) and dilation == (1, 1) and padding == _NO_PADDING


def max_pool_forward(
    x: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    dilation: Ints,
    ceil_mode: bool = False,
    indices: str | None = "flat",
) -> Any:
    kernel, stride, padding, dilation = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation)
    if not (_side_by_side(kernel, stride, padding, dilation) and _suits(x, kernel)):
        return NotImplemented  # passes over whole planes are as fast as loops with the general bounds
    *leading, height, width = x.shape
    if (ceil_mode and (height % 2 or width % 2)) or min(height, width) < 2:
        return NotImplemented
    planes = math.prod(leading)
    y = np.empty((*leading, height // 2, width // 2), x.dtype)
    codes = np.empty(y.shape, np.uint8)
    number = parts(planes, _LEAST // (height * width))
    max_forward_2x2(planes, number, np.ascontiguousarray(x).ravel(), height, width, y.ravel(), codes.ravel())
    if indices == "flat":
        return y, max_pool_indices(codes, (height, width), kernel, stride, padding, dilation)
    return y, codes if indices else None


def max_pool_backward(
    gy: np.ndarray,
    where: np.ndarray,
    input_spatial: Ints,
    kernel: Ints | None = None,
    stride: Ints | None = None,
    padding: Pads | None = None,
    dilation: Ints | None = None,
) -> Any:
    if kernel is None or where.dtype != np.uint8 or not _suits(gy, kernel):
        return NotImplemented
    dims = len(kernel)
    assert stride is not None and padding is not None and dilation is not None
    shape = (*gy.shape[:-dims], *input_spatial)
    rows, columns = gy.shape[-2:]
    whole = shape[-2] - 2 * rows in (0, 1) and shape[-1] - 2 * columns in (0, 1)  # else some windows reach beyond
    if whole and _side_by_side(tuple(kernel), tuple(stride), tuple(padding), tuple(dilation)):
        planes = math.prod(gy.shape[:-2])
        flat = np.ascontiguousarray(gy).ravel(), np.ascontiguousarray(where).ravel()
        gx = np.empty(shape, gy.dtype)
        height, width = shape[-2:]
        max_backward_2x2(planes, parts(planes, _LEAST // (height * width)), *flat, height, width, gx.ravel())
        return gx
    arguments = (tuple(input_spatial), tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))
    out, *rest = _windows(*arguments, False)
    if out[3 - dims :] != gy.shape[-dims:]:
        out, *rest = _windows(*arguments, True)
    source = np.ascontiguousarray(gy).reshape(-1, *out)
    codes = np.ascontiguousarray(where).reshape(source.shape)
    gx = np.empty((len(source), *rest[-1]), gy.dtype)
    max_backward(len(gx), parts(len(gx), _LEAST // math.prod(input_spatial)), source, codes, gx, *rest[:4])
    return gx.reshape(shape)
