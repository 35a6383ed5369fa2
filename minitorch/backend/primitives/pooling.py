"""Pooling over windows of 1, 2 or 3 spatial dimensions, forward and backward: maximum and average.

Shapes: ``x`` (N, C, \\*spatial) -> (N, C, \\*output); any number of leading dimensions will do.  ``stride`` and
``dilation``: one int per dimension; ``padding``: one pair (before, after) per dimension.

Where a maximum was found is told in one of two forms:

* *flat*: int64, the index in the input's flattened plane, as ``return_indices=True`` shows it;
* *compact*: the number of the tap inside its window, row-major, in one byte (four for windows above 256 taps).  An
  eighth of the memory and a third of the time; backward and gather then need the window's arguments too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.conv_geometry import Ints, Pads
from minitorch.backend.primitives.pool_geometry import Windows, divisors, pool_output_shape, windows
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import compute_dtype, scratch

__all__ = [
    "avg_pool_backward",
    "avg_pool_forward",
    "max_pool_backward",
    "max_pool_forward",
    "max_pool_gather",
    "max_pool_indices",
    "pool_output_shape",
]

# Elements of one tile of planes: some arrays of this size stay in the level-2 cache together.  A GPU takes all at once.
_CPU_TILE = 1 << 15


def _planes_per_tile(xp: Any, w: Windows) -> int:
    return max(1, _CPU_TILE // max(1, w.outputs)) if xp is np else 1 << 62


@primitive
def max_pool_forward(
    x: Any,
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    dilation: Ints,
    ceil_mode: bool = False,
    indices: str | None = "flat",
) -> tuple[Any, Any]:
    """The largest element of each window and where it was: ``(y, where)``.

    The first of equal elements counts; NaN is larger than anything, and of several the last counts.  Padding never
    wins.  ``indices``: "flat", "compact" (see the module) or ``None``, if nobody asks where.
    """
    xp = array_module(x)
    dims = len(kernel)
    w = windows(x.shape[-dims:], tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), bool(ceil_mode))
    leading = x.shape[:-dims]
    planes = math.prod(leading)
    y = xp.empty((planes, *w.out), x.dtype)
    code_dtype = np.dtype(np.uint8 if w.taps <= 256 else np.int32)
    codes = None if indices is None else xp.empty((planes, *w.out), code_dtype)
    if y.size:
        source = xp.ascontiguousarray(x).reshape(planes, *w.spatial)
        step = _planes_per_tile(xp, w)
        for first in range(0, planes, step):
            part = slice(first, first + step)
            tile = _bordered(xp, w, source[part], _lowest(x.dtype))
            _max_of_tile(xp, w, tile, y[part], None if codes is None else codes[part])
    shape = (*leading, *w.out)
    if codes is None:
        return y.reshape(shape), None
    codes = codes.reshape(shape)
    if indices == "flat":
        return y.reshape(shape), max_pool_indices(codes, w.spatial, kernel, stride, padding, dilation)
    return y.reshape(shape), codes


def max_pool_indices(codes: Any, input_spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> Any:
    """The flat form (int64) of the compact form of where maxima are."""
    xp, w = array_module(codes), _windows_of(codes, input_spatial, kernel, stride, padding, dilation)
    flat = xp.asarray(w.offsets).take(codes.reshape(-1, max(1, w.outputs)))
    flat += xp.asarray(w.origins)
    return flat.reshape(codes.shape)


@primitive
def max_pool_backward(
    gy: Any,
    where: Any,
    input_spatial: Ints,
    kernel: Ints | None = None,
    stride: Ints | None = None,
    padding: Pads | None = None,
    dilation: Ints | None = None,
) -> Any:
    """The gradient of the input: each of ``gy`` added where its maximum was, in the order of the outputs.

    ``where`` in the flat form needs no more; the compact form needs the window's arguments.
    """
    xp = array_module(gy)
    shape = (*gy.shape[: gy.ndim - len(input_spatial)], *input_spatial)
    if gy.size == 0:
        return xp.zeros(shape, gy.dtype)
    plane, outputs = math.prod(input_spatial), math.prod(gy.shape[gy.ndim - len(input_spatial) :])
    planes = gy.size // outputs
    dtype = compute_dtype(gy.dtype)
    source = xp.ascontiguousarray(gy, dtype).reshape(planes, outputs)
    gx = xp.zeros((planes, plane), dtype)
    if where.dtype != np.int64:
        w = _windows_of(where, input_spatial, kernel, stride, padding, dilation)
        if xp is not np:
            return _back_by_taps(xp, w, source, where, gx, shape).astype(gy.dtype, copy=False)
    where = where.reshape(planes, outputs)
    step = max(1, _CPU_TILE // outputs) if xp is np else planes
    # One plane after the other in one array: where each begins.
    starts = xp.arange(min(step, planes), dtype=np.int64)[:, None] * plane
    for first in range(0, planes, step):
        part = slice(first, first + step)
        if where.dtype == np.int64:
            at = where[part] + starts[: planes - first]
        else:
            at = _flat_of_tile(xp, w, where[part], starts[: planes - first])
        target = gx[part].reshape(-1)
        if xp is np:
            np.add.at(target, at.reshape(-1), source[part].reshape(-1))
        else:
            target += xp.bincount(at.reshape(-1), source[part].reshape(-1), target.size)
    return gx.reshape(shape).astype(gy.dtype, copy=False)


@primitive
def max_pool_gather(
    ggx: Any,
    where: Any,
    input_spatial: Ints,
    kernel: Ints | None = None,
    stride: Ints | None = None,
    padding: Pads | None = None,
    dilation: Ints | None = None,
) -> Any:
    """The elements of ``ggx`` (..., \\*input_spatial) at the places of the maxima: the transpose of backward."""
    xp = array_module(ggx)
    if where.size == 0:
        return xp.empty(where.shape, ggx.dtype)
    if where.dtype != np.int64:
        where = max_pool_indices(where, input_spatial, kernel, stride, padding, dilation)  # type: ignore[arg-type]
    planes = math.prod(where.shape[: where.ndim - len(input_spatial)])
    return xp.take_along_axis(ggx.reshape(planes, -1), where.reshape(planes, -1), 1).reshape(where.shape)


@primitive
def avg_pool_forward(
    x: Any,
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window; ``divisor_override`` replaces the number of elements that the sum is divided by."""
    xp = array_module(x)
    dims = len(kernel)
    w = windows(x.shape[-dims:], tuple(kernel), tuple(stride), tuple(padding), (1,) * dims, bool(ceil_mode))
    leading = x.shape[:-dims]
    y = xp.empty((math.prod(leading), *w.out), x.dtype)
    if y.size:
        dtype = compute_dtype(x.dtype)
        divisor = _divisor(xp, w, padding, ceil_mode, count_include_pad, divisor_override, dtype)
        source = xp.ascontiguousarray(x, dtype).reshape(-1, *w.spatial)
        step = _planes_per_tile(xp, w)
        for first in range(0, y.shape[0], step):
            part = slice(first, first + step)
            y[part] = _sum_windows(xp, w, _bordered(xp, w, source[part], 0)) / divisor
    return y.reshape(*leading, *w.out)


