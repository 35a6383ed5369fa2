"""Scratch memory that is used again by the next call, and views with given strides.

A fresh large array costs a page fault for every 4 KiB: more than the arithmetic done on it.  Scratch lives in one
buffer per purpose and thread, so it is warm in the cache when the next tile is filled.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

# More than this for one purpose is asked from the system each time: a rare huge call must not hold memory forever.
_LARGEST_KEPT = 1 << 24


class _Buffers(threading.local):
    def __init__(self) -> None:
        self.by_purpose: dict[tuple[str, np.dtype], np.ndarray] = {}


_buffers = _Buffers()


def scratch(xp: Any, purpose: str, shape: tuple[int, ...], dtype: Any) -> Any:
    """An uninitialised array for the length of one primitive: the next request for ``purpose`` gets the same memory.

    CuPy's own pool keeps memory, in stream order; its arrays come from there.
    """
    if xp is not np:
        return xp.empty(shape, dtype)
    size = math.prod(shape)
    buffer = _buffers.by_purpose.get((purpose, dtype))
    if buffer is None or buffer.size < size:
        if size * dtype.itemsize > _LARGEST_KEPT:
            return np.empty(shape, dtype)
        buffer = _buffers.by_purpose[purpose, dtype] = np.empty(size, dtype)
    return np.ndarray(shape, dtype, buffer)


def release_scratch() -> None:
    """Drop the calling thread's scratch memory."""
    _buffers.by_purpose.clear()


def strided(xp: Any, array: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Any:
    """A view of C-contiguous ``array`` that starts ``offset`` elements in; ``strides`` count elements too.

    With NumPy a view that would leave the array raises: the constructor checks it, ``as_strided`` would not.
    """
    item = array.dtype.itemsize
    byte_strides = tuple([s * item for s in strides])
    if xp is np:
        return np.ndarray(shape, array.dtype, array, offset * item, byte_strides)
    return xp.lib.stride_tricks.as_strided(array.reshape(-1)[offset:], shape, byte_strides)


def compute_dtype(dtype: Any) -> Any:
    """The dtype that sums are formed in: float32 for float16, which CPUs add slowly and which overflows soon."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype
