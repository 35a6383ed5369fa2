"""Element by element in one pass, large arrays shared between threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu import pointwise_kernels as kernels
from minitorch.backend.cpu.arrays import plain
from minitorch.backend.cpu.threads import share

# Elements that are worth waking another thread for.
_LEAST = 1 << 16


def _each(kernel: Any, *arrays: np.ndarray) -> np.ndarray:
    out = np.empty_like(arrays[0])
    flat = [a.reshape(-1) for a in (*arrays, out)]
    share(lambda i, j: kernel(*[a[i:j] for a in flat]), out.size, _LEAST)
    return out


def relu(x: np.ndarray) -> Any:
    return _each(kernels.relu, x) if plain(x) else NotImplemented


def where_nonzero(g: np.ndarray, y: np.ndarray) -> Any:
    return _each(kernels.where_nonzero, g, y) if plain(g, y) and g.shape == y.shape else NotImplemented