@primitive
def avg_pool_backward(
    gy: Any,
    input_spatial: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Pads,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The gradient of the input of :func:`avg_pool_forward`; linear, and its transpose is the forward itself."""
    xp = array_module(gy)
    dims = len(kernel)
    w = windows(tuple(input_spatial), tuple(kernel), tuple(stride), tuple(padding), (1,) * dims, bool(ceil_mode))
    leading = gy.shape[:-dims]
    gx = xp.zeros((math.prod(leading), *w.spatial), gy.dtype)
    if gy.size:
        dtype = compute_dtype(gy.dtype)
        divisor = _divisor(xp, w, padding, ceil_mode, count_include_pad, divisor_override, dtype)
        source = gy.reshape(-1, *w.out)
        step = _planes_per_tile(xp, w)
        for first in range(0, gx.shape[0], step):
            part = slice(first, first + step)
            sums = _spread_windows(xp, w, source[part] / divisor)
            gx[(part, *w.kept)] = sums[(slice(None), *w.inside)]
    return gx.reshape(*leading, *w.spatial)


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else (np.iinfo(dtype).min if dtype.kind in "iu" else False)


def _windows_of(where: Any, input_spatial: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Windows:
    """The windows behind a compact form; whether they were counted with ``ceil_mode`` shows in its shape."""
    if kernel is None or stride is None or padding is None or dilation is None:
        raise ValueError("the compact form of max-pool indices needs kernel, stride, padding and dilation as well")
    arguments = (tuple(input_spatial), tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))
    w = windows(*arguments, False)
    return w if w.out == where.shape[where.ndim - len(kernel) :] else windows(*arguments, True)


def _bordered(xp: Any, w: Windows, tile: Any, fill: Any) -> Any:
    """Planes (planes, \\*reach) with a border of ``fill``: the planes themselves if the windows stay inside them."""
    if not w.pads:
        return tile
    bordered = scratch(xp, "pool.bordered", (tile.shape[0], *w.reach), tile.dtype)
    bordered[...] = fill
    bordered[(slice(None), *w.inside)] = tile[(slice(None), *w.kept)]
    return bordered


def _max_of_tile(xp: Any, w: Windows, tile: Any, y: Any, codes: Any) -> None:
    """Maxima and the taps they came from.  Taps are copied first: the rest is far faster on contiguous arrays."""
    y[...] = tile[(slice(None), *w.slices[0])]
    tap = scratch(xp, "pool.tap", y.shape, y.dtype)
    if codes is None:
        for place in w.slices[1:]:
            tap[...] = tile[(slice(None), *place)]
            xp.maximum(y, tap, out=y)
        return
    # A comparison is never true for NaN; whether there is one shows in the maxima.  On a GPU asking costs more than
    # comparing every element with itself.
    has_nan_test = y.dtype.kind == "f"
    _follow_taps(xp, w, tile, y, codes, tap, careful=has_nan_test and xp is not np)
    if has_nan_test and xp is np and np.isnan(y).any():
        y[...] = tile[(slice(None), *w.slices[0])]
        _follow_taps(xp, w, tile, y, codes, tap, careful=True)
    if w.pads:  # a window of nothing but -inf: its first element that is not padding
        xp.copyto(codes, xp.asarray(w.first_taps.astype(codes.dtype)), where=y == _lowest(y.dtype))


def _follow_taps(xp: Any, w: Windows, tile: Any, y: Any, codes: Any, tap: Any, careful: bool) -> None:
    codes[...] = 0
    better = scratch(xp, "pool.better", y.shape, np.dtype(bool))
    number = scratch(xp, "pool.number", y.shape, codes.dtype)
    for k, place in enumerate(w.slices[1:], 1):
        tap[...] = tile[(slice(None), *place)]
        xp.greater(tap, y, out=better)
        if careful:
            better |= xp.isnan(tap)
        # Taps count upwards: the last that was better is the largest number among them.
        xp.multiply(better.view(np.uint8), codes.dtype.type(k), out=number)
        xp.maximum(codes, number, out=codes)
        xp.maximum(y, tap, out=y)


def _flat_of_tile(xp: Any, w: Windows, codes: Any, starts: Any) -> Any:
    at = scratch(xp, "pool.at", codes.shape, np.dtype(np.int64))
    if xp is np:
        w.offsets.take(codes, out=at, mode="clip")  # "raise" would go through a buffer
    else:
        at = xp.asarray(w.offsets).take(codes)
    at += xp.asarray(w.origins)
    at += starts
    return at


def _back_by_taps(xp: Any, w: Windows, gy: Any, codes: Any, gx: Any, shape: Ints) -> Any:
    """Backward without scatter: on a GPU additions to one place would come in any order."""
    sums = xp.zeros((gy.shape[0], *w.reach), gy.dtype)
    gy, codes = gy.reshape(-1, *w.out), codes.reshape(-1, *w.out)
    for k, place in enumerate(w.slices):
        sums[(slice(None), *place)] += xp.where(codes == k, gy, gy.dtype.type(0))
    gx = gx.reshape(-1, *w.spatial)
    gx[(slice(None), *w.kept)] = sums[(slice(None), *w.inside)]
    return gx.reshape(shape)


def _divisor(
    xp: Any, w: Windows, padding: Pads, ceil_mode: bool, count_include_pad: bool, override: int | None, dtype: Any
) -> Any:
    if override is not None:
        return dtype.type(override)
    counts = divisors(w.spatial, w.kernel, w.stride, tuple(padding), bool(ceil_mode), bool(count_include_pad))
    return dtype.type(counts) if counts.ndim == 0 else xp.asarray(counts.astype(dtype))


def _sum_windows(xp: Any, w: Windows, tile: Any) -> Any:
    """Sums over windows, one dimension after the other."""
    if not w.pads and w.kernel == w.spatial:
        return tile.reshape(tile.shape[0], -1).sum(axis=1).reshape(-1, *[1] * len(w.out))
    for axis, taps in enumerate(w.along, 1):
        before = (slice(None),) * axis
        total = tile[(*before, taps[0])]
        for number, tap in enumerate(taps[1:]):
            total = xp.add(total, tile[(*before, tap)], out=total if number else None)
        tile = total
    return tile


def _spread_windows(xp: Any, w: Windows, tile: Any) -> Any:
    """The transpose of :func:`_sum_windows`: every element added to all of its window, (planes, \\*reach)."""
    for axis, taps in reversed(list(enumerate(w.along, 1))):
        shape = (*tile.shape[:axis], w.reach[axis - 1], *tile.shape[axis + 1 :])
        wide = xp.zeros(shape, tile.dtype)
        for tap in taps:
            wide[(*(slice(None),) * axis, tap)] += tile
        tile = wide
    return tile
