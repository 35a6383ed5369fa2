"""Linear algebra under PyTorch's names: ``torch.linalg``.  Tensors are real; all functions take batches."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from minitorch.core.tensor import Tensor
from minitorch.ops.decompositions import cholesky as _cholesky
from minitorch.ops.decompositions import eigh, eigvalsh, svdvals
from minitorch.ops.decompositions import linalg_qr as qr
from minitorch.ops.decompositions import linalg_svd as svd
from minitorch.ops.diagonals import diagonal as _diagonal
from minitorch.ops.least_squares import lstsq, matrix_rank, pinv
from minitorch.ops.linalg import matmul
from minitorch.ops.matrices import LinAlgError
from minitorch.ops.matrix_norms import cond, matrix_norm
from minitorch.ops.matrix_norms import linalg_norm as norm
from minitorch.ops.norms import vector_norm
from minitorch.ops.products import linalg_cross as cross
from minitorch.ops.products import linalg_vander as vander
from minitorch.ops.products import multi_dot, vecdot
from minitorch.ops.solving import det, inv, matrix_exp, matrix_power, solve, solve_triangular
from minitorch.ops.solving import linalg_slogdet as slogdet
from minitorch.ops.unchecked import cholesky_ex, inv_ex, solve_ex

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "inv_ex",
    "lstsq",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "vander",
    "vecdot",
    "vector_norm",
]


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """:func:`minitorch.cholesky`."""
    return _cholesky(A, upper, out=out)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of each matrix: a view.

    >>> import minitorch as torch
    >>> torch.linalg.diagonal(torch.tensor([[1., 2.], [3., 4.]]))
    tensor([1., 4.])
    """
    return _diagonal(A, offset, dim1, dim2)


def _complex(name: str) -> RuntimeError:
    return RuntimeError(
        f"linalg.{name}: eigenvalues of a general matrix are complex, and tensors are real here. "
        f"For symmetric matrices use linalg.eigh; otherwise numpy.linalg.{name}(A.numpy())."
    )


def eig(A: Tensor) -> tuple[Tensor, Tensor]:
    """Refused, as its results are complex.

    Raises:
        RuntimeError: always; it names what to use instead.
    """
    raise _complex("eig")


def eigvals(A: Tensor) -> Tensor:
    """Refused, as its results are complex.

    Raises:
        RuntimeError: always; it names what to use instead.
    """
    raise _complex("eigvals")


#: functions whose modules are not imported before they are asked for: (module, name there)
_SELDOM = {
    "lu": ("lu", "linalg_lu"),
    "lu_factor": ("lu", "lu_factor"),
    "lu_factor_ex": ("lu", "lu_factor_ex"),
    "lu_solve": ("lu", "linalg_lu_solve"),
    "tensorinv": ("tensor_systems", "tensorinv"),
    "tensorsolve": ("tensor_systems", "tensorsolve"),
}

if not TYPE_CHECKING:

    def __getattr__(name):
        """What few programs need, when it is asked for; the reason, where there is no such name."""
        if name in _SELDOM:
            module, there = _SELDOM[name]
            return getattr(import_module(f"minitorch.ops.{module}"), there)
        from minitorch.missing import explain

        raise explain(__name__, name)
