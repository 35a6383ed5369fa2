"""Adaptive pooling: the windows follow from the output's size.  Window i of m covers ⌊i·n/m⌋ up to ⌈(i+1)·n/m⌉ of n."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.conv_geometry import Ints
from minitorch.backend.primitives.pool_geometry import adaptive_windows
from minitorch.backend.primitives.pooling import max_pool_forward
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import compute_dtype

__all__ = ["adaptive_avg_pool_backward", "adaptive_avg_pool_forward", "adaptive_max_pool_forward"]


@primitive
def adaptive_avg_pool_forward(x: Any, output_size: Ints) -> Any:
    """The mean of each window: (..., \\*spatial) -> (..., \\*output_size)."""
    xp = array_module(x)
    spatial = x.shape[x.ndim - len(output_size) :]
    if math.prod(output_size) == 1 and x.size:  # one window over everything: one sum
        planes = x.reshape(*x.shape[: x.ndim - len(spatial)], math.prod(spatial))
        means = planes.mean(axis=-1, dtype=compute_dtype(x.dtype)).astype(x.dtype, copy=False)
        return means.reshape(*means.shape, *output_size)
    sums = _sum_adaptive(xp, x.astype(compute_dtype(x.dtype), copy=False), tuple(output_size))
    return xp.divide(sums, _counts(xp, spatial, output_size, sums.dtype)).astype(x.dtype, copy=False)


@primitive
def adaptive_avg_pool_backward(gy: Any, input_spatial: Ints) -> Any:
    """The gradient of the input.

    Element j lies in the windows from ⌊j·m/n⌋ up to ⌈(j+1)·m/n⌉: adaptive windows over the output.  So the transpose of
    summing over windows is summing over windows, with the sizes swapped.
    """
    xp = array_module(gy)
    output_size = gy.shape[gy.ndim - len(input_spatial) :]
    dtype = compute_dtype(gy.dtype)
    shares = gy.astype(dtype, copy=False) / _counts(xp, tuple(input_spatial), output_size, dtype)
    return _sum_adaptive(xp, shares, tuple(input_spatial)).astype(gy.dtype, copy=False)


@primitive
def adaptive_max_pool_forward(x: Any, output_size: Ints) -> tuple[Any, Any]:
    """The largest element of each window and its flat index (int64) in the input's plane.

    The first of equal elements counts; NaN is larger than anything, and of several the last counts.
    """
    xp = array_module(x)
    dims = len(output_size)
    leading, spatial = x.shape[: x.ndim - dims], x.shape[x.ndim - dims :]
    planes, plane = math.prod(leading), math.prod(spatial)
    shape = (*leading, *output_size)
    if math.prod(shape) == 0:
        return xp.empty(shape, x.dtype), xp.empty(shape, np.int64)
    if all(n % m == 0 for n, m in zip(spatial, output_size)):  # windows side by side
        window = tuple([n // m for n, m in zip(spatial, output_size)])
        return max_pool_forward(x, window, window, ((0, 0),) * dims, (1,) * dims)
    at = xp.asarray(_window_indices(spatial, tuple(output_size)))  # (outputs, taps)
    source = xp.ascontiguousarray(x).reshape(planes, plane)
    whole = at.shape[0] == 1  # one window over everything: no need to gather it
    values, indices = xp.empty((planes, at.shape[0]), x.dtype), xp.empty((planes, at.shape[0]), np.int64)
    step = max(1, (1 << 16) // at.size) if xp is np and not whole else planes
    for first in range(0, planes, step):
        part = source[first : first + step]
        taken = part[:, None] if whole else part[:, at]
        tap = taken.argmax(axis=2)
        if x.dtype.kind == "f":
            nan = xp.isnan(taken)
            last = nan.shape[2] - 1 - nan[:, :, ::-1].argmax(axis=2)
            tap = xp.where(nan.any(axis=2), last, tap)
        values[first : first + step] = xp.take_along_axis(taken, tap[:, :, None], 2)[:, :, 0]
        indices[first : first + step] = xp.take_along_axis(xp.broadcast_to(at, taken.shape), tap[:, :, None], 2)[..., 0]
    return values.reshape(shape), indices.reshape(shape)


def _window_indices(spatial: Ints, output_size: Ints) -> np.ndarray:
    """Flat indices of each window's elements, row-major: (outputs, taps).  Short windows repeat their last element."""
    outputs = taps = 1
    total = np.zeros((1, 1), np.int64)
    for n, m in zip(spatial, output_size):
        first, length = adaptive_windows(n, m)
        along = first[:, None] + np.minimum(np.arange(length.max()), length[:, None] - 1)
        outputs, taps = outputs * m, taps * along.shape[1]
        total = (total[:, None, :, None] * n + along[None, :, None, :]).reshape(outputs, taps)
    return total


def _sum_adaptive(xp: Any, x: Any, sizes: Ints) -> Any:
    """Sums over adaptive windows, one dimension after the other."""
    first_axis = x.ndim - len(sizes)
    for axis, size in enumerate(sizes, first_axis):
        n = x.shape[axis]
        if n == size:
            continue
        if n % size == 0:
            x = x.reshape(*x.shape[:axis], size, n // size, *x.shape[axis + 1 :]).sum(axis=axis + 1)
            continue
        if size % n == 0:
            x = xp.repeat(x, size // n, axis=axis)
            continue
        first, length = adaptive_windows(n, size)
        tail = (1,) * (x.ndim - axis - 1)
        total = xp.take(x, xp.asarray(first), axis=axis)
        for tap in range(1, int(length.max())):
            inside = xp.asarray(tap < length).reshape(-1, *tail)
            taken = xp.take(x, xp.asarray(np.minimum(first + tap, n - 1)), axis=axis)
            total += xp.where(inside, taken, x.dtype.type(0))
        x = total
    return xp.ascontiguousarray(x)


def _counts(xp: Any, spatial: Ints, output_size: Ints, dtype: Any) -> Any:
    """How many elements each window has; a number if all have as many: nothing needs to go to a GPU then."""
    total = np.ones(())
    for n, m in zip(spatial, output_size):
        total = total[..., None] * adaptive_windows(n, m)[1]
    if total.size and (total == total.flat[0]).all():
        return float(total.flat[0])
    return xp.asarray(total.astype(dtype))
