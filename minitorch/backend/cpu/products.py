"""Matrix products shared by the threads that the kernels use: BLAS itself keeps to one (see :mod:`.threads`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu.threads import get_num_threads, own_blas, share

# Multiplications and additions that are worth waking another thread for: some 40 µs.
_WORTH_A_THREAD = 2_000_000


def matmul(a: np.ndarray, b: np.ndarray) -> Any:
    if a.dtype != np.float32 and a.dtype != np.float64:
        return NotImplemented
    own_blas()
    if a.ndim < 2 or b.ndim < 2 or a.size * b.shape[-1] < 2 * _WORTH_A_THREAD or get_num_threads() == 1:
        return np.matmul(a, b)
    if a.ndim == b.ndim == 2:
        return _of_matrices(a, b)
    if b.ndim == 2:  # one matrix for all: their rows are rows of one matrix
        if a.flags.c_contiguous and a.shape[-1] == b.shape[0]:
            return _of_matrices(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[1])
        return np.matmul(a, b)
    if a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2] or a.dtype != b.dtype:
        return np.matmul(a, b)
    y = np.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
    work = math.prod(a.shape[1:]) * b.shape[-1]
    share(lambda i, j: np.matmul(a[i:j], b[i:j], out=y[i:j]), len(a), _least(work))
    return y


def _of_matrices(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    (n, k), m = a.shape, b.shape[1]
    if k != b.shape[0] or a.dtype != b.dtype:
        return np.matmul(a, b)
    y = np.empty((n, m), a.dtype)
    if n >= m:
        share(lambda i, j: np.matmul(a[i:j], b, out=y[i:j]), n, _least(k * m))
    else:
        share(lambda i, j: np.matmul(a, b[:, i:j], out=y[:, i:j]), m, _least(k * n))
    return y


def _least(work: int) -> int:
    return max(1, -(-_WORTH_A_THREAD // max(1, work)))
