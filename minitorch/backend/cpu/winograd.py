"""Winograd's convolution F(4x4, 3x3): 36 multiplications where 144 stand in the definition (Lavin and Gray 2016).

For 3x3 kernels with stride 1.  The input gradient is the same with the flipped kernel; the weight gradient is the
transposed algorithm.  In float32 results err by 1e-5 of the largest at most, some ten times as much as the direct sums.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.cpu import winograd_kernels as kernels
from minitorch.backend.cpu.blas import gemm_address
from minitorch.backend.cpu.conv_tiles import VECTOR_BYTES
from minitorch.backend.cpu.threads import parts
from minitorch.backend.cpu.winograd_kernels import BLOCK, VECTORS
from minitorch.backend.primitives.conv_geometry import Pads
from minitorch.backend.primitives.workspace import scratch

# Weights above this are read by BLAS, which goes over them in blocks.
_LARGE = 1 << 14
# About how many tiles are transformed together.  With 64 to 256, layers of 32 to 512 channels take the same time, but
# for that the fewer are faster where the transformed arrays stay in the cache.
_TILES = 96

# A kernel's row g as the six points that a tile's row is multiplied at.
_G = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)


@functools.lru_cache(maxsize=4)
def _kernel_matrix(dtype: np.dtype) -> np.ndarray:
    """``G w Gᵀ`` as one product: (36, 9) times (9, kernels)."""
    return np.kron(_G, _G).astype(dtype)


class _Layout(NamedTuple):
    parts: int  # that the images are cut into
    rows: int  # of tiles in an image
    columns: int  # of tiles in a row of an image
    group: int  # images that are transformed together
    pitch: int  # from channel to channel of a transformed array


def _layout(images: int, height: int, width: int, itemsize: int, number: int, tiles: int) -> _Layout:
    lanes = VECTOR_BYTES // itemsize
    rows, columns = -(-height // 4), -(-width // 4)
    columns += -columns % max(1, lanes // 4)  # whole vectors of pixels
    group = min(-(-images // number), max(1, tiles // (rows * columns)))
    # A row of tiles is written in whole vectors: what the last one has too many must not reach the next channel, which
    # another thread may have transformed already.
    run, step = group * columns, VECTORS * lanes
    written = (rows - 1) * run + -(-run // lanes) * lanes
    return _Layout(number, rows, columns, group, -(-written // step) * step)


def _points(purpose: str, channels: int, layout: _Layout, dtype: np.dtype) -> np.ndarray:
    """Scratch for the transformed arrays of all parts.  The 36 rows of one are an odd number of cache lines apart:
    else they would drive one another out of the cache."""
    line = 64 // dtype.itemsize
    size = -(-(channels * layout.pitch + line) // line) | 1
    return scratch(np, purpose, (layout.parts, 36, size * line), dtype)


def _transformed(w: np.ndarray, matrices: bool) -> np.ndarray:
    """The kernels of ``w`` at the 36 points, as :func:`.winograd_kernels.correlate` reads them."""
    outputs, channels = w.shape[:2]
    if matrices:
        order = w.reshape(-1, 9).T
    else:
        order = w.reshape(outputs // BLOCK, BLOCK, channels, 9).transpose(3, 0, 2, 1).reshape(9, -1)
    return _kernel_matrix(w.dtype) @ order


def correlate(x: np.ndarray, w: np.ndarray, padding: Pads, bias: Any, y: np.ndarray) -> np.ndarray:
    """Fills ``y`` with the correlation of ``x``, padded in front, and ``w`` (O, C, 3, 3), and returns it."""
    outputs, channels = w.shape[:2]
    dtype = x.dtype
    address = gemm_address(dtype.char) if outputs * channels >= _LARGE else 0
    layout = _layout(len(x), y.shape[2], y.shape[3], dtype.itemsize, parts(len(x), 1), _TILES)
    kernels.correlate(
        len(x),
        layout.parts,
        x,
        padding[0][0],
        padding[1][0],
        _transformed(w, bool(address)),
        np.zeros(outputs, dtype) if bias is None else bias,
        y,
        *layout[1:],
        _points("winograd.inputs", channels, layout, dtype),
        _points("winograd.outputs", outputs, layout, dtype),
        address,
    )
    return y


def weight_grad(x: np.ndarray, gy: np.ndarray, padding: Pads) -> Any:
    """The gradient (O, C, 3, 3) of the weight; ``NotImplemented`` without a product for compiled code."""
    outputs, channels = gy.shape[1], x.shape[1]
    dtype = x.dtype
    address = gemm_address(dtype.char)
    if not address:
        return NotImplemented
    # Threads share channels and then points: sums of their own for parts of the images would often take more memory
    # than everything else.
    layout = _layout(len(x), gy.shape[2], gy.shape[3], dtype.itemsize, 1, 2 * _TILES)
    totals = np.empty((36, outputs, channels), dtype)
    inputs = _points("winograd.inputs", channels, layout, dtype)[0]
    gradients = _points("winograd.outputs", outputs, layout, dtype)[0]
    for first in range(0, len(x), layout.group):
        images = slice(first, first + layout.group)
        kernels.points_of_both(
            channels + outputs,
            parts(channels + outputs, 1),
            x[images],
            padding[0][0],
            padding[1][0],
            gy[images],
            layout.rows,
            layout.columns,
            layout.pitch,
            inputs,
            gradients,
        )
        tiles = len(x[images]) * layout.rows * layout.columns
        beta = 1.0 if first else 0.0
        kernels.weight_gradients(36, parts(36, 1), inputs, gradients, tiles, layout.pitch, beta, totals, address)
    gradient = _kernel_matrix(dtype).T @ totals.reshape(36, -1)
    del totals  # often the largest array of a whole training step
    return np.ascontiguousarray(gradient.reshape(3, 3, outputs, channels).transpose(2, 3, 0, 1))
