"""Cross-entropy with class numbers without an array of exponentials: they are computed again on the way back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu import class_loss_kernels as kernels
from minitorch.backend.cpu.arrays import whole
from minitorch.backend.cpu.softmax_kernels import TILE
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 13


def _run(rows: Any, columns: Any, scores: np.ndarray, *arrays: np.ndarray) -> None:
    """The kernel for scores (N, C, S); all others are (N, S), or (N, C, S) as the scores."""
    count, classes = scores.shape[:2]
    inner = math.prod(scores.shape[2:])
    by_class, by_target = ((count, classes), (count,)) if inner == 1 else ((count, classes, inner), (count, inner))
    arrays = tuple([a.reshape(by_class if a.ndim == scores.ndim else by_target) for a in (scores, *arrays)])
    if inner == 1:
        rows(count, parts(count, _LEAST // classes), *arrays)
    else:
        tiles = count * -(-inner // TILE)
        columns(tiles, parts(tiles, _LEAST // (classes * min(inner, TILE))), *arrays)


def _classes(scores: np.ndarray, at: tuple[Any, ...]) -> np.ndarray | None:
    """The class of every target, if kernels can take them."""
    classes = at[1]
    if not scores.size or classes.dtype != np.int64 or classes.shape != (scores.shape[0], *scores.shape[2:]):
        return None
    return classes if classes.flags.carray else np.array(classes, order="C")


def losses_forward(scores: np.ndarray, at: tuple[Any, ...], made: list[Any]) -> Any:
    classes, plain = _classes(scores, at), whole(scores)
    if classes is None or plain is None:
        return NotImplemented
    losses, largest, sums = (np.empty(classes.shape, scores.dtype) for _ in range(3))
    _run(kernels.losses_rows, kernels.losses_columns, plain[0], classes, losses, largest, sums)
    return losses, largest, sums


def losses_backward(
    scores: np.ndarray, at: tuple[Any, ...], each: Any, largest: np.ndarray, sums: np.ndarray, made: list[Any]
) -> Any:
    classes = _classes(scores, at)
    if made or classes is None or classes.shape != largest.shape or classes.shape != sums.shape:
        return NotImplemented
    plain = whole(scores, largest, sums)
    if plain is None:
        return NotImplemented
    factors = np.empty(classes.shape, scores.dtype)
    factors[...] = each
    out = np.empty(scores.shape, scores.dtype)
    _run(kernels.losses_backward_rows, kernels.losses_backward_columns, plain[0], classes, factors, *plain[1:], out)
    return out
