"""Padding layers."""

from __future__ import annotations

from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.nn import functional as F
from minitorch.nn.functional.conv import ntuple
from minitorch.nn.modules.module import Module


class _Pad(Module):
    dims: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = ntuple(padding, 2 * self.dims, "padding")

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Surrounds the last dimensions with ``value``.  ``padding``: an int, or (before, after) from the last one on."""

    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    dims = 1


class ConstantPad2d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    dims = 2


class ConstantPad3d(_ConstantPad):
    __doc__ = _ConstantPad.__doc__
    dims = 3


class _ZeroPad(_ConstantPad):
    """Surrounds the last dimensions with zeros.  ``padding``: an int, or (before, after) from the last one on."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    __doc__ = _ZeroPad.__doc__
    dims = 1


class ZeroPad2d(_ZeroPad):
    __doc__ = _ZeroPad.__doc__
    dims = 2


class ZeroPad3d(_ZeroPad):
    __doc__ = _ZeroPad.__doc__
    dims = 3


class _ReflectionPad(_Pad):
    """Mirrors the last dimensions at their borders, which are not repeated."""

    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    __doc__ = _ReflectionPad.__doc__
    dims = 1


class ReflectionPad2d(_ReflectionPad):
    __doc__ = _ReflectionPad.__doc__
    dims = 2


class ReflectionPad3d(_ReflectionPad):
    __doc__ = _ReflectionPad.__doc__
    dims = 3


class _ReplicationPad(_Pad):
    """Repeats the borders of the last dimensions."""

    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    __doc__ = _ReplicationPad.__doc__
    dims = 1


class ReplicationPad2d(_ReplicationPad):
    __doc__ = _ReplicationPad.__doc__
    dims = 2


class ReplicationPad3d(_ReplicationPad):
    __doc__ = _ReplicationPad.__doc__
    dims = 3


class _CircularPad(_Pad):
    """Continues the last dimensions from their other end.

    Raises:
        ValueError: an input that is neither a batch nor a single sample.
    """

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input._data.ndim not in (self.dims + 1, self.dims + 2):
            raise ValueError(
                f"{type(self).__name__}: expected {self.dims + 1}D or {self.dims + 2}D input (got {input._data.ndim}D "
                "input)"
            )
        return super().forward(input)


class CircularPad1d(_CircularPad):
    __doc__ = _CircularPad.__doc__
    dims = 1


class CircularPad2d(_CircularPad):
    __doc__ = _CircularPad.__doc__
    dims = 2


class CircularPad3d(_CircularPad):
    __doc__ = _CircularPad.__doc__
    dims = 3
