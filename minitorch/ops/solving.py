"""Inverses, linear systems, determinants."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.keywords import keywords
from minitorch.ops.matrices import check_matrices, computed
from minitorch.ops.shape import _expand, broadcast_shapes

_SINGULAR = "the inversion could not be completed because the input matrix is singular"


@op("LinalgInvExBackward0")
def _inv(input: Array):
    return computed("linalg.inv", _SINGULAR, "inv", input)


_inv.rules(input=lambda g, out: -(out.mT @ g @ out.mT))


@keywords
def inv(A):
    """The inverse of each matrix of a batch.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: not square matrices of float32 or float64.

    >>> import minitorch as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_matrices("linalg.inv", A, square=True)
    return _inv(A)


@keywords
def inverse(input):
    """Alias of :func:`minitorch.linalg.inv`."""
    return inv(input)


# ---- linear systems


@op("LinalgSolveExBackward0")
def _solve(A: Array, B: Array):
    problem = "The solver failed because the input matrix is singular"
    return computed("torch.linalg.solve", problem, "solve", A, B)


_solve.rules(
    A=lambda g, A, out: -(_solve(A.mT, g) @ out.mT),
    B=lambda g, A: _solve(A.mT, g),
)


@keywords
def solve(A, B, *, left=True):
    """``X`` with ``A @ X = B``, or ``X @ A = B`` with ``left=False``; batches broadcast.

    Shape: (\\*, n, n) and (\\*, n, k); ``B`` of shape (n,), or of that of ``A`` without its last dimension, is one
    vector for each matrix.

    Raises:
        LinAlgError: a matrix is singular.
        RuntimeError: shapes do not fit or dtypes differ.

    >>> import minitorch as torch
    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 8.]))
    tensor([1., 2.])
    """
    check_matrices("linalg.solve", A, square=True)
    a, b = A._data.shape, B._data.shape
    if len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1]):
        return _solve_matrices("linalg.solve", A, B.unsqueeze(-1), True).squeeze(-1)
    return _solve_matrices("linalg.solve", A, B, left)


def _solve_matrices(name: str, A: Tensor, B: Tensor, left: bool) -> Tensor:
    check_matrices(name, A, B)
    a, b = A._data.shape, B._data.shape
    if (b[-2] if left else b[-1]) != a[-1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )
    A, B = _same_batch(A, B)
    return _solve(A, B) if left else _solve(A.mT, B.mT).mT


