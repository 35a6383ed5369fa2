"""Normalisation over batches, layers, groups and instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitorch.backend.primitives.normalization import layout_of, move_statistics
from minitorch.core.dtype import finfo, of_numpy
from minitorch.core.node import bump_version
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.padding import constant_pad
from minitorch.nn.functional.pooling import avg_pool2d
from minitorch.nn.functional.standardize import (
    batch_normalise,
    group_normalise,
    instance_normalise,
    layer_normalise,
    normalise_by,
    rms_normalise,
)


def _check_channels(name: str, channels: int, **tensors: Tensor | None) -> None:
    for what, tensor in tensors.items():
        if tensor is not None and tensor._data.size != channels:
            raise RuntimeError(
                f"{name}: {what} should contain {channels} elements (the channels of the input) not {tensor._data.size}"
            )


def _check_float(name: str, input: Tensor, weight: Tensor | None) -> None:
    x = input._data
    if x.dtype.kind != "f":
        raise RuntimeError(f'"{name}" not implemented for {of_numpy(x.dtype)}: convert the input with .float()')
    if weight is not None and weight._data.dtype != x.dtype:
        raise RuntimeError(
            f"{name}: expected the input's dtype, {of_numpy(x.dtype)}, for the weight, got "
            f"{of_numpy(weight._data.dtype)}; convert one of them with .to()"
        )


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel with mean 0 and variance 1 over batch and space, times ``weight``, plus ``bias``.

    Ioffe and Szegedy 2015, "Batch normalization".  In training the batch's own statistics count, and the running ones
    move towards them (the variance unbiased) by ``momentum``; otherwise the running ones count.

    Shape: input (N, C, \\*), all others (C,).

    Raises:
        ValueError: one value per channel in training.
        RuntimeError: another number of channels, or no running statistics out of training.
    """
    shape = input._data.shape
    if len(shape) < 2:
        if shape == (0,):
            return input.clone()
        raise RuntimeError(f"batch_norm: expected an input of at least 2 dimensions (N, C, ...), got shape {shape}")
    channels = shape[1]
    _check_channels(
        "batch_norm", channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    _check_float("batch_norm", input, weight)
    view, affine = (shape[0], channels, math.prod(shape[2:])), (1, channels, 1)
    count = view[0] * view[2]
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("batch_norm: expected running_mean and running_var to be defined when training=False")
        return normalise_by(input, weight, bias, running_mean._data, running_var._data, eps, view)[0]
    if count == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {list(shape)}: use a larger batch, "
            "or eval() to normalise by the running statistics"
        )
    if eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    out, statistics = batch_normalise(input, weight, bias, layout_of(view, (0, 2), affine), eps)
    if not count:
        return out  # nothing to learn from
    _move(statistics.mean, statistics.var, running_mean, running_var, momentum, count)
    return out


