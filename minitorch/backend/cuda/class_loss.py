"""Cross-entropy with class numbers by the kernels of ``source/class_loss.cu``."""

from __future__ import annotations

import math
from typing import Any

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import BLOCK, accepts, contiguous, launch, launch_over
from minitorch.backend.cuda.teams import team

_FILE = "class_loss.cu"


def class_loss_forward(scores: Any, classes: Any, ignore_index: int, reduction: str, flags: Any, slot: int) -> Any:
    number, inner = scores.shape[1], math.prod(scores.shape[2:])
    threads = team(number, classes.size, inner > 1) if accepts(scores) and scores.size else None
    if threads is None:
        return NotImplemented
    xp, dtype, (lanes, grid) = cupy(), scores.dtype, threads
    scores, classes = contiguous(scores), contiguous(classes)
    losses, log_sums = xp.empty(classes.shape, dtype), xp.empty(classes.shape, dtype)
    ignored = classes.dtype.type(ignore_index)
    launch(
        _FILE, "class_loss_rows", dtype, grid, BLOCK, scores, classes, losses, log_sums, flags, slot, ignored, number,
        inner, lanes, classes.size,
    )  # fmt: skip
    if reduction == "none":
        return losses, log_sums, xp.ones((), dtype)
    loss, weight = xp.empty((), dtype), xp.empty((), dtype)
    mean = int(reduction == "mean")
    launch(
        _FILE, "class_loss_total", dtype, 1, BLOCK, losses, classes, loss, weight, ignored, number, mean, classes.size
    )
    return loss, log_sums, weight


def class_loss_backward(g: Any, scores: Any, classes: Any, log_sums: Any, weight: Any, ignore_index: int) -> Any:
    if not accepts(scores, g) or not scores.size:
        return NotImplemented
    xp = cupy()
    out = xp.empty(scores.shape, scores.dtype)
    launch_over(
        out.size, _FILE, "class_loss_backward", scores.dtype, contiguous(g), contiguous(scores),
        contiguous(classes), log_sums, weight, out, classes.dtype.type(ignore_index), int(g.ndim > 0),
        scores.shape[1], math.prod(scores.shape[2:]),
    )  # fmt: skip
    return out
