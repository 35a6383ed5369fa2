"""LU factorisation with row exchanges, and systems solved by it."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.gathering import take_along_dim
from minitorch.ops.joining import cat
from minitorch.ops.matrices import LinAlgError, check_matrices
from minitorch.ops.solving import solve_triangular


def _eliminate(a: Any) -> tuple[Any, Any]:
    """The order of rows, and the rows exchanged at each step, of Gaussian elimination with the largest pivots.

    A step for each column, for all matrices of a stack at once (Golub and Van Loan, Matrix Computations, 3.4).
    """
    lib = xp(a)
    stack = a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:]).astype(a.dtype, copy=True)
    count, m, n = stack.shape
    steps, every = min(m, n), lib.arange(count)
    order = lib.broadcast_to(lib.arange(m), (count, m)).copy()
    exchanged = lib.zeros((count, steps), np.int64)
    for k in range(steps):
        row = k + lib.abs(stack[:, k:, k]).argmax(1)
        exchanged[:, k] = row
        for rows in (stack, order):
            kept = rows[:, k].copy()
            rows[:, k] = rows[every, row]
            rows[every, row] = kept
        pivot = stack[:, k, k]
        factors = stack[:, k + 1 :, k] / lib.where(pivot == 0, 1, pivot)[:, None]
        stack[:, k + 1 :, k:] -= factors[:, :, None] * stack[:, k, None, k:]
    return order.reshape(a.shape[:-1]), exchanged.reshape(*a.shape[:-2], steps)


@op("LinalgLuFactorExBackward0")
def _lu(input: Array):
    """L and U in one matrix, for square matrices that need no exchanges; no division by a pivot of 0."""
    lib, out = xp(input), input.astype(input.dtype, copy=True)
    for k in range(out.shape[-1] - 1):
        pivot = out[..., k, k]
        out[..., k + 1 :, k] /= lib.where(pivot == 0, 1, pivot)[..., None]
        out[..., k + 1 :, k + 1 :] -= out[..., k + 1 :, k, None] * out[..., k, None, k + 1 :]
    return out


def _lower(lu: Tensor) -> Tensor:
    n = min(lu.shape[-2:])
    return lu[..., :n].tril(-1) + wrap(xp(lu._data).eye(lu.shape[-2], n, dtype=lu._data.dtype))


def _upper(lu: Tensor) -> Tensor:
    return lu[..., : min(lu.shape[-2:]), :].triu()


def _lu_grad(g: Tensor, out: Tensor) -> Tensor:
    # dA = dL·U + L·dU: the part of L⁻¹·dA·U⁻¹ below the diagonal belongs to dL, the rest to dU.
    L, U = _lower(out), _upper(out)
    inner = (L.mT @ g.tril(-1)).tril(-1) + (g.triu() @ U.mT).triu()
    left = solve_triangular(L.mT, inner, upper=True)
    return solve_triangular(U.mT, left, upper=False, left=False)


_lu.rules(input=_lu_grad)


def _factor(name: str, A: Tensor, pivot: bool) -> tuple[Tensor, Any, Any]:
    """L and U in one matrix, the order of the rows, and the exchanges."""
    check_matrices(name, A)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented")
    order, exchanged = _eliminate(A._data)
    rows = take_along_dim(A, wrap(order)[..., None], -2)
    m, n = A.shape[-2:]
    k = min(m, n)
    lu = _lu(rows[..., :k, :k])
    if m > k:
        lu = cat([lu, solve_triangular(lu.triu(), rows[..., k:, :], upper=True, left=False)], -2)
    elif n > k:
        right = solve_triangular(_lower(lu), rows[..., k:], upper=False)
        lu = cat([lu, right], -1)
    return lu, order, exchanged


def _permutation(order: Any, dtype: Any) -> Tensor:
    lib = xp(order)
    return wrap((lib.expand_dims(order, -2) == lib.arange(order.shape[-1])[:, None]).astype(dtype))


def linalg_lu(A: Tensor, *, pivot: bool = True) -> Any:
    """``A = P @ L @ U``: exchanges of rows, a lower triangle with ones on its diagonal, an upper triangle.

    Raises:
        RuntimeError: no matrices of float32 or float64, or ``pivot=False``.

    >>> import minitorch as torch
    >>> P, L, U = torch.linalg.lu(torch.tensor([[1., 2.], [4., 4.]]))
    >>> L, U
    (tensor([[1.0000, 0.0000],
            [0.2500, 1.0000]]), tensor([[4., 4.],
            [0., 1.]]))
    """
    lu, order, _ = _factor("linalg.lu", A, pivot)
    return return_types.linalg_lu((_permutation(order, A._data.dtype), _lower(lu), _upper(lu)))


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """:func:`lu_factor` with, as ``info``, the number (from 1) of the first pivot that is 0, or 0."""
    return return_types.linalg_lu_factor_ex(_packed("torch.linalg.lu_factor_ex", A, pivot, check_errors))


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and the exchanges: a named tuple ``(LU, pivots)`` for :func:`lu_solve`.

    At step i, counted from 1, row i is exchanged with row ``pivots[i - 1]``.

    Raises:
        LinAlgError: a pivot is 0.

    >>> import minitorch as torch
    >>> A = torch.tensor([[1., 2.], [4., 4.]])
    >>> LU, pivots = torch.linalg.lu_factor(A)
    >>> torch.linalg.lu_solve(LU, pivots, torch.tensor([[3.], [8.]]))
    tensor([[1.],
            [1.]])
    """
    return return_types.linalg_lu_factor(_packed("torch.linalg.lu_factor", A, pivot, True)[:2])


