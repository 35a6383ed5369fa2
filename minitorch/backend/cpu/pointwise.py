"""Element by element in one pass, large arrays shared between threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.cpu import pointwise_kernels as kernels
from minitorch.backend.cpu.arrays import in_memory, plain, real
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 15


def each(kernel: Any, least: int, arrays: Sequence[np.ndarray], params: Sequence[float] = ()) -> Any:
    """``kernel(*arrays, out, *params)`` over all elements; the result is in memory as the first array is.

    Shapes and dtypes are one and the same, else nothing is done.  ``least`` elements are worth another thread.
    """
    first = arrays[0]
    dtype, shape = first.dtype, first.shape
    if not real(dtype):
        return NotImplemented
    flat = []
    for a in arrays:
        if a.dtype != dtype or a.shape != shape:
            return NotImplemented
        if not a.flags.carray:
            return _each_in_memory_order(kernel, least, arrays, params)
        flat.append(a.ravel())
    out, size = np.empty(shape, dtype), first.size
    kernel(size, parts(size, least), *flat, out.ravel(), *map(float, params))
    return out


def _each_in_memory_order(kernel: Any, least: int, arrays: Sequence[np.ndarray], params: Sequence[float]) -> Any:
    """The same with axes sorted, those with the largest steps first; what still has gaps is copied."""
    strides = arrays[0].strides
    order = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
    moved = [a.transpose(order) for a in arrays]
    whole = list(map(in_memory, moved))
    out = each(kernel, least, whole, params)
    return out if out is NotImplemented else out.transpose(np.argsort(order))


def relu(x: np.ndarray) -> Any:
    return each(kernels.relu, _LEAST, (x,))


def where_nonzero(g: np.ndarray, y: np.ndarray) -> Any:
    return each(kernels.where_nonzero, _LEAST, (y, g))


def zero_where_zero(g: np.ndarray, y: np.ndarray) -> Any:
    if not plain(g, y) or g.shape != y.shape:
        return NotImplemented
    kernels.zero_where_zero(g.size, parts(g.size, _LEAST), y.ravel(), g.ravel())
    return g


def add(x: np.ndarray, y: np.ndarray) -> Any:
    return each(kernels.add, _LEAST, (x, y))
