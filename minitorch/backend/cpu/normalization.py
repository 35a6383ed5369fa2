"""Normalisation in as few passes over memory as there are: over batches, groups of channels, and rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu import normalization_kernels as kernels
from minitorch.backend.cpu.arrays import in_memory, plain
from minitorch.backend.cpu.threads import parts
from minitorch.backend.primitives.normalization import Layout

# Elements that are worth another thread.
_LEAST = 1 << 14
# Positions of a channel below which the loop over them is too short.
_SHORTEST = 8


def _kind(layout: Layout, x: np.ndarray) -> str | None:
    """Which of the kernels a layout has, if there is enough to loop over."""
    dims, axes = len(layout.view), layout.axes
    if not x.size or layout.view[-1] < _SHORTEST:
        return None
    if dims == 2 and axes == (1,):
        return "rows"
    if not layout.centred:
        return None
    if dims == 3 and axes == (0, 2):
        return "batch"
    return "groups" if axes == tuple(range(2, dims)) and layout.affine[0] == 1 else None


def _spread(values: Any, shape: tuple[int, ...], default: float, dtype: np.dtype) -> np.ndarray:
    return np.full(shape, default, dtype) if values is None else values.reshape(shape)


def _as_groups(layout: Layout) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes (N·G, K, S) of the input and (G, K) of weight and bias."""
    images, groups, *channels, positions = layout.view
    each = channels[0] if channels else 1
    return (images * groups, each, positions), (groups, each)


def standardize(x: np.ndarray, weight: Any, bias: Any, layout: Layout, eps: float) -> Any:
    kind = _kind(layout, x)
    if kind is None or not plain(x, weight, bias):
        return NotImplemented
    shape = layout.view
    if kind == "groups":
        shape, affine = _as_groups(layout)
    else:
        affine = shape[1:2]
    w, b = _spread(weight, affine, 1, x.dtype), _spread(bias, affine, 0, x.dtype)
    out = np.empty_like(x)
    count = shape[1] if kind == "batch" else shape[0]
    statistics = np.empty((3, count), x.dtype)
    number = parts(count, _LEAST // layout.samples)
    arrays = x.reshape(shape), w, b, float(eps)
    if kind == "batch":
        kernels.standardize(count, number, *arrays, out, *statistics)
    elif kind == "groups":
        kernels.standardize_groups(count, number, *arrays, out.reshape(shape), *statistics)
    else:
        kernels.standardize_rows(count, number, *arrays, layout.centred, out, *statistics)
    kept = [1 if axis in layout.axes else n for axis, n in enumerate(layout.view)]
    mean, var, invstd = statistics.reshape(3, *kept)
    return out, mean if layout.centred else None, var, invstd


def standardize_grad(g: np.ndarray, x: np.ndarray, weight: Any, mean: Any, invstd: np.ndarray, layout: Layout) -> Any:
    kind = _kind(layout, x)
    if kind is None or x.dtype != g.dtype or g.shape != x.shape:
        return NotImplemented
    g = in_memory(g)
    if not plain(x, g, weight, mean, invstd):
        return NotImplemented
    s = invstd.reshape(-1)
    m = np.zeros_like(s) if mean is None else mean.reshape(-1)
    out = np.empty_like(x)
    number = parts(len(s), _LEAST // layout.samples)
    if kind == "batch":
        w, sums = _spread(weight, s.shape, 1, x.dtype), np.empty((2, len(s)), x.dtype)
        kernels.standardize_grad(len(s), number, g, x, w, m, s, out, *sums)
    elif kind == "groups":
        shape, affine = _as_groups(layout)
        w, sums = _spread(weight, affine, 1, x.dtype), np.empty((2, *shape[:2]), x.dtype)
        views = g.reshape(shape), x.reshape(shape), w, m, s, out.reshape(shape)
        kernels.standardize_groups_grad(len(s), number, *views, *sums)
        sums = sums.reshape(2, layout.view[0], -1).sum(1)
    else:
        w, sums = _spread(weight, x.shape[1:], 1, x.dtype), np.zeros((2, number, x.shape[1]), x.dtype)
        kernels.standardize_rows_grad(len(s), number, g, x, w, m, s, layout.centred, out, *sums)
        sums = sums.sum(1)
    if weight is None:
        return out, None, None
    by_weight, by_bias = sums.reshape(2, *layout.affine)
    return out, by_weight, by_bias if layout.centred else None


def standardize_by(x: np.ndarray, mean: np.ndarray, var: np.ndarray, weight: Any, bias: Any, eps: float) -> Any:
    if x.size == 0 or x.shape[2] < _SHORTEST or not plain(x, weight, bias) or mean.dtype != x.dtype:
        return NotImplemented
    invstd = (1 / np.sqrt(var + var.dtype.type(eps))).astype(x.dtype, copy=False)
    mean = mean.copy()  # not the array that a later batch moves
    scale = invstd if weight is None else invstd * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    out = np.empty_like(x)
    images, channels, positions = x.shape
    number = parts(images, _LEAST // (channels * positions))
    kernels.scale_channels(images, number, x, scale.reshape(-1), shift.reshape(-1), out)
    return out, mean, invstd