def _packed(name: str, A: Tensor, pivot: bool, check_errors: bool) -> tuple:
    lu, _, exchanged = _factor(name, A, pivot)
    lib = xp(A._data)
    zero = lib.diagonal(lu._data, axis1=-2, axis2=-1) == 0
    info = lib.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else lib.zeros(zero.shape[:-1])
    if check_errors and info.any():
        raise LinAlgError(
            f"{name}: U[{int(info.max())},{int(info.max())}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )
    return lu, wrap((exchanged + 1).astype(np.int32)), wrap(lib.asarray(info).astype(np.int32))


def _order_of(pivots: Tensor, m: int) -> Any:
    """The order of the rows that exchanges lead to."""
    lib, exchanged = xp(pivots._data), pivots._data.astype(np.int64) - 1
    flat = exchanged.reshape(math.prod(exchanged.shape[:-1]), exchanged.shape[-1])
    order = lib.broadcast_to(lib.arange(m), (len(flat), m)).copy()
    every = lib.arange(len(flat))
    for k in range(flat.shape[1]):
        kept = order[:, k].copy()
        order[:, k] = order[every, flat[:, k]]
        order[every, flat[:, k]] = kept
    return order.reshape(*exchanged.shape[:-1], m)


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """``(P, L, U)`` of what :func:`minitorch.linalg.lu_factor` gave; what is not asked for is empty.

    >>> import minitorch as torch
    >>> A = torch.tensor([[1., 2.], [4., 4.]])
    >>> P, L, U = torch.lu_unpack(*torch.linalg.lu_factor(A))
    >>> torch.equal(P @ L @ U, A)
    True
    """
    if LU_pivots.dtype.numpy != np.int32:
        raise RuntimeError(f"torch.lu_unpack: LU_pivots is expected to be of torch.int32 dtype, got {LU_pivots.dtype}")
    none = wrap(xp(LU_data._data).zeros(0, LU_data._data.dtype))
    P = _permutation(_order_of(LU_pivots, LU_data.shape[-2]), LU_data._data.dtype) if unpack_pivots else none
    L, U = (_lower(LU_data), _upper(LU_data)) if unpack_data else (none, none)
    return return_types.lu_unpack((P, L, U))


def linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """``X`` with ``A @ X = B``, where ``LU, pivots = lu_factor(A)``; see :func:`lu_factor`.

    Args:
        left: ``False``: ``X @ A = B``.
        adjoint: with the transpose of ``A``.
    """
    check_matrices("linalg.lu_solve", LU, B, square=False)
    if LU.shape[-1] != LU.shape[-2]:
        raise RuntimeError(f"linalg.lu_solve: LU must be square matrices, got shape {list(LU.shape)}")
    if not left:
        return linalg_lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    P, L, U = lu_unpack(LU, pivots)
    if adjoint:
        inner = solve_triangular(U.mT, B, upper=False)
        return P @ solve_triangular(L.mT, inner, upper=True)
    return solve_triangular(U, solve_triangular(L, P.mT @ B, upper=False), upper=True)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """The older name of :func:`minitorch.linalg.lu_solve`, with its arguments in another order."""
    warnings.warn("torch.lu_solve is deprecated in favor of torch.linalg.lu_solve", stacklevel=2)
    return linalg_lu_solve(LU_data, LU_pivots, b)


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """The older name of :func:`minitorch.linalg.lu_factor`, or of ``lu_factor_ex`` with ``get_infos``."""
    warnings.warn("torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex", stacklevel=2)
    packed = _packed("torch.lu", A, pivot, not get_infos)
    return return_types._lu_with_info(packed) if get_infos else packed[:2]
