"""Pseudo-inverses, rank and least squares: what is made of singular values of which small ones count as 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.decompositions import svdvals
from minitorch.ops.keywords import keywords
from minitorch.ops.matrices import check_matrices, computed


def _cut(name: str, sizes: Any, shape: tuple, atol: Any, rtol: Any, dtype: Any) -> Any:
    """Below which size a singular value counts as 0."""
    lib = xp(sizes)
    absolute = 0.0 if atol is None else atol._data[..., None] if isinstance(atol, Tensor) else atol
    if rtol is None:
        # an absolute tolerance alone leaves nothing to the relative one
        relative: Any = max(shape[-2:]) * float(np.finfo(dtype).eps) if atol is None else 0.0
    else:
        relative = rtol._data[..., None] if isinstance(rtol, Tensor) else rtol
    largest = sizes.max(axis=-1, keepdims=True) if sizes.shape[-1] else lib.zeros((*sizes.shape[:-1], 1), dtype)
    return lib.maximum(absolute + 0 * largest, relative * largest)


@op("LinalgPinvBackward0")
def _pinv(input: Array, atol, rtol, hermitian):
    lib = xp(input)
    if input.size == 0:
        return input.swapaxes(-1, -2).copy()
    problem = "The algorithm failed to converge"
    if hermitian:
        values, vectors = computed("linalg.pinv", problem, "eigh", input)
        left, sizes, right = vectors, lib.abs(values), vectors.swapaxes(-1, -2)
    else:
        left, values, right = computed("linalg.pinv", problem, "svd", input, False)
        sizes = values
    small = sizes <= _cut("linalg.pinv", sizes, input.shape, atol, rtol, input.dtype)
    factors = lib.where(small, 0, 1 / lib.where(small, 1, values)).astype(input.dtype)
    return (right.swapaxes(-1, -2) * factors[..., None, :]) @ left.swapaxes(-1, -2)


def _pinv_grad(g, input, out):
    # Source: G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses ...", SIAM J. Numer. Anal. 10 (1973)
    turned, g = out.mT, g.mT
    grad = -(turned @ g.mT @ turned)
    left = g @ out @ turned
    grad = grad + left - input @ (out @ left)
    right = turned @ out @ g
    return grad + right - (right @ out) @ input


_pinv.rules(input=_pinv_grad)


@keywords
def pinv(A, rtol=None, hermitian=False, *, atol=None, rcond=None):
    """The pseudo-inverse of Moore and Penrose of each matrix.

    Singular values up to ``max(atol, rtol * largest)`` count as 0; by default ``rtol`` is ``max(m, n)`` times the
    precision.  ``hermitian`` says that the matrices are symmetric.

    >>> import minitorch as torch
    >>> torch.linalg.pinv(torch.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    check_matrices("linalg.pinv", A, square=hermitian)
    return _pinv(A, atol, rcond if rtol is None else rtol, bool(hermitian))


@keywords
def pinverse(input, rcond=1e-15):
    """:func:`minitorch.linalg.pinv` with another default tolerance."""
    check_matrices("pinverse", input)
    return _pinv(input, None, rcond, False)


@keywords
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values are above ``max(atol, rtol * largest)`` (or ``tol``), for each matrix.

    >>> import minitorch as torch
    >>> torch.linalg.matrix_rank(torch.ones(2, 2))
    tensor(1)
    """
    check_matrices("linalg.matrix_rank", A, square=hermitian)
    array, lib = A._data, xp(A._data)
    if hermitian:
        sizes = lib.abs(lib.linalg.eigvalsh(array))
    else:
        sizes = lib.linalg.svd(array, compute_uv=False)
    cut = _cut("linalg.matrix_rank", sizes, array.shape, atol if tol is None else tol, rtol, array.dtype)
    return wrap((sizes > cut).sum(axis=-1, dtype=np.int64))


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@keywords
def lstsq(A, B, rcond=None, *, driver=None):
    """The ``solution`` with the least sum of squares of ``A @ solution - B`` and, of several, the shortest.

    A named tuple ``(solution, residuals, rank, singular_values)``; the drivers ``"gelsd"`` and ``"gelss"`` fill
    ``residuals`` and ``singular_values``, ``"gels"`` the former.

    Shape: (\\*, m, n) and (\\*, m, k) give (\\*, n, k); ``B`` may be one vector for each matrix.

    Raises:
        RuntimeError: shapes do not fit, dtypes differ, or there is no such driver.

    >>> import minitorch as torch
    >>> A = torch.tensor([[1., 0.], [1., 1.], [1., 2.]])
    >>> torch.linalg.lstsq(A, torch.tensor([1.5, 3.6, 5.7])).solution
    tensor([1.5000, 2.1000])
    """
    check_matrices("torch.linalg.lstsq", A)
    a, b = A._data.shape, B._data.shape
    vector = len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1])
    if vector:
        B = B.unsqueeze(-1)
    check_matrices("torch.linalg.lstsq", A, B)
    if driver is not None and driver not in _DRIVERS:
        raise RuntimeError(f"torch.linalg.lstsq: parameter `driver` should be one of ({', '.join(_DRIVERS)})")
    if a[-2] != B._data.shape[-2]:
        raise RuntimeError(
            f"torch.linalg.lstsq: input.size(-2) should match other.size(-2), got shapes {list(a)} and {list(b)}"
        )
    solution = _pinv(A, None, rcond, False) @ B
    lib, dtype = xp(A._data), A._data.dtype
    nothing = wrap(lib.empty(0, dtype))
    rank = matrix_rank(A, rtol=rcond)
    residuals, values = nothing, nothing
    if driver in ("gels", "gelsd", "gelss") and a[-2] > a[-1] and bool((rank._data == a[-1]).all()):
        gap = A @ solution - B
        residuals = (gap * gap).sum(-2)
    if driver in ("gelsd", "gelss"):
        values = svdvals(A.detach())
    if driver == "gels":
        rank = wrap(lib.empty(0, np.int64))  # taken to be full
    return return_types.linalg_lstsq((solution.squeeze(-1) if vector else solution, residuals, rank, values))
