"""``scatter_reduce``: elements that an index sends to one place are summed, multiplied, averaged or compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.scatter import index_put_add, index_put_reduce
from minitorch.core.inplace import inplace
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.gathering import _gather, _scatter_add, _scatter_value, check_places, places, tensor_argument
from minitorch.ops.indexing import corner
from minitorch.ops.masking import _where
from minitorch.ops.shape import reshape

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def _start(input: Any, index: Any, dim: int, include_self: bool, neutral: Any) -> Any:
    out = input.copy()
    if not include_self:
        out[places(index, dim)] = neutral
    return out


@op("ScatterReduceBackward0")
def _extreme(input: Array, index: Array, src: Array, dim, largest, include_self):
    if input.dtype.kind == "f":
        lowest, highest = -np.inf, np.inf
    elif input.dtype.kind == "b":
        lowest, highest = False, True
    else:
        info = np.iinfo(input.dtype)
        lowest, highest = info.min, info.max
    out = _start(input, index, dim, include_self, lowest if largest else highest)
    return index_put_reduce(out, places(index, dim), src, "maximum" if largest else "minimum")


def _shares(g: Tensor, input: Tensor, index: Tensor, src: Tensor, out: Tensor, dim: int, include_self: bool) -> tuple:
    """The gradient split evenly among the elements that are the extreme: (of input, of src)."""
    own = (input._data == out._data).astype(g._data.dtype)
    if not include_self:
        touched = xp(own).zeros(own.shape, bool)
        touched[places(index._data, dim)] = True
        own = xp(own).where(touched, 0, 1).astype(own.dtype)
    chosen = (src._data == out._data[places(index._data, dim)]).astype(g._data.dtype)
    count = _scatter_add(wrap(own), index, wrap(chosen), dim, False)._data
    share = g * wrap(1 / xp(count).maximum(count, 1))
    return share * wrap(own), _gather(share, index, dim) * wrap(chosen)


_extreme.rules(
    input=lambda g, input, index, src, out, dim, include_self: _shares(g, input, index, src, out, dim, include_self)[0],
    src=lambda g, input, index, src, out, dim, include_self: _shares(g, input, index, src, out, dim, include_self)[1],
)


@op("ScatterReduceBackward0")
def _product(input: Array, index: Array, src: Array, dim):
    return index_put_reduce(input.copy(), places(index, dim), src, "multiply")


def _others(input: Tensor, index: Tensor, src: Tensor, dim: int) -> tuple[Tensor, Tensor, Any]:
    """For each place the product of its factors that are not 0, the sum of those that are, and how many they are."""
    zero_input, zero_src = wrap(input._data == 0), wrap(src._data == 0)
    product = _product(_where(zero_input, 1, input), index, _where(zero_src, 1, src), dim)
    total = _scatter_add(_where(zero_input, input, 0), index, _where(zero_src, src, 0), dim, False)
    zeros = zero_input._data.astype(np.int64)
    index_put_add(zeros, places(index._data, dim), zero_src._data.astype(np.int64))
    return product, total, zeros


def _factor_grad(g: Tensor, factor: Tensor, product: Tensor, total: Tensor, zeros: Any) -> Tensor:
    """The derivative by one factor: the product of all others.

    If one of them is 0 the derivative is 0, but not its own derivative by that one: the sum of zeros stands for it.
    """
    zero = wrap(factor._data == 0)
    other_zeros = zeros - zero._data
    others = _where(zero, product, product / _where(zero, 1, factor))
    other_zero = _where(wrap(other_zeros == 1), total - _where(zero, factor, 0), 0)
    return g * others * _where(wrap(other_zeros == 0), 1, other_zero)


def _product_input_grad(g: Tensor, input: Tensor, index: Tensor, src: Tensor, dim: int) -> Tensor:
    return _factor_grad(g, input, *_others(input, index, src, dim))


def _product_src_grad(g: Tensor, input: Tensor, index: Tensor, src: Tensor, dim: int) -> Tensor:
    product, total, zeros = _others(input, index, src, dim)
    there = zeros[places(index._data, dim)]
    return _factor_grad(_gather(g, index, dim), src, _gather(product, index, dim), _gather(total, index, dim), there)


_product.rules(
    input=lambda g, input, index, src, dim: _product_input_grad(g, input, index, src, dim),
    src=lambda g, input, index, src, dim: _product_src_grad(g, input, index, src, dim),
)


def _mean(input: Tensor, index: Tensor, src: Tensor, dim: int, include_self: bool) -> Tensor:
    total = _scatter_add(input, index, src, dim, False)
    count = xp(input._data).ones(input._data.shape, np.int64)
    where = places(index._data, dim)
    if not include_self:
        count[where] = 0
    index_put_add(count, where, 1)
    count = xp(count).maximum(count, 1)
    if total._data.dtype.kind == "f":
        return total / wrap(count.astype(total._data.dtype))
    return wrap(xp(count).floor_divide(total._data, count).astype(total._data.dtype))


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``input`` where each place that ``index`` names is reduced with the elements of ``src`` sent there.

    Args:
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the element of ``input`` takes part.

    Raises:
        RuntimeError: ``index`` has a wrong type or shape, or is out of range; ``src`` has another dtype.

    >>> import minitorch as torch
    >>> torch.zeros(2).scatter_reduce(0, torch.tensor([0, 1, 0]), torch.tensor([1., 2., 3.]), "sum")
    tensor([4., 2.])
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"scatter_reduce(): reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    src = tensor_argument(src, "scatter_reduce")
    if src.dtype is not input.dtype:
        raise RuntimeError(
            f"scatter_reduce(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}"
        )
    dim = check_places(input, dim, index, "scatter_reduce", src)
    shape = input._data.shape
    if not shape:
        input, index, src = reshape(input, 1), reshape(index, -1), reshape(src, -1)
    src = corner(src, index._data.shape)
    return reshape(_reduced(input, index, src, dim, reduce, include_self), shape)


def _reduced(input: Tensor, index: Tensor, src: Tensor, dim: int, reduce: str, include_self: bool) -> Tensor:
    if reduce in ("amax", "amin"):
        return _extreme(input, index, src, dim, reduce == "amax", include_self)
    if not include_self:
        input = _scatter_value(input, index, 1 if reduce == "prod" else 0, dim, False)
    if reduce == "prod":
        return _product(input, index, src, dim)
    if reduce == "sum":
        return _scatter_add(input, index, src, dim, False)
    return _mean(input, index, src, dim, include_self)


scatter_reduce_ = inplace(scatter_reduce)


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """``input`` where each slice along ``dim`` that ``index`` names is reduced with those of ``source`` sent there.

    Args:
        index: (n,), for each slice of ``source`` the place in ``input``.
        reduce: ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: whether the slice of ``input`` takes part.

    Raises:
        RuntimeError: other reductions, types or shapes.
        IndexError: an index is out of range, or ``index`` is no vector.

    >>> import minitorch as torch
    >>> torch.ones(2).index_reduce(0, torch.tensor([0, 0]), torch.tensor([3., 2.]), "prod")
    tensor([6., 1.])
    """
    name = "index_reduce_()"
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    if index.ndim > 1:
        raise IndexError(f"{name}: Index is supposed to be a vector, but got dim: {index.ndim}")
    if index.dtype.numpy not in (np.int32, np.int64):
        raise RuntimeError(f"{name}: Expected dtype int32/int64 for index but got: {index.dtype}")
    if source.dtype is not input.dtype:
        raise RuntimeError(f"{name}: self ({input.dtype}) and source ({source.dtype}) must have the same scalar type")
    axis, shape = wrap_dim(dim, input.ndim), input.shape
    if not shape:
        input, source = reshape(input, 1), reshape(source, 1)
    index = reshape(index, -1)
    if source.ndim != input.ndim or source.shape[axis] != len(index):
        raise RuntimeError(
            f"{name}: Number of indices ({len(index)}) should be equal to source.size(dim), "
            f"got source of shape {list(source.shape)}, dim: {axis}"
        )
    if [*source.shape[:axis], *source.shape[axis + 1 :]] != [*input.shape[:axis], *input.shape[axis + 1 :]]:
        raise RuntimeError(
            f"{name}: source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(input.shape)} source.shape = {list(source.shape)}"
        )
    if len(index) and not bool(((index >= 0) & (index < input.shape[axis])).all()):
        raise IndexError(f"{name}: index out of range: places are 0 to {input.shape[axis] - 1}")
    everywhere = index.long().reshape(-1, *[1] * (input.ndim - axis - 1)).expand(source.shape)
    return reshape(_reduced(input, everywhere, source, axis, reduce, include_self), shape)


index_reduce_ = inplace(index_reduce)
