"""Losses that ask for a margin: rankings, pairs, triplets and several classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.dtype import of_numpy
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.activation import logsigmoid, relu
from minitorch.nn.functional.distance import pairwise_distance
from minitorch.nn.functional.reduce import only_tensors, reduce_tensor, reduction_of, refuse_enlarging


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of ``max(0, -target·(input1 - input2) + margin)``: target 1 ranks input1 higher, -1 input2.

    Raises:
        RuntimeError: the three differ in their number of dimensions.
        ValueError: broadcasting with the target would enlarge the result.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    only_tensors("margin_ranking_loss", input1=input1, input2=input2, target=target)
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{tuple(input1.shape)}, input2: {tuple(input2.shape)}, target: {tuple(target.shape)}"
        )
    difference = input2 - input1
    refuse_enlarging("margin_ranking_loss", difference._data.shape, target._data.shape)
    return reduce_tensor(relu(target * difference + margin), reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of ``input`` where the target is 1, of ``max(0, margin - input)`` where it is -1.

    Raises:
        ValueError: broadcasting with the target would enlarge the result.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    only_tensors("hinge_embedding_loss", input=input, target=target)
    refuse_enlarging("hinge_embedding_loss", input._data.shape, target._data.shape)
    dtype, t = input._data.dtype, target._data
    near, far = wrap((t != -1).astype(dtype)), wrap((t != 1).astype(dtype))
    return reduce_tensor(input * near + relu(margin - input) * far, reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of ``1 - cos`` where the target is 1, of ``max(0, cos - margin)`` where it is -1.

    Shape: (N, D), (N, D), (N,) or (D,), (D,), ().

    Raises:
        RuntimeError: shapes do not fit.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    only_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    if target.ndim not in (0, 1) or not input1.ndim == input2.ndim == target.ndim + 1:
        raise RuntimeError(
            f"cosine_embedding_loss: expected inputs (N, D) with a target (N,), or (D,) with (), got inputs "
            f"{tuple(input1.shape)} and {tuple(input2.shape)} and target {tuple(target.shape)}"
        )
    small = 1e-12
    product = (input1 * input2).sum(-1)
    refuse_enlarging("cosine_embedding_loss", product._data.shape, target._data.shape)
    dtype, t = product._data.dtype, target._data
    squares = ((input1 * input1).sum(-1) + small) * ((input2 * input2).sum(-1) + small)
    cosine = product / squares.sqrt()
    near, far = wrap((t == 1).astype(dtype)), wrap((t == -1).astype(dtype))
    return reduce_tensor((1 - cosine) * near + relu(cosine - margin) * far, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """:func:`triplet_margin_loss` with any distance (default: :func:`pairwise_distance`)."""
    reduction = reduction_of(None, None, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "triplet_margin_loss: The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return reduce_tensor(relu(near - far + margin), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of ``max(0, |anchor - positive| - |anchor - negative| + margin)`` with p-norms.

    Args:
        swap: takes the nearer of anchor and positive to the negative (Balntas et al. 2016).
    """
    return triplet_margin_with_distance_loss(
        anchor,
        positive,
        negative,
        distance_function=lambda a, b: pairwise_distance(a, b, p, eps),
        margin=margin,
        swap=swap,
        reduction=reduction_of(size_average, reduce, reduction),
    )


