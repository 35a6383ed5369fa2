"""Quotients, rounded or not, and what they leave over."""

from __future__ import annotations

from typing import Any

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.ops.elementwise import no_derivative, no_slope, one


@op("DivBackward0", promote="float", public="div", ufunc="true_divide")
def true_divide(input: Array, other: Array):
    """``input / other``, with broadcasting; integers give the default floating-point type."""
    return input / other


true_divide.rules(
    on_arrays=True,
    input=lambda g, other: g / other,
    other=lambda g, input, other: -g * ((input / other) / other),
)


@op("MulBackward0", promote="float", numbers="second", public="div")
def divided_into(input: Array, other: Array):
    """``other / input``: what ``1 / x`` calls."""
    return other / input


divided_into.rules(
    on_arrays=True,
    input=lambda g, input, out: -g * (out / input),
    other=lambda g, input: g / input,
)


@op("ReciprocalBackward0", promote="float")
def reciprocal(input: Array):
    """``1 / input``."""
    return one(input) / input


reciprocal.rules(on_arrays=True, input=lambda g, out: -g * (out * out))


def _refuse_zero(divisor):
    """
    Raises:
        RuntimeError: integers are divided by 0.
    """
    if getattr(divisor, "dtype", None) is None:
        if divisor == 0:
            raise RuntimeError("ZeroDivisionError")
    elif not divisor.all():
        raise RuntimeError("ZeroDivisionError")


def _are_floats(input, other):
    return (input if hasattr(input, "dtype") else other).dtype.kind == "f"


def _floored(input, other):
    if not _are_floats(input, other):
        _refuse_zero(other)
    return input // other


@op("NotImplemented", promote="common", kinds="iuf")
def floor_divide(input: Array, other: Array):
    """The quotient rounded down; it has no derivative.

    Raises:
        RuntimeError: integers are divided by 0.

    >>> import minitorch as torch
    >>> torch.tensor([7, -7]) // 2
    tensor([ 3, -4])
    """
    return _floored(input, other)


floor_divide.rules(input=no_derivative("floor_divide"), other=no_derivative("floor_divide"))


@op("DivBackward1", promote="common", kinds="iuf", public="div")
def _floor_quotient(input: Array, other: Array):
    return _floored(input, other)


@op("DivBackward1", promote="common", kinds="iuf", public="div")
def _truncated_quotient(input: Array, other: Array):
    array = input if hasattr(input, "dtype") else other
    if array.dtype.kind == "f":
        return xp(array).trunc(input / other)
    _refuse_zero(other)
    quotient = input // other
    return quotient + ((quotient < 0) & (quotient * other != input))


for _quotient in (_floor_quotient, _truncated_quotient):
    _quotient.rules(input=no_slope, other=no_slope)

_QUOTIENTS = {None: true_divide, "floor": _floor_quotient, "trunc": _truncated_quotient}


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """``input / other``; ``rounding_mode`` "floor" or "trunc" rounds the quotient and keeps integers.

    Raises:
        RuntimeError: no such mode, or integers are divided by 0 and the quotient is rounded.

    >>> import minitorch as torch
    >>> torch.div(torch.tensor([7, -7]), 2), torch.div(torch.tensor([7, -7]), 2, rounding_mode="trunc")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -3]))
    """
    if rounding_mode not in _QUOTIENTS:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _QUOTIENTS[rounding_mode](input, other, out=out)


div.ufunc = true_divide.ufunc  # type: ignore[attr-defined]
divide = div


@op("RemainderBackward0", promote="common", kinds="iuf")
def remainder(input: Array, other: Array):
    """What the quotient rounded down leaves: it has the sign of ``other``.

    Raises:
        RuntimeError: integers are divided by 0.
    """
    if not _are_floats(input, other):
        _refuse_zero(other)
    return input % other


remainder.rules(
    input=lambda g: g,
    other=lambda g, input, other: -g * _floor_quotient(input, other),
)


@op("FmodBackward0", promote="common", kinds="iuf", numbers="second")
def fmod(input: Array, other: Array):
    """What the quotient rounded towards zero leaves: it has the sign of ``input``.

    Raises:
        RuntimeError: integers are divided by 0.
    """
    if input.dtype.kind != "f":
        _refuse_zero(other)
    return xp(input).fmod(input, other)


fmod.rules(
    input=lambda g: g,
    other=lambda g, input, other: -g * _truncated_quotient(input, other),
)


@op(promote="common", kinds="iu", numbers="none")
def gcd(input: Array, other: Array):
    """The greatest common divisor of integers."""
    return xp(input).gcd(input, other)


@op(promote="common", kinds="iu", numbers="none")
def lcm(input: Array, other: Array):
    """The least common multiple of integers."""
    return xp(input).lcm(input, other)
