"""Products of matrices by cuBLAS, however their operands lie in memory.

CuPy hands cuBLAS two matrices as they are, but of batches it copies each operand that is not contiguous and, up to
version 14.2, turns float16 into float32 first; TF32 reaches only single matrices.  Here a batch takes one call of
cublasGemmStridedBatchedEx(): matrices may be transposed or have gaps between their rows, and lie at equal distances, of
which zero is one matrix for the whole batch.  What fits neither is copied (an operand) or left to CuPy (a batch that
repeats along some of its dimensions only).

cuBLAS stores matrices by columns, so what lies in memory by rows is the transposed matrix to it.  It is therefore
asked for the transposed product, with the factors in reverse: its result lies by rows.

Source: NVIDIA, "cuBLAS" documentation, cublasGemmStridedBatchedEx(); the numbers of types are those of cudaDataType_t
(library_types.h) and cublasComputeType_t (cublas_api.h).
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.array_module import beside, cupy
from minitorch.backend.reduced_precision import tf32_allowed

#: by the elements' dtype: cudaDataType_t, and the cublasComputeType_t of sums
TYPES = {np.dtype(np.float16): (2, 68), np.dtype(np.float32): (0, 68), np.dtype(np.float64): (1, 70)}
TF32 = 77
ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT: cuBLAS chooses

# The coefficients 1 and 0 in host memory, of the type of the sums.
_SINGLE, _DOUBLE = np.array([1, 0], np.float32), np.array([1, 0], np.float64)


class _Layout(NamedTuple):
    """How the matrices of a batch lie in memory, in elements."""

    transposed: bool  # by columns
    leading: int  # from the start of a row, or of a column, to that of the next
    step: int  # from one matrix to the next


@functools.cache
def _gemm(library: Any) -> tuple[Any, Any]:
    """cuBLAS's function, and the error of a refusal; ``None`` and no error where CuPy does not offer them."""
    try:
        return library.cuda.cublas.gemmStridedBatchedEx, library.cuda.cublas.CUBLASError
    except (ImportError, AttributeError):
        return None, ()


def matmul(a: Any, b: Any, out: Any = None) -> Any:
    types, pair = TYPES.get(a.dtype), a.ndim == b.ndim == 2
    if types is None or b.dtype != a.dtype or a.ndim < 2 or b.ndim < 2 or not (a.size and b.size):
        return NotImplemented
    if a.shape[-1] != b.shape[-2] or (pair and a.shape[0] == b.shape[1] == 1):  # CuPy takes the latter for vectors
        return NotImplemented
    if pair and out is None and a.flags.forc and b.flags.forc and not tf32_allowed():
        return a @ b  # CuPy makes the same call, at less expense in Python
    batch = a.shape[:-2]
    if batch != b.shape[:-2]:
        batch = np.broadcast_shapes(batch, b.shape[:-2])
    left, right = _fitted(a, batch), _fitted(b, batch)
    if left is None or right is None:
        return NotImplemented
    with beside(a):
        if out is None:
            out = cupy().empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
        return _multiply(left, right, out, types)


def matmul_into(a: Any, b: Any, out: Any) -> Any:
    return matmul(a, b, out)


def _multiply(left: tuple[Any, _Layout], right: tuple[Any, _Layout], out: Any, types: tuple[int, int]) -> Any:
    (a, of_a), (b, of_b), of_out = left, right, _layout(out, out.shape[:-2])
    gemm, refusal = _gemm(cupy())
    if gemm is None or of_out is None or of_out.transposed:
        return NotImplemented
    kind, compute = types
    if kind == 0 and tf32_allowed():
        compute = TF32
    coefficients = _DOUBLE if kind == 1 else _SINGLE
    one = coefficients.ctypes.data
    try:
        gemm(
            cupy().cuda.get_cublas_handle(), int(of_b.transposed), int(of_a.transposed),
            out.shape[-1], out.shape[-2], a.shape[-1],
            one, b.data.ptr, kind, of_b.leading, of_b.step, a.data.ptr, kind, of_a.leading, of_a.step,
            one + coefficients.itemsize, out.data.ptr, kind, of_out.leading, of_out.step,
            math.prod(out.shape[:-2]), compute, ALGORITHM,
        )  # fmt: skip
    except (OverflowError, refusal):  # sizes beyond C's int, or a GPU without this type
        return NotImplemented
    return out


def _fitted(x: Any, batch: tuple[int, ...]) -> tuple[Any, _Layout] | None:
    """``x``, or a copy without gaps, and how it lies; ``None`` if it repeats along a part of the batch's dimensions."""
    layout = _layout(x, batch)
    if layout is None:
        own = (1,) * (len(batch) + 2 - x.ndim) + x.shape[:-2]
        if own != batch and any(n > 1 for n in own):
            return None
        x = cupy().ascontiguousarray(x)
        layout = _layout(x, batch)
    return None if layout is None else (x, layout)


def _layout(x: Any, batch: tuple[int, ...]) -> _Layout | None:
    """How the matrices of ``x``, broadcast to ``batch``, lie, if cuBLAS can be told so."""
    size, strides = x.itemsize, x.strides
    rows, columns = x.shape[-2:]
    to_row, to_column = strides[-2] // size, strides[-1] // size
    # The distance between rows does not matter where there is one; likewise for columns.
    by_rows = columns if rows == 1 else to_row
    by_columns = rows if columns == 1 else to_column
    if (to_column == 1 or columns == 1) and by_rows >= columns:
        transposed, leading = False, by_rows
    elif (to_row == 1 or rows == 1) and by_columns >= rows:
        transposed, leading = True, by_columns
    else:
        return None
    step = _step(batch, x.shape[:-2], strides[:-2])
    return None if step is None else _Layout(transposed, leading, step // size)


def _step(batch: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...]) -> int | None:
    """The one distance, in bytes, between neighbours in a batch; ``None`` if there are several."""
    step = reach = None
    for i in range(1, len(batch) + 1):
        if batch[-i] == 1:
            continue
        stride = strides[-i] if i <= len(sizes) and sizes[-i] > 1 else 0
        if reach is None:
            step = reach = stride
        if stride != reach or stride < 0:
            return None
        reach *= batch[-i]
    return step or 0
