"""Random numbers and dropout in one pass, large arrays shared between threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import plain
from minitorch.backend.cpu.threads import parts
from minitorch.backend.primitives.random import Key, threshold

# Elements from which loops pay: before that NumPy is as fast, or nearly, and Numba need not be imported.  Loading a
# loop takes 15 ms and saves 2 ns for each uniform number or integer, of which most are drawn once, for weights.  For
# normal numbers NumPy takes some forty calls, so loops that are there already make even one.
_NORMAL, _UNIFORM, _INTEGERS, _DROPOUT = 1 << 10, 1 << 19, 1 << 17, 1 << 12
# Elements that are worth waking another thread for.
_LEAST = 1 << 14


_loops: Any = None


def _kernels() -> Any:
    global _loops
    if _loops is None:
        from minitorch.backend.cpu import random_kernels as _loops
    return _loops


def _run(kernel: Any, arrays: list[np.ndarray], *numbers: Any) -> None:
    size = arrays[0].size
    kernel(-(-size // _loops.UNIT), parts(size, _LEAST), *[a.ravel() for a in arrays], *numbers)


def _words(key: Key) -> tuple[np.uint64, np.uint64]:
    return np.uint64(key[0]), np.uint64(key[1])


def fill_uniform(out: np.ndarray, key: Key, low: float = 0.0, high: float = 1.0) -> Any:
    if out.size < _UNIFORM or not plain(out):
        return NotImplemented
    kernel = _kernels().uniform_single if out.itemsize == 4 else _kernels().uniform_double
    return _run(kernel, [out], *_words(key), float(low), float(high - low))


def fill_normal(out: np.ndarray, key: Key, mean: float = 0.0, std: float = 1.0) -> Any:
    if (out.size < _NORMAL and _loops is None) or not plain(out):
        return NotImplemented
    kernel = _kernels().normal_single if out.itemsize == 4 else _kernels().normal_double
    return _run(kernel, [out], *_words(key), float(mean), float(std))


def fill_integers(out: np.ndarray, key: Key, low: int, high: int) -> Any:
    if out.size < _INTEGERS or out.dtype != np.int64 or not out.flags.carray:
        return NotImplemented
    return _run(_kernels().integers, [out], *_words(key), np.int64(low), np.uint64(high - low))


def dropout(x: np.ndarray, kept: np.ndarray, key: Key, p: float, scale: float) -> Any:
    limit = threshold(p)
    if x.size < _DROPOUT or not plain(x) or not kept.flags.carray or limit == 1 << 32:
        return NotImplemented
    out = np.empty_like(x)
    _run(_kernels().dropout, [x, out, kept], *_words(key), np.uint32(limit), float(scale))
    return out


def scale_kept(g: np.ndarray, kept: np.ndarray, scale: float) -> Any:
    if g.size < _DROPOUT or not plain(g) or not kept.flags.carray:
        return NotImplemented
    out = np.empty_like(g)
    _run(_kernels().scale_kept, [g, kept, out], float(scale))
    return out
