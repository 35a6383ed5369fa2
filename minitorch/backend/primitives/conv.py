"""Convolution over 1, 2 or 3 spatial dimensions: forward, gradient of the input, gradient of the weight.

As matrix products over tiles of images whose columns stay in the cache, never over the columns of the whole batch
(Chellapilla, Puri and Simard 2006, "High performance convolutional neural networks for document processing", with the
batch cut up).  :mod:`.conv_geometry` has the two layouts of the columns, :func:`_plan` the choice for each shape.

Shapes: ``x`` (N, C, \\*spatial), ``w`` (O, C / groups, \\*kernel), ``y`` and ``gy`` (N, O, \\*output).  ``stride``,
``dilation``: one int per dimension; ``padding``: one pair (before, after) per dimension, of zeros.
float16 is summed in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.conv_geometry import Geometry, Ints, Pads, conv_output_shape, geometry, tiles
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import compute_dtype, scratch, strided

__all__ = ["conv_forward", "conv_input_grad", "conv_output_shape", "conv_weight_grad"]

# Columns of one tile: half of a small level-2 cache; on a GPU large enough to fill it.
_CPU_TILE = 1 << 19
_GPU_TILE = 1 << 27


def _budget(xp: Any) -> int:
    return _CPU_TILE if xp is np else _GPU_TILE


@primitive
def conv_forward(x: Any, w: Any, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1, bias: Any = None) -> Any:
    """The convolution (cross-correlation) of ``x`` with ``w``, plus ``bias`` (O,) if given."""
    xp = array_module(x)
    g = geometry(x.shape[2:], w.shape[2:], tuple(stride), tuple(padding), tuple(dilation))
    images, outputs = x.shape[0], w.shape[0]
    y = xp.empty((images, outputs, *g.out), x.dtype)
    column = None if bias is None else bias.reshape(outputs, *[1] * len(g.out))
    if y.size == 0:
        return y
    if w.size == 0:
        y[...] = 0 if column is None else column
        return y
    dtype = compute_dtype(x.dtype)
    matrix = w.astype(dtype, copy=False).reshape(groups, outputs // groups, -1)
    depth = matrix.shape[2]
    direct = g.taps == 1 and not g.pads and g.flat and y.dtype == dtype
    per_row = g.row_positions * dtype.itemsize * (groups * depth + outputs)
    t, r = tiles(images, g.out[0], per_row, _budget(xp))
    for first in range(0, images, t):
        tile = _padded(xp, g, x[first : first + t], dtype)
        n = tile.shape[0]
        for row in range(0, g.out[0], r):
            rows = min(r, g.out[0] - row)
            columns = _columns(xp, g, tile, row, rows).reshape(n, groups, depth, -1)
            if direct:  # a 1x1 kernel leaves no junk: the product is the result
                target = y.reshape(images, groups, outputs // groups, -1)
                target = target[first : first + n, ..., row * g.row_positions : (row + rows) * g.row_positions]
                xp.matmul(matrix, columns, out=target)
                if column is not None:
                    y[first : first + n, :, row : row + rows] += column
                continue
            wide = scratch(xp, "conv.result", (n, groups, outputs // groups, rows * g.row_positions), dtype)
            xp.matmul(matrix, columns, out=wide[..., : columns.shape[3]])
            result = wide.reshape(n, outputs, rows, *g.wide)[(..., *g.valid)]
            target = y[first : first + n, :, row : row + rows]
            if column is None:
                target[...] = result
            elif dtype == y.dtype:
                xp.add(result, column, out=target)
            else:
                target[...] = result + column
    return y


@primitive
def conv_input_grad(
    gy: Any, w: Any, input_spatial_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:
    """The gradient of the input, for the gradient ``gy`` of the result; also the transposed convolution of ``gy``."""
    xp = array_module(gy)
    g = geometry(tuple(input_spatial_shape), w.shape[2:], tuple(stride), tuple(padding), tuple(dilation))
    images, outputs = gy.shape[:2]
    channels = w.shape[1] * groups
    if gy.size == 0 or w.size == 0:
        return xp.zeros((images, channels, *g.spatial), gy.dtype)
    gx = xp.empty((images, channels, *g.spatial), gy.dtype)
    dtype = compute_dtype(gy.dtype)
    matrix = w.astype(dtype, copy=False).reshape(groups, outputs // groups, -1).swapaxes(1, 2)
    depth = matrix.shape[1]
    in_place = not g.pads and gx.dtype == dtype
    t, r = tiles(images, g.out[0], g.row_positions * dtype.itemsize * groups * depth, _budget(xp))
    for first in range(0, images, t):
        n = min(t, images - first)
        if in_place:
            sums = gx[first : first + n]
        else:
            sums = scratch(xp, "conv.padded", (n, channels, *g.padded), dtype)
        sums[...] = 0
        for row in range(0, g.out[0], r):
            rows = min(r, g.out[0] - row)
            wide = _spread(xp, g, gy[first : first + n, :, row : row + rows], dtype)
            columns = scratch(xp, "conv.columns", (n, groups, depth, wide.shape[2]), dtype)
            xp.matmul(matrix, wide.reshape(n, groups, outputs // groups, -1), out=columns)
            _add_columns(g, sums, columns.reshape(n, channels, g.taps, -1), row, rows)
        if not in_place:
            gx[first : first + n] = sums[(slice(None), slice(None), *g.interior)]
    return gx


@primitive
def conv_weight_grad(
    x: Any, gy: Any, kernel_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:
    """The gradient of the weight (O, C / groups, \\*kernel), for the gradient ``gy`` of the result."""
    xp = array_module(x)
    g = geometry(x.shape[2:], tuple(kernel_shape), tuple(stride), tuple(padding), tuple(dilation))
    (images, channels), outputs = x.shape[:2], gy.shape[1]
    shape = (outputs, channels // groups, *kernel_shape)
    if gy.size == 0 or x.size == 0 or g.taps == 0:
        return xp.zeros(shape, x.dtype)
    dtype = compute_dtype(x.dtype)
    depth = channels // groups * g.taps
    per_row = g.row_positions * dtype.itemsize * (groups * depth + outputs)
    t, r = tiles(images, g.out[0], per_row, _budget(xp))
    total = xp.zeros((groups, outputs // groups, depth), dtype)
    for first in range(0, images, t):
        tile = _padded(xp, g, x[first : first + t], dtype)
        n = tile.shape[0]
        for row in range(0, g.out[0], r):
            rows = min(r, g.out[0] - row)
            columns = _columns(xp, g, tile, row, rows).reshape(n, groups, depth, -1)
            wide = _spread(xp, g, gy[first : first + n, :, row : row + rows], dtype)
            parts = xp.matmul(wide.reshape(n, groups, outputs // groups, -1), columns.swapaxes(2, 3))
            total += parts.sum(axis=0)
    return total.reshape(shape).astype(x.dtype, copy=False)


def _padded(xp: Any, g: Geometry, x: Any, dtype: Any) -> Any:
    """A tile of images, contiguous, with its border of zeros."""
    if not g.pads:
        return xp.ascontiguousarray(x, dtype)
    tile = scratch(xp, "conv.padded", (*x.shape[:2], *g.padded), dtype)
    tile[...] = 0
    tile[(slice(None), slice(None), *g.interior)] = x
    return tile


def _columns(xp: Any, g: Geometry, tile: Any, row: int, rows: int) -> Any:
    """The columns (n, C, taps, positions) of ``rows`` output rows from ``row`` on."""
    n, channels = tile.shape[:2]
    positions = g.positions(rows)
    at: Ints
    if g.flat:
        at, at_steps = (positions,), (1,)
    else:
        at, at_steps = (rows, *g.out[1:]), tuple([s * p for s, p in zip(g.stride, g.steps)])
    shape = (n, channels, *g.kernel, *at)
    view = strided(xp, tile, shape, (channels * g.plane, g.plane, *g.tap_steps, *at_steps), row * g.row)
    if g.taps == 1 and g.flat:
        return view.reshape(n, channels, 1, positions)
    columns = scratch(xp, "conv.columns", (n, channels, g.taps, positions), tile.dtype)
    columns.reshape(shape)[...] = view
    return columns


def _spread(xp: Any, g: Geometry, gy: Any, dtype: Any) -> Any:
    """An output gradient (n, O, rows, ...) in the layout of the columns, (n, O, positions): zeros at junk positions.

    The zeros meet finite numbers of the input; an infinite one there gives NaN for a tap that never reads it, in a
    gradient that has NaN or infinity at other taps anyway.
    """
    n, outputs, rows = gy.shape[:3]
    if g.wide == g.out[1:]:
        return xp.ascontiguousarray(gy, dtype).reshape(n, outputs, -1)
    wide = scratch(xp, "conv.spread", (n, outputs, rows, *g.wide), dtype)
    wide[...] = 0
    wide[(..., *g.valid)] = gy
    return wide.reshape(n, outputs, -1)[..., : g.positions(rows)]


def _add_columns(g: Geometry, sums: Any, columns: Any, row: int, rows: int) -> None:
    """Add the columns (n, C, taps, positions) to the padded images that they were read from."""
    if g.flat:
        flat = sums.reshape(*sums.shape[:2], g.plane)
        for tap, offset in enumerate(g.tap_offsets()):
            begin = row * g.row + offset
            flat[..., begin : begin + columns.shape[3]] += columns[:, :, tap]
    else:
        columns = columns.reshape(*columns.shape[:3], rows, *g.out[1:])
        for tap, window in enumerate(g.tap_slices(row, rows)):
            sums[(slice(None), slice(None), *window)] += columns[:, :, tap]
