"""Softmax and its logarithm by the kernels of ``source/softmax.cu``."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import BLOCK, accepts, contiguous, launch
from minitorch.backend.cuda.teams import team

_FILE = "softmax.cu"
_BROADCAST = np.dtype([("second", np.int32), ("third", np.int32), ("strides", np.int32, 3), ("step", np.int32)])


def softmax_forward(x: Any, axis: int) -> Any:
    return _along("softmax_forward", axis, 0, x)


def softmax_backward(g: Any, out: Any, axis: int) -> Any:
    return _along("softmax_backward", axis, 0, g, out)


def log_softmax_forward(x: Any, axis: int) -> Any:
    return _along("softmax_forward", axis, 1, x)


def log_softmax_backward(g: Any, out: Any, axis: int) -> Any:
    return _along("softmax_backward", axis, 1, g, out)


def _along(kernel: str, axis: int, logarithm: int, *arrays: Any) -> Any:
    shape, size, dtype = arrays[0].shape, arrays[0].size, arrays[0].dtype
    if not accepts(*arrays) or not size or any(a.shape != shape for a in arrays):
        return NotImplemented
    length, inner = shape[axis], math.prod(shape[axis:]) // shape[axis]
    rows = size // length
    threads = team(length, rows, inner > 1)
    if threads is None:
        return NotImplemented
    lanes, grid = threads
    result, given = cupy().empty(shape, dtype), [contiguous(a) for a in arrays]
    launch(_FILE, kernel, dtype, grid, BLOCK, *given, result, logarithm, lanes, length, inner, rows)
    return result


def masked_softmax(scores: Any, scale: float, mask: Any, hidden: Any, zeros: bool) -> Any:
    shape, size, dtype = scores.shape, scores.size, scores.dtype
    if not accepts(scores, *(() if mask is None else (mask,))) or not size:
        return NotImplemented
    length, rows = shape[-1], size // shape[-1]
    masks, hides = (_broadcast(None if a is None else a.shape, shape) for a in (mask, hidden))
    threads = team(length, rows)
    if threads is None or masks is None or hides is None:
        return NotImplemented
    lanes, grid = threads
    given = [None if a is None else contiguous(a) for a in (scores, mask, hidden)]
    out = cupy().empty(shape, dtype)
    launch(
        _FILE, "masked_softmax", dtype, grid, BLOCK, *given, out, float(scale), -math.inf, zeros, masks, hides, lanes,
        length, rows,
    )  # fmt: skip
    return out


@functools.lru_cache(maxsize=256)
def _broadcast(shape: tuple[int, ...] | None, whole: tuple[int, ...]) -> np.ndarray | None:
    """The kernel's ``struct Broadcast`` of an array of ``shape`` that meets one of shape ``whole``; ``None`` if it has
    more dimensions that differ than the kernel knows."""
    packed = np.ones(1, _BROADCAST)
    if shape is None:
        return packed
    if len(shape) > len(whole):
        return None
    sizes = (1,) * (4 - len(whole)) + whole
    own = (1,) * (len(sizes) - len(shape)) + shape
    strides = [0 if n == 1 else math.prod(own[i + 1 :]) for i, n in enumerate(own)]
    front = len(sizes) - 3  # dimensions that the kernel takes together
    if 1 < math.prod(own[:front]) != math.prod(sizes[:front]):
        return None
    packed["second"], packed["third"], packed["step"] = sizes[front], sizes[front + 1], strides[-1]
    first = 0 if math.prod(own[:front]) == 1 else math.prod(own[front:])
    packed["strides"][0] = first, *strides[front:-1]
    return packed