def _same_batch(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    a, b = A._data.shape, B._data.shape
    if a[:-2] == b[:-2]:
        return A, B
    batch = tuple(broadcast_shapes(a[:-2], b[:-2]))
    return _expand(A, (*batch, *a[-2:])), _expand(B, (*batch, *b[-2:]))


@keywords
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """:func:`solve` for a triangular ``A``: the upper or the lower one; nothing else of it is looked at.

    ``unitriangular`` takes the diagonal for 1.  ``B`` is of matrices: of at least two dimensions.

    Raises: as :func:`solve`.
    """
    check_matrices("linalg.solve_triangular", A, square=True)
    triangle = A.triu(int(unitriangular)) if upper else A.tril(-int(unitriangular))
    if unitriangular:
        triangle = triangle + wrap(xp(A._data).eye(A._data.shape[-1], dtype=A._data.dtype))
    return _solve_matrices("linalg.solve_triangular", triangle, B, left)


@keywords
def cholesky_solve(B, L, upper=False):
    """``X`` with ``A @ X = B``, where ``L`` is the Cholesky factor of ``A``."""
    if upper:
        L = L.mT
    return solve_triangular(L.mT, solve_triangular(L, B, upper=False), upper=True)


@keywords
def cholesky_inverse(L, upper=False):
    """The inverse of the matrix whose Cholesky factor is ``L``."""
    check_matrices("cholesky_inverse", L, square=True)
    factor = _inv(L.triu().mT if upper else L.tril())
    return factor.mT @ factor


# ---- determinants


@op("LinalgDetBackward0")
def _det(input: Array):
    return xp(input).linalg.det(input)


def _as_matrix(scalars: Tensor) -> Tensor:
    return scalars.unsqueeze(-1).unsqueeze(-1)


def _det_grad(g, input, out):
    # The derivative by a matrix is that of its cofactors: det(A) times the transposed inverse.
    array = input._data
    lib = xp(array)
    # Hadamard's bound says how large a determinant of these rows could be.
    bound = lib.sqrt((array * array).sum(axis=-1)).prod(axis=-1)
    singular = lib.abs(out._data) <= bound * float(np.finfo(array.dtype).eps) ** 0.5
    if not singular.any():
        return _as_matrix(g * out) * _inv(input).mT
    return _as_matrix(g) * _cofactors(input)


def _cofactors(input: Tensor) -> Tensor:
    """The cofactors of a matrix, from its singular values: those of U S V are those of U, of S and of V."""
    from minitorch.ops.cumulative import product_of_others
    from minitorch.ops.decompositions import _svd_tensors

    U, S, Vh = _svd_tensors(input, False)
    sign = _as_matrix(wrap(xp(input._data).linalg.det((U.detach() @ Vh.detach())._data)))
    return sign * ((U * product_of_others(S, S._data.ndim - 1).unsqueeze(-2)) @ Vh)


_det.rules(input=_det_grad)


@keywords
def det(A):
    """The determinant of each matrix of a batch.

    Raises:
        RuntimeError: not square matrices of float32 or float64.

    >>> import minitorch as torch
    >>> torch.det(torch.tensor([[2., 1.], [1., 3.]]))
    tensor(5.)
    """
    check_matrices("linalg.det", A, square=True)
    return _det(A)


@op("LinalgSlogdetBackward0", aux=True)
def _logabsdet(input: Array):
    sign, logarithm = xp(input).linalg.slogdet(input)
    return logarithm, sign


_logabsdet.rules(input=lambda g, input: _as_matrix(g) * _inv(input).mT)


def _signed(result: Any, name: str, A: Tensor) -> Any:
    check_matrices(name, A, square=True)
    logarithm, sign = _logabsdet(A)
    return result((wrap(sign), logarithm))


@keywords
def linalg_slogdet(A):
    """Sign and logarithm of the absolute value of each determinant: a named tuple ``(sign, logabsdet)``.

    Does not overflow where the determinant does.

    >>> import minitorch as torch
    >>> torch.linalg.slogdet(torch.eye(2) * 2).logabsdet
    tensor(1.3863)
    """
    return _signed(return_types.linalg_slogdet, "linalg.slogdet", A)


@keywords
def slogdet(input):
    """Alias of :func:`minitorch.linalg.slogdet`."""
    return _signed(return_types.slogdet, "linalg.slogdet", input)


@keywords
def logdet(input):
    """The logarithm of each determinant: -inf if it is 0, NaN if it is negative."""
    sign, logarithm = _signed(return_types.slogdet, "logdet", input)
    return logarithm.masked_fill(wrap(sign._data < 0), float("nan"))


# ---- powers


@keywords
def matrix_power(A, n):
    """Each matrix multiplied ``n`` times by itself, or its inverse ``-n`` times.

    Raises:
        TypeError: ``n`` is not an int.
        LinAlgError: ``n`` is negative and a matrix is singular.

    >>> import minitorch as torch
    >>> torch.linalg.matrix_power(torch.tensor([[1., 1.], [0., 1.]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    if not hasattr(n, "__index__"):
        raise TypeError(f"linalg.matrix_power: n must be int, not {type(n).__name__}")
    check_matrices("linalg.matrix_power", A, square=True, integers=n >= 0)
    if n == 0:
        lib, shape = xp(A._data), A._data.shape
        return wrap(lib.broadcast_to(lib.eye(shape[-1], dtype=A._data.dtype), shape).copy())
    base = A if n > 0 else _inv(A)
    result, n = None, abs(n)
    while n:
        if n % 2:
            result = base if result is None else result @ base
        n //= 2
        if n:
            base = base @ base
    return result.clone() if result is A else result


#: coefficients of the numerator of the Padé approximant of order 13 of the exponential
_PADE = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
    670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip
_PADE_RADIUS = 5.371920351148152


@keywords
def matrix_exp(A):
    """The exponential series of each matrix.

    Source: N. J. Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J. Matrix Anal.
    Appl. 26 (2005), the approximant of order 13.

    >>> import minitorch as torch
    >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_matrices("linalg.matrix_exp", A, square=True)
    array, lib = A._data, xp(A._data)
    if array.size == 0:
        return A.clone()
    if array.dtype == np.float32:
        return matrix_exp(A.double()).float()  # squaring again and again loses digits
    norm = float(lib.abs(array).sum(axis=-2).max())
    halvings = max(0, int(np.ceil(np.log2(norm / _PADE_RADIUS)))) if np.isfinite(norm) and norm > 0 else 0
    one = wrap(lib.eye(array.shape[-1], dtype=array.dtype))
    X = A * 0.5**halvings if halvings else A
    X2 = X @ X
    X4 = X2 @ X2
    X6 = X4 @ X2
    b = [c / _PADE[0] for c in _PADE]
    odd = X @ (X6 @ (b[13] * X6 + b[11] * X4 + b[9] * X2) + b[7] * X6 + b[5] * X4 + b[3] * X2 + b[1] * one)
    even = X6 @ (b[12] * X6 + b[10] * X4 + b[8] * X2) + b[6] * X6 + b[4] * X4 + b[2] * X2 + b[0] * one
    out = _solve(even - odd, even + odd)
    for _ in range(halvings):
        out = out @ out
    return out
