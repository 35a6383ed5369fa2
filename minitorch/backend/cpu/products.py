"""Matrix products shared by the threads that the kernels use: BLAS itself keeps to one (see :mod:`.threads`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import in_memory, real
from minitorch.backend.cpu.blas import gemm_address
from minitorch.backend.cpu.threads import get_num_threads, own_blas, parts

# Multiplications and additions that are worth another thread: some 12 µs.
_WORTH_A_THREAD = 600_000


def matmul(a: np.ndarray, b: np.ndarray) -> Any:
    dtype = a.dtype
    if not real(dtype):
        return NotImplemented
    own_blas()
    if a.ndim < 2 or b.ndim < 2 or a.size * b.shape[-1] < 2 * _WORTH_A_THREAD or get_num_threads() == 1:
        return np.matmul(a, b)
    address = gemm_address(dtype.char)
    if not address or dtype != b.dtype or a.shape[-1] != b.shape[-2]:
        return np.matmul(a, b)
    if a.ndim == b.ndim == 2:
        return _of_matrices(a, b, address)
    if b.ndim == 2:  # one matrix for all: their rows are rows of one matrix
        if a.flags.c_contiguous:
            return _of_matrices(a.reshape(-1, a.shape[-1]), b, address).reshape(*a.shape[:-1], b.shape[1])
    elif a.shape[:-2] == b.shape[:-2]:
        return _of_stacks(a, b, address)
    return np.matmul(a, b)


def _stored(matrices: np.ndarray) -> tuple[np.ndarray, bool]:
    """The matrices as contiguous memory that kernels take, and whether rows and columns are exchanged there."""
    turned = matrices.swapaxes(-1, -2)
    if turned.flags.carray and not matrices.flags.carray:
        return turned, True
    return in_memory(matrices), False


def _of_matrices(a: np.ndarray, b: np.ndarray, address: int) -> np.ndarray:
    from minitorch.backend.cpu.products_kernels import columns_of_product, rows_of_product

    (m, k), n = a.shape, b.shape[1]
    y = np.empty((m, n), a.dtype)
    a, turned_a = _stored(a)
    b, turned_b = _stored(b)
    if m >= n:
        rows_of_product(m, parts(m, _least(k * n)), a, b, y, address, turned_a, turned_b)
    else:
        columns_of_product(n, parts(n, _least(k * m)), a, b, y, address, turned_a, turned_b)
    return y


def _of_stacks(a: np.ndarray, b: np.ndarray, address: int) -> np.ndarray:
    from minitorch.backend.cpu.products_kernels import products

    y = np.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
    a, turned_a = _stored(a)
    b, turned_b = _stored(b)
    stack = math.prod(y.shape[:-2])
    number = parts(stack, _least(y.shape[-2] * y.shape[-1] * (a.size // max(1, stack) // y.shape[-2])))
    stacks = [x.reshape(stack, *x.shape[-2:]) for x in (a, b, y)]
    products(stack, number, *stacks, address, turned_a, turned_b)
    return y


def _least(work: int) -> int:
    return max(1, -(-_WORTH_A_THREAD // max(1, work)))
