"""Matrix products."""

from __future__ import annotations

from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive


@primitive
def matmul(a: Any, b: Any) -> Any:
    """``a @ b`` as NumPy has it: (..., n, k), (..., k, m) -> (..., n, m); vectors as NumPy treats them."""
    return array_module(a).matmul(a, b)
