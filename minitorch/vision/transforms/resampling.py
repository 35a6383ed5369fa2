"""Resizing of arrays: two matrix products, one with the weights of the rows and one with those of the columns."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    # Keys (1981), "Cubic convolution interpolation for digital image processing"
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _box(x: np.ndarray) -> np.ndarray:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _hamming(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0)


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_FILTERS = {
    "bilinear": (_triangle, 1),
    "bicubic": (lambda x: _cubic(x, -0.5), 2),
    "box": (_box, 0.5),
    "hamming": (_hamming, 1),
    "lanczos": (_lanczos, 3),
}


@lru_cache(maxsize=64)
def _weights(size: int, out: int, method: str, antialias: bool) -> np.ndarray:
    """(out, size): each row says how much of every input sample goes into one output sample; rows sum to 1."""
    scale = size / out
    centres = (np.arange(out) + 0.5) * scale
    if method in ("nearest", "nearest-exact"):
        # "nearest" takes the sample at the left edge of the output pixel, as torch.nn.functional.interpolate does
        source = np.floor(centres if method == "nearest-exact" else np.arange(out) * scale).astype(np.intp)
        return np.minimum(source, size - 1)
    if antialias:
        function, _ = _FILTERS[method]
        weights = function((np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1.0))
        return weights / weights.sum(axis=1, keepdims=True)
    # without antialiasing every output sample looks at its 2 or 4 neighbours; beyond the edge the edge repeats
    taps = {"bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}[method]
    left = np.floor(centres - 0.5)
    weights = np.zeros((out, size))
    for tap in taps:
        distance = left + tap + 0.5 - centres
        w = _triangle(distance) if method == "bilinear" else _cubic(distance, -0.75)
        np.add.at(weights, (np.arange(out), np.clip(left + tap, 0, size - 1).astype(np.intp)), w)
    return weights


def resize_array(array: Any, height: int, width: int, rows: int, columns: int, method: str, antialias: bool) -> Any:
    """``array`` with its axes ``rows`` and ``columns`` resampled to ``height`` and ``width``; dtype kept.

    Raises:
        ValueError: the method is unknown, or has no version without antialiasing.
    """
    if not antialias and method in ("box", "hamming", "lanczos"):
        raise ValueError(f"resize: interpolation {method!r} on tensors needs antialias=True")
    if method not in _FILTERS and not method.startswith("nearest"):
        raise ValueError(f"resize: unknown interpolation {method!r}")
    xp = array_module(array)
    dtype = array.dtype
    for axis, out in ((columns, width), (rows, height)):
        size = array.shape[axis]
        if size == out:
            continue
        weights = _weights(size, out, method, antialias)
        if weights.ndim == 1:
            array = array.take(xp.asarray(weights), axis=axis)
            continue
        # between the two products the values stay floats: rounding twice would show
        compute = np.float64 if dtype == np.float64 else np.float32
        values = array.astype(compute, copy=False)
        array = xp.moveaxis(xp.tensordot(values, xp.asarray(weights.T, dtype=compute), axes=([axis], [0])), -1, axis)
    if array.dtype != dtype and dtype.kind in "iu":
        info = np.iinfo(dtype)
        array = xp.clip(xp.rint(array), info.min, info.max)
    return array.astype(dtype, copy=False)
