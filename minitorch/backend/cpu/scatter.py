"""Adding rows at given places, one after the other; threads share the columns, so all add in the same order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import plain, whole
from minitorch.backend.cpu.scatter_kernels import add_rows
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread, and columns: fewer share cache lines with those of another thread.
_LEAST, _LEAST_COLUMNS = 1 << 14, 32


def add_rows_in_order(total: np.ndarray, index: np.ndarray, values: np.ndarray) -> Any:
    size, length = total.shape
    if not plain(total) or values.dtype != total.dtype or values.shape != (len(index), length):
        return NotImplemented
    if index.dtype.kind not in "iu" or not index.size or not length:
        return NotImplemented
    index = index.astype(np.int64, copy=not index.flags.carray)
    if int(index.view(np.uint64).max()) >= size:  # taken for unsigned, numbers below zero are the largest
        return NotImplemented
    (rows,) = whole(values) or [values]
    add_rows(length, parts(length, max(_LEAST_COLUMNS, _LEAST // len(index))), total, index, rows)
    return None
