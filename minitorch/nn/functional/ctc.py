"""Connectionist temporal classification: the probability of a labelling, summed over all its alignments.

Graves et al. 2006, "Connectionist temporal classification: labelling unsegmented sequence data with recurrent neural
networks".  A labelling is written with a blank before, between and after its labels: L = 2·S + 1 places.
``alpha[t, s]`` is the log-probability of all ways to be at place s at time t, ``beta[t, s]`` of all ways to the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import segment_add
from minitorch.core.dtype import of_numpy
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.reduce import only_tensors, reduction_of


class Labelling(NamedTuple):
    """The targets of a batch, with blanks."""

    #: (N, L), the class of each place
    places: Any
    #: (N, L), zero where a place can be entered from the one before the last, minus infinity elsewhere
    skips: Any
    #: (N,), how many frames and labels
    frames: Any
    labels: Any


def _forward(emitted: Any, task: Labelling) -> Any:
    """alpha (T, N, L) for the log-probabilities ``emitted`` (T, N, L) of the places' classes."""
    lib = xp(emitted)
    alpha = lib.full_like(emitted, -math.inf)
    alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(emitted)):
        before, now = alpha[t - 1], alpha[t]
        now[...] = before
        lib.logaddexp(now[:, 1:], before[:, :-1], out=now[:, 1:])
        lib.logaddexp(now[:, 2:], before[:, :-2] + task.skips[:, 2:], out=now[:, 2:])
        now += emitted[t]
    return alpha


def _backward(emitted: Any, task: Labelling) -> Any:
    """beta (T, N, L); the probability of the place's own class at t is not in it."""
    lib = xp(emitted)
    length, batch, places = emitted.shape
    end = lib.full((batch, places), -math.inf, emitted.dtype)
    rows = lib.arange(batch)
    end[rows, 2 * task.labels] = 0
    end[rows, lib.maximum(2 * task.labels - 1, 0)] = 0
    beta = lib.full_like(emitted, -math.inf)
    for t in range(length - 1, -1, -1):
        now = beta[t]
        if t + 1 < length:
            after = beta[t + 1] + emitted[t + 1]
            now[...] = after
            lib.logaddexp(now[:, :-1], after[:, 1:], out=now[:, :-1])
            lib.logaddexp(now[:, :-2], after[:, 2:] + task.skips[:, 2:], out=now[:, :-2])
        lib.copyto(now, end, where=(task.frames == t + 1)[:, None])
    return beta


@op("CtcLossBackward0", aux=True)
def _ctc_loss(log_probs: Array, task, zero_infinity):
    """(T, N, C) -> (N,)."""
    lib = xp(log_probs)
    batch = log_probs.shape[1]
    rows = lib.arange(batch)
    if len(log_probs):
        # In float64: next to sums over all frames float32 would keep four digits of what one frame adds.
        emitted = log_probs[:, rows[:, None], task.places].astype(np.float64, copy=False)
        alpha = _forward(emitted, task)
        last = alpha[lib.maximum(task.frames - 1, 0), rows]
        ends = last[rows, 2 * task.labels], last[rows, lib.maximum(2 * task.labels - 1, 0)]
        total = lib.where(task.labels > 0, lib.logaddexp(*ends), ends[0])
    else:
        emitted = alpha = None
        total = lib.zeros(batch, np.float64)
    # no frames: certain for no labels, impossible for some
    total = lib.where(task.frames > 0, total, lib.where(task.labels > 0, -math.inf, 0))
    loss = -total
    shown = lib.where(loss == math.inf, 0, loss) if zero_infinity else loss
    return shown.astype(log_probs.dtype, copy=False), (emitted, alpha, loss)


@op("CtcLossBackwardBackward0")
def _ctc_grad(g: Array, log_probs: Array, task, zero_infinity, kept):
    """The gradient that softmax before the logarithm would pass on: probabilities minus shares of the alignments.

    As in PyTorch; where ``log_probs`` are no log-softmax it is not their own derivative.
    """
    emitted, alpha, loss = kept
    lib, (length, batch, classes) = xp(log_probs), log_probs.shape
    if not length:
        return lib.zeros_like(log_probs)
    shares = alpha
    shares = shares + _backward(emitted, task)
    shares += loss[:, None]
    lib.exp(shares, out=shares)
    index = (lib.arange(batch)[:, None] * classes + task.places).reshape(-1)
    by_class = segment_add(shares.reshape(length, -1).T, index, batch * classes)
    out = lib.exp(log_probs.astype(np.float32) if log_probs.dtype.itemsize == 2 else log_probs)
    out -= by_class.reshape(batch, classes, length).transpose(2, 0, 1)
    out *= g[:, None]
    out[lib.arange(length)[:, None] >= task.frames] = 0
    if zero_infinity:
        out[:, loss == math.inf] = 0
    return out.astype(log_probs.dtype, copy=False)


def _refuse_second(h: Tensor, g: Tensor) -> Tensor:
    raise RuntimeError("ctc_loss: gradients of its gradient by log_probs are not implemented (nor are they in PyTorch)")


