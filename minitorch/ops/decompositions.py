"""Factorisations: Cholesky, QR, singular values, eigenvectors of symmetric matrices.

Gradients follow M. Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation" (2008), and for wide matrices A. F. Walter and L. Lehmann, "Algorithmic differentiation of linear
algebra functions" (2010).  Where a factor is not unique (equal singular values or eigenvalues), its gradient is not
finite.
"""

from __future__ import annotations

from typing import Any

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.diagonals import diag_embed
from minitorch.ops.keywords import keywords
from minitorch.ops.matrices import check_matrices, computed
from minitorch.ops.solving import _inv


def _factors(function: Any, input: Tensor, arrays: tuple, *args: Any) -> tuple:
    """The factors as tensors for a gradient rule: those that were found or, if the rule itself is recorded, again as
    functions of the input."""
    return function(input, *args)[0] if state.enabled else tuple(map(wrap, arrays))


def _padded(grads: tuple, count: int) -> tuple:
    """The gradients of all results: ``None`` also for the last ones if nobody used them."""
    return (*grads, *(None,) * (count - len(grads)))


# ---- Cholesky


@op("LinalgCholeskyExBackward0")
def _cholesky(input: Array):
    problem = "The factorization could not be completed because the input is not positive-definite"
    return computed("linalg.cholesky", problem, "cholesky", input)


def _cholesky_grad(g, out):
    inverse = _inv(out)
    inner = (out.mT @ g).tril()
    inner = inner - 0.5 * diag_embed(inner.diagonal(0, -2, -1))
    whole = inverse.mT @ inner @ inverse
    return 0.5 * (whole + whole.mT)


_cholesky.rules(input=_cholesky_grad)


