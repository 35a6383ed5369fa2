"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend import strided
from minitorch.core.dtype import as_dtype, int64
from minitorch.core.inplace import inplace
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.creation import module_on
from minitorch.ops.dims import wrap_dim


def _length(rows: int, columns: int, offset: int) -> int:
    return max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)


@op("DiagonalBackward0", view=True)
def _diagonal(input: Array, offset, dim1, dim2):
    return _diagonal_of(input, offset, dim1, dim2)


def _diagonal_of(array: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A writable view of a diagonal, as the last dimension."""
    rest = [i for i in range(array.ndim) if i not in (dim1, dim2)]
    n = _length(array.shape[dim1], array.shape[dim2], offset)
    start = [slice(None)] * array.ndim
    start[dim1], start[dim2] = slice(max(-offset, 0), None), slice(max(offset, 0), None)
    if n == 0:
        start[dim1] = slice(0, 0)
    corner = array[tuple(start)]
    strides = (*(corner.strides[i] for i in rest), corner.strides[dim1] + corner.strides[dim2])
    return strided.windows(corner, (*(corner.shape[i] for i in rest), n), strides)


@op("DiagonalBackwardBackward0")
def _diagonal_grad(g: Array, shape, offset, dim1, dim2):
    whole = xp(g).zeros(shape, g.dtype)
    _diagonal_of(whole, offset, dim1, dim2)[...] = g
    return whole


_diagonal.rules(
    input=lambda g, input_shape, offset, dim1, dim2: _diagonal_grad(g, input_shape, offset, dim1, dim2),
)
_diagonal_grad.rules(g=lambda h, offset, dim1, dim2: _diagonal(h, offset, dim1, dim2))


def _two_dims(ndim: int, dim1: int, dim2: int) -> tuple[int, int]:
    first, second = wrap_dim(dim1, ndim, "dim1"), wrap_dim(dim2, ndim, "dim2")
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonals of the matrices in ``dim1`` and ``dim2``; they become the last dimension.

    Raises:
        RuntimeError: both dimensions are one.

    >>> import minitorch as torch
    >>> torch.arange(6).reshape(2, 3).diagonal(1)
    tensor([1, 5])
    """
    dim1, dim2 = _two_dims(input._data.ndim, dim1, dim2)
    if input._data.ndim < 2:
        raise RuntimeError(f"diagonal(): the tensor needs two dimensions or more, got {input._data.ndim}")
    return _diagonal(input, offset, dim1, dim2)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices, in new dimensions ``dim1`` and ``dim2``, with the last dimension of ``input`` on a diagonal."""
    shape = input._data.shape
    ndim = len(shape) + 1
    dim1, dim2 = _two_dims(ndim, dim1, dim2)
    if not shape:
        input, shape, ndim = input.reshape(1), (1,), 2
    rest, n = iter(shape[:-1]), shape[-1] + abs(offset)
    return _diagonal_grad(input, tuple(n if i in (dim1, dim2) else next(rest) for i in range(ndim)), offset, dim1, dim2)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with the vector ``input`` on a diagonal, or the diagonal of a matrix, as a copy.

    Raises:
        RuntimeError: neither vector nor matrix.
    """
    if input._data.ndim == 1:
        return diag_embed(input, diagonal)
    if input._data.ndim == 2:
        return _diagonal(input, diagonal, 0, 1).clone()
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input._data.ndim}D")


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of ``input`` on a diagonal."""
    return diag_embed(input.reshape(-1), offset)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    Raises:
        RuntimeError: not a matrix.
    """
    if input._data.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._data.ndim}")
    return _diagonal(input, 0, 0, 1).sum()


# ---- triangles


@op("TrilBackward0")
def _tril(input: Array, diagonal):
    return xp(input).tril(input, diagonal)


@op("TriuBackward0")
def _triu(input: Array, diagonal):
    return xp(input).triu(input, diagonal)


_tril.rules(input=lambda g, diagonal: _tril(g, diagonal))
_triu.rules(input=lambda g, diagonal: _triu(g, diagonal))


def _check_matrix(name: str, input: Tensor) -> None:
    if input._data.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions, got {input._data.ndim}")


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangles of matrices, up to a diagonal; zeros above.

    >>> import minitorch as torch
    >>> torch.ones(2, 3).tril()
    tensor([[1., 0., 0.],
            [1., 1., 0.]])
    """
    _check_matrix("tril", input)
    return _tril(input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangles of matrices, from a diagonal on; zeros below."""
    _check_matrix("triu", input)
    return _triu(input, diagonal)


tril_, triu_ = inplace(tril), inplace(triu)


def _indices(name: str, row: int, col: int, offset: int, dtype: Any, device: Any) -> Tensor:
    if row < 0 or col < 0:
        raise RuntimeError(f"{name}: row and col must be non-negative, got {row} and {col}")
    module = module_on(device)
    keep = module.tri(row, col, offset if name == "tril_indices" else offset - 1, bool)
    places = (keep if name == "tril_indices" else ~keep).nonzero()
    return wrap(module.stack(places).astype(as_dtype(dtype).numpy, copy=False))


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> Tensor:
    """The row and column numbers of the lower triangle of a (row, col) matrix: shape (2, count).

    >>> import minitorch as torch
    >>> torch.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", row, col, offset, dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = int64, device: Any = None) -> Tensor:
    """The row and column numbers of the upper triangle of a (row, col) matrix: shape (2, count)."""
    return _indices("triu_indices", row, col, offset, dtype, device)
