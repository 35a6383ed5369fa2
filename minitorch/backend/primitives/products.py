"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive

#: sums of products below this are exact in float64
_EXACT = float(1 << 53)


@primitive
def matmul(a: Any, b: Any) -> Any:
    """``a @ b`` for arrays of one dtype: (..., n, k), (..., k, m) -> (..., n, m), or vectors.

    float16 is summed in float32; integers are exact.
    """
    dtype = a.dtype
    if dtype.kind == "f":
        if dtype.itemsize != 2:
            return a @ b
        return (a.astype(np.float32) @ b.astype(np.float32)).astype(dtype)
    if a.size and b.size:
        # NumPy multiplies integers by a plain loop; where float64 is exact, BLAS is 50 times as fast.
        reach = float(abs(a.astype(np.float64)).max()) * float(abs(b.astype(np.float64)).max()) * a.shape[-1]
        if reach < _EXACT:
            return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64).astype(dtype)
    return a @ b


@primitive
def matmul_into(a: Any, b: Any, out: Any) -> Any:
    """``out``, which now holds ``a @ b``; all are floating-point, of one dtype, and ``out`` shares no memory."""
    return array_module(a).matmul(a, b, out=out)
