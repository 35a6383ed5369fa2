"""Losses of classifiers: negative log-likelihood, and cross-entropy in one operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.class_loss import exponentials_of, losses_backward, losses_forward
from minitorch.core.dtype import of_numpy
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.class_loss import class_loss
from minitorch.nn.functional.reduce import only_tensors, reduction_of
from minitorch.nn.functional.softmax import log_softmax, softmax


class Classes(NamedTuple):
    """Checked class targets (N, \\*d) of scores (N, C, \\*d); nothing here depends on the scores."""

    #: indexes each target's score: ``scores[at]`` has the shape of the targets
    at: tuple[Any, ...]
    #: (N, \*d), of each target's class, zero where ignored; ``None``: all one
    weights: Any
    #: (N, \*d), where targets do not count; ``None``: nowhere
    ignored: Any
    #: what a mean is divided by
    total: Any
    #: (C,), the weights of the classes
    by_class: Any


def _class_numbers(name: str, shape: tuple, t: Any) -> Any:
    """The array ``t`` (N, \\*d) of class numbers for scores of ``shape`` (N, C, \\*d) as int64; no value is looked at.

    Raises:
        ValueError: the batch sizes differ.
        RuntimeError: shapes or the dtype do not fit.
    """
    if t.shape != (shape[0], *shape[2:]):
        _refuse_shape(name, shape, t.shape)
    if t.dtype != np.int64:
        if t.dtype != np.uint8:
            raise RuntimeError(
                f"{name}: expected scalar type Long for the target (class numbers) but found {of_numpy(t.dtype)}; "
                "convert it with .long()" + (" or give it the shape of the input" if t.dtype.kind == "f" else "")
            )
        t = t.astype(np.int64)
    return t


def _classes(name: str, shape: tuple, dtype: Any, t: Any, by_class: Any, ignore_index: int) -> Classes:
    """Checks the array ``t`` (N, \\*d) of class numbers for scores of ``shape`` (N, C, \\*d).

    Raises:
        ValueError: the batch sizes differ.
        RuntimeError: shapes or the dtype do not fit.
        IndexError: a class is out of range.
    """
    t, classes = _class_numbers(name, shape, t), shape[1]
    lib, ignored, weights = xp(t), None, None
    total = t.size
    # One pass for both bounds: taken for unsigned, numbers below zero are the largest.
    outside = total and int(t.view(np.uint64).max()) >= classes
    if outside or 0 <= ignore_index < classes:
        ignored = t == ignore_index
        wrong = ((t < 0) | (t >= classes)) & ~ignored
        if outside and wrong.any():
            raise IndexError(
                f"{name}: Target {int(t[wrong][0])} is out of bounds: for input of shape {shape} classes go from 0 to "
                f"{classes - 1} ({classes} classes)"
            )
        t = lib.where(ignored, 0, t)
        weights = (~ignored).astype(dtype)
        total -= int(ignored.sum())
    if by_class is not None:
        weights = by_class.take(t) if weights is None else by_class.take(t) * weights
        total = weights.sum()
    return Classes(_places(lib, t), weights, ignored, total, by_class)


def _places(lib: Any, t: Any) -> tuple[Any, ...]:
    if t.ndim == 1:
        return lib.arange(t.size), t
    first, *others = [lib.arange(n).reshape(-1, *[1] * (t.ndim - 1 - k)) for k, n in enumerate(t.shape)]
    return first, t, *others


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


def _reduced(losses: Any, targets: Classes, reduction: str) -> Any:
    if reduction == "none":
        return losses
    total = losses.sum()
    if reduction == "sum":
        return total
    return total / targets.total if targets.total else total * np.nan  # the mean of nothing


def _one_per_target(g: Any, targets: Classes, reduction: str) -> Any:
    """The gradient of every loss: (N, \\*d), or one number for all."""
    return g / targets.total if reduction == "mean" and targets.total else g


def _along_classes(values: Any) -> Any:
    """(N, \\*d) as (N, 1, \\*d), to be repeated for every class; a number stays one."""
    return values[:, None] if values.ndim else values


# ---- negative log-likelihood


def _declare_nll(name: str) -> Any:
    @op(name)
    def loss(input: Array, targets, reduction):
        losses = -input[targets.at]
        if targets.weights is not None:
            losses *= targets.weights
        if targets.ignored is not None:  # does not count even where it is infinite
            losses[targets.ignored] = 0
        return _reduced(losses, targets, reduction)

    @op(name.replace("Backward0", "BackwardBackward0"))
    def gradient(g: Array, targets, shape, reduction):
        each = _one_per_target(g, targets, reduction)
        out = xp(g).zeros(shape, g.dtype)
        out[targets.at] = -each if targets.weights is None else each * -targets.weights
        return out

    loss.rules(input=lambda g, targets, input_shape, reduction: gradient(g, targets, input_shape, reduction))
    gradient.rules(g=lambda h, targets, reduction: loss(h, targets, reduction))
    return loss


_nll_loss = _declare_nll("NllLossBackward0")
_nll_loss_2d = _declare_nll("NllLoss2DBackward0")


# ---- cross-entropy


def _compute_type(array: Any) -> Any:
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array


def _declare_cross_entropy(name: str) -> Any:
    @op(name, aux=True)
    def loss(input: Array, targets, smoothing, reduction):
        x = _compute_type(input)
        made: list[Any] = []
        losses, largest, sums = losses_forward(x, targets.at, made)
        if targets.weights is not None:
            losses *= targets.weights
        if smoothing:
            spread = _weighted_sum(x - largest[:, None], targets)
            mass = input.shape[1] if targets.by_class is None else targets.by_class.sum()
            losses *= 1 - smoothing
            losses += (xp(x).log(sums) * mass - spread) * (smoothing / input.shape[1])
        if targets.ignored is not None:
            losses[targets.ignored] = 0
        return _reduced(losses, targets, reduction).astype(input.dtype, copy=False), (largest, sums, made)

    loss.rules(input=_cross_entropy_rule)
    return loss


def _weighted_sum(z: Any, targets: Classes) -> Any:
    """The sum over the classes of ``z``, weighted."""
    return z.sum(axis=1) if targets.by_class is None else xp(z).einsum("nc...,c->n...", z, targets.by_class)


def _smoothed(targets: Classes, smoothing: float, shape: tuple, dtype: Any) -> tuple[Any, Any]:
    """The distribution that stands for each target, (N, C, \\*d), weighted, and its sum over the classes."""
    lib, classes = xp(targets.at[0]), shape[1]
    q = lib.zeros(shape, dtype)
    if smoothing:
        share = smoothing / classes
        q += share if targets.by_class is None else targets.by_class.reshape(-1, *[1] * (len(shape) - 2)) * share
        if targets.ignored is not None:
            q *= _along_classes(~targets.ignored)
    q[targets.at] += (1 - smoothing) * (1 if targets.weights is None else targets.weights)
    return q, q.sum(axis=1, keepdims=True)


def _cross_entropy_rule(
    g: Tensor, input: Tensor, targets: Classes, smoothing: float, reduction: str, aux: Any
) -> Tensor:
    shape, dtype = input._data.shape, input._data.dtype
    if state.enabled:  # the gradient will be differentiated: every step as an operation of its own
        q, mass = _smoothed(targets, smoothing, shape, dtype)
        each = g.unsqueeze(1) if reduction == "none" else g
        if reduction == "mean" and targets.total:
            each = each * (1 / float(targets.total))
        return (softmax(input, 1) * wrap(mass) - wrap(q)) * each
    each, x = _one_per_target(g._data, targets, reduction), _compute_type(input._data)
    if smoothing:
        largest, sums, made = aux
        q, mass = _smoothed(targets, smoothing, shape, x.dtype)
        out = exponentials_of(x, largest, made) * (mass / _along_classes(sums))
        out -= q
        out *= _along_classes(each)
    else:
        if targets.weights is not None:
            each = each * targets.weights
        out = losses_backward(x, targets.at, each, *aux)
    return wrap(out.astype(dtype, copy=False))


_cross_entropy = _declare_cross_entropy("NllLossBackward0")
_cross_entropy_2d = _declare_cross_entropy("NllLoss2DBackward0")
_cross_entropy_smoothed = _declare_cross_entropy("AddBackward0")


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
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


def _check_scores(name: str, input: Any, target: Any, weight: Any) -> None:
    if not isinstance(input, Tensor) or not isinstance(target, Tensor):
        only_tensors(name, input=input, target=target)
    x = input._data
    refuse_mixed(name, x, target._data)
    if x.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for {of_numpy(x.dtype)}: convert the scores with .float()')
    if x.ndim == 0:
        raise RuntimeError(f"{name}: input must have a dimension of classes, got shape ()")
    if weight is not None:
        classes = x.shape[1] if x.ndim > 1 else x.shape[0]
        refuse_mixed(name, x, weight._data)
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

    Shape: input (N, C, \\*d) or (C,); target class numbers (N, \\*d) or () as int64, or probabilities of the input's
    shape -> (), or the target's shape without the classes for ``reduction="none"``.

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
        raise RuntimeError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    _check_scores("cross_entropy", input, target, weight)
    x, t = input._data, target._data
    if x.ndim == 1:
        return _of_one(cross_entropy, input, target, weight, ignore_index, reduction, label_smoothing)
    if t.shape == x.shape:
        if t.dtype.kind != "f":
            raise RuntimeError(
                f"cross_entropy: Expected floating point type for target with class probabilities, got {target.dtype}; "
                f"class numbers would have shape {(x.shape[0], *x.shape[2:])}"
            )
        if ignore_index >= 0:
            raise RuntimeError("cross_entropy: ignore_index is not supported for floating point target")
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    if type(x) is not np.ndarray and x.size and weight is None and not label_smoothing and x.dtype.itemsize > 2:
        return class_loss(input, _class_numbers("cross_entropy", x.shape, t), ignore_index, reduction)
    targets = _classes("cross_entropy", x.shape, x.dtype, t, None if weight is None else weight._data, ignore_index)
    loss = _cross_entropy_smoothed if label_smoothing else _cross_entropy if x.ndim == 2 else _cross_entropy_2d
    return loss(input, targets, label_smoothing, reduction)[0]


def _of_one(
    loss: Callable[..., Tensor],
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    *more: float,
) -> Tensor:
    """The loss of scores (C,) without a batch."""
    soft = target._data.shape == input._data.shape and target._data.dtype.kind == "f"
    batch = target.unsqueeze(0) if soft or not target._data.ndim else target
    out = loss(input.unsqueeze(0), batch, weight, None, ignore_index, None, reduction, *more)
    return out.squeeze(0) if reduction == "none" else out


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
    _check_scores("nll_loss", input, target, weight)
    x = input._data
    if x.ndim == 1:
        return _of_one(nll_loss, input, target, weight, ignore_index, reduction)
    by_class = None if weight is None else weight._data
    targets = _classes("nll_loss", x.shape, x.dtype, target._data, by_class, ignore_index)
    return (_nll_loss if x.ndim == 2 else _nll_loss_2d)(input, targets, reduction)
