"""Losses of classifiers: negative log-likelihood, and cross-entropy in one operation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.dtype import of_numpy
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.softmax import log_softmax, softmax
from minitorch.nn.functional.reduce import reduction_of


class Classes(NamedTuple):
    """Checked class targets of scores (N, C, \\*d), with S = product of d; nothing here depends on the scores.

    ``at`` (N·S,): where each target's score is in the flattened scores.  ``weights`` (N·S,): of each target's class,
    zero where ignored (``None``: all one).  ``kept`` (N·S,): zero where ignored, otherwise one (``None``: none ignored).
    ``total``: what a mean is divided by.  ``by_class`` (C,): the weights of the classes.
    """

    at: Any
    weights: Any
    kept: Any
    total: Any
    by_class: Any


def _classes(name: str, shape: tuple, dtype: Any, t: Any, by_class: Any, ignore_index: int) -> Classes:
    """Checks the array ``t`` (N, \\*d) of class numbers for scores of ``shape`` (N, C, \\*d).

    Raises:
        ValueError: the batch sizes differ.
        RuntimeError: shapes or the dtype do not fit.
        IndexError: a class is out of range.
    """
    classes = shape[1]
    if t.shape != (shape[0], *shape[2:]):
        _refuse_shape(name, shape, t.shape)
    if t.dtype != np.int64:
        if t.dtype != np.uint8:
            raise RuntimeError(
                f"{name}: expected scalar type Long for the target (class numbers) but found {of_numpy(t.dtype)}; "
                "convert it with .long()" + (" or give it the shape of the input" if t.dtype.kind == "f" else "")
            )
        t = t.astype(np.int64)
    lib, kept = xp(t), None
    # One pass for both bounds: taken for unsigned, numbers below zero are the largest.
    outside = t.size and int(t.view(np.uint64).max()) >= classes
    if outside or 0 <= ignore_index < classes:
        ignored = t == ignore_index
        wrong = ((t < 0) | (t >= classes)) & ~ignored
        if outside and wrong.any():
            raise IndexError(
                f"{name}: Target {int(t[wrong][0])} is out of bounds: for input of shape {shape} classes go from 0 to "
                f"{classes - 1} ({classes} classes)"
            )
        kept = (~ignored).reshape(-1).astype(dtype)
        t = lib.where(ignored, 0, t)
    if t.ndim == 1:
        at = _rows(lib, shape[0], classes) + t
    else:
        inner = t.size // max(1, shape[0])
        at = _rows(lib, shape[0], classes)[:, None] + t.reshape(shape[0], -1)
        at *= inner
        at += lib.arange(inner)
        at = at.reshape(-1)
    weights, total = kept, t.size
    if by_class is not None:
        weights = by_class.take(t.reshape(-1))
        if kept is not None:
            weights *= kept
    if weights is not None:
        total = weights.sum()
    return Classes(at, weights, kept, total, by_class)


def _rows(lib: Any, rows: int, classes: int) -> Any:
    return lib.arange(0, rows * classes, classes) if classes else lib.zeros(rows, np.int64)


def _refuse_shape(name: str, shape: tuple, target: tuple) -> None:
    if not target or target[0] != shape[0]:
        raise ValueError(
            f"{name}: Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({target[0] if target else 'none'}); input has shape {shape}, target {target}"
        )
    expected = (shape[0], *shape[2:])
    raise RuntimeError(
        f"{name}: input of shape {shape} has its {shape[1]} classes in dimension 1, so a target of class numbers must "
        f"have shape {expected}, got {target}" + ("; use target.squeeze(1)" if target == (*expected, 1) else "")
    )


def _reduced(losses: Any, targets: Classes, shape: tuple, reduction: str) -> Any:
    if reduction == "none":
        return losses.reshape(shape[0], *shape[2:])
    total = losses.sum()
    if reduction == "sum":
        return total
    if type(targets.total) is int and not targets.total:  # the mean of nothing
        return total * np.nan
    return total / targets.total


def _one_per_target(g: Any, targets: Classes, reduction: str) -> Any:
    """The gradient of every loss: (N·S,), or one number for all."""
    if reduction == "none":
        return g.reshape(-1)
    return g / targets.total if reduction == "mean" else g


def _along_classes(values: Any, shape: tuple) -> Any:
    """(N·S,) as (N, 1, \\*d), to be repeated for every class; a number stays one."""
    return values.reshape(shape[0], 1, *shape[2:]) if values.ndim else values


# ---- negative log-likelihood


@op("NllLossBackward0")
def _nll_loss(input: Array, targets, reduction):
    losses = -input.reshape(-1).take(targets.at)
    if targets.weights is not None:
        # what is ignored does not count even where it is infinite
        losses = losses * targets.weights if targets.kept is None else xp(input).where(targets.weights == 0, 0, losses * targets.weights)
    return _reduced(losses, targets, input.shape, reduction)


@op("NllLossBackwardBackward0")
def _nll_grad(g: Array, targets, shape, reduction):
    each = _one_per_target(g, targets, reduction)
    out = xp(g).zeros(shape, g.dtype)
    out.reshape(-1)[targets.at] = -each if targets.weights is None else -each * targets.weights
    return out


_nll_loss.rules(input=lambda g, targets, input_shape, reduction: _nll_grad(g, targets, input_shape, reduction))
_nll_grad.rules(g=lambda h, targets, reduction: _nll_loss(h, targets, reduction))


# ---- cross-entropy


@op("NllLossBackward0", aux=True)
def _cross_entropy(input: Array, targets, smoothing, reduction):
    # log-softmax and the choice of the target's entry together: the probabilities are all that backward needs
    lib = xp(input)
    shifted = input - input.max(axis=1, keepdims=True)
    p = lib.exp(shifted)
    sums = p.sum(axis=1, keepdims=True)
    p /= sums
    log_sums = lib.log(sums)
    losses = log_sums.reshape(-1) - shifted.reshape(-1).take(targets.at)
    if targets.weights is not None:
        losses *= targets.weights
    if smoothing:
        losses *= 1 - smoothing
        losses += _uniform_part(lib, shifted, log_sums, targets) * (smoothing / input.shape[1])
    return _reduced(losses, targets, input.shape, reduction), p


def _uniform_part(lib: Any, shifted: Any, log_sums: Any, targets: Classes) -> Any:
    """Minus the sum of all weighted log-probabilities: what smoothing adds."""
    logs = log_sums - shifted
    if targets.by_class is not None:
        logs *= targets.by_class.reshape(-1, *[1] * (shifted.ndim - 2))
    total = logs.sum(axis=1).reshape(-1)
    return total if targets.kept is None else total * targets.kept


def _smoothed(targets: Classes, smoothing: float, shape: tuple, dtype: Any) -> tuple[Any, Any]:
    """The distribution that stands for each target, (N, C, \\*d), weighted, and its sum over the classes."""
    lib, classes = xp(targets.at), shape[1]
    q = lib.zeros(shape, dtype)
    if smoothing:
        share = smoothing / classes
        q += share if targets.by_class is None else targets.by_class.reshape(-1, *[1] * (len(shape) - 2)) * share
        if targets.kept is not None:
            q *= _along_classes(targets.kept, shape)
    q.reshape(-1)[targets.at] += (1 - smoothing) * (1 if targets.weights is None else targets.weights)
    return q, q.sum(axis=1, keepdims=True)


def _cross_entropy_rule(g: Tensor, input: Tensor, targets: Classes, smoothing: float, reduction: str, aux: Any) -> Tensor:
    shape = aux.shape
    if state.enabled:  # the gradient will be differentiated: every step as an operation of its own
        q, mass = _smoothed(targets, smoothing, shape, aux.dtype)
        each = g * wrap(xp(aux).asarray(1 / targets.total, aux.dtype)) if reduction == "mean" else g
        if reduction == "none":
            each = each.unsqueeze(1)
        return (softmax(input, 1) * wrap(mass) - wrap(q)) * each
    each = _one_per_target(g._data, targets, reduction)
    if smoothing:
        q, mass = _smoothed(targets, smoothing, shape, aux.dtype)
        out = aux * mass
        out -= q
        out *= _along_classes(each, shape)
        return wrap(out)
    if targets.weights is not None:
        each = each * targets.weights
    out = aux * _along_classes(each, shape)
    out.reshape(-1)[targets.at] -= each
    return wrap(out)


_cross_entropy.rules(input=_cross_entropy_rule)


def _soft_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float) -> Tensor:
    """Targets that are distributions over the classes, of the input's shape."""
    if smoothing:
        target = target * (1 - smoothing) + smoothing / input._data.shape[1]
    logs = log_softmax(input, 1)
    if weight is not None:
        logs = logs * weight.reshape(1, -1, *[1] * (input.ndim - 2))
    losses = -(logs * target).sum(1)
    if reduction == "none":
        return losses
    total = losses.sum()
    return total if reduction == "sum" else total / (input._data.size // input._data.shape[1])


def _scores(name: str, input: Any, target: Any, weight: Any) -> None:
    for what, value in (("input", input), ("target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}(): argument '{what}' must be Tensor, not {type(value).__name__}")
    x = input._data
    if x.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for {of_numpy(x.dtype)}: convert the scores with .float()')
    if x.ndim == 0:
        raise RuntimeError(f"{name}: input must have a dimension of classes, got shape ()")
    if weight is not None:
        classes = x.shape[1] if x.ndim > 1 else x.shape[0]
        if weight._data.shape != (classes,):
            raise RuntimeError(
                f"{name}: weight tensor should be defined either for all {classes} classes or no classes but got "
                f"weight tensor of shape {list(weight._data.shape)}"
            )
        if weight._data.dtype != x.dtype:
            raise RuntimeError(
                f"{name}: expected weight of {of_numpy(x.dtype)} as the input, got {of_numpy(weight._data.dtype)}"
            )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log of the probability that ``softmax(input)`` gives to the target.

    Shape: input (N, C, \\*d) or (C,); target class numbers (N, \\*d) or () as int64, or probabilities of the input's shape
    -> (), or the target's shape without the classes for ``reduction="none"``.

    Args:
        weight: (C,), of each class; the mean is weighted too.
        ignore_index: targets with this number do not count.
        label_smoothing: this share of each target is spread over all classes (Szegedy et al. 2016, "Rethinking the
            Inception architecture for computer vision", section 7).

    Raises:
        ValueError: batch sizes differ.
        IndexError: a class number out of range.
        RuntimeError: other shapes or dtypes that do not fit.

    >>> import minitorch as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(2, 10), torch.tensor([3, 7]))
    tensor(2.3026)
    """
    if size_average is not None or reduce is not None or reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _scores("cross_entropy", input, target, weight)
    if input._data.ndim == 1:
        if reduction == "none":
            return cross_entropy(
                input.unsqueeze(0), target.unsqueeze(0), weight, None, ignore_index, None, "none", label_smoothing
            ).squeeze(0)
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    shape = input._data.shape
    if target._data.dtype.kind == "f" and target._data.shape == shape:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    by_class = None if weight is None else weight._data
    targets = _classes("cross_entropy", shape, input._data.dtype, target._data, by_class, ignore_index)
    return _cross_entropy(input, targets, label_smoothing, reduction)[0]


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the entry of ``input`` (log-probabilities) that the target names.

    Shape and arguments: as for :func:`cross_entropy`, with class numbers as targets.

    Raises:
        ValueError: batch sizes differ.
        IndexError: a class number out of range.
        RuntimeError: other shapes or dtypes that do not fit.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _scores("nll_loss", input, target, weight)
    if input._data.ndim == 1:
        out = nll_loss(input.unsqueeze(0), target.unsqueeze(0), weight, None, ignore_index, None, reduction)
        return out.squeeze(0) if reduction == "none" else out
    by_class = None if weight is None else weight._data
    targets = _classes("nll_loss", input._data.shape, input._data.dtype, target._data, by_class, ignore_index)
    return _nll_loss(input, targets, reduction)
