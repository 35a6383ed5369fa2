"""Which way a convolution is computed, for each shape, with what was measured for it: the only place that decides.

Measured with NumPy 2.4 (OpenBLAS, AVX-512), float32, on two cores.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.primitives.conv_geometry import Geometry, tiles

# Bytes of a tile's columns.  A LeNet layer (75 rows of 892 positions an image) takes 18 µs an image from 0.3 to 1 MB,
# 27 at 2 MB, 36 at 4 MB.  A GPU wants to be filled.
_CPU_TILE = 1 << 20
_GPU_TILE = 1 << 27


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
