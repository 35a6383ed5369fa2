"""What losses share: the ``reduction`` argument, and how a target may differ from its input."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from minitorch.core.dtype import of_numpy
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.refusals import require_tensor

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """``reduction``, unless one of the two flags that were there before it is given.

    Raises:
        ValueError: an unknown word.
    """
    if size_average is not None or reduce is not None:
        warnings.warn("size_average and reduce are deprecated: use reduction='none', 'mean' or 'sum'", stacklevel=4)
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction!r} is not a valid value for reduction: use 'none', 'mean' or 'sum'")
    return reduction


def reduced(values: Any, reduction: str) -> Any:
    """An array of losses, reduced; the mean of none is NaN."""
    if reduction == "mean":
        return values.mean() if values.size else values.sum() * math.nan
    return values.sum() if reduction == "sum" else values


def reduce_tensor(values: Tensor, reduction: str) -> Tensor:
    """A tensor of losses, reduced."""
    if reduction == "mean":
        return values.mean()
    return values.sum() if reduction == "sum" else values


def per_element(g: Tensor, reduction: str, input: Tensor) -> Tensor:
    """The gradient of each loss of ``input``'s elements, for the gradient ``g`` of the reduced one."""
    return g * (1.0 / max(1, input._data.size)) if reduction == "mean" else g


def weighted(name: str, values: Tensor, weight: Tensor) -> Tensor:
    """Losses times ``weight`` of the same shape.

    Raises:
        ValueError: the weight has another shape.
    """
    if weight._data.shape != values._data.shape:
        raise ValueError(
            f"{name}: weight must have the shape of the input, {values._data.shape}, got {weight._data.shape}"
        )
    return values * weight


def weighted_mean(name: str, values: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """:func:`weighted`, reduced; the mean is divided by the sum of the weights."""
    total = weighted(name, values, weight)
    return total.sum() / weight.sum() if reduction == "mean" else reduce_tensor(total, reduction)


def only_tensors(name: str, **arguments: Any) -> None:
    """Raises TypeError if an argument is no tensor, RuntimeError if they lie on different devices."""
    for what, value in arguments.items():
        require_tensor(value, name, what)
    arrays = [value._data for value in arguments.values() if value._data.ndim]
    for other in arrays[1:]:
        refuse_mixed(name, arrays[0], other)


def same_shape(name: str, input: Any, target: Any) -> None:
    """For losses that never repeat a target.

    Raises:
        TypeError: no tensors.
        ValueError: the shapes differ.
    """
    only_tensors(name, input=input, target=target)
    if target._data.shape != input._data.shape:
        raise ValueError(
            f"{name}: target of shape {target._data.shape} must have the shape of the input, {input._data.shape}; use "
            "target.reshape or input.squeeze()"
        )


def matched(name: str, input: Tensor, target: Any, what: str = "target", silent: bool = False) -> tuple[Tensor, Tensor]:
    """``input`` and ``target`` with one shape and one floating-point dtype.

    Raises:
        TypeError: ``target`` is no tensor.
        ValueError: broadcasting would enlarge the result beyond the input, which is nearly always a mistake.
        RuntimeError: shapes do not broadcast, or the input is not of floating point.
    """
    if not isinstance(target, Tensor) or not isinstance(input, Tensor):
        only_tensors(name, input=input, **{what: target})
    x, t = input._data, target._data
    if x.shape == t.shape and x.dtype is t.dtype and x.dtype.kind == "f":
        return input, target
    if x.shape != t.shape:
        refuse_enlarging(name, x.shape, t.shape, what)
        if t.size != 1 and not silent:
            warnings.warn(
                f"{name}: using a {what} size ({list(t.shape)}) that is different to the input size "
                f"({list(x.shape)}); it is repeated to that size",
                stacklevel=4,
            )
        target = target.expand(x.shape)
    if x.dtype.kind != "f":
        if t.dtype.kind != "f":
            raise RuntimeError(
                f"{name}() got input of {of_numpy(x.dtype)} and {what} of {of_numpy(t.dtype)}: expected floating-point "
                "numbers; convert with .float()"
            )
        return input.to(of_numpy(t.dtype)), target
    if x.dtype != t.dtype:
        if t.dtype.kind == "f" and t.dtype.itemsize > x.dtype.itemsize:
            return input.to(of_numpy(t.dtype)), target
        target = target.to(of_numpy(x.dtype))
    return input, target


def refuse_enlarging(name: str, shape: tuple, target: tuple, what: str = "target") -> None:
    """Raises unless ``target`` has ``shape`` or can be repeated to it: see :func:`matched`."""
    if shape == target:
        return
    try:
        result = np.broadcast_shapes(shape, target)
    except ValueError:
        raise RuntimeError(
            f"{name}() got input of shape {shape} and {what} of shape {target}: they must be equal"
        ) from None
    if result != shape:
        raise ValueError(
            f"{name}() got input of shape {shape} and {what} of shape {target}: broadcasting them would compare every "
            f"element with many and give {result}; use {what}.reshape{shape} or input.squeeze() so that both have one "
            "shape"
        )
