"""Random numbers and dropout in one pass, large arrays shared between threads."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import plain
from minitorch.backend.cpu.threads import share
from minitorch.backend.primitives.random import Key, threshold

_KERNELS = "minitorch.backend.cpu.random_kernels"
# Elements from which loops pay: before that NumPy is as fast, or nearly, and Numba need not be imported.  (NumPy takes
# some forty calls for normal numbers, so loops that are there already make even one.)
_NORMAL, _UNIFORM, _DROPOUT = 1 << 10, 1 << 16, 1 << 12
# Threads begin their parts with a whole number of blocks.
_UNIT = 1 << 10
# Such units that are worth waking another thread for.
_LEAST = 16


def _kernels() -> Any:
    return importlib.import_module(_KERNELS)


def _share(work: Callable[[int, int], None], count: int) -> None:
    """Calls ``work(first, last)`` for parts of the elements."""
    share(lambda i, j: work(i * _UNIT, min(j * _UNIT, count)), -(-count // _UNIT), _LEAST)


def _fill(out: np.ndarray, key: Key, single: str, double: str, *numbers: float) -> None:
    kernel = getattr(_kernels(), single if out.itemsize == 4 else double)
    flat, words = out.reshape(-1), [np.uint64(k) for k in key]
    each_block = 32 // out.itemsize
    given = [out.dtype.type(number) for number in numbers]
    _share(lambda i, j: kernel(flat[i:j], *words, np.uint64(i // each_block), *given), out.size)


def fill_uniform(out: np.ndarray, key: Key, low: float = 0.0, high: float = 1.0) -> Any:
    if out.size < _UNIFORM or not plain(out):
        return NotImplemented
    return _fill(out, key, "uniform_single", "uniform_double", low, high - low)


def fill_normal(out: np.ndarray, key: Key, mean: float = 0.0, std: float = 1.0) -> Any:
    if (out.size < _NORMAL and _KERNELS not in sys.modules) or not plain(out):
        return NotImplemented
    return _fill(out, key, "normal_single", "normal_double", mean, std)


def dropout(x: np.ndarray, kept: np.ndarray, key: Key, p: float, scale: float) -> Any:
    limit = threshold(p)
    if x.size < _DROPOUT or not plain(x) or limit == 1 << 32:
        return NotImplemented
    kernel, words = _kernels().dropout, [np.uint64(k) for k in key]
    out = np.empty_like(x)
    source, result, mask = x.reshape(-1), out.reshape(-1), kept.reshape(-1)
    numbers = np.uint32(limit), x.dtype.type(scale)
    _share(lambda i, j: kernel(source[i:j], result[i:j], mask[i:j], *words, np.uint64(i // 8), *numbers), x.size)
    return out


def scale_kept(g: np.ndarray, kept: np.ndarray, scale: float) -> Any:
    if g.size < _DROPOUT or not plain(g) or not kept.flags.carray:
        return NotImplemented
    kernel, out = _kernels().scale_kept, np.empty_like(g)
    flat, mask, result, factor = g.reshape(-1), kept.reshape(-1), out.reshape(-1), g.dtype.type(scale)
    _share(lambda i, j: kernel(flat[i:j], mask[i:j], result[i:j], factor), g.size)
    return out
