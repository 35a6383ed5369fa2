"""Random numbers and dropout by the kernels of ``source/random.cu``: nothing but the key comes from the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import BLOCK, REALS, contiguous, launch
from minitorch.backend.primitives.random import Key, threshold

_ANY = np.dtype(np.float32)  # for kernels that have no element type
_BYTES = 32  # that a thread makes


def _long(number: int) -> np.int64:
    """The integer, modulo 2⁶⁴, as C's ``long long``."""
    return np.uint64(number % (1 << 64)).astype(np.int64)


def _launch(count: int, threads: int, name: str, dtype: Any, *args: Any) -> None:
    if count:
        launch("random.cu", name, dtype, -(-threads // BLOCK), BLOCK, *args, np.int64(count))


def _fill(name: str, out: Any, key: Key, dtype: Any, each: int, *args: Any) -> None:
    _launch(out.size, -(-out.size // each), name, dtype, out, *map(_long, key), *args)


def fill_uniform(out: Any, key: Key, low: float = 0.0, high: float = 1.0) -> Any:
    return _fill("fill_uniform", out, key, out.dtype, _BYTES // out.itemsize, float(low), float(high - low))


def fill_normal(out: Any, key: Key, mean: float = 0.0, std: float = 1.0) -> Any:
    return _fill("fill_normal", out, key, out.dtype, _BYTES // out.itemsize, float(mean), float(std))


def fill_integers(out: Any, key: Key, low: int, high: int) -> Any:
    return _fill("fill_integers", out, key, _ANY, 4, _long(low), _long(high - low))


def fill_bernoulli(out: Any, key: Key, p: float) -> Any:
    return _fill("fill_bernoulli", out, key, _ANY, 8, _long(threshold(p)))


def dropout(x: Any, kept: Any, key: Key, p: float, scale: float) -> Any:
    if x.dtype not in REALS:
        return NotImplemented
    x = contiguous(x)
    out = cupy().empty(x.shape, x.dtype)
    numbers = *map(_long, key), _long(threshold(p)), float(scale)
    _launch(x.size, -(-x.size // 8), "dropout_forward", x.dtype, x, out, kept, *numbers)
    return out


def scale_kept(g: Any, kept: Any, scale: float) -> Any:
    if g.dtype not in REALS:
        return NotImplemented
    out = cupy().empty(g.shape, g.dtype)
    _launch(g.size, g.size, "dropout_backward", g.dtype, contiguous(g), kept, out, float(scale))
    return out
