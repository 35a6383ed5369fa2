"""Cross-entropy with class numbers: log-softmax and the choice of the target's entry in one go.

Scores are (N, C, \\*d), classes (N, \\*d).  ``class_loss`` is for a GPU, where classes are not looked at before: it
takes the mean as well, and rows of which the class is ``ignore_index`` do not count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.pointwise import of_many
from minitorch.backend.primitives.registry import primitive

__all__ = ["class_loss_backward", "class_loss_forward", "exponentials_of", "losses_backward", "losses_forward"]


@primitive
def class_loss_forward(scores: Any, classes: Any, ignore_index: int, reduction: str, flags: Any, slot: int) -> Any:
    """The loss of a batch: ``(loss, log_sums, weight)``.

    Args:
        scores: (N, C, \\*d).
        classes: (N, \\*d), int64.
        reduction: "mean", "sum" or "none".
        flags, slot: where classes out of range are noted, as :func:`flag_outside` does; these rows count as ignored.

    Returns:
        loss: () or (N, \\*d).
        log_sums: (N, \\*d), the logarithm of each row's sum of exponentials: what backward needs.
        weight: (), what each row's loss counts in ``loss``: one over the number of rows for the mean.  The mean of
            nothing is NaN.
    """
    xp = array_module(scores)
    known = (classes >= 0) & (classes < scores.shape[1])
    wrong = ~known & (classes != ignore_index)
    flags[slot, 0] = xp.maximum(flags[slot, 0], wrong.any().astype(np.int64))
    flags[slot, 1] = xp.where(wrong.any(), xp.where(wrong, classes, 0).sum(), flags[slot, 1])
    counts = known & (classes != ignore_index)
    largest = scores.max(axis=1, keepdims=True)
    log_sums = xp.log(xp.exp(scores - largest).sum(axis=1)) + largest[:, 0]
    chosen = xp.take_along_axis(scores, xp.where(counts, classes, 0)[:, None], 1)[:, 0]
    losses = xp.where(counts, log_sums - chosen, 0).astype(scores.dtype)
    number = counts.sum().astype(scores.dtype) if reduction == "mean" else xp.ones((), scores.dtype)
    loss = losses if reduction == "none" else losses.sum() / number
    return xp.asarray(loss), log_sums, xp.asarray(1 / number)


@primitive
def class_loss_backward(g: Any, scores: Any, classes: Any, log_sums: Any, weight: Any, ignore_index: int) -> Any:
    """The gradient of the scores: softmax minus one at the target, times ``g`` (() or (N, \\*d)) and ``weight``."""
    xp = array_module(scores)
    counts = (classes >= 0) & (classes < scores.shape[1]) & (classes != ignore_index)
    each = xp.where(counts, g * weight, 0).astype(scores.dtype)
    numbers = xp.arange(scores.shape[1]).reshape(1, -1, *[1] * (scores.ndim - 2))
    hit = (numbers == classes[:, None]).astype(scores.dtype)
    return (xp.exp(scores - log_sums[:, None]) - hit) * each[:, None]


@of_many
def losses_forward(scores: Any, at: tuple[Any, ...], made: list[Any]) -> tuple[Any, Any, Any]:
    """The loss of every target: ``(losses, largest, sums)``.

    Args:
        scores: (N, C, \\*d), float32 or float64, not empty.
        at: indexes each target's score: ``scores[at]`` is (N, \\*d), and ``at[1]`` are the classes.
        made: gets the exponentials of ``scores - largest`` if they were made, so that backward need not.

    Returns:
        losses: (N, \\*d), minus the logarithm of softmax at the target.
        largest, sums: (N, \\*d), the largest score and the sum of the exponentials along the classes.
    """
    xp = array_module(scores)
    largest = scores.max(axis=1, keepdims=True)
    z = scores - largest
    losses = -z[at]
    xp.exp(z, out=z)
    sums = z.sum(axis=1)
    losses += xp.log(sums)
    made.append(z)
    return losses, largest.squeeze(1), sums


def exponentials_of(scores: Any, largest: Any, made: list[Any]) -> Any:
    """Of ``scores - largest``: those that :func:`losses_forward` has made, or new ones."""
    return made[0] if made else array_module(scores).exp(scores - largest[:, None])


@of_many
def losses_backward(scores: Any, at: tuple[Any, ...], each: Any, largest: Any, sums: Any, made: list[Any]) -> Any:
    """The gradient by the scores, given the one of every loss, ``each`` (() or (N, \\*d)): softmax minus one at the
    target, times ``each``."""
    factor = each / sums
    out = exponentials_of(scores, largest, made) * factor[:, None]
    out[at] -= each
    return out