def _move(
    mean: Any, var: Any, running_mean: Tensor | None, running_var: Tensor | None, momentum: float, count: int
) -> None:
    """Running statistics move towards those of ``count`` values a channel, the variance unbiased."""
    moved = [running for running in (running_mean, running_var) if running is not None]
    to_mean, to_var = (None if running is None else running._data for running in (running_mean, running_var))
    move_statistics(mean, var, to_mean, to_var, momentum, count / max(1, count - 1))
    for running in moved:
        bump_version(running)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Every channel of every example with mean 0 and variance 1 over space (Ulyanov et al. 2016, arXiv:1607.08022).

    Shape: input (N, C, \\*), all others (C,).
    """
    shape = input._data.shape
    if len(shape) < 3:
        raise ValueError(f"instance_norm: expected an input of at least 3 dimensions (N, C, ...), got shape {shape}")
    channels, inner = shape[1], math.prod(shape[2:])
    _check_channels(
        "instance_norm", channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    _check_float("instance_norm", input, weight)
    view, affine = (shape[0], channels, inner), (1, channels, 1)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is False")
        return normalise_by(input, weight, bias, running_mean._data, running_var._data, eps, view)[0]
    if inner == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {list(shape)}: instance normalisation "
            "would set everything to zero"
        )
    out, statistics = instance_normalise(input, weight, bias, layout_of(view, (2,), affine), eps)
    if running_mean is not None or running_var is not None:
        mean, var = (statistic.mean(axis=0) for statistic in (statistics.mean, statistics.var))
        _move(mean, var, running_mean, running_var, momentum, inner)
    return out


def _normal_shape(name: str, input: Tensor, normalized_shape: Sequence[int], weight: Any, bias: Any) -> tuple[int, ...]:
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape:
        raise RuntimeError(f"{name}: expected normalized_shape to have at least one dimension")
    has = input._data.shape
    if len(has) < len(shape) or has[len(has) - len(shape) :] != shape:
        raise RuntimeError(
            f"{name}: given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size {list(has)}"
        )
    for what, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor._data.shape != shape:
            raise RuntimeError(
                f"{name}: expected {what} to be of the same shape as normalized_shape, but got {what} of shape "
                f"{list(tensor._data.shape)} and normalized_shape = {list(shape)}"
            )
    _check_float(name, input, weight)
    return shape


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions, times ``weight``, plus ``bias``.

    Ba et al. 2016, "Layer normalization", arXiv:1607.06450.

    Shape: input (\\*, \\*normalized_shape), weight and bias ``normalized_shape``.

    Raises:
        RuntimeError: shapes or dtypes do not fit.

    >>> import minitorch as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1., 2., 3.]]), (3,))
    tensor([[-1.2247,  0.0000,  1.2247]])
    """
    shape = _normal_shape("layer_norm", input, normalized_shape, weight, bias)
    inner = math.prod(shape)
    view = (input._data.size // inner if inner else 0, inner)
    return layer_normalise(input, weight, bias, layout_of(view, (1,), (1, inner)), eps)[0]


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divided by the root of the mean square over the last dimensions, times ``weight`` (Zhang and Sennrich 2019).

    Args:
        eps: added to the mean square; default: the smallest step above 1 of the dtype.
    """
    shape = _normal_shape("rms_norm", input, normalized_shape, weight, None)
    inner = math.prod(shape)
    view = (input._data.size // inner if inner else 0, inner)
    eps = finfo(of_numpy(input._data.dtype)).eps if eps is None else eps
    return rms_normalise(input, weight, None, layout_of(view, (1,), (1, inner), False), eps)[0]


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Mean 0 and variance 1 over groups of channels and space (Wu and He 2018, arXiv:1803.08494).

    Shape: input (N, C, \\*), weight and bias (C,).

    Raises:
        RuntimeError: the channels cannot be divided into ``num_groups``.
        ValueError: one value per group.
    """
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"group_norm: expected an input of at least 2 dimensions (N, C, ...), got shape {shape}")
    channels, inner = shape[1], math.prod(shape[2:])
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(shape)} "
            f"and num_groups={num_groups}"
        )
    _check_channels("group_norm", channels, weight=weight, bias=bias)
    _check_float("group_norm", input, weight)
    each = channels // num_groups
    if shape[0] * each * inner == 1:
        raise ValueError(
            f"group_norm: Expected more than 1 value per group, got input size {list(shape)} for {num_groups} groups: "
            "everything would become zero"
        )
    layout = layout_of((shape[0], num_groups, each, inner), (2, 3), (1, num_groups, each, 1))
    return group_normalise(input, weight, bias, layout, eps)[0]


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Each element divided by ``(k + alpha · mean of squares over size neighbouring channels) ** beta``.

    Krizhevsky et al. 2012, "ImageNet classification with deep convolutional neural networks", section 3.3.
    """
    shape = input._data.shape
    if len(shape) < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)")
    if not input._data.size:
        return input
    square = (input * input).reshape(shape[0], 1, shape[1], math.prod(shape[2:]))
    if size < 1:
        raise RuntimeError(f"local_response_norm: size should be greater than zero, got {size}")
    square = constant_pad(square, ((0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0)), 0)
    mean = avg_pool2d(square, (size, 1), 1)
    return input / (mean.reshape(shape) * alpha + k) ** beta
