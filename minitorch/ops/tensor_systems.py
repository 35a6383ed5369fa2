"""Linear systems whose unknowns are tensors: they are reshaped to matrices."""

from __future__ import annotations

import math
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.ops.axes import movedim
from minitorch.ops.solving import inv, solve


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of ``A`` as a map from its last dimensions to its first ``ind`` ones.

    Raises:
        RuntimeError: ``ind`` is not positive, or the dimensions do not make a square matrix.

    >>> import minitorch as torch
    >>> torch.linalg.tensorinv(torch.eye(6).reshape(2, 3, 6)).shape
    torch.Size([6, 2, 3])
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = A.shape[:ind], A.shape[ind:]
    _check_square("ind", math.prod(last), math.prod(first))
    return inv(A.reshape(math.prod(first), -1)).reshape(*last, *first)


def _check_square(what: str, columns: int, rows: int) -> None:
    if columns != rows:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[{what}:]) == prod(self.shape[:{what}]), but got "
            f"{columns} != {rows}"
        )


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """``X`` with ``tensordot(A, X, X.ndim) = B``.

    Args:
        dims: dimensions of ``A`` that are moved to its end first.

    Raises:
        RuntimeError: the dimensions do not make a square matrix.

    >>> import minitorch as torch
    >>> torch.linalg.tensorsolve(torch.eye(6).reshape(2, 3, 6), torch.ones(2, 3)).shape
    torch.Size([6])
    """
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    unknown = A.shape[B.ndim :]
    _check_square("other.ndim", math.prod(unknown), math.prod(A.shape[: B.ndim]))
    return solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(*unknown)
