"""The larger and the smaller of two, bounds, the rectifier, replacements for what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import pointwise
from minitorch.core.binding import takes_out
from minitorch.core.op import Array, op
from minitorch.core.promotion import result_dtype
from minitorch.core.tensor import Tensor
from minitorch.ops.conversion import checked_number
from minitorch.ops.elementwise import ZEROS


@op("MaximumBackward0", promote="common", numbers="none", ufunc="maximum")
def maximum(input: Array, other: Array):
    """The larger of two, elementwise; NaN if one is NaN.  Equal values share the gradient.

    >>> import minitorch as torch
    >>> torch.maximum(torch.tensor([1, 5]), torch.tensor([3, 2]))
    tensor([3, 5])
    """
    return xp(input).maximum(input, other)


@op("MinimumBackward0", promote="common", numbers="none", ufunc="minimum")
def minimum(input: Array, other: Array):
    """The smaller of two, elementwise; NaN if one is NaN.  Equal values share the gradient."""
    return xp(input).minimum(input, other)


@op("FmaxBackward0", promote="common", numbers="none", ufunc="fmax")
def fmax(input: Array, other: Array):
    """The larger of two, elementwise; the other one if one is NaN."""
    return xp(input).fmax(input, other)


@op("FminBackward0", promote="common", numbers="none", ufunc="fmin")
def fmin(input: Array, other: Array):
    """The smaller of two, elementwise; the other one if one is NaN."""
    return xp(input).fmin(input, other)


@op("MaskedFillBackward0")
def _share(g: Array, mine: Array, its: Array, larger):
    """The part of ``g`` that goes to ``mine``: all unless ``its`` won, half where both are equal."""
    lost = (mine < its if larger else mine > its).astype(g.dtype)
    lost += mine <= its if larger else mine >= its
    return g * (1 - 0.5 * lost)


@op("MaskedFillBackward0")
def _whole(g: Array, mine: Array, its: Array, larger):
    """The part of ``g`` that goes to ``mine``, the first operand of fmax or fmin: all or nothing."""
    return g * ((mine >= its if larger else mine <= its) | (its != its))


_share.rules(g=lambda h, mine, its, larger: _share(h, mine, its, larger))
_whole.rules(g=lambda h, mine, its, larger: _whole(h, mine, its, larger))


def _rules(function, part, rest, larger):
    function.rules(
        input=lambda g, input, other: part(g, input, other, larger),
        other=lambda g, input, other: rest(g, input, other, larger),
    )


for _function, _larger in ((maximum, True), (minimum, False)):
    _rules(_function, _share, lambda g, input, other, larger: _share(g, other, input, larger), _larger)
for _function, _larger in ((fmax, True), (fmin, False)):
    _rules(_function, _whole, lambda g, input, other, larger: g - _whole(g, input, other, larger), _larger)


# ---- bounds


@op("ClampBackward1")
def _clamp(input: Array, min, max):
    if min is None:
        return xp(input).minimum(input, max)
    return xp(input).maximum(input, min) if max is None else input.clip(min, max)


@op("MaskedFillBackward0")
def _inside(g: Array, input: Array, min, max):
    """``g`` where ``input`` was within the bounds, which count as inside."""
    if min is None:
        return g * (input <= max)
    return g * (input >= min if max is None else (input >= min) & (input <= max))


_inside.rules(g=lambda h, input, min, max: _inside(h, input, min, max))
_clamp.rules(input=lambda g, input, min, max: _inside(g, input, min, max))


@op("ClampBackward0", promote="common", public="clamp")
def _between(input: Array, min: Array, max: Array):
    module = xp(input)
    return module.minimum(module.maximum(input, min), max)


@op("ClampMinBackward1", promote="common", public="clamp")
def _at_least(input: Array, min: Array):
    return xp(input).maximum(input, min)


@op("ClampMaxBackward1", promote="common", public="clamp")
def _at_most(input: Array, max: Array):
    return xp(input).minimum(input, max)


def _where(g, mask):
    return g.masked_fill(~mask, 0)


_between.rules(
    input=lambda g, input, min, max: _where(g, (input >= min) & (input <= max)),
    min=lambda g, input, min, max: _where(g, (min < max) & (input < min)),
    max=lambda g, input, min, max: _where(g, (input > max) | (max < min)),
)
_at_least.rules(
    input=lambda g, input, min: _where(g, input >= min),
    min=lambda g, input, min: _where(g, input < min),
)
_at_most.rules(
    input=lambda g, input, max: _where(g, input <= max),
    max=lambda g, input, max: _where(g, input > max),
)


@takes_out
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """``input`` with values below ``min`` or above ``max`` replaced by them: numbers, or tensors that broadcast.

    Where ``min`` is above ``max``, the result is ``max``.

    Raises:
        RuntimeError: neither bound is given, or a number does not fit the type of ``input``.

    >>> import minitorch as torch
    >>> torch.clamp(torch.tensor([-1., 0.5, 2.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"clamp(): argument 'input' must be Tensor, not {type(input).__name__}")
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if not isinstance(min, Tensor) and not isinstance(max, Tensor):
        array = input._data
        if array.dtype.kind != "f":
            dtype = result_dtype([x for x in (array, min, max) if x is not None])
            min, max = (None if x is None else checked_number(x, dtype.numpy, "clamp") for x in (min, max))
            input = input.to(dtype)
        return _clamp(input, min, max)
    if max is None:
        return _at_least(input, min)
    return _at_most(input, max) if min is None else _between(input, min, max)


clip = clamp


@takes_out
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """:func:`clamp` with a lower bound only."""
    return clamp(input, min)


@takes_out
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """:func:`clamp` with an upper bound only."""
    return clamp(input, None, max)


# Elements from which on threads and compiled loops are worth asking for.
_LARGE = 1 << 13


@op("ThresholdBackward0")
def _where_not_zero(g: Array, out: Array):
    if type(g) is np.ndarray and g.size < _LARGE:
        return g * (out != ZEROS[out.dtype.num])  # NaN counts as not zero
    return pointwise.where_nonzero(g, out)


def _zero_where_zero(g: Any, out: Any) -> Any:
    if g.size < _LARGE:
        g *= out != ZEROS[out.dtype.num]
        return g
    return pointwise.zero_where_zero(g, out)


_where_not_zero.rules(g=lambda h, out: _where_not_zero(h, out))
_where_not_zero.spec.in_place = _zero_where_zero


@op("ReluBackward0", kinds="iuf")
def relu(input: Array):
    """``max(input, 0)``; NaN stays NaN.  The derivative at 0 is 0."""
    if type(input) is np.ndarray and input.size < _LARGE:
        return np.maximum(input, ZEROS[input.dtype.num])
    return pointwise.relu(input)


relu.rules(input=_where_not_zero)


# ---- what is not finite


@op("NanToNumBackward0")
def _nan_to_num(input: Array, nan, posinf, neginf):
    return xp(input).nan_to_num(input, nan=nan, posinf=posinf, neginf=neginf)


@op("MaskedFillBackward0")
def _where_finite(g: Array, input: Array):
    return g * xp(input).isfinite(input)


_where_finite.rules(g=lambda h, input: _where_finite(h, input))
_nan_to_num.rules(input=_where_finite)


@takes_out
def nan_to_num(
    input: Tensor, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """``input`` with NaN and the infinities replaced: by 0 and the largest finite numbers, unless given.

    >>> import minitorch as torch
    >>> torch.nan_to_num(torch.tensor([float("nan"), float("inf"), 1.]), posinf=9.)
    tensor([0., 9., 1.])
    """
    if input._data.dtype.kind != "f":
        return input.clone()
    return _nan_to_num(input, 0.0 if nan is None else nan, posinf, neginf)
