"""Tensors put together: concatenated along a dimension or stacked along a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.dtype import of_numpy
from minitorch.core.op import Array, Arrays, op
from minitorch.core.out_argument import into
from minitorch.core.promotion import promote_types
from minitorch.core.tensor import Tensor
from minitorch.ops.dims import wrap_dim
from minitorch.ops.shape import _reshape, atleast_1d, atleast_2d, atleast_3d


def _common_type(arrays: Sequence[Any]) -> Any:
    dtype = arrays[0].dtype
    if all(a.dtype is dtype for a in arrays):
        return dtype
    kind = of_numpy(dtype)
    for a in arrays[1:]:
        kind = promote_types(kind, of_numpy(a.dtype))
    return kind.numpy


def _as_type(g: Tensor, dtype: np.dtype) -> Tensor:
    return g if g._data.dtype == dtype else g.to(of_numpy(dtype))


@op("CatBackward0")
def _cat(tensors: Arrays, dim, dtypes):
    kind = _common_type(tensors)
    module = xp(tensors[0])
    return module.concatenate([a if a.dtype == kind else a.astype(kind) for a in tensors], axis=dim)


def _cut(g: Tensor, shapes: list[tuple], dim: int, dtypes: list) -> list[Tensor]:
    parts, start = [], 0
    for shape, dtype in zip(shapes, dtypes):
        parts.append(_as_type(_piece(g, dim, start, shape[dim]), dtype))
        start += shape[dim]
    return parts


@op("NarrowBackward0", view=True)
def _piece(input: Array, dim, start, length):
    return input[(slice(None),) * dim + (slice(start, start + length),)]


@op("SliceBackward0")
def _piece_grad(g: Array, shape, dim, start, length):
    whole = xp(g).zeros(shape, g.dtype)
    whole[(slice(None),) * dim + (slice(start, start + length),)] = g
    return whole


_piece.rules(
    input=lambda g, input_shape, dim, start, length: _piece_grad(g, input_shape, dim, start, length),
)
_piece_grad.rules(g=lambda h, dim, start, length: _piece(h, dim, start, length))
_cat.rules(tensors=lambda g, tensors_shape, dim, dtypes: _cut(g, tensors_shape, dim, dtypes))


def _sequence(tensors: Any, name: str) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for position, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"{name}(): expected Tensor as element {position} in argument 0, but got {type(t).__name__}"
            )
    return list(tensors)


def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along ``dim``; other sizes must agree; types are promoted.

    Raises:
        RuntimeError: sizes do not fit; the tensor at fault is named.
        ValueError: no tensors.

    >>> import minitorch as torch
    >>> torch.cat([torch.zeros(2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    parts = _sequence(tensors, "cat")
    if out is not None:
        return into(out, cat(parts, dim), "cat", *parts)
    if not parts:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    dtypes = [t._data.dtype for t in parts]
    # Tensors of shape (0,) fit everywhere, a rule that PyTorch keeps from its early days.
    full = [t for t in parts if t._data.shape != (0,)] or parts[:1]
    shape = full[0]._data.shape
    dim = wrap_dim(dim, len(shape))
    for position, t in enumerate(parts):
        other = t._data.shape
        if not other:
            raise RuntimeError(f"zero-dimensional tensor (at position {position}) cannot be concatenated; use stack()")
        if other == shape or other == (0,):
            continue
        if len(other) != len(shape):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(shape)} and {len(other)} "
                f"(tensor number {position} in the list has shape {list(other)})"
            )
        for axis, (n, m) in enumerate(zip(shape, other)):
            if n != m and axis != dim:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got size {m} in "
                    f"dimension {axis} for tensor number {position} in the list."
                )
    if len(full) < len(parts):
        kind = _common_type([t._data for t in parts])
        full = [_as_type(t, kind) for t in full]
        dtypes = [t._data.dtype for t in full]
    return _cat(full, dim, dtypes)


def concat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Alias of :func:`cat`."""
    return cat(tensors, dim, out=out)


def concatenate(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Alias of :func:`cat`."""
    return cat(tensors, dim, out=out)


@op("StackBackward0")
def _stack(tensors: Arrays, dim, dtypes):
    kind = _common_type(tensors)
    module = xp(tensors[0])
    return module.stack([a if a.dtype == kind else a.astype(kind) for a in tensors], axis=dim)


_stack.rules(
    tensors=lambda g, dim, dtypes: [_as_type(part, dtype) for part, dtype in zip(g.unbind(dim), dtypes)],
)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension ``dim``.

    Raises:
        RuntimeError: shapes differ, or there are none.

    >>> import minitorch as torch
    >>> torch.stack([torch.zeros(2), torch.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    parts = _sequence(tensors, "stack")
    if not parts:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = parts[0]._data.shape
    for position, t in enumerate(parts):
        if t._data.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(t._data.shape)} at entry {position}"
            )
    return _stack(parts, wrap_dim(dim, len(shape) + 1), [t._data.dtype for t in parts])


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: along dimension 1, vectors along dimension 0."""
    parts = atleast_1d(_sequence(tensors, "hstack"))
    if not parts:
        raise RuntimeError("hstack expects a non-empty TensorList")
    return cat(parts, 0 if parts[0]._data.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """On top of each other: along dimension 0, vectors as rows."""
    parts = atleast_2d(_sequence(tensors, "vstack"))
    if not parts:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat(parts, 0)


def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Alias of :func:`vstack`."""
    return vstack(tensors)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Behind each other: along dimension 2."""
    parts = atleast_3d(_sequence(tensors, "dstack"))
    if not parts:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat(parts, 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side, vectors as columns."""
    parts = _sequence(tensors, "column_stack")
    if not parts:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return hstack([t if t._data.ndim > 1 else _reshape(t, (t._data.size, 1)) for t in parts])


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices (vectors are rows) along its diagonal and zeros elsewhere.

    Raises:
        RuntimeError: a tensor has more than two dimensions.
    """
    parts = _sequence(tensors, "block_diag")
    for position, t in enumerate(parts):
        if t._data.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {position} has "
                f"{t._data.ndim} dimensions"
            )
    parts = list(atleast_2d(parts)) or [_empty_row()]
    return _block_diag(parts, [t._data.dtype for t in parts])


def _empty_row() -> Tensor:
    from minitorch.creation import empty

    return empty(1, 0)


@op("BlockDiagBackward0")
def _block_diag(tensors: Arrays, dtypes):
    rows, columns = sum(a.shape[0] for a in tensors), sum(a.shape[1] for a in tensors)
    out = xp(tensors[0]).zeros((rows, columns), _common_type(tensors))
    for key, a in zip(_blocks([a.shape for a in tensors]), tensors):
        out[key] = a
    return out


def _blocks(shapes: Sequence[tuple]) -> list[tuple]:
    keys, row, column = [], 0, 0
    for n, m in shapes:
        keys.append((slice(row, row + n), slice(column, column + m)))
        row, column = row + n, column + m
    return keys


_block_diag.rules(
    tensors=lambda g, tensors_shape, dtypes: [
        _as_type(g[key], dtype) for key, dtype in zip(_blocks(tensors_shape), dtypes)
    ],
)