def _check_labels(name: str, t: Any, lowest: int, classes: int) -> None:
    """Raises RuntimeError unless the array ``t`` has int64 numbers from ``lowest`` to ``classes - 1``."""
    if t.dtype != np.int64:
        raise RuntimeError(
            f"{name}: expected scalar type Long for the target but found {of_numpy(t.dtype)}; use target.long()"
        )
    if t.size and (int(t.min()) < lowest or int(t.max()) >= classes):
        wrong = t[(t < lowest) | (t >= classes)]
        raise RuntimeError(
            f"{name}: target out of range: {int(wrong[0])}; for {classes} classes they go from {lowest} to "
            f"{classes - 1}"
        )


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of ``max(0, margin - input[target] + input[class])**p``, the target's own class left out.

    Shape: (N, C), (N,) or (C,), (); weight (C,).

    Raises:
        ValueError: ``p`` is neither 1 nor 2, or ``weight`` is no vector.
        RuntimeError: other shapes or dtypes, a class number out of range.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    only_tensors("multi_margin_loss", input=input, target=target)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: only p == 1 and p == 2 supported, got {p}")
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"multi_margin_loss: weight must be one-dimensional, got {weight.ndim} dimensions")
    single = input.ndim < 2 and target.ndim == 0
    if input.ndim < 2:
        input, target = input.reshape(1, -1), target.reshape(-1)
    x, t = input._data, target._data
    if x.ndim != 2 or t.shape != x.shape[:1]:
        raise RuntimeError(
            f"multi_margin_loss: expected an input (N, C) with a target (N,), or (C,) with (), got input {x.shape} and "
            f"target {t.shape}"
        )
    lib, classes = xp(x), x.shape[1]
    _check_labels("multi_margin_loss", t, 0, classes)
    if weight is not None and weight._data.shape != (classes,):
        raise RuntimeError(
            f"multi_margin_loss: inconsistent weight size, expected {classes} but got {list(weight._data.shape)}"
        )
    losses = relu(margin - input.gather(1, target.unsqueeze(1)) + input)
    if p == 2:
        losses = losses * losses
    factor = (lib.arange(classes) != t[:, None]).astype(x.dtype) / x.dtype.type(classes)
    if weight is not None:
        factor = factor * weight._data[t][:, None]
    out = (losses * wrap(factor)).sum(1)
    return out.squeeze(0) if single and reduction == "none" else reduce_tensor(out, reduction)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """For each target label and each other class, ``max(0, 1 - input[label] + input[class])``, summed, over C.

    Shape: (N, C) or (C,); target the same, int64: label numbers in front, then -1.

    Raises:
        RuntimeError: shapes differ, other dtypes, or a label is out of range.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    only_tensors("multilabel_margin_loss", input=input, target=target)
    single = input.ndim < 2
    if input._data.shape != target._data.shape or input.ndim > 2:
        raise RuntimeError(
            f"multilabel_margin_loss: expected input and target (N, C) or (C,), inconsistent target size: "
            f"{tuple(target.shape)} for input of size: {tuple(input.shape)}"
        )
    if single:
        input, target = input.reshape(1, -1), target.reshape(1, -1)
    x, t = input._data, target._data
    lib, classes = xp(x), x.shape[1]
    _check_labels("multilabel_margin_loss", t, -1, classes)
    counts = lib.cumsum(t < 0, axis=1) == 0  # up to the first -1
    labels = lib.where(counts, t, 0)
    is_label = lib.zeros(x.shape, bool)
    rows = lib.broadcast_to(lib.arange(x.shape[0])[:, None], t.shape)
    is_label[rows[counts], labels[counts]] = True
    # (N, label, class)
    margins = relu(1 - input.gather(1, wrap(labels)).unsqueeze(2) + input.unsqueeze(1))
    mask = (counts[:, :, None] & ~is_label[:, None, :]).astype(x.dtype) / x.dtype.type(classes)
    out = (margins * wrap(mask)).sum([1, 2])
    return out.squeeze(0) if single and reduction == "none" else reduce_tensor(out, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the binary cross-entropy of ``sigmoid(input)``; weight (C,).

    Raises:
        ValueError: broadcasting with the target would enlarge the result.
        RuntimeError: shapes do not broadcast.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    only_tensors("multilabel_soft_margin_loss", input=input, target=target)
    refuse_enlarging("multilabel_soft_margin_loss", input._data.shape, target._data.shape)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduce_tensor(losses.mean(-1), reduction)
