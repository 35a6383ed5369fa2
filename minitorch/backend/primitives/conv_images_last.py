"""Convolution on the CPU with the images of a tile innermost: what BLAS multiplies holds no junk, and copies are long.

A tile of n images is laid out as (C, \\*spatial, n), as cuda-convnet keeps its images (Krizhevsky 2012).  What a tap
reads along an output row is then one run of ``width · n`` elements, so columns of exactly the output's positions are
copied as fast as memory allows.

With few output channels the product is narrow, and BLAS works at half its rate.  So ``band`` output rows are computed
at once: one column serves them all, with ``band - 1`` more rows of taps, and the matrix has the kernel once for each of
them, moved down by a row (a block of a Toeplitz matrix), with zeros elsewhere.

Stride 1, one group, two spatial dimensions or more; letters and arguments as in :mod:`.conv`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minitorch.backend.primitives.conv_geometry import Geometry, around
from minitorch.backend.primitives.conv_plan import Tile
from minitorch.backend.primitives.products import matmul_into
from minitorch.backend.primitives.workspace import scratch, strided


def correlate(g: Geometry, plan: Tile, x: Any, w: Any, bias: Any, y: Any, dtype: Any) -> None:
    """``y`` (N, O, \\*out) from ``x`` and ``w`` (O, C, \\*kernel); ``bias`` (O,) or ``None``."""
    outputs, matrix = len(w), _banded(w, plan.band)
    for images, rows in _tiles(len(x), g.out[0], plan):
        columns = _columns(g, _lay_out(g, x[images], rows, dtype), plan.band)
        result = scratch(np, "conv.result", (len(matrix), columns.shape[1]), dtype)
        matmul_into(matrix, columns, result)
        if bias is not None:
            by_output = result.reshape(outputs, -1)
            by_output += bias[:, None]
        target = _in_bands(y[images, :, rows], plan.band)
        target[...] = _images_first(result, target)


def weight_grad(g: Geometry, plan: Tile, x: Any, gy: Any, dtype: Any) -> Any:
    """The gradient of the weights, (O, C, \\*kernel)."""
    channels, outputs, band = x.shape[1], gy.shape[1], plan.band
    total = None
    for images, rows in _tiles(len(x), g.out[0], plan):
        columns = _columns(g, _lay_out(g, x[images], rows, dtype), band)
        source = _in_bands(gy[images, :, rows], band)
        wide = scratch(np, "conv.spread", (outputs * band, columns.shape[1]), dtype)
        _images_first(wide, source)[...] = source
        part = np.empty((len(columns), len(wide)), dtype)
        matmul_into(columns, wide.T, part)
        if total is None:
            total = part
        else:
            total += part
    # Each row of a band has used the kernel moved down by as many rows.
    height, *others = g.kernel
    moved = total.reshape(channels, height + band - 1, -1, outputs, band)  # type: ignore[union-attr]
    grad = moved[:, :height, ..., 0]
    for j in range(1, band):
        grad = grad + moved[:, j : j + height, ..., j]
    return np.moveaxis(grad, -1, 0).reshape(outputs, channels, height, *others)


def input_grad(g: Geometry, plan: Tile, gy: Any, w: Any, gx: Any, dtype: Any) -> None:
    """``gx`` (N, C, \\*spatial) from ``gy`` and ``w`` (O, C, taps).

    Taps are gathered along all dimensions but the last and added along that one: gathering all of them would copy and
    multiply over a padded plane, with ``C`` as the short side of the product.
    """
    channels, taps, width, places = gx.shape[1], g.kernel[-1], g.spatial[-1], g.out[-1]
    rows_only = around(g, (0, 0))
    # Taps along the last dimension join the rows of the matrix, in front of the channels; the others are flipped.
    matrix = w.reshape(*w.shape[:2], -1, taps)[:, :, ::-1].transpose(3, 1, 0, 2)
    matrix = _banded(matrix.reshape(-1, len(w), *g.kernel[:-1]), plan.band)
    for images, rows in _tiles(len(gy), g.spatial[0], plan):
        tile = _lay_out(rows_only, gy[images], rows, dtype)
        n = tile.shape[-1]
        columns = _columns(rows_only, tile, plan.band)
        result = scratch(np, "conv.result", (len(matrix), columns.shape[1]), dtype)
        matmul_into(matrix, columns, result)
        by_tap = result.reshape(taps, -1, places * n)
        sums = scratch(np, "conv.sums", (by_tap.shape[1], width * n), dtype)
        sums[...] = 0
        for tap in range(taps):
            shift = tap * g.dilation[-1] - g.padding[-1][0]
            first, last = max(0, shift), min(width, shift + places)
            if first < last:
                sums[:, first * n : last * n] += by_tap[tap, :, (first - shift) * n : (last - shift) * n]
        target = _in_bands(gx[images, :, rows], plan.band)
        target[...] = _images_first(sums.reshape(channels * plan.band, -1), target)


def _tiles(images: int, rows: int, plan: Tile) -> Iterator[tuple[slice, slice]]:
    for first in range(0, images, plan.images):
        for row in range(0, rows, plan.rows):
            yield slice(first, min(images, first + plan.images)), slice(row, min(rows, row + plan.rows))


def _banded(w: Any, band: int) -> Any:
    """The weights (O, C, \\*kernel) as a matrix (O · band, C · taps)."""
    outputs, channels, height, *others = w.shape
    if band == 1:
        return w.reshape(outputs, -1)
    matrix = np.zeros((outputs, band, channels, height + band - 1, *others), w.dtype)
    for j in range(band):
        matrix[:, j, :, j : j + height] = w
    return matrix.reshape(outputs * band, -1)


def _lay_out(g: Geometry, x: Any, rows: slice, dtype: Any) -> Any:
    """What output ``rows`` read of the padded images: (C, rows, ..., n)."""
    begin, end = rows.start, rows.stop + g.dilation[0] * (g.kernel[0] - 1)
    tile = scratch(np, "conv.padded", (x.shape[1], end - begin, *g.padded[1:], len(x)), dtype)
    source = np.moveaxis(x, 0, -1)
    if not g.pads:
        tile[...] = source[:, begin:end]
        return tile
    tile[...] = 0
    inside, ahead = g.interior[0], g.interior[0].start - g.kept[0].start
    first, last = max(begin, inside.start), min(end, inside.stop)
    if first < last:
        place = (slice(None), slice(first - begin, last - begin), *g.interior[1:])
        tile[place] = source[(slice(None), slice(first - ahead, last - ahead), *g.kept[1:])]
    return tile


def _columns(g: Geometry, tile: Any, band: int) -> Any:
    """What each tap reads: (C · taps, positions), with ``band - 1`` more taps along the rows."""
    channels, height, n = tile.shape[0], tile.shape[1], tile.shape[-1]
    rows = height - g.dilation[0] * (g.kernel[0] - 1)
    steps = [math.prod(tile.shape[i + 1 :]) for i in range(tile.ndim)]
    shape = (channels, g.kernel[0] + band - 1, *g.kernel[1:], rows // band, *g.out[1:], n)
    tap_steps = [d * s for d, s in zip(g.dilation, steps[1:])]
    columns = scratch(np, "conv.columns", shape, tile.dtype)
    columns[...] = strided(np, tile, shape, (steps[0], *tap_steps, steps[1] * band, *steps[2:]))
    return columns.reshape(math.prod(shape[: len(g.kernel) + 1]), -1)


def _in_bands(array: Any, band: int) -> Any:
    """(n, channels, rows, ...) seen as (n, channels, bands, band, ...)."""
    n, channels, rows, *others = array.shape
    step = array.strides[2]
    strides = (*array.strides[:2], step * band, step, *array.strides[3:])
    return np.lib.stride_tricks.as_strided(array, (n, channels, rows // band, band, *others), strides)


def _images_first(rows: Any, like: Any) -> Any:
    """Contiguous ``rows`` (channels · band, positions) seen in the shape of ``like``, which :func:`_in_bands` made."""
    n, channels, bands, band, *others = like.shape
    view = rows.reshape(channels, band, bands, *others, n)
    return np.moveaxis(view, (-1, 0, 2, 1), (0, 1, 2, 3))
