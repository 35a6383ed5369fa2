"""The constructors of PyTorch's early days: ``Tensor(2, 3)``, ``FloatTensor``, ``x.new``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import cupy
from minitorch.core import dtype as dtypes
from minitorch.core.device import set_default_device
from minitorch.core.dtype import DType, default_dtype
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor
from minitorch.creation import empty, tensor
from minitorch.ops.conversion import TYPE_NAMES


def new(self: Tensor, *args: Any) -> Tensor:
    """The legacy constructor with this tensor's dtype and device."""
    return _legacy(args, self.dtype, self.device)


def _legacy(args: tuple, dtype: DType, device: Any) -> Tensor:
    if all(isinstance(a, int) and not isinstance(a, bool) for a in args):
        return empty(*args, dtype=dtype, device=device) if args else empty(0, dtype=dtype, device=device)
    if len(args) == 1 and isinstance(args[0], Size):
        return empty(args[0], dtype=dtype, device=device)
    if len(args) == 1 and isinstance(args[0], (Sequence, np.ndarray, Tensor)):
        return tensor(args[0], dtype=dtype, device=device)
    raise TypeError(f"expected sizes or one sequence of values, got {args!r:.80}; use minitorch.tensor for a number")


def legacy_tensor(cls: type, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor(2, 3)`` is uninitialised memory, ``Tensor([2, 3])`` holds the values; default dtype."""
    device = kwargs.pop("device", None)
    if kwargs:
        raise TypeError(f"Tensor() got unexpected keyword arguments {', '.join(kwargs)}; use minitorch.tensor")
    return _legacy(tuple(a for a in args if a is not None), default_dtype(), device)


class _TypedConstructor:
    """``FloatTensor`` and its like: constructors that also answer ``isinstance``."""

    def __init__(self, name: str, dtype: DType, device: str = "cpu") -> None:
        self.__name__, self.dtype, self.device = name, dtype, device

    def __call__(self, *args: Any) -> Tensor:
        return _legacy(args, self.dtype, self.device)

    def __instancecheck__(self, value: Any) -> bool:
        return isinstance(value, Tensor) and value.dtype is self.dtype and value.device.type == self.device

    def __repr__(self) -> str:
        return f"<class 'torch.{'cuda.' if self.device == 'cuda' else ''}{self.__name__}'>"


(
    FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor, IntTensor, ShortTensor, CharTensor, ByteTensor,
    BoolTensor,
) = (_TypedConstructor(name, dtype) for name, dtype in TYPE_NAMES.items())  # fmt: skip


def on_cuda(name: str) -> Any:
    """``torch.cuda.FloatTensor`` and its like by name, ``None`` if there is none."""
    return _TypedConstructor(name, TYPE_NAMES[name], "cuda") if name in TYPE_NAMES else None


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype, and for ``torch.cuda`` types the default device, by the name of a legacy constructor.

    Raises:
        TypeError: no such type, or not one of floating point.
        RuntimeError: a ``torch.cuda`` type where there is no GPU that CuPy can use.

    >>> import minitorch as torch
    >>> torch.set_default_tensor_type("torch.FloatTensor")
    """
    name = t if isinstance(t, str) else getattr(t, "__name__", "")
    if isinstance(t, _TypedConstructor) and t.device == "cuda":
        name = f"torch.cuda.{name}"
    prefix, _, kind = name.rpartition(".")
    found = TYPE_NAMES.get(kind)
    if found is None or prefix not in ("", "torch", "torch.cuda"):
        raise TypeError(f"invalid type object {t!r}: only floating-point tensor types can be the default")
    if prefix == "torch.cuda":
        cupy()  # which says why there is none
        set_default_device("cuda")
    dtypes.set_default_dtype(found)
