"""Choosing elements by a condition: ``where``, ``masked_fill``, ``masked_select``, ``nonzero``."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.inplace import overwrite
from minitorch.core.op import Array, op
from minitorch.core.out_argument import into
from minitorch.core.promotion import result_dtype
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.conversion import checked_number
from minitorch.ops.shape import broadcast_shapes, expand, expanded_shape


@op("WhereBackward0", promote="others")
def _where(condition: Array, input: Array, other: Array):
    return xp(condition).where(condition, input, other)


_where.rules(
    input=lambda g, condition: _where(condition, g, 0),
    other=lambda g, condition: _where(condition, 0, g),
)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Elements of ``input`` where ``condition`` holds, else of ``other``; all three broadcast.  Alone: the places.

    Raises:
        RuntimeError: ``condition`` is not bool, or shapes do not broadcast.

    >>> import minitorch as torch
    >>> x = torch.tensor([-1., 2.])
    >>> torch.where(x > 0, x, 0.)
    tensor([0., 2.])
    >>> torch.where(x > 0)
    (tensor([1]),)
    """
    if not isinstance(condition, Tensor):
        raise TypeError(f"where(): argument 'condition' must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where(): give both input and other, or neither")
    kind = condition._data.dtype
    if kind.kind != "b":
        if kind != np.uint8:
            raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {kind}")
        condition = condition.ne(0)
    if not isinstance(input, Tensor) and not isinstance(other, Tensor):
        input = wrap(xp(condition._data).asarray(input, result_dtype((input, other)).numpy))
    if condition._data.ndim or isinstance(input, Tensor) or isinstance(other, Tensor):
        shapes = [t._data.shape for t in (condition, input, other) if isinstance(t, Tensor)]
        if any(s != shapes[0] for s in shapes):
            broadcast_shapes(*shapes)
    return _where(condition, input, other)


def where_method(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    return where(condition, self, other)


# ---- masks


def _check_mask(mask: Any, name: str) -> None:
    if not isinstance(mask, Tensor):
        raise TypeError(f"{name}(): argument 'mask' must be Tensor, not {type(mask).__name__}")
    if mask._data.dtype.kind != "b":
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}")


@op("MaskedFillBackward0")
def _masked_fill(input: Array, mask: Array, value, write):
    out = input if write else input.copy()
    xp(out).copyto(out, value, where=mask)
    return out


_masked_fill.rules(input=lambda g, mask: _masked_fill(g, mask, 0, False))


@op("MaskedFillBackward1")
def _masked_fill_tensor(input: Array, mask: Array, value: Array, write):
    out = input if write else input.copy()
    xp(out).copyto(out, value, where=mask, casting="unsafe")
    return out


_masked_fill_tensor.rules(
    input=lambda g, mask: _masked_fill(g, mask, 0, False),
    value=lambda g, mask: _where(mask, g, 0).sum(),
)


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """``input`` with ``value`` (a number or a 0-d tensor) where ``mask`` is True; both broadcast.

    Raises:
        RuntimeError: ``mask`` is not bool, ``value`` has dimensions or does not fit the type.

    >>> import minitorch as torch
    >>> torch.zeros(3).masked_fill(torch.tensor([True, False, True]), 9)
    tensor([9., 0., 9.])
    """
    _check_mask(mask, "masked_fill")
    if mask._data.shape != input._data.shape:
        input = expand(input, broadcast_shapes(input._data.shape, mask._data.shape))
    function, value = _fill_with(input, value)
    return function(input, mask, value, False)


def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """In-place :func:`masked_fill`; ``mask`` broadcasts to the shape of ``self``."""
    _check_mask(mask, "masked_fill_")
    expanded_shape(mask._data.shape, self._data.shape)
    function, value = _fill_with(self, value)
    return overwrite(function, "masked_fill_", self, mask, value)


def _fill_with(input: Tensor, value: Any) -> tuple[Any, Any]:
    if not isinstance(value, Tensor):
        return _masked_fill, checked_number(value, input._data.dtype, "masked_fill")
    if value._data.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} "
            "dimension(s)."
        )
    return _masked_fill_tensor, value if value.dtype is input.dtype else value.to(input.dtype)


def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where ``mask`` is True, in one dimension; both broadcast."""
    if out is not None:
        return into(out, masked_select(input, mask), "masked_select", input, mask, same_type=True)
    _check_mask(mask, "masked_select")
    if mask._data.shape != input._data.shape:
        shape = broadcast_shapes(input._data.shape, mask._data.shape)
        input, mask = expand(input, shape), expand(mask, shape)
    return input[mask] if mask._data.ndim else input.reshape(1)[mask.reshape(1)]


@op("MaskedScatterBackward0")
def _masked_scatter(input: Array, mask: Array, source: Array, write):
    out = input if write else input.copy()
    count = int(mask.sum())
    out[mask] = source.reshape(-1)[:count]
    return out


@op("MaskedScatterBackwardBackward0")
def _masked_gather(g: Array, mask: Array, shape):
    chosen = g[mask]
    out = xp(g).zeros(shape, g.dtype)
    out.reshape(-1)[: chosen.size] = chosen
    return out


_masked_scatter.rules(
    input=lambda g, mask: _masked_fill(g, mask, 0, False),
    source=lambda g, mask, source_shape: _masked_gather(g, mask, source_shape),
)
_masked_gather.rules(g=lambda h, g_shape, mask: _masked_scatter(_zeros(h, g_shape), mask, h, False))


def _zeros(like: Tensor, shape: tuple) -> Tensor:
    return wrap(xp(like._data).zeros(shape, like._data.dtype))


def _scatter_arguments(input: Tensor, mask: Tensor, source: Tensor, name: str) -> Tensor:
    _check_mask(mask, name)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}: expected self and source to have same dtypes but got {input.dtype} and {source.dtype}"
        )
    mask = expand(mask, input._data.shape)
    count = int(mask._data.sum())
    if count > source._data.size:
        raise RuntimeError(
            f"{name}: the mask has {count} elements that are True, source only {source._data.size} elements"
        )
    return mask


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """``input`` with the elements of ``source``, in order, where ``mask`` is True.

    Raises:
        RuntimeError: ``source`` has too few elements or another dtype.
    """
    if mask._data.shape != input._data.shape:
        input = expand(input, broadcast_shapes(input._data.shape, mask._data.shape))
    return _masked_scatter(input, _scatter_arguments(input, mask, source, "masked_scatter"), source, False)


def masked_scatter_(self: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """In-place :func:`masked_scatter`."""
    mask = _scatter_arguments(self, mask, source, "masked_scatter_")
    return overwrite(_masked_scatter, "masked_scatter_", self, mask, source)


# ---- places


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: one row each, or (``as_tuple``) one tensor a dimension.

    >>> import minitorch as torch
    >>> torch.nonzero(torch.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    array = input._data
    if array.ndim == 0:
        flag = array.reshape(1).nonzero()[0]
        return (wrap(flag),) if as_tuple else wrap(xp(array).zeros((flag.size, 0), np.int64))
    places = array.nonzero()
    if as_tuple:
        return tuple(map(wrap, places))
    return wrap(xp(array).stack(places, axis=1))


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, one row each."""
    return nonzero(input)
