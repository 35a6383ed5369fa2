"""Factorisations that report a failure in ``info`` instead of raising: ``inv_ex``, ``solve_ex``, ``cholesky_ex``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.decompositions import cholesky
from minitorch.ops.joining import stack
from minitorch.ops.matrices import LinAlgError
from minitorch.ops.solving import inv, solve


def _reported(function: Callable, A: Tensor, check_errors: bool) -> tuple[Tensor, Tensor]:
    """``function(A)``, or of each matrix by itself where one of them has no result, and how far each came.

    A matrix without a result has NaN in its place and, in ``info``, the size of its first leading block without one.
    """
    lib, batch = xp(A._data), A._data.shape[:-2]
    info = lib.zeros(batch, np.int32)
    try:
        return function(A), wrap(info)
    except LinAlgError:
        if check_errors:
            raise
    results = []
    for place in np.ndindex(*batch):
        matrix = A[place] if place else A
        try:
            results.append(function(matrix))
        except LinAlgError:
            results.append(None)
            info[place] = _first_failure(function, matrix)
    good = next((r for r in results if r is not None), None)
    missing = (A[(0,) * len(batch)] if good is None else good).detach() * float("nan")
    return stack([missing if r is None else r for r in results]).reshape(*batch, *missing.shape), wrap(info)


def _first_failure(function: Callable, matrix: Tensor) -> int:
    size = matrix._data.shape[-1]
    for k in range(1, size):
        try:
            function(matrix[:k, :k])
        except LinAlgError:
            return k
    return size


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """:func:`minitorch.linalg.inv` as a named tuple ``(inverse, info)``: ``info`` is 0 for a matrix that has one.

    With ``check_errors`` a singular matrix raises; otherwise its place is filled with NaN.

    >>> import minitorch as torch
    >>> torch.linalg.inv_ex(torch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    return return_types.linalg_inv_ex(_reported(inv, A, check_errors))


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """:func:`minitorch.linalg.cholesky` as a named tuple ``(L, info)``: ``info`` is 0 for a positive definite matrix,
    else the size of the first leading block that is not; see :func:`inv_ex`.

    >>> import minitorch as torch
    >>> torch.linalg.cholesky_ex(torch.tensor([[1., 0.], [0., -1.]])).info
    tensor(2, dtype=torch.int32)
    """
    return return_types.linalg_cholesky_ex(_reported(lambda a: cholesky(a, upper), A, check_errors))


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """:func:`minitorch.linalg.solve` as a named tuple ``(result, info)``; see :func:`inv_ex`.

    >>> import minitorch as torch
    >>> torch.linalg.solve_ex(torch.eye(2), torch.ones(2)).result
    tensor([1., 1.])
    """
    lib, batch = xp(A._data), A._data.shape[:-2]
    try:
        return return_types.linalg_solve_ex((solve(A, B, left=left), wrap(lib.zeros(batch, np.int32))))
    except LinAlgError:
        if check_errors:
            raise
    inverse, info = inv_ex(A)
    vector = B._data.ndim == 1 or B._data.shape == A._data.shape[:-1]
    if vector:
        B, left = B.unsqueeze(-1), True
    X = inverse @ B if left else B @ inverse
    return return_types.linalg_solve_ex((X.squeeze(-1) if vector else X, info))
