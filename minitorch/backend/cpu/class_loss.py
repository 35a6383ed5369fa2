"""Cross-entropy with class numbers without an array of exponentials: they are computed again on the way back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu import class_loss_kernels as kernels
from minitorch.backend.cpu.arrays import in_memory, real
from minitorch.backend.cpu.softmax_kernels import TILE
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 13


def _run(rows: Any, columns: Any, scores: np.ndarray, *arrays: np.ndarray) -> None:
    """The kernel for scores (N, C, S); all others are (N, S), or (N, C, S) as the scores."""
    if scores.ndim == 2:
        count, classes = scores.shape
        rows(count, parts(count, _LEAST // classes), scores, *arrays)
        return
    count, classes = scores.shape[:2]
    inner = math.prod(scores.shape[2:])
    by_class, by_target = (count, classes, inner), (count, inner)
    arrays = tuple([a.reshape(by_class if a.ndim == scores.ndim else by_target) for a in (scores, *arrays)])
    tiles = count * -(-inner // TILE)
    columns(tiles, parts(tiles, _LEAST // (classes * min(inner, TILE))), *arrays)


def _classes(scores: np.ndarray, at: tuple[Any, ...]) -> np.ndarray | None:
    """The class of every target, if kernels can take them and the scores."""
    classes = at[1]
    shape = scores.shape
    if not scores.size or not real(scores.dtype) or classes.dtype != np.int64:
        return None
    return in_memory(classes) if classes.shape == (shape[0], *shape[2:]) else None


def losses_forward(scores: np.ndarray, at: tuple[Any, ...], made: list[Any]) -> Any:
    classes = _classes(scores, at)
    if classes is None:
        return NotImplemented
    losses, largest, sums = np.empty((3, *classes.shape), scores.dtype)
    _run(kernels.losses_rows, kernels.losses_columns, in_memory(scores), classes, losses, largest, sums)
    return losses, largest, sums


def losses_backward(
    scores: np.ndarray, at: tuple[Any, ...], each: Any, largest: np.ndarray, sums: np.ndarray, made: list[Any]
) -> Any:
    classes = _classes(scores, at)
    if made or classes is None or classes.shape != largest.shape or classes.shape != sums.shape:
        return NotImplemented
    dtype = scores.dtype
    if largest.dtype != dtype or sums.dtype != dtype:
        return NotImplemented
    factors, out = np.empty(classes.shape, dtype), np.empty(scores.shape, dtype)
    factors[...] = each
    arrays = in_memory(scores), classes, factors, in_memory(largest), in_memory(sums), out
    _run(kernels.losses_backward_rows, kernels.losses_backward_columns, *arrays)
    return out
