"""Logic and bits: elementwise, without gradients."""

from __future__ import annotations

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor


@op()
def logical_not(input: Array):
    """Whether each element is zero."""
    return xp(input).logical_not(input)


@op(promote="common", numbers="none")
def logical_and(input: Array, other: Array):
    """Whether both are non-zero."""
    return xp(input).logical_and(input, other)


@op(promote="common", numbers="none")
def logical_or(input: Array, other: Array):
    """Whether one is non-zero."""
    return xp(input).logical_or(input, other)


@op(promote="common", numbers="none")
def logical_xor(input: Array, other: Array):
    """Whether exactly one is non-zero."""
    return xp(input).logical_xor(input, other)


# ---- bits


@op(kinds="biu")
def bitwise_not(input: Array):
    """All bits flipped; ``not`` for bools.

    >>> import minitorch as torch
    >>> ~torch.tensor([True, False]), ~torch.tensor([0, 5])
    (tensor([False,  True]), tensor([-1, -6]))
    """
    return ~input


def invert(self: Tensor) -> Tensor:
    """``~x``.

    Raises:
        TypeError: the tensor is of floating point.
    """
    if self._data.dtype.kind == "f":
        raise TypeError(f"~ (operator.invert) is only implemented on integer and bool tensors, not on {self.dtype}")
    return bitwise_not(self)


@op(promote="common", kinds="biu")
def bitwise_and(input: Array, other: Array):
    """Bits set in both; ``and`` for bools."""
    return input & other


@op(promote="common", kinds="biu")
def bitwise_or(input: Array, other: Array):
    """Bits set in one or both; ``or`` for bools."""
    return input | other


@op(promote="common", kinds="biu")
def bitwise_xor(input: Array, other: Array):
    """Bits set in exactly one."""
    return input ^ other


@op(promote="common", kinds="iu")
def bitwise_left_shift(input: Array, other: Array):
    """``input`` times 2 to the power of ``other``."""
    return input << other


@op(promote="common", kinds="iu")
def bitwise_right_shift(input: Array, other: Array):
    """``input`` divided by 2 to the power of ``other``, rounded down."""
    return input >> other
