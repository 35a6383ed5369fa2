"""Order statistics: medians, modes, quantiles, the k-th smallest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.backend.primitives.scan import running
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.extrema import check_not_empty, divided_evenly, place_grad
from minitorch.ops.keywords import keywords
from minitorch.ops.sorting import stable_order

# ---- one element of the sorted order


@op("KthvalueBackward0", aux=True)
def _ranked(input: Array, axis, rank, keepdim):
    """The element of a rank, which may be an array with one for each line along ``axis``, and its index."""
    lib = xp(input)
    moved = lib.moveaxis(input, axis, -1)
    place = _place_of_rank(lib, moved, rank)
    value = lib.take_along_axis(moved, place, -1)
    if keepdim:
        return lib.moveaxis(value, -1, axis), place[..., 0]
    return value[..., 0], place[..., 0]


def _place_of_rank(lib, lines, rank):
    if isinstance(rank, int):
        return lines.argpartition(rank, axis=-1)[..., rank : rank + 1]
    return lib.take_along_axis(stable_order(lines), rank[..., None], -1)


_ranked.rules(input=lambda g, input_shape, axis, aux, keepdim: place_grad(g, input_shape, axis, aux, keepdim))


def _select(result: Any, name: str, input: Tensor, dim: int, keepdim: bool, rank: Any) -> Any:
    """The named tuple for the rank that ``rank(lines)`` gives, lines lying along the last axis."""
    array = input._data
    axis = wrap_dim(dim, array.ndim)
    check_not_empty(name, array, (axis,), True)
    if array.ndim == 0:
        values, places = _ranked(input.reshape(1), 0, 0, False)
        return result((values, wrap(places)))
    if array.size == 0:
        values = input.amax(axis, keepdim)  # empty itself
        return result((values, wrap(xp(array).zeros(values._data.shape, np.int64))))
    values, places = _ranked(input, axis, rank(xp(array).moveaxis(array, axis, -1)), keepdim)
    return result((values, wrap(xp(array).expand_dims(places, axis) if keepdim else places)))


@keywords
def kthvalue(input, k, dim=-1, keepdim=False):
    """The ``k``-th smallest element along ``dim``, counted from 1: a named tuple ``(values, indices)``.

    Raises:
        RuntimeError: there are no ``k`` elements.

    >>> import minitorch as torch
    >>> torch.kthvalue(torch.tensor([3., 1., 2.]), 2).values
    tensor(2.)
    """
    axis = wrap_dim(dim, input._data.ndim)
    size = input._data.shape[axis] if input._data.ndim else 1
    if not 1 <= k <= size:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}: {k} of {size} elements")
    return _select(return_types.kthvalue, "kthvalue", input, axis, keepdim, lambda lines: k - 1)


def _middle(lines: Any, ignore_nan: bool) -> Any:
    """The rank of the lower of the middle elements.  Ranked by NaN: if there is one, it is the median."""
    size = lines.shape[-1]
    if lines.dtype.kind == "f":
        missing = lines != lines
        if missing.any():
            number = missing.sum(axis=-1)
            if ignore_nan:
                return xp(lines).maximum(size - number - 1, 0) // 2
            return xp(lines).where(number > 0, size - number, (size - 1) // 2)
    return (size - 1) // 2


@op("MedianBackward0")
def _median_all(input: Array, ignore_nan):
    flat = input.reshape(-1)
    if flat.size == 0:
        return xp(input).full((), math.nan if input.dtype.kind == "f" else 0, input.dtype)
    rank = _middle(flat, ignore_nan)
    return xp(input).partition(flat, int(rank))[int(rank)]


_median_all.rules(input=lambda g, input, out: divided_evenly(g, input, out, None, False))


@keywords
def median(input, dim=None, keepdim=False):
    """The lower median of all elements; with ``dim`` (an int) a named tuple ``(values, indices)``.  NaN if one is NaN.

    >>> import minitorch as torch
    >>> torch.median(torch.tensor([4., 1., 3., 2.]))
    tensor(2.)
    """
    if dim is None:
        return _median_all(input, False)
    return _select(return_types.median, "median", input, dim, keepdim, lambda lines: _middle(lines, False))


@keywords
def nanmedian(input, dim=None, keepdim=False):
    """:func:`median` of the elements that are not NaN."""
    if dim is None:
        return _median_all(input, True)
    return _select(return_types.nanmedian, "nanmedian", input, dim, keepdim, lambda lines: _middle(lines, True))


# ---- the most frequent element


@op("ModeBackward0", aux=True)
def _mode(input: Array, axis, keepdim):
    lib = xp(input)
    moved = lib.moveaxis(input, axis, -1)
    order = stable_order(moved)
    ranked = lib.take_along_axis(moved, order, -1)
    number = lib.arange(ranked.shape[-1])
    starts = lib.concatenate((lib.ones_like(ranked[..., :1], bool), ranked[..., 1:] != ranked[..., :-1]), axis=-1)
    run = number - running("maximum", lib.where(starts, number, 0), -1)
    end = run.argmax(axis=-1)[..., None]  # the first end of a longest run: of equally frequent ones the smallest
    value, place = lib.take_along_axis(ranked, end, -1), lib.take_along_axis(order, end, -1)[..., 0]
    return (lib.moveaxis(value, -1, axis) if keepdim else value[..., 0]), place


_mode.rules(input=lambda g, input_shape, axis, aux, keepdim: place_grad(g, input_shape, axis, aux, keepdim))


@keywords
def mode(input, dim=-1, keepdim=False):
    """The most frequent element along ``dim`` and where it is last: a named tuple ``(values, indices)``.

    Of equally frequent ones it is the smallest.

    >>> import minitorch as torch
    >>> torch.mode(torch.tensor([3, 1, 3]))
    torch.return_types.mode(
    values=tensor(3),
    indices=tensor(2))
    """
    array = input._data
    axis = wrap_dim(dim, array.ndim)
    check_not_empty("mode", array, (axis,), True)
    if array.ndim == 0 or array.size == 0:
        return _select(return_types.mode, "mode", input, axis, keepdim, lambda lines: 0)
    values, places = _mode(input, axis, keepdim)
    return return_types.mode((values, wrap(xp(array).expand_dims(places, axis) if keepdim else places)))


# ---- quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name, input, q, dim, keepdim, interpolation, ignore_nan):
    array = input._data
    if array.dtype.kind != "f" or array.dtype.itemsize == 2:
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype, got {input.dtype}")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    lib, movable = xp(array), None
    if isinstance(q, Tensor):
        if q._data.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, got shape {list(q._data.shape)}")
        if q.dtype is not input.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor, got {q.dtype}")
        movable = q if q.requires_grad else None
        q = q._data
    else:
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = lib.asarray(q, array.dtype)
    if q.size and not ((q >= 0) & (q <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if array.size == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    lines = input.reshape(-1) if dim is None else input.movedim(wrap_dim(dim, array.ndim), -1) if array.ndim else input
    if not lines._data.ndim:
        lines = lines.reshape(1)
    out = _interpolated(lib, lines, q.reshape(-1), interpolation, ignore_nan, movable)
    # (..., q): q comes first, unless it is a single number
    out = out.movedim(-1, 0) if q.ndim else out.squeeze(-1)
    if keepdim and array.ndim:
        if dim is None:
            return out.reshape((*q.shape, *(1,) * array.ndim))
        return out.unsqueeze(wrap_dim(dim, array.ndim) + q.ndim)
    return out


def _interpolated(lib, lines, q, interpolation, ignore_nan, movable):
    """Elements of the sorted lines, or what lies between two of them; ``movable`` is a ``q`` that needs a gradient."""
    ranked = lines.sort(-1).values
    array = ranked._data
    missing = (array != array).sum(axis=-1, keepdims=True)
    last = array.shape[-1] - 1 - missing
    if ignore_nan:
        rank = q * lib.maximum(last, 0).astype(array.dtype)
    else:
        rank = lib.where(missing > 0, array.shape[-1] - 1, q * array.dtype.type(array.shape[-1] - 1))
    if interpolation == "lower":
        rank = lib.floor(rank)
    elif interpolation == "higher":
        rank = lib.ceil(rank)
    elif interpolation == "nearest":
        rank = lib.rint(rank)
    below = lib.floor(rank)
    low = ranked.gather(-1, wrap(below.astype(np.int64)))
    if interpolation not in ("linear", "midpoint"):
        return low
    weight = lib.full_like(rank, 0.5) if interpolation == "midpoint" else rank - below
    high = ranked.gather(-1, wrap(lib.ceil(rank).astype(np.int64)))
    share = wrap(weight.astype(array.dtype))
    if movable is not None and interpolation == "linear":
        share = share + (movable - movable.detach()) * wrap(lib.maximum(last, 0).astype(array.dtype))
    return low.lerp(high, share)


@keywords
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The value below which the share ``q`` of the elements lies, along ``dim`` or of all; ``q`` may be a vector.

    ``interpolation`` says what to give between two elements: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or
    ``"nearest"``.  With a vector ``q`` the result has its dimension in front.

    Raises:
        RuntimeError: ``q`` is out of [0, 1], or the input is empty or not of type float32 or float64.

    >>> import minitorch as torch
    >>> torch.quantile(torch.tensor([0., 1., 2., 4.]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@keywords
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """:func:`quantile` of the elements that are not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
