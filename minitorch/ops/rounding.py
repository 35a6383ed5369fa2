"""Absolute values, signs and rounding: what is constant, or has slope 1 or -1, almost everywhere."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.binding import takes_out
from minitorch.core.dtype import default_dtype, float64
from minitorch.core.op import Array, op
from minitorch.core.promotion import result_dtype
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.elementwise import no_derivative, no_slope, pow, same_types
from minitorch.return_types import frexp as frexp_result


def _sign(array):
    if array.dtype.kind != "f":
        return array.copy() if array.dtype.kind == "b" else xp(array).sign(array)
    return (array > 0).astype(array.dtype) - (array < 0)  # the library's own keeps NaN


@op("SignBackward0")
def sign(input: Array):
    """-1, 0 or 1; 0 for NaN."""
    return _sign(input)


@op("SgnBackward0")
def sgn(input: Array):
    """:func:`sign`: tensors are real."""
    return _sign(input)


@op("AbsBackward0", kinds="iuf", ufunc="absolute")
def abs(input: Array):
    """The absolute value; its derivative at 0 is 0."""
    return xp(input).abs(input)


@op("SgnBackward0")
def _with_sign(g: Array, input: Array):
    return g * _sign(input)


sign.rules(input=no_slope)
sgn.rules(input=no_slope)
_with_sign.rules(g=lambda h, input: _with_sign(h, input))
abs.rules(input=_with_sign)
absolute = abs


@op("CeilBackward0", kinds="iuf")
def ceil(input: Array):
    """The smallest integer not below ``input``."""
    return xp(input).ceil(input) if input.dtype.kind == "f" else input.copy()


@op("FloorBackward0", kinds="iuf")
def floor(input: Array):
    """The largest integer not above ``input``."""
    return xp(input).floor(input) if input.dtype.kind == "f" else input.copy()


@op("TruncBackward0", kinds="iuf")
def trunc(input: Array):
    """``input`` without its fraction."""
    return xp(input).trunc(input) if input.dtype.kind == "f" else input.copy()


@op("RoundBackward0", kinds="iuf")
def _round(input: Array, decimals):
    if input.dtype.kind != "f":
        return input.copy()
    if decimals == 0:
        return xp(input).rint(input)
    scale = 10.0 ** builtins.abs(decimals)
    return xp(input).rint(input * scale) / scale if decimals > 0 else xp(input).rint(input / scale) * scale


for _function in (ceil, floor, trunc, _round):
    _function.rules(input=no_slope)
fix = trunc


@takes_out
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """``input`` rounded to ``decimals`` digits, halves to even.

    >>> import minitorch as torch
    >>> torch.round(torch.tensor([0.5, 1.5, -2.7]))
    tensor([ 0.,  2., -3.])
    """
    return _round(input, decimals)


@op("FracBackward0", kinds="f")
def frac(input: Array):
    """The fraction of ``input``, with its sign."""
    return input - xp(input).trunc(input)


frac.rules(on_arrays=True, input=lambda g: g)


@op("CopysignBackward0", promote="float", numbers="second")
def copysign(input: Array, other: Array):
    """The absolute value of ``input`` with the sign of ``other`` (of -0 too)."""
    return xp(input).copysign(input, other)


copysign.rules(
    input=lambda g, input, out: g * (sign(input) * sign(out)),
    other=no_slope,
)


@op("NotImplemented", promote="common", numbers="none", check=same_types)
def heaviside(input: Array, values: Array):
    """0 below 0 (and for NaN), 1 above, ``values`` at 0; it has no derivative.

    Raises:
        RuntimeError: the dtypes differ.
    """
    return xp(input).where(input == 0, values, (input > 0).astype(input.dtype))


heaviside.rules(input=no_derivative("heaviside"), values=no_derivative("heaviside"))


@op("NextafterBackward0", promote="common", numbers="none", kinds="f")
def nextafter(input: Array, other: Array):
    """The number next to ``input`` in the direction of ``other``."""
    return xp(input).nextafter(input, other)


nextafter.rules(input=lambda g: g, other=no_slope)


@takes_out
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """``input`` times 2 to the power of ``other``; whole exponents leave a floating-point ``input`` its dtype."""
    for name, x in (("input", input), ("other", other)):
        if not isinstance(x, Tensor):
            raise TypeError(f"ldexp(): argument '{name}' must be Tensor, not {type(x).__name__}")
    dtype = result_dtype((input._data, other._data) if other.is_floating_point() else (input._data,))
    scaled = input * pow(2.0, other.to(float64))
    return scaled.to(dtype if dtype.is_floating_point else default_dtype())


@op("FrexpBackward0", kinds="f")
def _mantissa(input: Array, exponent):
    return xp(input).frexp(input)[0]


_mantissa.rules(input=lambda g, exponent: g * pow(2.0, (-exponent).to(g.dtype)))


def frexp(input: Tensor) -> Any:
    """Mantissa, in [0.5, 1) but for its sign, and exponent (int32): ``input`` is ``mantissa * 2**exponent``.

    >>> import minitorch as torch
    >>> torch.frexp(torch.tensor([6.0]))
    torch.return_types.frexp(
    mantissa=tensor([0.7500]),
    exponent=tensor([3], dtype=torch.int32))
    """
    exponent = wrap(xp(input._data).frexp(input._data)[1].astype(np.int32))
    return frexp_result((_mantissa(input, exponent), exponent))
