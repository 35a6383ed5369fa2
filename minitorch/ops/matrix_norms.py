"""Norms of matrices and the condition number."""

from __future__ import annotations

import math
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.keywords import keywords
from minitorch.ops.masking import where
from minitorch.ops.matrices import check_matrices
from minitorch.ops.norms import vector_norm
from minitorch.ops.reduction import check_float


@keywords
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """A norm of each matrix in the dimensions ``dim``.

    Args:
        ord: ``"fro"`` (root of the sum of squares), ``"nuc"`` (sum of singular values), ``inf`` and ``-inf`` (largest
            and smallest sum of absolute values in a row), 1 and -1 (in a column), 2 and -2 (largest and smallest
            singular value).

    Raises:
        RuntimeError: no such norm; not two different dimensions; not of floating point.

    >>> import minitorch as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[3., 0.], [0., -4.]]), "nuc")
    tensor(7.)
    """
    name = "linalg.matrix_norm"
    check_float(A, name)
    ndim = A._data.ndim
    if ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions, got {ndim}.")
    dims = tuple(dim) if not isinstance(dim, int) else (dim,)
    if len(dims) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
    row, column = wrap_dim(dims[0], ndim), wrap_dim(dims[1], ndim)
    if row == column:
        raise RuntimeError(f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    if ord == "fro":
        return vector_norm(A, 2, (row, column), keepdim, dtype=dtype)
    if dtype is not None:
        A = A.to(dtype)
    if ord in ("nuc", 2, -2):
        return _spectral(A, ord, row, column, keepdim)
    if isinstance(ord, str) or abs(ord) not in (1, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = A.abs().sum(summed, keepdim=True)
    out = sums.amax(compared, keepdim=True) if ord > 0 else sums.amin(compared, keepdim=True)
    return out if keepdim else out.squeeze((row, column))


def _spectral(A: Tensor, ord: Any, row: int, column: int, keepdim: bool) -> Tensor:
    from minitorch.ops.decompositions import svdvals

    values = svdvals(A.movedim((row, column), (-2, -1)))
    out = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord > 0 else values.amin(-1)
    for axis in sorted((row, column)) if keepdim else ():
        out = out.unsqueeze(axis)
    return out


@keywords
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """A norm of vectors or matrices, as ``dim`` and ``ord`` say.

    Without ``ord`` the root of the sum of squares over ``dim`` (or of all elements); otherwise :func:`matrix_norm` for
    two dimensions and :func:`vector_norm` for one.

    Raises:
        RuntimeError: ``ord`` is given but neither ``dim`` nor a vector or matrix.

    >>> import minitorch as torch
    >>> torch.linalg.norm(torch.tensor([[3., 0.], [0., -4.]]), 1)
    tensor(4.)
    """
    check_float(A, "linalg.norm")
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    ndim = A._data.ndim
    if dim is None:
        if ndim > 2:
            raise RuntimeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D."
            )
        dim = (0, 1) if ndim == 2 else 0
    if isinstance(ord, str) or (not isinstance(dim, int) and len(dim) == 2):
        return matrix_norm(A, ord, (-2, -1) if isinstance(dim, int) else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


@keywords
def cond(A, p=None):
    """The condition number of each matrix by the norm ``p``: by default the ratio of its extreme singular values.

    >>> import minitorch as torch
    >>> torch.linalg.cond(torch.tensor([[2., 0.], [0., 8.]]))
    tensor(4.)
    """
    from minitorch.ops.decompositions import svdvals
    from minitorch.ops.solving import inv

    check_matrices("linalg.cond", A, square=p not in (None, 2, -2))
    if p in (None, 2, -2):
        values = svdvals(A)
        largest, smallest = values.amax(-1), values.amin(-1)
        return smallest / largest if p == -2 else largest / smallest
    lib, array = xp(A._data), A._data
    singular = wrap(lib.linalg.slogdet(array)[0] == 0).unsqueeze(-1).unsqueeze(-1)
    inverse = inv(where(singular, wrap(lib.eye(array.shape[-1], dtype=array.dtype)), A))
    return (matrix_norm(A, p) * matrix_norm(inverse, p)).masked_fill(singular.squeeze((-2, -1)), math.inf)
