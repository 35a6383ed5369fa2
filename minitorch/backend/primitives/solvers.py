"""Factorisations by the array library, with failures that name the matrix.

NumPy raises if one matrix of a stack is singular or not positive definite, and does not say which; CuPy does not look
and returns what the solver left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module

__all__ = ["Unsolvable", "attempt"]


class Unsolvable(ArithmeticError):
    """A matrix has not the factorisation asked for; ``element`` is its number in the stack, ``None`` if it is alone."""

    def __init__(self, element: int | None) -> None:
        super().__init__(element)
        self.element = element


def _functions(xp: Any) -> dict[str, Any]:
    return {
        "inv": xp.linalg.inv,
        "solve": xp.linalg.solve,
        "cholesky": xp.linalg.cholesky,
        "qr": xp.linalg.qr,
        "svd": xp.linalg.svd,
        "eigh": xp.linalg.eigh,
    }


def attempt(name: str, stack: Any, *args: Any, **kwargs: Any) -> Any:
    """The function ``name`` of ``linalg`` for a stack of matrices: ``(*batch, n, m)``.

    Raises:
        Unsolvable: a matrix is singular, not positive definite, or an iteration did not converge.
    """
    xp = array_module(stack)
    function = _functions(xp)[name]
    if xp is not np:
        result = function(stack, *args, **kwargs)
        failed = _failures(xp, name, stack, result)
        if failed is not None and failed.any():
            raise Unsolvable(None if stack.ndim == 2 else int(failed.reshape(-1).argmax()))
        return result
    try:
        return function(stack, *args, **kwargs)
    except np.linalg.LinAlgError:
        raise Unsolvable(_first_failure(name, stack)) from None


def _first_failure(name: str, stack: Any) -> int | None:
    """Which matrix it is, found by trying one by one."""
    function = _functions(np)[name]
    if stack.ndim > 2:
        for element, matrix in enumerate(stack.reshape(-1, *stack.shape[-2:])):
            try:
                function(matrix, matrix[:, :1]) if name == "solve" else function(matrix)
            except np.linalg.LinAlgError:
                return element
    return None


def _failures(xp: Any, name: str, stack: Any, result: Any) -> Any:
    """Which matrices a solver that does not say so has failed on; ``None`` where there is nothing to see."""
    if name not in ("inv", "solve", "cholesky") or stack.size == 0:
        return None
    if name == "cholesky":  # the factor stops at the first pivot that is not positive
        good = (xp.diagonal(result, axis1=-2, axis2=-1) > 0).all(axis=-1)
    else:
        good = xp.isfinite(result.sum(axis=(-2, -1)))
    return ~good & xp.isfinite(stack.sum(axis=(-2, -1)))  # NaN leads to NaN without a failure
