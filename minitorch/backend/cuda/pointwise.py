"""Element by element, by the kernels of ``source/pointwise.cu``."""

from __future__ import annotations

from typing import Any

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import accepts, contiguous, launch_over


def where_nonzero(g: Any, y: Any) -> Any:
    if not accepts(g, y) or g.shape != y.shape:
        return NotImplemented
    out = cupy().empty(y.shape, y.dtype)
    launch_over(out.size, "pointwise.cu", "where_nonzero", y.dtype, contiguous(g), contiguous(y), out)
    return out
