"""Which way a convolution is computed, for each shape, with what was measured for it: the only place that decides.

Measured with NumPy 2.4 (OpenBLAS, AVX-512), float32, on two cores.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.primitives.conv_geometry import Geometry, around, tiles

# Bytes of a tile's columns.  A LeNet layer (75 rows of 892 positions an image) takes 18 µs an image from 0.3 to 1 MB,
# 27 at 2 MB, 36 at 4 MB.  A GPU wants to be filled.
_CPU_TILE = 1 << 20
_GPU_TILE = 1 << 27
# Bytes of the images of a tile with the images innermost: they are transposed in the level-2 cache.
_LAST_TILE = 200 << 10

# Multiplications that are worth another thread of Python: LeNet's first layer takes 120 µs for as many.
_WORTH_A_THREAD = 1_500_000


def share_images(xp: Any, part: Callable[[int, int], Any], images: int, work: int) -> None:
    """``part(first, last)`` for all images, which take ``work`` multiplications: on a CPU by several threads.

    Products are narrow and copies short here, so tiles on several threads gain more than BLAS on several, which would
    wait for other processes at each product.
    """
    if xp is not np:
        part(0, images)
        return
    from minitorch.backend.cpu.threads import own_blas, share

    own_blas()
    share(part, images, -(-_WORTH_A_THREAD * images // max(1, work)))


class Plan(NamedTuple):
    """A tile is ``images`` whole images, or ``rows`` output rows of one image."""

    images: int
    rows: int
    merged: bool  # the tile's images side by side in one product, instead of one product per image


def plan(xp: Any, g: Geometry, images: int, depth: int, outputs: int, itemsize: int) -> Plan:
    """The tile for columns of ``depth`` rows (all groups) and ``outputs`` output channels per group."""
    return _plan(xp is np, g, images, depth, outputs, itemsize)


@functools.lru_cache(maxsize=1024)
def _plan(cpu: bool, g: Geometry, images: int, depth: int, outputs: int, itemsize: int) -> Plan:
    positions = g.positions(g.out[0])
    n, rows = tiles(images, g.out[0], g.row_positions * depth * itemsize, _CPU_TILE if cpu else _GPU_TILE)
    # Small planes under many channels: a product per image would read the weights anew for each.
    merged = positions < 512 and depth * outputs >= 1 << 14
    if merged:
        return Plan(min(images, max(n, -(-1024 // positions))), g.out[0], True)
    return Plan(n, rows, False)


def by_correlation(g: Geometry, channels: int, outputs: int, groups: int) -> bool:
    """Whether an input gradient is computed as a correlation of the padded output gradient with the flipped kernel.

    It copies taps where the other way adds them, but over the larger, padded plane and with ``channels`` as the short
    side of the product.  Only for stride 1: otherwise most of what it multiplies would be zeros.
    """
    return g.flat and g.taps > 1 and (channels >= 16 or groups == channels)


class Tile(NamedTuple):
    """``images`` innermost, ``rows`` output rows of each, computed ``band`` at a time."""

    images: int
    rows: int
    band: int


def images_last(xp: Any, g: Geometry, images: int, groups: int, channels: int, outputs: int, item: int) -> Tile | None:
    """The tile for :mod:`.conv_images_last`, or ``None`` where the other ways take less; ``item``: bytes of an element.

    It saves the junk between the rows and the short runs of small planes (5x5 taps over 14x14: 40 % junk), and the
    narrow product of few outputs (6 of them: 65 GFLOP/s in bands of 2, 36 without).  It costs two transpositions.
    Time there / here on one thread: LeNet's layers 0.7 and 0.8, their weights' gradients 0.65 and 0.7; 3x3 taps over
    4x4 planes 0.7, over 6x6 0.8, over 8x8 0.9; but 1.0 over 14x14 and 1.1 over 32x32, 1.4 with one input channel and 32
    outputs, 1.5 for stride 2.  With 4 images 0.85 for LeNet's first layer, 1.2 for the second.
    """
    narrow = outputs < _NARROW and g.taps >= 16
    enough = images >= (4 if narrow else 8) and channels * g.taps >= 2 * outputs
    if not _pays(xp, g, groups) or not enough or not (narrow or _junk(g)):
        return None
    return _last_tile(g, images, channels, outputs, item)


def images_last_back(
    xp: Any, g: Geometry, images: int, groups: int, channels: int, outputs: int, item: int
) -> Tile | None:
    """The same for an input gradient.  LeNet's second layer: 0.7; 3x3 taps over 4x4 and 6x6 planes 0.85, 5x5 taps over
    8x8 and 14x14 0.7 and 0.8."""
    if not _pays(xp, g, groups) or images < 8 or not _junk(g):
        return None
    return _last_tile(around(g, (0, 0)), images, outputs, channels * g.kernel[-1], item)


# Fewer output channels than this are computed in bands of two rows.
_NARROW = 12


def _pays(xp: Any, g: Geometry, groups: int) -> bool:
    return xp is np and g.flat and g.taps > 1 and len(g.spatial) > 1 and groups == 1


def _junk(g: Geometry) -> bool:
    return 4 * g.padded[-1] >= 5 * g.out[-1]


@functools.lru_cache(maxsize=1024)
def _last_tile(g: Geometry, images: int, channels: int, outputs: int, item: int) -> Tile:
    fit = _LAST_TILE // (channels * g.plane * item)
    n = -(-images // -(-images // max(8, min(32, fit))))
    narrow = outputs < _NARROW or (outputs < 32 and g.kernel[0] >= 5)
    banded = narrow and g.kernel[0] > 1 and g.dilation[0] == 1 and g.out[0] % 2 == 0
    band = 2 if banded else 1
    taps = (g.kernel[0] + band - 1) * math.prod(g.kernel[1:])
    band_bytes = channels * taps * math.prod(g.out[1:]) * n * item
    return Tile(n, band * max(1, min(g.out[0] // band, 2 * _CPU_TILE // band_bytes)), band)
