"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive

#: sums of products below this are exact in float64
_EXACT = float(1 << 53)
#: multiplications that are worth another thread of Python, which takes some 50 µs to begin
_WORTH_A_THREAD = 3_000_000


@primitive
def matmul(a: Any, b: Any) -> Any:
    """``a @ b`` for arrays of one dtype: (..., n, k), (..., k, m) -> (..., n, m), or vectors.

    float16 is summed in float32; integers are exact.
    """
    dtype = a.dtype
    if dtype.kind == "f":
        if dtype.itemsize != 2:
            return _product(a, b)
        return _product(a.astype(np.float32), b.astype(np.float32)).astype(dtype)
    if a.size and b.size:
        # NumPy multiplies integers by a plain loop; where float64 is exact, BLAS is 50 times as fast.
        reach = float(abs(a.astype(np.float64)).max()) * float(abs(b.astype(np.float64)).max()) * a.shape[-1]
        if reach < _EXACT:
            return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64).astype(dtype)
    return a @ b


@primitive
def matmul_into(a: Any, b: Any, out: Any) -> Any:
    """``out``, which now holds ``a @ b``; all are floating-point, of one dtype, and ``out`` shares no memory."""
    if not _worth_sharing(a, b):
        return array_module(a).matmul(a, b, out=out)
    _share(a, b, out)
    return out


def _product(a: Any, b: Any) -> Any:
    if not _worth_sharing(a, b):
        return a @ b
    out = np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)
    _share(a, b, out)
    return out


def _worth_sharing(a: Any, b: Any) -> bool:
    """Where BLAS has been told to keep to one thread (:mod:`minitorch.backend.cpu.threads`), others may help."""
    if type(a) is not np.ndarray or a.ndim < 2 or b.ndim < 2 or a.dtype != b.dtype or a.shape[-1] != b.shape[-2]:
        return False
    if max(a.size * b.shape[-1], b.size * a.shape[-2]) < 2 * _WORTH_A_THREAD:
        return False
    from minitorch.backend.cpu.threads import idle

    return idle()


def _share(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """``out = a @ b``, with the stack cut up, or else the longer of rows and columns."""
    from minitorch.backend.cpu.threads import share

    stack, (rows, columns) = (len(out) if out.ndim > 2 else 1), out.shape[-2:]

    def of_stack(first: int, last: int) -> None:
        # Stacks of fewer dimensions, or of one matrix, are the same for all.
        left, right = (x[first:last] if x.ndim == out.ndim and len(x) > 1 else x for x in (a, b))
        np.matmul(left, right, out=out[first:last])

    def of_rows(first: int, last: int) -> None:
        np.matmul(a[..., first:last, :], b, out=out[..., first:last, :])

    def of_columns(first: int, last: int) -> None:
        np.matmul(a, b[..., first:last], out=out[..., first:last])

    cut, length = (of_stack, stack) if stack > 1 else (of_rows, rows) if rows >= columns else (of_columns, columns)
    share(cut, length, -(-_WORTH_A_THREAD * length // (out.size * a.shape[-1])))
