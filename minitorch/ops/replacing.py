"""Copies of a tensor in which a part is replaced: the counterparts of ``select``, slices and ``diagonal``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.ops.conversion import clone
from minitorch.ops.diagonals import diagonal
from minitorch.ops.dims import wrap_dim
from minitorch.ops.pieces import select


def _replaced(name: str, input: Tensor, src: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
    """A copy of ``input`` with ``src`` in the place that the view ``part`` shows."""
    shape = part(input)._data.shape
    if src._data.shape != shape:
        raise RuntimeError(
            f"{name}: expected src to have a size equal to the slice of self. src size = {list(src._data.shape)}, "
            f"slice size = {list(shape)}"
        )
    out = clone(input)
    part(out).copy_(src)
    return out


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """``input`` with ``src`` in place of ``input.select(dim, index)``.

    Raises:
        RuntimeError: ``src`` has another shape.

    >>> import minitorch as torch
    >>> torch.select_scatter(torch.zeros(2, 2), torch.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _replaced("select_scatter", input, src, lambda x: select(x, dim, index))


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """``input`` with ``src`` in place of the slice ``start:end:step`` along ``dim``.

    Raises:
        RuntimeError: ``src`` has another shape.
    """
    axis = wrap_dim(dim, input._data.ndim)
    key = (slice(None),) * axis + (slice(start, end, step),)
    return _replaced("slice_scatter", input, src, lambda x: x[key])


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """``input`` with ``src`` in place of ``input.diagonal(offset, dim1, dim2)``.

    Raises:
        RuntimeError: ``src`` has another shape.
    """
    return _replaced("diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2))


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Writes a number where all indices are equal; with ``wrap``, again every so many rows in a tall matrix.

    Raises:
        RuntimeError: fewer than two dimensions, or more of different sizes.

    >>> import minitorch as torch
    >>> torch.zeros(2, 2).fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    shape = self._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"fill_diagonal_: dimensions must larger than 1, got shape {list(shape)}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"fill_diagonal_: all dimensions of input must be of equal length, got shape {list(shape)}")
    rows = range(0, shape[0], shape[1] + 1) if wrap and len(shape) == 2 else (0,)
    for first in rows:
        part = self[first:] if first else self
        while part._data.ndim > 1:
            part = diagonal(part)
        part.fill_(fill_value)
    return self
