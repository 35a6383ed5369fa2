"""``index_select`` and its kin: an index names slices along one dimension.  ``take`` and ``put`` count elements.

Indices are checked before anything is read or written.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.index_flags import require_range
from minitorch.core.inplace import inplace
from minitorch.core.op import Array, op
from minitorch.core.out_argument import into
from minitorch.core.promotion import cast
from minitorch.core.tensor import Tensor
from minitorch.ops.conversion import checked_number
from minitorch.ops.dims import wrap_dim
from minitorch.ops.gathering import check_index, tensor_argument, with_dims
from minitorch.ops.index_key import check_range
from minitorch.ops.indexing import _index, add_at
from minitorch.ops.indexing import put as _put
from minitorch.ops.searching import unique
from minitorch.ops.shape import ravel, reshape


def _key(dim: int, index: Any) -> tuple:
    return (*(slice(None),) * dim, index)


@op("IndexSelectBackward0")
def _index_select(input: Array, index: Array, dim):
    return input.take(index, axis=dim)


@op("IndexAddBackward0")
def _index_add(input: Array, index: Array, source: Array, dim, alpha, write):
    out = input if write else input.copy()
    # The primitive is quick where the rows lie behind each other: the dimension goes to the front.
    add_at(
        out.swapaxes(0, dim), (index,), (source if alpha == 1 else source * cast(alpha, source.dtype)).swapaxes(0, dim)
    )
    return out


@op("IndexSelectBackwardBackward0")
def _index_select_grad(g: Array, index: Array, shape, dim):
    front = list(shape)
    front[0], front[dim] = front[dim], front[0]
    whole = xp(g).zeros(front, g.dtype)
    add_at(whole, (index,), g.swapaxes(0, dim))
    return whole.swapaxes(0, dim)


@op("IndexCopyBackward0")
def _index_copy(input: Array, index: Array, source: Array, dim, write):
    out = input if write else input.copy()
    out[_key(dim, index)] = source
    return out


@op("IndexFillBackward0")
def _index_fill(input: Array, index: Array, value, dim, write):
    out = input if write else input.copy()
    out[_key(dim, index)] = value
    return out


@op("IndexFillBackward1")
def _index_fill_tensor(input: Array, index: Array, value: Array, dim, write):
    out = input if write else input.copy()
    out[_key(dim, index)] = value
    return out


_index_select.rules(input=lambda g, input_shape, index, dim: _index_select_grad(g, index, input_shape, dim))
_index_select_grad.rules(g=lambda h, index, dim: _index_select(h, index, dim))
_index_add.rules(
    input=lambda g: g,
    source=lambda g, index, dim, alpha: _index_select(g if alpha == 1 else g * alpha, index, dim),
)
_index_copy.rules(
    input=lambda g, index, dim: _index_fill(g, index, 0, dim, False),
    source=lambda g, index, dim: _index_select(g, index, dim),
)
_index_fill.rules(input=lambda g, index, dim: _index_fill(g, index, 0, dim, False))
_index_fill_tensor.rules(
    input=lambda g, index, dim: _index_fill(g, index, 0, dim, False),
    value=lambda g, index, dim: _index_select(g, unique(index), dim).sum(),
)


def _slices(name: str, input: Tensor, dim: Any, index: Any, lowest: int | None, error: Any = IndexError) -> tuple:
    """The dimension and the index as a vector, checked."""
    array = check_index(index, name)
    if array.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, got shape {list(array.shape)}")
    dim = wrap_dim(dim, input._data.ndim)
    size = input._data.shape[dim] if input._data.ndim else 1
    check_range(array, size, dim, lowest=lowest, name=f"{name}(): ", error=error)
    return dim, index if array.ndim else reshape(index, 1)


def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices along ``dim`` that ``index`` (a vector) names; a copy.

    Raises:
        IndexError: an index is out of range or ``index`` is no vector.
        RuntimeError: ``index`` is not of type int32 or int64.

    >>> import minitorch as torch
    >>> torch.tensor([10, 20, 30]).index_select(0, torch.tensor([2, 0]))
    tensor([30, 10])
    """
    if out is not None:
        return into(out, index_select(input, dim, index), "index_select", input, index, same_type=True)
    dim, index = _slices("index_select", input, dim, index, 0)
    if input._data.ndim == 0:
        return reshape(_index_select(reshape(input, 1), index, 0), ())
    return _index_select(input, index, dim)


