"""Adding rows at given places: the gradients of embeddings, of ``index_select`` and of advanced indexing.

Deterministic on every library: rows that meet in one place are added in an order that depends on the indices alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import compute_dtype

__all__ = ["add_rows_in_order", "index_put_add", "index_put_reduce", "segment_add"]

# Elements added in one call: the flat indices of so many stay in the level-2 cache.
_CPU_CHUNK = 1 << 15
# From this length of a row on, sorting the rows and adding whole ones is faster than adding single elements (measured:
# 20,000 rows of 256 into 30,000: 14 ms to 20; 4,096 rows of 128 into 10,000: 1.35 ms to 1.26).
_LONG_ROW = 256


@primitive
def segment_add(values: Any, index: Any, size: int) -> Any:
    """``zeros(size)`` along the first axis, with ``values[i]`` added at ``index[i]``.

    Args:
        values: (M, \\*rest).
        index: (M,) integers in ``[0, size)``; the caller has checked the range.
        size: length of the result's first axis.

    Returns:
        (size, \\*rest), in the dtype of ``values``; float16 is summed in float32.
    """
    xp = array_module(values)
    total = xp.zeros((size, *values.shape[1:]), compute_dtype(values.dtype))
    length = math.prod(values.shape[1:])
    _add_rows(total.reshape(size, length), index, values.reshape(len(values), length))
    return total.astype(values.dtype, copy=False)


@primitive
def index_put_add(array: Any, indices: Any, values: Any) -> Any:
    """``array[indices] += values`` in place, where a place that ``indices`` names twice gets both values.

    Args:
        array: any shape; changed and returned.
        indices: what ``array[indices]`` takes: an index or a tuple of integers, slices, None, Ellipsis, integer and
            boolean arrays.
        values: broadcast to the shape of ``array[indices]``.
    """
    xp = array_module(array)
    key = indices if isinstance(indices, tuple) else (indices,)
    arrays = [k for k in key if isinstance(k, (list, np.ndarray)) or hasattr(k, "__cuda_array_interface__")]
    if not arrays or (len(arrays) == 1 and getattr(arrays[0], "dtype", None) == np.bool_):
        array[indices] += values  # slices, or the places of one mask: none of them twice
        return array
    rows_and_shape = _row_numbers(xp, array, key) if array.flags.c_contiguous else None
    if rows_and_shape is None:  # arrays mixed with slices: let the library number all elements and pick
        rows = xp.arange(array.size, dtype=np.int64).reshape(array.shape)[indices]
        shape, length = rows.shape, 1
    else:
        rows, shape, length = rows_and_shape
    values = xp.broadcast_to(xp.asarray(values, array.dtype), shape).reshape(rows.size, length)
    flat = array.reshape(array.size // max(1, length), length)  # a copy if the array is not contiguous
    dtype = compute_dtype(array.dtype)
    if dtype != array.dtype or not array.flags.c_contiguous:
        sums = flat.astype(dtype)
        _add_rows(sums, rows.reshape(-1), values.astype(dtype, copy=False))
        array[...] = sums.reshape(array.shape)
    else:
        _add_rows(flat, rows.reshape(-1), values)
    return array


@primitive
def index_put_reduce(array: Any, indices: Any, values: Any, name: str) -> Any:
    """``array[indices] = f(array[indices], values)`` in place, ``f`` taken once for each time a place is named.

    Args:
        array: any shape; changed and returned.
        indices: as for :func:`index_put_add`.
        values: broadcast to the shape of ``array[indices]``.
        name: of ``f``: ``"multiply"``, ``"maximum"`` or ``"minimum"``.
    """
    xp = array_module(array)
    combine = getattr(xp, name)
    if xp is np:
        combine.at(array, indices, values)
        return array
    # CuPy has atomics for few types and none for products: the elements of each place are combined after sorting.
    places = xp.arange(array.size).reshape(array.shape)[indices]
    values = xp.broadcast_to(xp.asarray(values, array.dtype), places.shape).reshape(-1)
    places, values = _sums_per_place(xp, places.reshape(-1), values, combine)
    flat = array.reshape(-1)  # a copy if the array is not contiguous
    flat[places] = combine(flat[places], values)
    if not array.flags.c_contiguous:
        array[...] = flat.reshape(array.shape)
    return array


def _row_numbers(xp: Any, array: Any, key: tuple[Any, ...]) -> tuple[Any, tuple[int, ...], int] | None:
    """For integer arrays in front and nothing else: each row's number, the result's shape, a row's length."""
    if not all(getattr(k, "dtype", np.dtype(object)).kind in "iu" for k in key) or len(key) > array.ndim:
        return None
    rows = None
    for k, n in zip(key, array.shape):
        place = xp.where(k < 0, k + n, k).astype(np.int64, copy=False)
        rows = place if rows is None else rows * n + place
    rest = array.shape[len(key) :]
    return rows, (*rows.shape, *rest), math.prod(rest)  # type: ignore[union-attr]


def _add_rows(total: Any, index: Any, values: Any) -> None:
    """``total[index[i]] += values[i]`` for C-contiguous ``total`` (size, length) and ``values`` (M, length)."""
    if values.size:
        add_rows_in_order(total, index, values.astype(total.dtype, copy=False))


@primitive
def add_rows_in_order(total: Any, index: Any, values: Any) -> None:
    """``total[index[i]] += values[i]`` for (size, length) and (M, length) of one dtype: the same bits at every run.

    ``total`` is in C order; ``index`` (M,) is of integers in ``[0, size)``.
    """
    xp, length = array_module(total), total.shape[1]
    if xp is not np or length >= _LONG_ROW:
        places, sums = _sums_per_place(xp, index, values)
        total[places] += sums
        return
    flat, at = total.reshape(-1), np.arange(length)
    index = index.astype(np.int64, copy=False)
    step = max(1, _CPU_CHUNK // length)
    for first in range(0, len(index), step):
        part = slice(first, first + step)
        places = index[part] if length == 1 else (index[part, None] * length + at).reshape(-1)
        np.add.at(flat, places, values[part].reshape(-1))


def _sums_per_place(xp: Any, index: Any, values: Any, combine: Any = None) -> tuple[Any, Any]:
    """The places named, each once, and the sums of their rows.

    ``combine`` is a function of two arrays in place of the sum.

    Rows are sorted by place, then neighbours in one place are added, pairs first, pairs of pairs next: as many steps as
    the longest run has binary digits, half of the rows left after each.  No atomics, so the same bits at every run.
    """
    order = xp.argsort(index, kind="stable") if xp is np else xp.argsort(index)  # CuPy's is always stable
    places, values = index[order], values[order]
    while True:
        first = xp.ones(len(places), dtype=bool)
        xp.not_equal(places[1:], places[:-1], out=first[1:])
        starts = xp.flatnonzero(first)
        if len(starts) == len(places):
            return places, values
        odd = (xp.arange(len(places)) - starts[xp.cumsum(first) - 1]) & 1
        second = xp.flatnonzero(odd)
        values[second - 1] = (combine or xp.add)(values[second - 1], values[second])
        kept = xp.flatnonzero(odd == 0)
        places, values = places[kept], values[kept]
