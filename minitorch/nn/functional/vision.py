"""Resizing and rearranging of images."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.adaptive_pooling import adaptive_avg_pool

_DIMS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_CUBIC = -0.75


def _cubic(x: np.ndarray) -> np.ndarray:
    """The kernel of Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -0.75."""
    near = ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1
    far = ((_CUBIC * x - 5 * _CUBIC) * x + 8 * _CUBIC) * x - 4 * _CUBIC
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@lru_cache(maxsize=64)
def _matrix(size: int, out: int, mode: str, align_corners: bool, scale: float | None) -> np.ndarray:
    """(out, size): which input elements each output element is made of.  Rows add up to 1."""
    weights = np.zeros((out, size))
    rows = np.arange(out)
    step = size / out if scale is None else 1 / scale
    if mode == "nearest":
        weights[rows, np.minimum(np.floor(rows * np.float32(step)).astype(int), size - 1)] = 1
        return weights
    if mode == "nearest-exact":
        weights[rows, np.minimum(np.floor((rows + 0.5) * step).astype(int), size - 1)] = 1
        return weights
    if align_corners:
        centres = rows * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        centres = (rows + 0.5) * step - 0.5
    if mode == "cubic":
        first = np.floor(centres).astype(int)
        for tap in range(-1, 3):
            np.add.at(weights, (rows, np.clip(first + tap, 0, size - 1)), _cubic(np.abs(centres - first - tap)))
        return weights
    centres = np.maximum(centres, 0)
    first = np.minimum(np.floor(centres).astype(int), size - 1)
    share = centres - first
    np.add.at(weights, (rows, first), 1 - share)
    np.add.at(weights, (rows, np.minimum(first + 1, size - 1)), share)
    return weights


def _resized(input: Any, sizes: tuple, mode: str, align_corners: bool, scales: tuple, transposed: bool) -> Any:
    """Each spatial axis multiplied by its matrix, or by the transpose."""
    lib, first_axis = xp(input), input.ndim - len(sizes)
    dtype = np.dtype(np.float32) if input.dtype.itemsize == 2 else input.dtype
    out = input.astype(dtype, copy=False)
    for axis, (other, scale) in enumerate(zip(sizes, scales), first_axis):
        ends = (other, input.shape[axis]) if transposed else (input.shape[axis], other)
        if ends[0] == ends[1] and scale is None:
            continue
        weights = lib.asarray(_matrix(*ends, mode, align_corners, scale).astype(dtype))
        moved = lib.moveaxis(out, axis, -1)
        out = lib.moveaxis(lib.matmul(moved, weights if transposed else weights.T), -1, axis)
    return lib.ascontiguousarray(out, input.dtype)


@op("UpsampleBackward0")
def _resize(input: Array, sizes, mode, align_corners, scales):
    return _resized(input, sizes, mode, align_corners, scales, False)


@op("UpsampleBackwardBackward0")
def _resize_grad(g: Array, spatial, mode, align_corners, scales):
    return _resized(g, spatial, mode, align_corners, scales, True)


_resize.rules(
    input=lambda g, input_shape, sizes, mode, align_corners, scales: _resize_grad(
        g, tuple(input_shape[-len(sizes) :]), mode, align_corners, scales
    )
)
_resize_grad.rules(
    g=lambda h, g_shape, spatial, mode, align_corners, scales: _resize(
        h, tuple(g_shape[-len(spatial) :]), mode, align_corners, scales
    )
)


@op("UpsampleBackward0")
def _repeat(input: Array, factors):
    """Every element ``factors`` times along the last axes: nearest neighbours of a whole factor."""
    lib, lead = xp(input), input.ndim - len(factors)
    split = [n for size in input.shape[lead:] for n in (size, 1)]
    wide = [n for size, k in zip(input.shape[lead:], factors) for n in (size, k)]
    out = lib.broadcast_to(input.reshape(*input.shape[:lead], *split), (*input.shape[:lead], *wide))
    return out.reshape(*input.shape[:lead], *[n * k for n, k in zip(input.shape[lead:], factors)])


@op("UpsampleBackwardBackward0")
def _sum_blocks(g: Array, factors):
    lead = g.ndim - len(factors)
    split = [n for size, k in zip(g.shape[lead:], factors) for n in (size // k, k)]
    return g.reshape(*g.shape[:lead], *split).sum(axis=tuple(range(lead + 1, lead + 2 * len(factors), 2)))


_repeat.rules(input=lambda g, factors: _sum_blocks(g, factors))
_sum_blocks.rules(g=lambda h, factors: _repeat(h, factors))


def _sizes(spatial: tuple, size: Any, scale_factor: Any) -> tuple[tuple, tuple]:
    dims = len(spatial)
    if (size is None) == (scale_factor is None):
        raise ValueError("only one of size or scale_factor should be defined, and one must be")
    given = size if scale_factor is None else scale_factor
    values = (given,) * dims if isinstance(given, (int, float)) else tuple(given)
    if len(values) != dims:
        raise ValueError(
            f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(spatial)} and {'size' if scale_factor is None else 'scale_factor'} of {given}"
        )
    if scale_factor is None:
        return tuple([int(n) for n in values]), (None,) * dims
    return tuple([math.floor(n * s) for n, s in zip(spatial, values)]), tuple([float(s) for s in values])


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resizes the last 1, 2 or 3 dimensions.

    Shape: (N, C, \\*spatial) -> (N, C, \\*size).

    Args:
        size: after resizing, or else ``scale_factor``.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (3-D input), ``"bilinear"`` and ``"bicubic"`` (4-D),
            ``"trilinear"`` (5-D), ``"area"`` (means).
        align_corners: the centres of the corner elements stay in place, instead of the outer borders.

    Raises:
        ValueError: ``size`` and ``scale_factor`` both or neither, or arguments that the mode does not have.
        NotImplementedError: an unknown mode, one for other inputs, or ``antialias``.

    >>> import minitorch as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    shape = input._data.shape
    if antialias:
        raise NotImplementedError("interpolate: antialias=True is not supported; use minitorch.vision.transforms.Resize")
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
        dims = len(shape) - 2
        if dims not in (1, 2, 3):
            raise NotImplementedError(f"interpolate: expected an input of 3, 4 or 5 dimensions, got shape {shape}")
    elif mode not in _DIMS:
        raise NotImplementedError(
            f"interpolate: unknown mode {mode!r}: use nearest, nearest-exact, linear, bilinear, bicubic, trilinear or area"
        )
    elif len(shape) != _DIMS[mode] + 2:
        raise NotImplementedError(
            f"interpolate: mode {mode!r} needs an input of {_DIMS[mode] + 2} dimensions, got shape {shape}"
        )
    sizes, scales = _sizes(shape[2:], size, scale_factor)
    if min(sizes) < 1 or min(shape[2:]) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(shape[2:])}, output {list(sizes)}"
        )
    if recompute_scale_factor:
        scales = (None,) * len(sizes)
    if mode == "area":
        return adaptive_avg_pool(len(sizes), input, sizes)
    factors = tuple([m // n for m, n in zip(sizes, shape[2:])])
    if mode.startswith("nearest") and all(n * k == m for n, k, m in zip(shape[2:], factors, sizes)):
        if all(s is None or s == k for s, k in zip(scales, factors)):
            return _repeat(input, factors)
    kind = mode if mode.startswith("nearest") else ("cubic" if mode == "bicubic" else "linear")
    return _resize(input, sizes, kind, bool(align_corners), scales)


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The older name of :func:`interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become pixels: (\\*, C·r², H, W) -> (\\*, C, H·r, W·r) (Shi et al. 2016, arXiv:1609.05158).

    Raises:
        RuntimeError: fewer than 3 dimensions, or channels that r² does not divide.
    """
    r, shape = upscale_factor, tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)}")
    if r < 1 or shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={shape[-3]} is not divisible by {r * r}"
        )
    *lead, channels, height, width = shape
    parts = input.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return parts.permute(order).reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels become channels, the inverse of :func:`pixel_shuffle`: (\\*, C, H·r, W·r) -> (\\*, C·r², H, W)."""
    r, shape = downscale_factor, tuple(input.shape)
    if len(shape) < 3 or r < 1 or shape[-1] % r or shape[-2] % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor={r}, got shape {shape}"
        )
    *lead, channels, height, width = shape
    parts = input.reshape(*lead, channels, height // r, r, width // r, r)
    n = len(lead)
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return parts.permute(order).reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of (N, C, \\*) reordered so that neighbours come from different groups (Zhang et al. 2018, ShuffleNet)."""
    shape = tuple(input.shape)
    if len(shape) < 3 or groups < 1 or shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle: number of channels must be divisible by groups, got shape {shape} and groups={groups}"
        )
    return input.reshape(shape[0], groups, shape[1] // groups, *shape[2:]).transpose(1, 2).reshape(shape)
