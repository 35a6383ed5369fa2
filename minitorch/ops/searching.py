"""Distinct elements, counts, and where values belong in a sorted sequence.  Nothing here has a gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import shape_arguments, wrap_dim
from minitorch.ops.keywords import keywords
from minitorch.ops.sorting import stable_order

# ---- distinct elements


def _first_of_run(lib: Any, different: Any) -> Any:
    """Marks where a run begins, given which elements differ from the one before."""
    starts = lib.ones(len(different) + 1, bool)
    starts[1:] = different
    return starts


def _runs(lib: Any, starts: Any) -> tuple[Any, Any]:
    """(number of the run of each element, length of each run)."""
    number = lib.cumsum(starts) - 1
    first = lib.flatnonzero(starts)
    ends = lib.append(first[1:], len(starts))
    return number, ends - first


def _row_order(lib: Any, rows: Any) -> Any:
    """The order that sorts the rows of a matrix, the first column counting most."""
    if rows.shape[1] == 0:
        return lib.arange(len(rows))
    if rows.dtype.kind == "b":
        rows = rows.astype(np.uint8)
    return lib.lexsort(lib.ascontiguousarray(rows.T[::-1]))


def _distinct(name: str, input: Tensor, dim: Any, consecutive: bool, inverse: bool = True) -> tuple[Any, Any, Any]:
    """Arrays of the distinct elements (or slices along ``dim``), of where each went, and of how many there were."""
    array = input._data
    lib = xp(array)
    if dim is None:
        flat = array.reshape(-1)
        if flat.size == 0:
            return flat.copy(), lib.zeros(array.shape, np.int64), lib.zeros(0, np.int64)
        order = stable_order(flat) if inverse and not consecutive else None
        ranked = flat if consecutive else lib.sort(flat) if order is None else flat[order]
        starts = _first_of_run(lib, ranked[1:] != ranked[:-1])
        number, counts = _runs(lib, starts)
        return ranked[starts], _unordered(lib, number, order).reshape(array.shape), counts
    axis = wrap_dim(dim, array.ndim)
    moved = lib.moveaxis(array, axis, 0)
    if array.size == 0:
        if 0 in moved.shape[1:]:
            raise RuntimeError(
                f"{name}: There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
            )
        return array.copy(), lib.zeros(0, np.int64), lib.zeros(0, np.int64)
    rows = moved.reshape(len(moved), -1)
    order = None if consecutive else _row_order(lib, rows)
    ranked = rows if order is None else rows[order]
    starts = _first_of_run(lib, (ranked[1:] != ranked[:-1]).any(axis=1))
    number, counts = _runs(lib, starts)
    values = lib.moveaxis(ranked[starts].reshape(-1, *moved.shape[1:]), 0, axis)
    return values, _unordered(lib, number, order), counts


def _unordered(lib: Any, number: Any, order: Any) -> Any:
    if order is None:
        return number
    inverse = lib.empty_like(number)
    inverse[order] = number
    return inverse


def _asked_for(results: tuple, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = map(wrap, results)
    if not return_inverse and not return_counts:
        return values
    return (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements in ascending order (whatever ``sorted`` says) or, with ``dim``, the distinct slices.

    Every NaN is distinct.

    Args:
        return_inverse: also return where each element of ``input`` is in the result.
        return_counts: also return how often each element occurs.

    >>> import minitorch as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_inverse=True, return_counts=True)
    (tensor([1, 3]), tensor([1, 0, 1]), tensor([1, 2]))
    """
    return _asked_for(_distinct("unique", input, dim, False, return_inverse), return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or slices along ``dim``) that differ from the one before; arguments as those of :func:`unique`.

    >>> import minitorch as torch
    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _asked_for(_distinct("unique_consecutive", input, dim, True), return_inverse, return_counts)


# ---- counts


