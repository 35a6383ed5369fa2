"""Dropout: random zeros in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import device_index, to_device
from minitorch.core.inplace import inplace as in_place
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.pointwise import times
from minitorch.random import default_generator


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Tensor, p: float, shape: tuple) -> Any:
    """True with probability 1 - ``p``, on the device of ``input``."""
    drawn = default_generator.numpy_rng.random(shape, np.float32)
    return to_device(drawn >= p, device_index(input._data))


def _drop(input: Tensor, p: float, training: bool, inplace: bool, shape: tuple) -> Tensor:
    if not training or p == 0.0:
        return input
    x = input._data
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    mask = _kept(input, p, shape) * x.dtype.type(scale)
    if inplace:
        return input.mul_(wrap(mask))
    return times(input, mask)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element is zero with probability ``p``, and the others are divided by ``1 - p``.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Raises:
        ValueError: ``p`` is outside [0, 1].

    >>> import minitorch as torch
    >>> torch.nn.functional.dropout(torch.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    _check(p)
    return _drop(input, p, training, inplace, input._data.shape)


def _drop_channels(dims: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    _check(p)
    shape = input._data.shape
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"dropout{dims}d: expected {dims + 1} dimensions (C, ...) or {dims + 2} (N, C, ...), got shape {shape}"
        )
    lead = len(shape) - dims
    return _drop(input, p, training, inplace, shape[:lead] + (1,) * dims)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) are dropped: see :func:`dropout2d`."""
    return _drop_channels(1, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each channel of (N, C, H, W) is zero with probability ``p``, the others are divided by ``1 - p``.

    Tompson et al. 2015, "Efficient object localization using convolutional networks".
    """
    return _drop_channels(2, input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W) are dropped: see :func:`dropout2d`."""
    return _drop_channels(3, input, p, training, inplace)


# what SELU tends to far below zero: -scale · alpha
_SATURATION = -1.0507009873554804934 * 1.6732632423543772848


@op("AddcmulBackward0")
def _mask_and_shift(input: Array, factor, shift):
    return input * factor + shift


_mask_and_shift.rules(input=lambda g, factor: times(g, factor))


def _alpha_drop(input: Tensor, p: float, training: bool, shape: tuple, inplace: bool) -> Tensor:
    _check(p)
    if not training or p == 0.0:
        return input
    dtype = input._data.dtype
    if p == 1.0:
        return times(input, dtype.type(0))
    kept = _kept(input, p, shape)
    # dropped elements become the saturation; an affine map restores mean and variance
    scale = ((1 - p) * (1 + p * _SATURATION**2)) ** -0.5
    offset = -scale * p * _SATURATION
    factor = kept * dtype.type(scale)
    shift = (~kept * dtype.type(scale * _SATURATION)) + dtype.type(offset)
    if inplace:
        return in_place(_mask_and_shift)(input, factor, shift)
    return _mask_and_shift(input, factor, shift)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for SELU networks: it keeps mean and variance (Klambauer et al. 2017, arXiv:1706.02515)."""
    return _alpha_drop(input, p, training, input._data.shape, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """:func:`alpha_dropout` of whole channels."""
    shape = input._data.shape
    return _alpha_drop(input, p, training, shape[:2] + (1,) * (len(shape) - 2), inplace)
