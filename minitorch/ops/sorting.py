"""Sorted orders and the k largest.  NaN counts as the largest; equal elements keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.backend.primitives.order import stable_argsort
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.gathering import placed
from minitorch.ops.keywords import keywords

#: from this many candidates for each element asked for, finding the k largest first is faster than sorting all
_PARTITION_FROM = 8


def stable_order(array: Any, descending: bool = False) -> Any:
    """The indices that sort ``array`` along its last axis; equal elements stay in their order."""
    if not descending:
        return stable_argsort(array)
    # Read backwards twice: what is equal has then kept its order.
    return array.shape[-1] - 1 - stable_argsort(array[..., ::-1])[..., ::-1]


def _picked(array: Any, order: Any) -> Any:
    return xp(array).take_along_axis(array, order, -1)


@op("SortBackward0", aux=True)
def _sort(input: Array, axis, descending):
    moved = input.swapaxes(axis, -1)
    order = stable_order(moved, descending)
    return _picked(moved, order).swapaxes(axis, -1), order.swapaxes(axis, -1)


@op("TopkBackward0", aux=True)
def _topk(input: Array, k, axis, largest):
    moved = input.swapaxes(axis, -1)
    order = _leading(moved, k, largest)
    return _picked(moved, order).swapaxes(axis, -1), order.swapaxes(axis, -1)


def _leading(array: Any, k: int, largest: bool) -> Any:
    """The indices of the ``k`` largest (smallest) along the last axis, in their order."""
    lib, n = xp(array), array.shape[-1]
    if k == 1:
        return lib.expand_dims(array.argmax(axis=-1) if largest else array.argmin(axis=-1), -1)
    if n < _PARTITION_FROM * k or k == 0:
        return stable_order(array, largest)[..., :k]
    places = array.argpartition(n - k if largest else k - 1, axis=-1)
    places = places[..., n - k :] if largest else places[..., :k]
    places = lib.sort(places, axis=-1)  # so that equal ones come in their order
    return _picked(places, stable_order(_picked(array, places), largest))


for _function in (_sort, _topk):
    _function.rules(input=lambda g, input_shape, axis, aux: placed(g, wrap(aux), input_shape, axis))


def _ordered(result: Any, function: Any, input: Tensor, *args: Any) -> Any:
    if input._data.ndim:
        values, places = function(input, *args)
        return result((values, wrap(places)))
    values, places = function(input.reshape(1), *args)
    return result((values.reshape(()), wrap(places.reshape(()))))


@keywords
def sort(input, dim=-1, descending=False, stable=True):
    """The elements in order along ``dim`` and where they were: a named tuple ``(values, indices)``.

    The order is stable whatever ``stable`` says.

    >>> import minitorch as torch
    >>> values, indices = torch.sort(torch.tensor([3., 1., 2.]))
    >>> values, indices
    (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    if isinstance(dim, bool):  # sort(x, stable, dim) has dim by name in PyTorch
        raise TypeError("sort(): argument 'dim' must be int, not bool; give descending and stable by name")
    axis = wrap_dim(dim, input._data.ndim)
    if input._data.size == 0:
        return return_types.sort((input.clone(), wrap(xp(input._data).zeros(input._data.shape, np.int64))))
    if not input._data.ndim:
        axis = 0
    return _ordered(return_types.sort, _sort, input, axis, bool(descending))


@keywords
def argsort(input, dim=-1, descending=False, stable=True):
    """The indices that sort along ``dim``.

    >>> import minitorch as torch
    >>> torch.argsort(torch.tensor([3., 1., 2.]), descending=True)
    tensor([0, 2, 1])
    """
    return sort(input.detach(), dim, descending, stable).indices


@keywords
def msort(input):
    """The elements in ascending order along the first dimension."""
    return sort(input, 0).values


@keywords
def topk(input, k, dim=-1, largest=True, sorted=True):
    """The ``k`` largest (or smallest) elements along ``dim`` in their order, and where they were: a named tuple
    ``(values, indices)``.

    They come in order whatever ``sorted`` says.

    Raises:
        RuntimeError: there are no ``k`` elements.

    >>> import minitorch as torch
    >>> values, indices = torch.topk(torch.tensor([1., 5., 3.]), 2)
    >>> values, indices
    (tensor([5., 3.]), tensor([1, 2]))
    """
    array = input._data
    axis = wrap_dim(dim, array.ndim)
    size = array.shape[axis] if array.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"topk(): selected index k out of range: {k} of {size} elements along dimension {axis}")
    if array.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes; convert with .int()")
    if k == 0 or array.size == 0:
        shape = (*array.shape[:axis], k, *array.shape[axis + 1 :]) if array.ndim else ()
        index = wrap(xp(array).zeros(shape, np.int64))
        return return_types.topk((input.narrow(axis, 0, k).clone() if array.ndim else input.clone(), index))
    return _ordered(return_types.topk, _topk, input, k, axis, largest)