def _with_source(name: str, self: Tensor, dim: Any, index: Any, source: Any, error: Any) -> tuple:
    dim, index = _slices(name, self, dim, index, 0, error)
    source = tensor_argument(source, name)
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"{name}(): self ({self.dtype}) and source ({source.dtype}) must have the same scalar type; cast one "
            "with .to()"
        )
    shape = list(self._data.shape)
    if shape:
        shape[dim] = index._data.shape[0]
    if source._data.shape != tuple(shape):
        raise RuntimeError(
            f"{name}(): source must have shape {shape}: one slice of self (shape {list(self._data.shape)}) along "
            f"dim {dim} "
            f"for each of the {index._data.shape[0]} indices; got {list(source._data.shape)}"
        )
    return dim, index, source


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """``input`` with ``alpha`` times the slices of ``source`` added at those that ``index`` names; repeats add up.

    Raises:
        RuntimeError: an index is out of range; ``source`` has another shape or dtype.
    """
    dim, index, source = _with_source("index_add", input, dim, index, source, RuntimeError)
    return with_dims(input, _index_add, index, source, dim, alpha, False)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """``input`` with the slices that ``index`` names along ``dim`` exchanged for those of ``source``.

    Raises:
        IndexError: an index is out of range.
        RuntimeError: ``source`` has another shape or dtype.
    """
    dim, index, source = _with_source("index_copy", input, dim, index, source, IndexError)
    return with_dims(input, _index_copy, index, source, dim, False)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` (a number or a 0-d tensor) in the slices that ``index`` names along ``dim``.

    Raises:
        IndexError: an index is out of range.
    """
    dim, index = _slices("index_fill", input, dim, index, None)
    if isinstance(value, Tensor):
        if value._data.ndim:
            raise RuntimeError(
                f"index_fill(): only a 0-dimensional value tensor is supported, got {value._data.ndim} dimension(s)"
            )
        if not input._data.ndim:
            return reshape(_index_fill_tensor(reshape(input, 1), index, value.to(input.dtype), 0, False), ())
        return _index_fill_tensor(input, index, value.to(input.dtype), dim, False)
    return with_dims(input, _index_fill, index, checked_number(value, input._data.dtype, "index_fill"), dim, False)


index_add_, index_copy_, index_fill_ = inplace(index_add), inplace(index_copy), inplace(index_fill)


# ---- places in the whole tensor


def _flat_places(input: Tensor, index: Tensor, name: str) -> tuple:
    if not isinstance(index, Tensor) or index._data.dtype != np.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {getattr(index, 'dtype', index)!r}")
    size = input._data.size
    array = index._data

    def outside(wrong: int) -> IndexError:
        return IndexError(f"{name}(): out of range: tried to access index {wrong} on a tensor of {size} elements.")

    if type(array) is not np.ndarray:
        require_range(array, -size, size, name, outside)
    elif array.size and (int(array.min()) < -size or int(array.max()) >= size):
        raise outside(int(array[(array < -size) | (array >= size)].ravel()[0]))
    return (array.copy(),)


def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements at the places ``index``, counted through the whole tensor; the result has its shape.

    Raises:
        IndexError: a place is out of range.
    """
    if out is not None:
        return into(out, take(input, index), "take", input, index, same_type=True)
    return _index(ravel(input), _flat_places(input, index, "take"))


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """``input`` with the elements of ``source`` at the places ``index``, counted through the whole tensor.

    Raises:
        IndexError: a place is out of range, or there are not as many elements as places.
    """
    key = _flat_places(input, index, "put")
    if source._data.size != index._data.size:
        raise IndexError(
            "put(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._data.size}, index.numel() = {index._data.size}"
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(f"put(): Expected self and source to have the same dtype, got {input.dtype}, {source.dtype}")
    values = reshape(source, index._data.shape)
    return reshape(_put(ravel(input), values, key, accumulate, False), input._data.shape)


put_ = inplace(put)