@keywords
def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs in a vector; with ``weights``, the sum of the weights of each.

    Raises:
        RuntimeError: ``input`` is not a vector of non-negative integers, or ``weights`` has another length.

    >>> import minitorch as torch
    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    array = input._data
    if array.dtype.kind not in "iu":
        raise NotImplementedError(f'"bincount" not implemented for {input.dtype}: it counts integers')
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength should be >= 0, got {minlength}")
    if array.ndim != 1 or (array.size and int(array.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(xp(array).bincount(array, minlength=int(minlength)).astype(np.int64, copy=False))
    refuse_mixed("bincount", array, weights._data)
    if weights._data.shape != array.shape:
        raise RuntimeError(
            f"bincount: weights should be 1-d and have the same length as input, got {list(weights._data.shape)} and "
            f"{list(array.shape)}"
        )
    if array.size == 0:
        return wrap(xp(array).zeros(int(minlength), np.int64))
    dtype = np.float32 if weights._data.dtype == np.float32 else np.float64
    return wrap(xp(array).bincount(array, weights._data, int(minlength)).astype(dtype, copy=False))


@keywords
def histc(input, bins=100, min=0, max=0):
    """How many elements fall into each of ``bins`` equal intervals from ``min`` to ``max``, both included.

    With ``min == max`` the interval is that of the elements.  Elements outside and NaN are not counted.

    Raises:
        RuntimeError: no bins, or ``max`` below ``min``, or not finite.

    >>> import minitorch as torch
    >>> torch.histc(torch.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    array = input._data
    if array.dtype.kind != "f":
        raise NotImplementedError(f'"histc" not implemented for {input.dtype}: convert with .float()')
    if bins <= 0:
        raise RuntimeError(f"histc(): bins must be > 0, but got {bins}")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histc: max must be larger than min, got {max} and {min}")
    inside = array[(array >= low) & (array <= high)].astype(np.float64)
    place = ((inside - low) * (bins / (high - low))).astype(np.int64)
    place[place == bins] = bins - 1  # the last bin has both its ends
    return wrap(xp(array).bincount(place, minlength=bins).astype(array.dtype))


# ---- places in a sorted sequence


def _search(lib: Any, sequence: Any, values: Any, right: bool) -> Any:
    """``searchsorted`` along the last axis of equally many sequences and rows of values: all searched at a time."""
    low = lib.zeros(values.shape, np.int64)
    high = lib.full(values.shape, sequence.shape[-1], np.int64)
    for _ in range(sequence.shape[-1].bit_length()):
        middle = (low + high) // 2
        found = lib.take_along_axis(sequence, lib.minimum(middle, sequence.shape[-1] - 1), -1)
        before = (found <= values if right else found < values) & (low < high)
        low, high = lib.where(before, middle + 1, low), lib.where(before, high, middle)
    return low


@keywords
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where each element of ``input`` belongs in the ascending ``sorted_sequence``.

    Shape: the sequence is a vector, or has sequences along its last dimension, one for each row of ``input``.

    Args:
        right: the place behind equal elements; by default the one before.
        side: ``"left"`` or ``"right"``, the same by name.
        sorter: the indices that sort the sequence, if it is not sorted.
        out_int32: int32 instead of int64.

    Raises:
        RuntimeError: ``side`` and ``right`` contradict each other, or shapes do not fit.

    >>> import minitorch as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([0, 3, 6]))
    tensor([0, 1, 3])
    """
    name = "torch.searchsorted()"
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(f"{name}: side and right can't be set to opposites, got side of left while right was True")
    sequence, lib = sorted_sequence._data, xp(sorted_sequence._data)
    values = input._data if isinstance(input, Tensor) else lib.asarray(input)
    refuse_mixed("searchsorted", sequence, values)
    if sequence.ndim == 0:
        raise RuntimeError(f"{name}: boundaries tensor should have positive dimension, but got 0 dimension")
    if sequence.ndim != 1 and sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(sequence.shape)} and input value "
            f"tensor {list(values.shape)}"
        )
    if sorter is not None:
        if sorter._data.shape != sequence.shape:
            raise RuntimeError(
                f"{name}: boundary and sorter must have the same size, but got {list(sequence.shape)} and "
                f"{list(sorter._data.shape)}"
            )
        refuse_mixed("searchsorted", sequence, sorter._data)
        sequence = lib.take_along_axis(sequence, sorter._data, -1)
    behind = right or side == "right"
    if sequence.ndim == 1:
        place = lib.searchsorted(sequence, values, side="right" if behind else "left")
    else:
        place = _search(lib, sequence, values, behind)
    return wrap(lib.asarray(place).astype(np.int32 if out_int32 else np.int64, copy=False))


@keywords
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The number of the interval between ``boundaries`` that each element falls into.

    By default an interval has its right end; with ``right=True`` its left one.

    Raises:
        RuntimeError: ``boundaries`` is not a vector.

    >>> import minitorch as torch
    >>> torch.bucketize(torch.tensor([0, 3, 6]), torch.tensor([1, 3, 5]))
    tensor([0, 1, 3])
    """
    if boundaries._data.ndim != 1:
        raise RuntimeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries._data.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """Whether each element is among ``test_elements``; one of the two may be a number.

    >>> import minitorch as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([3, 5]))
    tensor([False, False,  True])
    """
    tensors = [x for x in (elements, test_elements) if isinstance(x, Tensor)]
    if not tensors:
        raise TypeError("isin(): elements or test_elements must be a Tensor, both are numbers")
    lib = xp(tensors[0]._data)
    a, b = (x._data if isinstance(x, Tensor) else lib.asarray(x) for x in (elements, test_elements))
    refuse_mixed("isin", a, b)
    found = lib.isin(a, b, assume_unique=assume_unique, invert=invert)
    return wrap(lib.asarray(found).reshape(a.shape))


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of the given shape, of elements counted through the whole: one tensor a dimension.

    Raises:
        TypeError: ``indices`` are not integers.
        ValueError: a size is not positive.

    >>> import minitorch as torch
    >>> torch.unravel_index(torch.tensor([0, 5]), (2, 3))
    (tensor([0, 1]), tensor([0, 2]))
    """
    if indices._data.dtype.kind not in "iu":
        raise TypeError(f"unravel_index: expected 'indices' to be an integer tensor, got {indices.dtype}")
    sizes = shape_arguments((shape,) if not isinstance(shape, Tensor) else (shape.tolist(),))
    if min(sizes, default=1) < 1:
        raise ValueError(f"unravel_index: 'shape' must have positive values, got {list(sizes)}")
    rest, coordinates = indices._data.astype(np.int64), []
    for size in reversed(sizes):
        coordinates.append(wrap(rest % size))
        rest = rest // size
    return tuple(coordinates[::-1])
