"""Convolution over 1, 2 or 3 spatial dimensions: forward, and the gradients of input, weight and bias.

As matrix products over tiles of images whose columns stay in the cache, never over the columns of the whole batch
(Chellapilla, Puri and Simard 2006, "High performance convolutional neural networks for document processing", with the
batch cut up).  :mod:`.conv_geometry` has the two layouts of the positions, :mod:`.conv_plan` the choice for each shape.

Shapes: ``x`` (N, C, \\*spatial), ``w`` (O, C / groups, \\*kernel), ``y`` and ``gy`` (N, O, \\*output).  ``stride``,
``dilation``: one int per dimension; ``padding``: one pair (before, after) per dimension, of zeros.
float16 is summed in float32.
"""

from __future__ import annotations

import math
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives import conv_images_last
from minitorch.backend.primitives.conv_geometry import Geometry, Ints, Pads, around, conv_output_shape, geometry
from minitorch.backend.primitives.conv_plan import by_correlation, images_last, images_last_back, plan, share_images
from minitorch.backend.primitives.products import matmul_into
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import compute_dtype, scratch, strided

__all__ = ["conv_bias_grad", "conv_forward", "conv_input_grad", "conv_output_shape", "conv_weight_grad"]


@primitive
def conv_forward(x: Any, w: Any, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1, bias: Any = None) -> Any:
    """The convolution (cross-correlation) of ``x`` with ``w``, plus ``bias`` (O,) if given."""
    xp = array_module(x)
    g = geometry(x.shape[2:], w.shape[2:], tuple(stride), tuple(padding), tuple(dilation))
    y = xp.empty((x.shape[0], w.shape[0], *g.out), x.dtype)
    column = None if bias is None else bias.reshape(-1, *[1] * len(g.out))
    if y.size == 0 or w.size == 0:
        y[...] = 0 if column is None else column
        return y
    dtype = compute_dtype(x.dtype)
    weights = w.astype(dtype, copy=False)

    def part(first: int, last: int) -> None:
        tile = images_last(xp, g, last - first, groups, x.shape[1], len(w), dtype.itemsize)
        if tile is not None:
            conv_images_last.correlate(g, tile, x[first:last], weights, bias, y[first:last], dtype)
        else:
            matrix = weights.reshape(groups, len(w) // groups, -1)
            _correlate(xp, g, x[first:last], matrix, column, y[first:last], dtype)

    share_images(xp, part, len(x), y.size * weights[0].size)
    return y


@primitive
def conv_input_grad(
    gy: Any, w: Any, input_spatial_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:
    """The gradient of the input, for the gradient ``gy`` of the result; also the transposed convolution of ``gy``."""
    xp = array_module(gy)
    spatial, kernel = tuple(input_spatial_shape), w.shape[2:]
    g = geometry(spatial, kernel, tuple(stride), tuple(padding), tuple(dilation))
    images, outputs = gy.shape[:2]
    channels = w.shape[1] * groups
    if gy.size == 0 or w.size == 0:
        return xp.zeros((images, channels, *spatial), gy.dtype)
    gx = xp.empty((images, channels, *spatial), gy.dtype)
    dtype = compute_dtype(gy.dtype)
    w = w.astype(dtype, copy=False).reshape(groups, outputs // groups, w.shape[1], g.taps)

    def part(first: int, last: int) -> None:
        source, target = gy[first:last], gx[first:last]
        tile = images_last_back(xp, g, last - first, groups, channels, outputs, dtype.itemsize)
        if tile is not None:
            conv_images_last.input_grad(g, tile, source, w[0], target, dtype)
        elif by_correlation(g, channels, outputs, groups):
            # gx is the correlation of gy, padded by what the kernel reaches, with the flipped kernel.
            matrix = w[..., ::-1].swapaxes(1, 2).reshape(groups, channels // groups, -1)
            _correlate(xp, around(g), source, matrix, None, target, dtype)
        elif g.flat:
            _correlate_rows(xp, g, source, w, target, dtype)
        else:
            _scatter_columns(xp, g, source, w, target, dtype)

    share_images(xp, part, images, gy.size * w[0, 0].size)
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
    parts: dict[int, Any] = {}

    def part(first: int, last: int) -> None:
        tile = images_last(xp, g, last - first, groups, channels, outputs, dtype.itemsize)
        if tile is not None:
            parts[first] = conv_images_last.weight_grad(g, tile, x[first:last], gy[first:last], dtype)
        else:
            parts[first] = _weight_grad(xp, g, x[first:last], gy[first:last], groups, dtype).reshape(shape)

    share_images(xp, part, images, gy.size * math.prod(shape[1:]))
    total, *others = [parts[first] for first in sorted(parts)]  # always in the same order
    for other in others:
        total = total + other
    return xp.ascontiguousarray(total, x.dtype)


@primitive
def conv_bias_grad(gy: Any) -> Any:
    """The gradient of the bias (O,): the sums over images and places of ``gy``."""
    planes = gy.reshape(*gy.shape[:2], math.prod(gy.shape[2:])).sum(axis=2, dtype=compute_dtype(gy.dtype))
    return planes.sum(axis=0).astype(gy.dtype, copy=False)


def _correlate(xp: Any, g: Geometry, x: Any, matrix: Any, column: Any, y: Any, dtype: Any) -> None:
    """``y`` (N, O, \\*out) from ``x`` and the weight as a matrix (groups, O / groups, C / groups · taps)."""
    images, outputs = y.shape[:2]
    groups, per_group, depth = matrix.shape
    p = plan(xp, g, images, groups * depth, per_group, dtype.itemsize)
    direct = g.taps == 1 and not g.pads and g.flat and y.dtype == dtype and not p.merged
    for first in range(0, images, p.images):
        tile = _padded(xp, g, x[first : first + p.images], dtype)
        n = tile.shape[0]
        for row in range(0, g.out[0], p.rows):
            rows = min(p.rows, g.out[0] - row)
            count = g.positions(rows)
            columns = _columns(xp, g, tile, row, rows, p.merged)
            target = y[first : first + n, :, row : row + rows]
            if p.merged:
                result = scratch(xp, "conv.result", (groups, per_group, n * count), dtype)
                matmul_into(matrix, columns.reshape(groups, depth, n * count), result)
                image_step, output_step = count, n * count
            elif direct:  # a 1x1 kernel leaves no junk: the product is the result
                begin = row * g.row_positions
                result = y.reshape(images, groups, per_group, -1)[first : first + n, ..., begin : begin + count]
                matmul_into(matrix, columns.reshape(n, groups, depth, count), result)
                if column is not None:
                    target += column
                continue
            else:
                result = scratch(xp, "conv.result", (n, groups, per_group, count), dtype)
                matmul_into(matrix, columns.reshape(n, groups, depth, count), result)
                image_step, output_step = outputs * count, count
            steps = (image_step, output_step, *(g.steps if g.flat else g.out_steps))
            valid = strided(xp, result, target.shape, steps)
            if column is None:
                target[...] = valid
            elif dtype == y.dtype:
                xp.add(valid, column, out=target)
            else:
                target[...] = valid + column


def _weight_grad(xp: Any, g: Geometry, x: Any, gy: Any, groups: int, dtype: Any) -> Any:
    """The gradient of the weights, (groups, O / groups, C / groups · taps)."""
    (images, channels), outputs = x.shape[:2], gy.shape[1]
    depth = channels // groups * g.taps
    p = plan(xp, g, images, groups * depth, outputs // groups, dtype.itemsize)
    total = None
    for first in range(0, images, p.images):
        tile = _padded(xp, g, x[first : first + p.images], dtype)
        n = tile.shape[0]
        for row in range(0, g.out[0], p.rows):
            rows = min(p.rows, g.out[0] - row)
            columns = _columns(xp, g, tile, row, rows, p.merged).reshape(*(() if p.merged else (n,)), groups, depth, -1)
            wide = _spread(xp, g, gy[first : first + n, :, row : row + rows], dtype, p.merged, g.positions(rows))
            wide = wide.reshape(*(() if p.merged else (n,)), groups, outputs // groups, -1)
            # Columns first: OpenBLAS is up to twice as fast with the longer side in front.
            part = xp.empty((*columns.shape[:-1], outputs // groups), dtype)
            matmul_into(columns, wide.swapaxes(-1, -2), part)
            part = part if p.merged else (part[0] if n == 1 else part.sum(axis=0))
            if total is None:
                total = part
            else:
                total += part
    return total.swapaxes(1, 2)  # type: ignore[union-attr]


def _correlate_rows(xp: Any, g: Geometry, gy: Any, w: Any, gx: Any, dtype: Any) -> None:
    """``gx`` for stride 1 and few channels: taps are gathered along all dimensions but the last, added along that one.

    Gathering every tap would leave a product of only ``C`` rows; adding every tap would pass over memory once for each.
    ``w`` (groups, O / groups, C / groups, taps).
    """
    images, spatial, last = gx.shape[0], g.spatial, g.kernel[-1]
    groups, per_group, per_channels = w.shape[:3]
    # Zeros at the ends of rows take what the taps along the last dimension shift beyond the output.
    rows_only = around(g, (0, g.padded[-1] - g.out[-1]))
    matrix = w.reshape(groups, per_group, per_channels, -1, last)[:, :, :, ::-1].transpose(0, 4, 2, 1, 3)
    matrix = matrix.reshape(groups, last * per_channels, -1)
    depth = matrix.shape[2]
    p = plan(xp, rows_only, images, groups * depth, last * per_channels, dtype.itemsize)
    step = p.rows if len(spatial) > 1 else rows_only.out[0]  # the last dimension cannot be cut
    for first in range(0, images, p.images):
        tile = _padded(xp, rows_only, gy[first : first + p.images], dtype)
        n = tile.shape[0]
        for row in range(0, rows_only.out[0], step):
            rows = min(step, rows_only.out[0] - row)
            count = rows_only.positions(rows)
            columns = _columns(xp, rows_only, tile, row, rows, p.merged)
            planes = per_channels * (n if p.merged else 1)
            by_tap = scratch(xp, "conv.result", (groups * (1 if p.merged else n), last, planes * count), dtype)
            lead, width = ((groups,), n * count) if p.merged else ((n, groups), count)
            columns = columns.reshape(*lead, depth, width)
            matmul_into(matrix, columns, by_tap.reshape(*lead, last * per_channels, width))
            sums = by_tap[:, 0]
            for tap in range(1, last):
                shift = tap * g.dilation[-1]
                sums[:, shift:] += by_tap[:, tap, : sums.shape[1] - shift]
            size = last * planes * count  # of a block
            steps = (count, size, n * count) if p.merged else (groups * size, size, count)
            target = gx[first : first + n].reshape(n, groups, per_channels, *spatial)
            if len(spatial) > 1:
                target = target[:, :, :, row : row + rows]
            target[...] = strided(xp, by_tap, target.shape, (*steps, *rows_only.steps), g.padding[-1][0])


def _scatter_columns(xp: Any, g: Geometry, gy: Any, w: Any, gx: Any, dtype: Any) -> None:
    """``gx`` for larger strides: the columns' gradients wᵀ·gy, each added where its tap read.

    ``w`` (groups, O / groups, C / groups, taps).
    """
    images, channels = gx.shape[:2]
    groups, per_group, per_channels = w.shape[:3]
    p = plan(xp, g, images, channels * g.taps, per_group, dtype.itemsize)
    matrix = w.transpose(0, 3, 2, 1).reshape(groups, g.taps * per_channels, per_group)
    for first in range(0, images, p.images):
        n = min(p.images, images - first)
        # Blocks of planes: a group of all images, or of one image.
        blocks, planes = (groups, per_channels * n) if p.merged else (n * groups, per_channels)
        sums = scratch(xp, "conv.padded", (blocks, planes, *g.padded), dtype)
        sums[...] = 0
        for row in range(0, g.out[0], p.rows):
            rows = min(p.rows, g.out[0] - row)
            count = g.positions(rows)
            wide = _spread(xp, g, gy[first : first + n, :, row : row + rows], dtype, p.merged, count)
            columns = scratch(xp, "conv.columns", (blocks, g.taps, planes, rows, *g.out[1:]), dtype)
            lead, width = ((groups,), n * count) if p.merged else ((n, groups), count)
            product = columns.reshape(*lead, g.taps * per_channels, width)
            matmul_into(matrix, wide.reshape(*lead, per_group, width), product)
            for tap, window in enumerate(g.tap_slices(row, rows)):
                sums[(..., *window)] += columns[:, tap]
        inside = sums[(..., *g.interior)] if g.pads else sums
        target = gx[first : first + n].reshape(n, groups, per_channels, *g.spatial)
        if p.merged:
            target[...] = xp.moveaxis(inside.reshape(groups, per_channels, n, *g.spatial), 2, 0)
        else:
            target[...] = inside.reshape(target.shape)


def _padded(xp: Any, g: Geometry, x: Any, dtype: Any) -> Any:
    """A tile of images, contiguous, with its border of zeros; negative padding crops."""
    if not g.pads:
        return xp.ascontiguousarray(x, dtype)
    tile = scratch(xp, "conv.padded", (*x.shape[:2], *g.padded), dtype)
    tile[...] = 0
    tile[(..., *g.interior)] = x[(..., *g.kept)]
    return tile


def _columns(xp: Any, g: Geometry, tile: Any, row: int, rows: int, merged: bool) -> Any:
    """The columns of ``rows`` output rows: (n, C, \\*kernel, positions), or merged (C, \\*kernel, n, positions)."""
    n, channels = tile.shape[:2]
    at, at_steps = ((g.positions(rows),), (1,)) if g.flat else ((rows, *g.out[1:]), g.window_steps)
    shape = (n, channels, *g.kernel, *at)
    view = strided(xp, tile, shape, (channels * g.plane, g.plane, *g.tap_steps, *at_steps), row * g.row)
    if merged:
        view = xp.moveaxis(view, 0, 1 + len(g.kernel))
    elif g.taps == 1 and g.flat:
        return view
    columns = scratch(xp, "conv.columns", view.shape, tile.dtype)
    columns[...] = view
    return columns


def _spread(xp: Any, g: Geometry, gy: Any, dtype: Any, merged: bool, count: int) -> Any:
    """An output gradient (n, O, rows, ...) in the columns' layout: (n, O, count), or merged (O, n, count).

    Junk positions are zeros; they meet finite numbers of the input.  An infinite one there gives NaN for a tap that
    never reads it, in a gradient that has NaN or infinity at other taps anyway.
    """
    if merged:
        gy = gy.swapaxes(0, 1)
    if math.prod(gy.shape[2:]) == count:
        return xp.ascontiguousarray(gy, dtype)
    wide = scratch(xp, "conv.spread", (*gy.shape[:2], count), dtype)
    wide[...] = 0
    strided(xp, wide, gy.shape, (gy.shape[1] * count, count, *g.steps))[...] = gy
    return wide
