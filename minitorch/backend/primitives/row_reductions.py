"""Sums and maxima over whole dimensions at the front or at the end, faster than NumPy's own where rows are many.

NumPy calls its inner loop once a row, which short rows do not repay, and adds one element after the other.  A product
with a vector of ones is the same sum from a library that does neither.  Maxima of short rows are those of long columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module

__all__ = ["row_extremes", "sums"]

# From so many elements on, the detour is repaid.
_ELEMENTS = 1024
# NumPy sums long rows in pairs, which loses fewer digits than a product does.
_LONGEST_SUM = 1 << 14
# Measured for 40,000 elements of float32: rows of 16: 117 us to 36, of 32: 63 to 35, of 64: 34 to 38.
_SHORT_ROW = 40


def sums(array: Any, axes: Sequence[int] | None, keepdims: bool) -> Any:
    """``array.sum(axes)`` for floating point; ``None`` means all axes, and none is negative."""
    if (
        axes is not None
        and array.size >= _ELEMENTS
        and len(axes) < array.ndim
        and type(array) is np.ndarray
        and array.dtype.itemsize > 2
        and array.flags.c_contiguous
    ):
        out = _by_products(array, sorted(axes))
        if out is not None:
            return out.reshape([1 if i in axes else n for i, n in enumerate(array.shape)]) if keepdims else out
    return array.sum(axis=None if axes is None else tuple(axes), keepdims=keepdims)


def _by_products(array: Any, axes: Sequence[int]) -> Any:
    """Sums over axes at the front, at the end, or both; ``None`` if there are others."""
    shape, ndim = array.shape, array.ndim
    front = 0
    while front < len(axes) and axes[front] == front:
        front += 1
    back = len(axes) - front
    if any(axis != ndim - back + i for i, axis in enumerate(axes[front:])):
        return None
    rows, length = math.prod(shape[:front]), math.prod(shape[ndim - back :])
    kept = shape[front : ndim - back]
    if max(rows, length) > _LONGEST_SUM:
        return None
    flat = array.reshape(-1, length) @ np.ones(length, array.dtype) if back else array
    if front:
        flat = np.ones(rows, array.dtype) @ flat.reshape(rows, -1)
    return flat.reshape(kept)


def row_extremes(array: Any, axis: int, largest: bool, keepdims: bool = False) -> Any:
    """``array.max(axis)`` or ``array.min(axis)``."""
    length = array.shape[axis]
    if axis == array.ndim - 1 and 0 < length <= _SHORT_ROW and array.size >= _ELEMENTS and array_module(array) is np:
        columns = np.ascontiguousarray(array.reshape(-1, length).T)
        out = columns.max(axis=0) if largest else columns.min(axis=0)
        return out.reshape(*array.shape[:-1], *((1,) if keepdims else ()))
    return array.max(axis=axis, keepdims=keepdims) if largest else array.min(axis=axis, keepdims=keepdims)
