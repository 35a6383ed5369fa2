"""Softmax and its logarithm along any dimension, with their gradients: each element is read twice or three times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.cpu import softmax_kernels as kernels
from minitorch.backend.cpu.arrays import whole
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 13
# Positions behind the dimension below which it is moved to the end: loops over them would be too short.
_SHORTEST = 16


def _along(rows: Any, columns: Any, arrays: Sequence[np.ndarray], axis: int) -> Any:
    first = arrays[0]
    shape, count = first.shape, first.shape[axis]
    if first.size == 0 or any(a.shape != shape for a in arrays):
        return NotImplemented
    inner = math.prod(shape[axis + 1 :])
    if 1 < inner < _SHORTEST:
        out = _along(rows, columns, [a.swapaxes(axis, -1) for a in arrays], len(shape) - 1)
        return out if out is NotImplemented else np.ascontiguousarray(out.swapaxes(axis, -1))
    plain = whole(*arrays)
    if plain is None:
        return NotImplemented
    out = np.empty(shape, first.dtype)
    plain.append(out)
    if inner == 1:
        flat = [a.reshape(-1, count) for a in plain]
        rows(len(flat[0]), parts(len(flat[0]), _LEAST // count), *flat)
    else:
        blocks = [a.reshape(-1, count, inner) for a in plain]
        tiles = len(blocks[0]) * -(-inner // kernels.TILE)
        columns(tiles, parts(tiles, _LEAST // (count * min(inner, kernels.TILE))), *blocks)
    return out


def softmax_forward(x: np.ndarray, axis: int) -> Any:
    return _along(kernels.softmax_rows, kernels.softmax_columns, (x,), axis)


def softmax_backward(g: np.ndarray, out: np.ndarray, axis: int) -> Any:
    return _along(kernels.softmax_backward_rows, kernels.softmax_backward_columns, (g, out), axis)


def log_softmax_forward(x: np.ndarray, axis: int) -> Any:
    return _along(kernels.log_softmax_rows, kernels.log_softmax_columns, (x,), axis)


def log_softmax_backward(g: np.ndarray, out: np.ndarray, axis: int) -> Any:
    return _along(kernels.log_softmax_backward_rows, kernels.log_softmax_backward_columns, (g, out), axis)