@keywords
def cholesky(input, upper=False):
    """The lower triangular ``L`` with ``L @ L.mT = input``; with ``upper`` its transpose.

    Only the triangle concerned of the symmetric matrix is looked at.

    Raises:
        LinAlgError: a matrix is not positive definite.

    >>> import minitorch as torch
    >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 2.]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    check_matrices("linalg.cholesky", input, square=True)
    return _cholesky(input.mT).mT if upper else _cholesky(input)


# ---- QR


@op("LinalgQrBackward0", multiple=True, aux=True)
def _qr(input: Array, mode):
    factors = tuple(computed("linalg.qr", "the factorization failed", "qr", input, mode))
    return factors, factors


def _qr_grad(g, input, aux, mode):
    by_q, by_r = _padded(g, 2)
    Q, R = _factors(_qr, input, aux, mode)
    rows, columns = input._data.shape[-2:]
    if mode == "complete" and rows > columns:
        raise RuntimeError("linalg.qr: mode='complete' has no gradient for more rows than columns; use mode='reduced'")
    if rows >= columns:
        return _tall_qr_grad(by_q, by_r, Q, R)
    # The first columns alone determine Q; the others only pass through it.
    right = input.narrow(-1, rows, columns - rows)
    if by_r is not None:
        others = by_r.narrow(-1, rows, columns - rows)
        by_q = right @ others.mT if by_q is None else by_q + right @ others.mT
        by_r = by_r.narrow(-1, 0, rows)
    left = _tall_qr_grad(by_q, by_r, Q, R.narrow(-1, 0, rows))
    from minitorch.ops.joining import cat

    return cat([left, Q @ others if by_r is not None else right * 0], -1)


def _tall_qr_grad(by_q, by_r, Q, R):
    inner: Any = None
    if by_r is not None:
        inner = R @ by_r.mT
    if by_q is not None:
        turn = by_q.mT @ Q
        inner = -turn if inner is None else inner - turn
    symmetric = inner.tril() + inner.tril(-1).mT
    outer = Q @ symmetric
    if by_q is not None:
        outer = outer + by_q
    return outer @ _inv(R).mT


_qr.rules(input=_qr_grad)


@keywords
def linalg_qr(A, mode="reduced"):
    """``Q`` with orthonormal columns and upper triangular ``R`` with ``Q @ R = A``: a named tuple.

    Args:
        mode: ``"reduced"`` for (\\*, m, k) and (\\*, k, n) with the smaller ``k`` of m and n, ``"complete"`` for
            (\\*, m, m) and (\\*, m, n), ``"r"`` for ``R`` alone (``Q`` is empty).

    Raises:
        RuntimeError: no such mode, or not matrices of float32 or float64.

    >>> import minitorch as torch
    >>> A = torch.tensor([[3., 1.], [4., 2.]])
    >>> Q, R = torch.linalg.qr(A)
    >>> torch.allclose(Q @ R, A)
    True
    """
    return _qr_named(return_types.linalg_qr, A, mode)


def _qr_named(result: Any, A: Tensor, mode: str) -> Any:
    check_matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"linalg.qr received unrecognized mode {mode!r} but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    if mode == "r":
        (_, R), _ = _qr(A.detach() if state.enabled else A, "reduced")
        return result((wrap(xp(A._data).empty(0, A._data.dtype)), R))
    (Q, R), _ = _qr(A, mode)
    return result((Q, R))


@keywords
def qr(input, some=True):
    """:func:`minitorch.linalg.qr`: reduced or, with ``some=False``, complete."""
    return _qr_named(return_types.qr, input, "reduced" if some else "complete")


# ---- singular values


@op("LinalgSvdBackward0", multiple=True, aux=True)
def _svd(input: Array, full):
    factors = tuple(computed("linalg.svd", "The algorithm failed to converge", "svd", input, full))
    return factors, factors


def _svd_tensors(input: Tensor, full: bool) -> tuple:
    return _svd(input, full)[0]


def _gaps(values: Tensor) -> Tensor:
    """``values[j] - values[i]`` for each i and j, 1 on the diagonal."""
    size = values._data.shape[-1]
    eye = wrap(xp(values._data).eye(size, dtype=bool))
    return (values.unsqueeze(-2) - values.unsqueeze(-1)).masked_fill(eye, 1)


def _skew(x: Tensor) -> Tensor:
    return x - x.mT


def _svd_grad(g, input, aux, full):
    by_u, by_s, by_v = _padded(g, 3)
    U, S, Vh = _factors(_svd, input, aux, full)
    rows, columns = input._data.shape[-2:]
    k = min(rows, columns)
    if full:  # the vectors beyond the first k are arbitrary: nothing flows through them
        U, Vh = U.narrow(-1, 0, k), Vh.narrow(-2, 0, k)
        by_u = None if by_u is None else by_u.narrow(-1, 0, k)
        by_v = None if by_v is None else by_v.narrow(-2, 0, k)
    inner = None if by_s is None else diag_embed(by_s)
    if by_u is not None or by_v is not None:
        gaps = _gaps(S * S)
        if by_u is not None:
            part = _skew(U.mT @ by_u) / gaps * S.unsqueeze(-2)
            inner = part if inner is None else inner + part
        if by_v is not None:
            part = S.unsqueeze(-1) * (_skew(Vh @ by_v.mT) / gaps)
            inner = part if inner is None else inner + part
    out = U @ inner @ Vh
    if by_u is not None and rows > k:
        out = out + (by_u - U @ (U.mT @ by_u)) / S.unsqueeze(-2) @ Vh
    if by_v is not None and columns > k:
        out = out + U @ ((by_v - by_v @ Vh.mT @ Vh) / S.unsqueeze(-1))
    return out


_svd.rules(input=_svd_grad)


@keywords
def linalg_svd(A, full_matrices=True, *, driver=None):
    """Singular values and vectors: a named tuple ``(U, S, Vh)`` with ``A = U @ diag(S) @ Vh``, ``S`` falling.

    Shape: (\\*, m, n) gives (\\*, m, m), (\\*, k), (\\*, n, n) with the smaller ``k`` of m and n; with
    ``full_matrices=False`` (\\*, m, k), (\\*, k), (\\*, k, n).

    ``driver`` is accepted for PyTorch's sake; it chooses among CUDA libraries there.

    Raises:
        LinAlgError: the iteration did not converge.
        RuntimeError: not matrices of float32 or float64.

    >>> import minitorch as torch
    >>> torch.linalg.svd(torch.tensor([[3., 0.], [0., -4.]])).S
    tensor([4., 3.])
    """
    check_matrices("linalg.svd", A)
    return return_types.linalg_svd(_svd_tensors(A, bool(full_matrices)))


@keywords
def svd(input, some=True, compute_uv=True):
    """:func:`minitorch.linalg.svd` with ``V`` instead of ``Vh``; reduced unless ``some=False``."""
    check_matrices("linalg.svd", input)
    U, S, Vh = _svd_tensors(input, not some)
    if not compute_uv:
        *batch, m, n = input._data.shape
        lib, dtype = xp(input._data), input._data.dtype
        return return_types.svd((wrap(lib.zeros((*batch, m, m), dtype)), S, wrap(lib.zeros((*batch, n, n), dtype))))
    return return_types.svd((U, S, Vh.mT))


@keywords
def svdvals(A, *, driver=None):
    """The singular values of each matrix, falling.

    >>> import minitorch as torch
    >>> torch.linalg.svdvals(torch.tensor([[3., 0.], [0., -4.]]))
    tensor([4., 3.])
    """
    check_matrices("linalg.svdvals", A)
    if state.enabled and A.requires_grad:
        return _svd_tensors(A, False)[1]
    problem = "The algorithm failed to converge"
    return wrap(computed("linalg.svdvals", problem, "svd", A._data, compute_uv=False))


# ---- eigenvectors of symmetric matrices


@op("LinalgEighBackward0", multiple=True, aux=True)
def _eigh(input: Array, triangle):
    factors = tuple(computed("linalg.eigh", "The algorithm failed to converge", "eigh", input, triangle))
    return factors, factors


def _eigh_grad(g, input, aux, triangle):
    by_values, by_vectors = _padded(g, 2)
    values, vectors = _factors(_eigh, input, aux, triangle)
    inner = None
    if by_vectors is not None:
        size = input._data.shape[-1]
        eye = wrap(xp(input._data).eye(size, dtype=bool))
        inner = (vectors.mT @ by_vectors).masked_fill(eye, 0) / _gaps(values)
    if by_values is not None:
        inner = diag_embed(by_values) if inner is None else inner + diag_embed(by_values)
    return vectors @ inner @ vectors.mT


_eigh.rules(input=_eigh_grad)


@keywords
def eigh(A, UPLO="L"):
    """Eigenvalues, rising, and orthonormal eigenvectors (columns) of symmetric matrices: a named tuple
    ``(eigenvalues, eigenvectors)``.

    Only the lower triangle is looked at, or with ``UPLO="U"`` the upper one.

    Raises:
        LinAlgError: the iteration did not converge.
        RuntimeError: not square matrices of float32 or float64.

    >>> import minitorch as torch
    >>> torch.linalg.eigh(torch.tensor([[2., 1.], [1., 2.]])).eigenvalues
    tensor([1., 3.])
    """
    check_matrices("linalg.eigh", A, square=True)
    if str(UPLO).upper() not in ("L", "U"):
        raise RuntimeError(f"linalg.eigh: Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return return_types.linalg_eigh(_eigh(A, UPLO.upper())[0])


@keywords
def eigvalsh(A, UPLO="L"):
    """The eigenvalues of symmetric matrices, rising.

    >>> import minitorch as torch
    >>> torch.linalg.eigvalsh(torch.tensor([[2., 1.], [1., 2.]]))
    tensor([1., 3.])
    """
    return eigh(A, UPLO).eigenvalues
