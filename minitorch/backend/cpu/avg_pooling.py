"""Average pooling over windows of any kind, adaptive ones included, one plane after the other."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minitorch.backend.cpu import avg_pooling_kernels as kernels
from minitorch.backend.cpu.arrays import whole
from minitorch.backend.cpu.threads import parts
from minitorch.backend.primitives.conv_geometry import Ints, Pads
from minitorch.backend.primitives.pool_geometry import adaptive_windows, divisors, pool_output_shape

# Elements of the input that are worth another thread.
_LEAST = 1 << 14


class _Windows:
    """The bounds of windows in three dimensions, missing ones in front, and what their sums are divided by."""

    def __init__(self, spatial: Ints, bounds: list[tuple[Any, Any]], divisor: Any) -> None:
        missing = 3 - len(spatial)
        bounds = [(np.zeros(1, np.int64), np.ones(1, np.int64))] * missing + bounds
        self.spatial, self.out = (1,) * missing + spatial, tuple([len(low) for low, _ in bounds])
        self.bounds = [np.ascontiguousarray(np.clip(b, 0, n)) for n, pair in zip(self.spatial, bounds) for b in pair]
        low, high = self.bounds[4:]
        self.pairs = bool((low == 2 * np.arange(len(low))).all() and (high == low + 2).all())
        dims = self.out[missing:]
        self.divisor = np.ascontiguousarray(np.broadcast_to(np.asarray(divisor), dims)).reshape(self.out)


@functools.lru_cache(maxsize=256)
def _fixed(
    dtype: str, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, ceil: bool, include_pad: bool, override: Any
) -> _Windows:
    out = pool_output_shape(spatial, kernel, stride, padding, (1,) * len(spatial), ceil)
    lows = [np.arange(o) * s - lo for o, s, (lo, _) in zip(out, stride, padding)]
    counts = divisors(spatial, kernel, stride, padding, ceil, include_pad) if override is None else override
    bounds = [(low, low + k) for low, k in zip(lows, kernel)]
    return _Windows(spatial, bounds, np.asarray(counts).astype(dtype))


@functools.lru_cache(maxsize=256)
def _adaptive(dtype: str, spatial: Ints, output_size: Ints) -> _Windows:
    windows = [adaptive_windows(n, m) for n, m in zip(spatial, output_size)]
    counts = functools.reduce(lambda total, pair: total[..., None] * pair[1], windows, np.ones((), np.int64))
    return _Windows(spatial, [(first, first + length) for first, length in windows], counts.astype(dtype))


def _run(kernel: Any, windows: _Windows, given: np.ndarray, source: Ints, result: Ints, dims: int) -> Any:
    """``kernel`` over planes of the shape ``source``, which gives planes of the shape ``result``."""
    plain = whole(given)
    if plain is None or not given.size or not math.prod(windows.spatial):
        return NotImplemented
    planes = math.prod(given.shape[: given.ndim - dims])
    out = np.empty((planes, *result), given.dtype)
    number = parts(planes, _LEAST // math.prod(windows.spatial))
    kernel(planes, number, plain[0].reshape(planes, *source), out, windows.divisor, windows.pairs, *windows.bounds)
    return out.reshape(*given.shape[: given.ndim - dims], *result[3 - dims :])


def _forward(windows: _Windows, x: np.ndarray, dims: int) -> Any:
    return _run(kernels.forward, windows, x, windows.spatial, windows.out, dims)


def _backward(windows: _Windows, gy: np.ndarray, dims: int) -> Any:
    if windows.out[3 - dims :] != gy.shape[gy.ndim - dims :]:
        return NotImplemented
    return _run(kernels.backward, windows, gy, windows.out, windows.spatial, dims)


def avg_pool_forward(
    x: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    dims = len(kernel)
    how = tuple(kernel), tuple(stride), tuple(padding), bool(ceil_mode), bool(count_include_pad), divisor_override
    return _forward(_fixed(x.dtype.char, x.shape[x.ndim - dims :], *how), x, dims)


def avg_pool_backward(
    gy: np.ndarray,
    input_spatial: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    how = tuple(kernel), tuple(stride), tuple(padding), bool(ceil_mode), bool(count_include_pad), divisor_override
    return _backward(_fixed(gy.dtype.char, tuple(input_spatial), *how), gy, len(kernel))


def adaptive_avg_pool_forward(x: np.ndarray, output_size: Ints) -> Any:
    dims = len(output_size)
    return _forward(_adaptive(x.dtype.char, x.shape[x.ndim - dims :], tuple(output_size)), x, dims)


def adaptive_avg_pool_backward(gy: np.ndarray, input_spatial: Ints) -> Any:
    dims = len(input_spatial)
    return _backward(_adaptive(gy.dtype.char, tuple(input_spatial), gy.shape[gy.ndim - dims :]), gy, dims)
