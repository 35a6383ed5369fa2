"""Dropout: random zeros in training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minitorch.backend import primitives
from minitorch.backend.primitives.random import fill_bernoulli
from minitorch.core.inplace import inplace as in_place
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.pointwise import times
from minitorch.nn.functional.refusals import require_tensor
from minitorch.random import default_generator
from minitorch.random_arrays import empty_on, new_numbers


def _check(name: str, input: Any, p: float, training: bool) -> None:
    """Raises ValueError for a ``p`` outside [0, 1], TypeError for no tensor, RuntimeError for integers in training."""
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: dropout probability has to be between 0 and 1, but got {p}")
    require_tensor(input, name)
    if training and not input.is_floating_point():
        raise RuntimeError(f"{name}: expected an input of floating point, got {input.dtype}; use input.float()")


def _keep(input: Tensor, p: float, shape: tuple) -> Any:
    """True with probability 1 - ``p``, on the device of ``input``."""
    return new_numbers(fill_bernoulli, shape, np.bool_, input.device.ordinal, None, 1.0 - p)


def _scaled(g: Any, kept: Any, scale: float) -> Any:
    if kept.shape == g.shape:
        return primitives.scale_kept(g, kept, scale)
    return g * (kept.astype(g.dtype) * g.dtype.type(scale))  # whole channels


@op("MulBackward0")
def _masked(input: Array, kept, scale):
    return _scaled(input, kept, scale)


_masked.rules(input=_masked)


@op("MulBackward0")
def _dropout(input: Array, kept, scale, key, p):
    """``input`` with zeros in new places; ``kept``, a byte an element for the backward pass, is told which."""
    return primitives.dropout(input, kept, key, 1.0 - p, scale)


_dropout.rules(input=lambda g, kept, scale: _masked(g, kept, scale))


def _drop(input: Tensor, p: float, training: bool, inplace: bool, shape: tuple) -> Tensor:
    if not training or p == 0.0:
        return input
    scale = 0.0 if p == 1.0 else 1.0 / (1.0 - p)
    if shape != input._data.shape:
        return (in_place(_masked) if inplace else _masked)(input, _keep(input, p, shape), scale)
    kept = empty_on(input.device.ordinal, shape, np.bool_)
    return (in_place(_dropout) if inplace else _dropout)(input, kept, scale, default_generator.next_key(), p)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each element is zero with probability ``p``, and the others are divided by ``1 - p``.

    Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".

    Raises:
        ValueError: ``p`` is outside [0, 1].

    >>> import minitorch as torch
    >>> torch.nn.functional.dropout(torch.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    _check("dropout", input, p, training)
    return _drop(input, p, training, inplace, input._data.shape)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, whole channels of (N, C, L) or (C, L) are zero: see :func:`dropout2d`.

    Raises:
        RuntimeError: other numbers of dimensions.
    """
    _check("dropout1d", input, p, training)
    shape = input._data.shape
    if len(shape) not in (2, 3):
        raise RuntimeError(f"dropout1d: expected 2 dimensions (C, L) or 3 (N, C, L), got shape {shape}")
    return _drop(input, p, training, inplace, (*shape[:-1], 1))


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, each channel of (N, C, H, W) is zero with probability ``p``, the others are divided by ``1 - p``.

    Tompson et al. 2015, "Efficient object localization using convolutional networks".  As in PyTorch, inputs with other
    than four dimensions are (N, C, \\*) too, with a warning.

    Raises:
        RuntimeError: fewer than two dimensions.
    """
    _check("dropout2d", input, p, training)
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"dropout2d: Feature dropout requires at least 2 dimensions (N, C) in the input, got {shape}"
        )
    if len(shape) != 4:
        better = "dropout1d" if len(shape) == 3 else "dropout"
        warnings.warn(
            f"dropout2d: expected 4 dimensions (N, C, H, W); an input of shape {shape} is taken for (N, C, ...) and "
            f"whole slices of it are dropped; use {better} to say so",
            stacklevel=2,
        )
    return _drop(input, p, training, inplace, shape[:2] + (1,) * (len(shape) - 2))


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, whole channels of (N, C, D, H, W) or (C, D, H, W) are zero: see :func:`dropout2d`."""
    _check("dropout3d", input, p, training)
    shape = input._data.shape
    if len(shape) not in (4, 5):
        warnings.warn(
            f"dropout3d: expected 4 dimensions (C, D, H, W) or 5 (N, C, D, H, W), got shape {shape}, of which whole "
            "slices are dropped; use dropout to drop elements",
            stacklevel=2,
        )
    lead = 2 if len(shape) == 5 else 1
    return _drop(input, p, training, inplace, shape[:lead] + (1,) * (len(shape) - lead))


# what SELU tends to far below zero: -scale · alpha
_SATURATION = -1.0507009873554804934 * 1.6732632423543772848


@op("AddBackward0")
def _mask_and_shift(input: Array, kept, scale, dropped, offset):
    """``input`` (``dropped`` where it is not kept) times ``scale`` plus ``offset``."""
    real = input.dtype.type
    out = _scaled(input, kept, scale)
    out += (~kept).astype(input.dtype) * real(scale * dropped)
    out += real(offset)
    return out


_mask_and_shift.rules(input=lambda g, kept, scale: _masked(g, kept, scale))


def _alpha_drop(input: Tensor, p: float, training: bool, shape: tuple, inplace: bool) -> Tensor:
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return times(input, input._data.dtype.type(0))
    # dropped elements become the saturation; an affine map restores mean and variance
    scale = ((1 - p) * (1 + p * _SATURATION**2)) ** -0.5
    operation = in_place(_mask_and_shift) if inplace else _mask_and_shift
    return operation(input, _keep(input, p, shape), scale, _SATURATION, -scale * p * _SATURATION)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for SELU networks: it keeps mean and variance (Klambauer et al. 2017, arXiv:1706.02515)."""
    _check("alpha_dropout", input, p, training)
    return _alpha_drop(input, p, training, input._data.shape, inplace)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """:func:`alpha_dropout` of whole channels of (N, C, \\*).

    Raises:
        RuntimeError: fewer than two dimensions in training.
    """
    _check("feature_alpha_dropout", input, p, training)
    shape = input._data.shape
    if len(shape) < 2 and training:
        raise RuntimeError(
            f"feature_alpha_dropout: Feature dropout requires at least 2 dimensions (N, C) in the input, got {shape}"
        )
    return _alpha_drop(input, p, training, shape[:2] + (1,) * (len(shape) - 2), inplace)
