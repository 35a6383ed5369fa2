"""Losses of yes-or-no predictions."""

from __future__ import annotations

import math
from typing import Any

from minitorch.backend.primitives.activations import log1p_exp
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.activation import logsigmoid
from minitorch.nn.functional.loss import declare_loss
from minitorch.nn.functional.reduce import matched, only_tensors, reduction_of, same_shape


def _log_clamped(lib: Any, x: Any) -> Any:
    """log(x), at least -100: a wrong certainty costs much but not infinity."""
    return lib.log(lib.maximum(x, math.exp(-100) if x.dtype.itemsize > 4 else 1e-44).astype(x.dtype, copy=False)).clip(
        -100
    )


def _bce(lib: Any, x: Any, t: Any, weight: Any) -> Any:
    loss = -(t * _log_clamped(lib, x) + (1 - t) * _log_clamped(lib, 1 - x))
    return loss if weight is None else loss * weight


def _times_weight(slope: Tensor, weight: Any) -> Tensor:
    return slope if weight is None else slope * wrap(weight)


_binary_cross_entropy = declare_loss(
    "BinaryCrossEntropyBackward0",
    _bce,
    lambda x, t, weight: _times_weight((x - t) / ((1 - x) * x).clamp(min=1e-12), weight),
    lambda x, t, weight: _times_weight((1 - x).log().clamp(min=-100) - x.log().clamp(min=-100), weight),
)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of ``-(target·log(input) + (1 - target)·log(1 - input))``; logarithms are at least -100.

    Shape: input (\\*) of probabilities, target the same, weight broadcast to it -> ().

    Raises:
        ValueError: target and input differ in shape.
        RuntimeError: they differ in dtype, or one has an element outside [0, 1].
    """
    reduction = reduction_of(size_average, reduce, reduction)
    same_shape("binary_cross_entropy", input, target)
    if target._data.dtype != input._data.dtype:
        raise RuntimeError(
            f"binary_cross_entropy: Found dtype {target.dtype} of the target but expected {input.dtype}, that of the "
            f"input; use target.to({input.dtype})"
        )
    _check_probabilities("input", input._data, "; use binary_cross_entropy_with_logits for scores")
    _check_probabilities("target", target._data, "")
    return _binary_cross_entropy(input, target, (_factors("binary_cross_entropy", "weight", input, weight),), reduction)


def _check_probabilities(what: str, x: Any, remedy: str) -> None:
    if x.size and not (x.min() >= 0 and x.max() <= 1):
        raise RuntimeError(
            f"binary_cross_entropy: all elements of {what} should be between 0 and 1, got {float(x.min())} to "
            f"{float(x.max())}{remedy}"
        )


def _factors(name: str, what: str, input: Tensor, weight: Tensor | None) -> Any:
    """The array of ``weight``, in the dtype of the input.

    Raises:
        TypeError: no tensor.
        RuntimeError, ValueError: it cannot be repeated to the shape of the input, or lies on another device.
    """
    if weight is None:
        return None
    only_tensors(name, input=input, weight=weight)
    matched(name, input, weight, what, silent=True)
    return weight._data.astype(input._data.dtype, copy=False)


def _logits_loss(lib: Any, x: Any, t: Any, weight: Any, positive: Any) -> Any:
    if positive is None:
        loss = log1p_exp(lib, x) - x * t
    else:
        loss = (1 - t) * x + (1 + (positive - 1) * t) * log1p_exp(lib, -x)
    return loss if weight is None else loss * weight


def _logits_slope(x: Tensor, t: Tensor, weight: Any, positive: Any) -> Tensor:
    s = x.sigmoid()
    if positive is None:
        slope = s - t
    else:
        slope = (1 - t) - (1 + wrap(positive - 1) * t) * (1 - s)
    return _times_weight(slope, weight)


def _logits_slope_by_target(x: Tensor, t: Tensor, weight: Any, positive: Any) -> Tensor:
    slope = -x if positive is None else -x - logsigmoid(x) * wrap(positive - 1)
    return _times_weight(slope, weight)


_with_logits = declare_loss(
    "BinaryCrossEntropyWithLogitsBackward0", _logits_loss, _logits_slope, _logits_slope_by_target
)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """:func:`binary_cross_entropy` of ``sigmoid(input)``, exact for scores of any size.

    Args:
        weight: of each element, broadcast to the input.
        pos_weight: factor of the loss of positive targets, broadcast to the input; above 1 it favours recall.

    Raises:
        ValueError: target and input differ in shape.
        RuntimeError: one is not of floating point.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = reduction_of(size_average, reduce, reduction)
    same_shape(name, input, target)
    if target._data.dtype.kind != "f":
        raise RuntimeError(f"{name}: expected a target of floating point, got {target.dtype}; use target.float()")
    input, target = matched(name, input, target)
    factors = _factors(name, "weight", input, weight), _factors(name, "pos_weight", input, pos_weight)
    return _with_logits(input, target, factors, reduction)
