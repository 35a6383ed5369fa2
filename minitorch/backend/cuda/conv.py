"""Convolution over one or two spatial dimensions by the kernels of ``source/conv.cu``.

They take layers with small matrices, where writing out columns and starting three kernels costs more than cuBLAS
gains; larger ones are left to the portable version, which has cuBLAS multiply columns.  Where the line is best drawn is
an estimate from the bytes that columns take to write and to read; it has not been measured on a GPU.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import BLOCK, LIMIT, accepts, contiguous, launch, launch_over
from minitorch.backend.primitives.conv_geometry import Ints, Pads, geometry

_FILE = "conv.cu"
_FIELDS = [
    "images", "channels", "outputs", "groups", "height", "width", "out_height", "out_width", "kernel_y", "kernel_x",
    "stride_y", "stride_x", "pad_y", "pad_x", "dilation_y", "dilation_x",
]  # fmt: skip
_GEOMETRY = np.dtype({"names": _FIELDS, "formats": [np.int32] * len(_FIELDS)})
_TILE_M, _TILE_N = 32, 64
# Outputs times depth of one group's weight.
_LARGEST = 1 << 16
# Blocks that fill a GPU, and the least depth of a part that is worth its own.
_BLOCKS, _DEPTH = 512, 512


def _packed(images: int, channels: int, outputs: int, groups: int, spatial: Any, out: Any, kernel: Any, stride: Any,
            padding: Any, dilation: Any) -> np.ndarray:  # fmt: skip
    """The kernels' ``struct Geometry``; a spatial shape of one dimension gets a height of one in front."""
    flat = len(spatial) == 1
    first = (1,) if flat else ()
    pads = ((0,) if flat else ()) + tuple([lo for lo, _ in padding])
    planes = (*first, *spatial, *first, *out, *first, *kernel)
    values = (images, channels, outputs, groups, *planes, *first, *stride, *pads, *first, *dilation)
    return np.array([values], _GEOMETRY)


def _unfit(dims: int, per_group: int, depth: int, *arrays: Any) -> bool:
    sizes_fit = all(a.size for a in arrays) and dims <= 2 and per_group * depth <= _LARGEST
    return not sizes_fit or not accepts(*arrays)


def _tiles(rows: int, columns: int, layers: int) -> tuple[int, int, int]:
    return -(-columns // _TILE_N), -(-rows // _TILE_M), layers


def conv_forward(
    x: Any, w: Any, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1, bias: Any = None
) -> Any:  # fmt: skip
    outputs, (per_channels, *kernel) = w.shape[0] // groups, w.shape[1:]
    if _unfit(len(kernel), outputs, per_channels * math.prod(kernel), x, w, *(() if bias is None else (bias,))):
        return NotImplemented
    g = geometry(x.shape[2:], tuple(kernel), tuple(stride), tuple(padding), tuple(dilation))
    images, positions = x.shape[0], math.prod(g.out)
    if images * positions * w.shape[0] >= LIMIT or not positions:
        return NotImplemented
    out = cupy().empty((images, w.shape[0], *g.out), x.dtype)
    packed = _packed(images, per_channels, outputs, groups, g.spatial, g.out, kernel, stride, padding, dilation)
    bias = None if bias is None else contiguous(bias)
    grid = _tiles(outputs, images * positions, groups)
    launch(_FILE, "conv_forward", x.dtype, grid, BLOCK, contiguous(x), contiguous(w), bias, out, packed)
    return out


def conv_input_grad(
    gy: Any, w: Any, input_spatial_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:  # fmt: skip
    outputs, (per_channels, *kernel) = w.shape[0] // groups, w.shape[1:]
    if _unfit(len(kernel), outputs, per_channels * math.prod(kernel), gy, w):
        return NotImplemented
    spatial, images = tuple(input_spatial_shape), gy.shape[0]
    shape = (images, per_channels * groups, *spatial)
    if not 0 < math.prod(shape) < LIMIT:
        return NotImplemented
    out = cupy().empty(shape, gy.dtype)
    packed = _packed(
        images, per_channels, outputs, groups, spatial, gy.shape[2:], kernel, stride, padding, dilation
    )  # fmt: skip
    grid = _tiles(per_channels, images * math.prod(spatial), groups)
    launch(_FILE, "conv_input_grad", gy.dtype, grid, BLOCK, contiguous(gy), contiguous(w), out, packed)
    return out


def conv_weight_grad(
    x: Any, gy: Any, kernel_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:  # fmt: skip
    kernel, (images, channels), outputs = tuple(kernel_shape), x.shape[:2], gy.shape[1] // groups
    per_channels, taps = channels // groups, math.prod(kernel)
    if _unfit(len(kernel), outputs, per_channels * taps, x, gy) or not taps:
        return NotImplemented
    depth = images * math.prod(gy.shape[2:])
    columns, rows, _ = _tiles(outputs, per_channels * taps, groups)
    parts = max(1, min(_BLOCKS // (columns * rows * groups), depth // _DEPTH, 65535 // groups))
    xp = cupy()
    shape = (outputs * groups, per_channels, *kernel)
    out = xp.empty(shape, x.dtype)
    partial = out if parts == 1 else xp.empty((parts, *shape), x.dtype)
    packed = _packed(
        images, per_channels, outputs, groups, x.shape[2:], gy.shape[2:], kernel, stride, padding, dilation
    )  # fmt: skip
    grid = _tiles(outputs, per_channels * taps, groups * parts)
    launch(_FILE, "conv_weight_grad", x.dtype, grid, BLOCK, contiguous(x), contiguous(gy), partial, packed, parts)
    if parts > 1:
        launch_over(out.size, _FILE, "sum_parts", x.dtype, partial, out, parts)
    return out
