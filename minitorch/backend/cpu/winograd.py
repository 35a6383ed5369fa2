"""Winograd's convolution F(4x4, 3x3): 36 multiplications where 144 stand in the definition (Lavin and Gray 2016).

For 3x3 kernels with stride 1.  The input gradient is the same with the flipped kernel; the weight gradient is the
transposed algorithm.  In float32 results err by 1e-5 of the largest at most, some ten times as much as the direct sums.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.cpu.conv_tiles import VECTOR_BYTES
from minitorch.backend.cpu.threads import share
from minitorch.backend.cpu.winograd_kernels import (
    BLOCK,
    VECTORS,
    gradients_to_points,
    inputs_to_points,
    multiply,
    points_to_outputs,
)
from minitorch.backend.primitives.conv_geometry import Pads
from minitorch.backend.primitives.workspace import scratch

# Weights above this are read by BLAS, which goes over them in blocks.
_LARGE = 1 << 14

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
    rows: int  # of tiles in an image
    columns: int  # of tiles in a row of an image
    group: int  # images
    pitch: int  # from channel to channel of a transformed array


def _layout(images: int, height: int, width: int, itemsize: int, tiles: int) -> _Layout:
    """``tiles`` is about how many a group has."""
    lanes = VECTOR_BYTES // itemsize
    rows, columns = -(-height // 4), -(-width // 4)
    columns += -columns % max(1, lanes // 4)  # whole vectors of pixels
    group = min(images, max(1, tiles // (rows * columns)))
    step = VECTORS * lanes
    return _Layout(rows, columns, group, -(-group * rows * columns // step) * step)


def _points(purpose: str, channels: int, pitch: int, dtype: np.dtype) -> np.ndarray:
    """Scratch for a transformed array.  Its 36 rows are an odd number of cache lines apart: else they would drive one
    another out of the cache."""
    line = 64 // dtype.itemsize
    size = -(-(channels * pitch + line) // line) | 1
    return scratch(np, purpose, (36, size * line), dtype)


def _matrices(points: np.ndarray, channels: int, pitch: int, tiles: int) -> np.ndarray:
    return points[:, : channels * pitch].reshape(36, channels, pitch)[..., :tiles]


def correlate(x: np.ndarray, w: np.ndarray, padding: Pads, bias: Any, y: np.ndarray) -> np.ndarray:
    """Fills ``y`` with the correlation of ``x``, padded in front, and ``w`` (O, C, 3, 3), and returns it."""
    outputs, channels = w.shape[:2]
    dtype = x.dtype
    by_blas = outputs * channels >= _LARGE
    if by_blas:
        weights = (_kernel_matrix(dtype) @ w.reshape(-1, 9).T).reshape(36, outputs, channels)
    else:
        blocks = w.reshape(outputs // BLOCK, BLOCK, channels, 9).transpose(3, 0, 2, 1).reshape(9, -1)
        weights = _kernel_matrix(dtype) @ blocks
    start = np.zeros(outputs, dtype) if bias is None else bias
    (lo_h, _), (lo_w, _) = padding

    def part(first: int, last: int) -> None:
        rows, columns, group, pitch = _layout(
            last - first, y.shape[2], y.shape[3], dtype.itemsize, 192 if by_blas else 96
        )
        inputs = _points("winograd.inputs", channels, pitch, dtype)
        products = _points("winograd.outputs", outputs, pitch, dtype)
        for image in range(first, last, group):
            images = x[image : min(image + group, last)]
            tiles = len(images) * rows * columns
            inputs_to_points(images, lo_h, lo_w, rows, columns, inputs, pitch)
            if by_blas:
                columns_in = _matrices(inputs, channels, pitch, tiles)
                np.matmul(weights, columns_in, out=_matrices(products, outputs, pitch, tiles))
            else:
                multiply(inputs, weights, channels, products, outputs, tiles, pitch)
            points_to_outputs(products, pitch, start, rows, columns, y[image : image + len(images)])

    share(part, len(x), 1)
    return y


def weight_grad(x: np.ndarray, gy: np.ndarray, padding: Pads) -> np.ndarray:
    """The gradient (O, C, 3, 3) of the weight."""
    outputs, channels = gy.shape[1], x.shape[1]
    dtype = x.dtype
    (lo_h, _), (lo_w, _) = padding
    parts: dict[int, Any] = {}

    def part(first: int, last: int) -> None:
        rows, columns, group, pitch = _layout(last - first, gy.shape[2], gy.shape[3], dtype.itemsize, 256)
        inputs = _points("winograd.inputs", channels, pitch, dtype)
        gradients = _points("winograd.outputs", outputs, pitch, dtype)
        total: Any = None
        for image in range(first, last, group):
            images = slice(image, min(image + group, last))
            tiles = (images.stop - image) * rows * columns
            inputs_to_points(x[images], lo_h, lo_w, rows, columns, inputs, pitch)
            gradients_to_points(gy[images], rows, columns, gradients, pitch)
            a, b = _matrices(gradients, outputs, pitch, tiles), _matrices(inputs, channels, pitch, tiles)
            product = np.matmul(a, b.swapaxes(1, 2))
            total = product if total is None else np.add(total, product, out=total)
        parts[first] = total

    share(part, len(x), 1)
    total = parts[0]
    for first in sorted(parts)[1:]:
        total += parts[first]
    gradient = _kernel_matrix(dtype).T @ total.reshape(36, -1)
    return np.ascontiguousarray(gradient.reshape(3, 3, outputs, channels).transpose(2, 3, 0, 1))