_ctc_loss.rules(
    log_probs=lambda g, log_probs, task, zero_infinity, aux: _ctc_grad(g, log_probs, task, zero_infinity, aux)
)
_ctc_grad.rules(
    g=lambda h, g, log_probs, task, zero_infinity, kept: (
        h * _ctc_grad(g.new_ones(g.shape), log_probs.detach(), task, zero_infinity, kept)
    ).sum((0, 2)),
    log_probs=_refuse_second,
)


def _lengths(name: str, given: Tensor | Sequence[int] | int, batch: int) -> np.ndarray:
    host = given.cpu()._data if isinstance(given, Tensor) else np.asarray(given)
    host = host.reshape(-1)
    if host.dtype.kind not in "iu":
        raise RuntimeError(f"ctc_loss: {name} must be integral, got {of_numpy(host.dtype)}")
    if host.size != batch:
        raise RuntimeError(f"ctc_loss: {name} must be of size batch_size, {batch}, got {host.size}")
    if host.size and host.min() < 0:
        raise RuntimeError(f"ctc_loss: {name} must not be negative, got {int(host.min())}")
    return host.astype(np.int64)


def _label_rows(targets: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The targets as (N, S), from (N, S') or all in one row; what lies beyond their lengths is zero."""
    longest = int(labels.max()) if labels.size else 0
    inside = np.arange(longest) < labels[:, None]
    if targets.ndim == 1:
        if targets.size != labels.sum():
            raise RuntimeError(
                f"ctc_loss: expected concatenated targets of size {int(labels.sum())}, the sum of target_lengths, got "
                f"{targets.size}"
            )
        rows = np.zeros(inside.shape, np.int64)
        rows[inside] = targets
        return rows
    if targets.ndim != 2 or len(targets) != len(labels) or targets.shape[1] < longest:
        raise RuntimeError(
            f"ctc_loss: expected targets of shape ({len(labels)}, {longest} or more) or concatenated ones, got "
            f"{targets.shape}"
        )
    return np.where(inside, targets[:, :longest], 0)


def _labelling(targets: np.ndarray, labels: np.ndarray, frames: np.ndarray, classes: int, blank: int) -> Labelling:
    rows = _label_rows(targets, labels)
    inside = np.arange(rows.shape[1]) < labels[:, None]
    wrong = rows[inside & ((rows < 0) | (rows >= classes))]
    if wrong.size:
        raise RuntimeError(
            f"ctc_loss: target out of range: {int(wrong[0])}; for {classes} classes they go from 0 to {classes - 1}"
        )
    places = np.full((len(rows), 2 * rows.shape[1] + 1), blank)
    places[:, 1::2] = rows
    skips = np.zeros(places.shape, bool)
    skips[:, 2:] = (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])
    return Labelling(places, np.where(skips, 0.0, -math.inf), frames, labels)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability that frames of class log-probabilities spell the target, over all alignments.

    Shape: log_probs (T, N, C) or (T, C), targets (N, S), or all in one row, or (S,); lengths (N,) or () -> ().

    Args:
        blank: the class that stands for no label.
        reduction: "mean" divides by the targets' lengths, then takes the mean over the batch; "sum"; "none": (N,).
        zero_infinity: targets that are too long for their frames give zero instead of infinity.

    Raises:
        RuntimeError: shapes, lengths or classes that do not fit.

    >>> import minitorch as torch
    >>> log_probs = torch.zeros(4, 1, 3).log_softmax(2)
    >>> torch.nn.functional.ctc_loss(log_probs, torch.tensor([[1, 2]]), [4], [2])
    tensor(0.8432)
    """
    reduction = reduction_of(None, None, reduction)
    only_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    single = log_probs._data.ndim == 2
    if single:
        log_probs, targets = log_probs.unsqueeze(1), targets.unsqueeze(0)
    x = log_probs._data
    if x.ndim != 3 or x.dtype.kind != "f":
        raise RuntimeError(f"ctc_loss: expected log_probs (T, N, C) of floating point, got {log_probs.dtype} {x.shape}")
    length, batch, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"ctc_loss: blank must be in label range, 0 to {classes - 1}, got {blank}")
    frames, labels = _lengths("input_lengths", input_lengths, batch), _lengths("target_lengths", target_lengths, batch)
    if batch and frames.max() > length:
        raise RuntimeError(
            f"ctc_loss: Expected input_lengths to have value at most {length}, but got value {int(frames.max())}"
        )
    host = _labelling(targets.cpu()._data.astype(np.int64), labels, frames, classes, blank)
    lib = xp(x)
    kind = np.float32 if x.dtype.itemsize == 2 else x.dtype
    task = Labelling(lib.asarray(host.places), lib.asarray(host.skips, kind), lib.asarray(frames), lib.asarray(labels))
    losses = _ctc_loss(log_probs, task, zero_infinity)[0]
    if reduction == "mean":
        return (losses / wrap(lib.asarray(labels.clip(1), x.dtype))).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses
