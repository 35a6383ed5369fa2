"""Copies and conversions: ``clone``, ``to``, dtype casts, moves between devices, overwriting."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend import to_device
from minitorch.core import dtype as dtypes
from minitorch.core.device import Device, as_device, device_of
from minitorch.core.dtype import DType, as_dtype
from minitorch.core.inplace import replace
from minitorch.core.op import Array, op
from minitorch.core.promotion import number_of
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.shape import expanded_shape, sum_to


@op("CloneBackward0")
def clone(input: Array, memory_format=None):
    """A copy, still in the graph.

    >>> import minitorch as torch
    >>> x = torch.tensor([1, 2])
    >>> y = x.clone()
    >>> y[0] = 5
    >>> x
    tensor([1, 2])
    """
    return input.copy()


clone.rules(input=lambda g: g)


@op("ToCopyBackward0")
def _to(input: Array, dtype, ordinal, source_dtype, source_ordinal):
    array = to_device(input, ordinal)
    if dtype is None:
        return array if array is not input else array.copy()
    return cast(array, dtype.numpy)


def cast(array: Any, dtype: np.dtype) -> Any:
    """``array.astype(dtype)``; what has no counterpart (NaN as an integer) is silently arbitrary, as in C."""
    if dtype.kind not in dtypes.FLOATING and array.dtype.kind in dtypes.FLOATING:
        if array.dtype.kind == "V":
            array = array.astype(np.float32)
        with np.errstate(invalid="ignore"):
            if dtype.kind in "iu" and dtype.itemsize < 8:  # wrap around as PyTorch does instead of saturating
                return array.astype(np.int64).astype(dtype)
            return array.astype(dtype)
    if dtype.itemsize < array.dtype.itemsize:
        with np.errstate(over="ignore"):
            return array.astype(dtype)
    return array.astype(dtype)


_to.rules(
    input=lambda g, source_dtype, source_ordinal: to(
        g, Device("cpu") if source_ordinal is None else Device("cuda", source_ordinal), source_dtype
    )
)


def to(input: Tensor, *args: Any, non_blocking: bool = False, copy: bool = False, **kwargs: Any) -> Tensor:
    """``to(dtype)``, ``to(device)``, ``to(device, dtype)`` or ``to(other)``: the tensor itself if nothing changes.

    >>> import minitorch as torch
    >>> torch.tensor([1.7, -1.7]).to(torch.int64)
    tensor([ 1, -1])
    """
    flags = [a for a in args if isinstance(a, bool)]
    device, dtype = parse_to(args, kwargs)
    if dtype is input.dtype:
        dtype = None
    if device is None and dtype is None and not copy and len(flags) < 2:
        return input
    ordinal = input.device.ordinal
    target = ordinal if device is None else as_device(device).ordinal
    if dtype is None and target == ordinal and not copy and not any(flags[1:]):
        return input
    out = _to(input, dtype, target, input.dtype, ordinal)
    if dtype is not None and not dtype.is_floating_point:
        out._edge = None  # integers have no gradient
    return out


def parse_to(args: tuple, kwargs: dict) -> tuple[Device | None, DType | None]:
    """The device and dtype named by the arguments of ``Tensor.to`` or ``Module.to``."""
    device, dtype = kwargs.pop("device", None), kwargs.pop("dtype", None)
    kwargs.pop("memory_format", None), kwargs.pop("non_blocking", None), kwargs.pop("copy", None)
    if "other" in kwargs:
        args = (*args, kwargs.pop("other"))
    if kwargs:
        raise TypeError(f"to() got unexpected keyword arguments {', '.join(kwargs)}")
    for value in args:
        if isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        elif isinstance(value, (str, Device)) or (isinstance(value, int) and not isinstance(value, bool)):
            device = value
        elif isinstance(value, bool):
            continue  # non_blocking or copy by position
        elif value is not None:
            dtype = value
    return (None if device is None else as_device(device)), (None if dtype is None else as_dtype(dtype))


# ---- casts by name


def _cast_method(name: str, dtype: DType) -> Any:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return self if self.dtype is dtype else to(self, dtype)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"``self.to({dtype})``."
    return method


double = _cast_method("double", dtypes.float64)
half = _cast_method("half", dtypes.float16)
bfloat16 = _cast_method("bfloat16", dtypes.bfloat16)
long = _cast_method("long", dtypes.int64)
short = _cast_method("short", dtypes.int16)
char = _cast_method("char", dtypes.int8)
byte = _cast_method("byte", dtypes.uint8)
# Named apart from Python's own; the methods are float, int and bool.
float_ = _cast_method("float", dtypes.float32)
int_ = _cast_method("int", dtypes.int32)
bool_ = _cast_method("bool", dtypes.bool_)

#: PyTorch's names of tensor types
TYPE_NAMES = {
    "FloatTensor": dtypes.float32,
    "DoubleTensor": dtypes.float64,
    "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16,
    "LongTensor": dtypes.int64,
    "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16,
    "CharTensor": dtypes.int8,
    "ByteTensor": dtypes.uint8,
    "BoolTensor": dtypes.bool_,
}


def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, or the tensor as another type (a dtype or such a name).

    Raises:
        ValueError: no type has this name.

    >>> import minitorch as torch
    >>> torch.ones(1).type(), torch.ones(1).type(torch.int64).type()
    ('torch.FloatTensor', 'torch.LongTensor')
    """
    where = "torch.cuda." if self.is_cuda else "torch."
    if dtype is None:
        return where + next(name for name, kind in TYPE_NAMES.items() if kind is self.dtype)
    if isinstance(dtype, str):
        prefix, _, name = dtype.rpartition(".")
        if name not in TYPE_NAMES or prefix not in ("", "torch", "torch.cuda"):
            raise ValueError(f"invalid type: '{dtype}'; known are torch.{', torch.'.join(TYPE_NAMES)}")
        return to(self, "cuda" if prefix == "torch.cuda" else "cpu", TYPE_NAMES[name])
    if not isinstance(dtype, DType) and hasattr(dtype, "dtype"):  # torch.FloatTensor or torch.cuda.FloatTensor
        return to(self, dtype.device, dtype.dtype)
    return to(self, dtype)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """``self`` with the dtype and on the device of ``other``."""
    return to(self, other)


# ---- devices


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in host memory: itself if it is there."""
    return to(self, "cpu") if self.is_cuda else self


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """The tensor on a GPU: the current one, or ``device``.

    Raises:
        RuntimeError: there is none that CuPy can use; the message says why.
    """
    return to(self, Device("cuda") if device is None else as_device(device))


def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Returns ``self``: copies to a GPU need no page-locked memory here.

    Raises:
        RuntimeError: the tensor is not in host memory.
    """
    if self.is_cuda:
        raise RuntimeError(f"cannot pin '{self.device}' memory: only dense CPU tensors can be pinned")
    return self


# ---- overwriting


def zeros_for(g: Tensor) -> Tensor:
    """The gradient by what was overwritten."""
    return wrap(xp(g._data).zeros_like(g._data))


@op("FillBackward0")
def _fill(input: Array, value, write):
    input[...] = value
    return input


@op("ZeroBackward0")
def _zero(input: Array, write):
    input[...] = 0
    return input


@op("CopyBackwards")
def _copy(input: Array, src: Array, write):
    input[...] = src if src.dtype is input.dtype else cast(src, input.dtype)
    return input


_fill.rules(input=lambda g: zeros_for(g))
_zero.rules(input=lambda g: zeros_for(g))
_copy.rules(
    input=lambda g: zeros_for(g),
    src=lambda g, src_shape: sum_to(g, src_shape),
)


def zero_(self: Tensor) -> Tensor:
    """Sets every element to 0, in place."""
    return replace(_zero, "zero_", self)


def fill(input: Tensor, value: Any) -> Tensor:
    """``value`` (a number or a 0-d tensor) in the shape and dtype of ``input``.

    >>> import minitorch as torch
    >>> torch.fill(torch.zeros(2), 3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        if value._data.ndim:
            raise RuntimeError(
                f"fill only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
            )
        return value.to(input.dtype).expand(input._data.shape).clone()
    return wrap(xp(input._data).full_like(input._data, checked_number(value, input._data.dtype, "fill")))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Sets every element to ``value`` (a number or a 0-d tensor), in place.

    Raises:
        RuntimeError: ``value`` is a tensor with dimensions.
    """
    if isinstance(value, Tensor):
        if value._data.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
            )
        return copy_(self, value)
    return replace(_fill, "fill_", self, checked_number(value, self._data.dtype, "fill_"))


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Writes the elements of ``src``, broadcast, cast and moved as needed, over those of ``self``; returns ``self``.

    Raises:
        RuntimeError: ``src`` does not broadcast to the shape of ``self``.
    """
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' must be Tensor, not {src.__class__.__name__}")
    if src is self:
        return self
    expanded_shape(src._data.shape, self._data.shape)
    if not (src._data.__class__ is np.ndarray is self._data.__class__):
        src = to(src, device_of(self._data))
    if src.requires_grad and src._data.dtype != self._data.dtype:
        src = to(src, self.dtype)
    return replace(_copy, "copy_", self, src)


def checked_number(value: Any, dtype: np.dtype, name: str) -> Any:
    """A Python number that an element of type ``dtype`` can hold.

    Raises:
        RuntimeError: a number out of range.
        TypeError: no number.
    """
    if not isinstance(value, (bool, int, float, np.number, np.bool_)):
        raise TypeError(f"{name}(): argument 'value' must be a number or a 0-d Tensor, not {value.__class__.__name__}")
    return number_of(value, dtype, name)


# ---- by a Python function


def apply_(self: Tensor, callable: Any) -> Tensor:
    """Replaces each element by what ``callable`` makes of it, one call an element: slow, for small tensors.

    Raises:
        TypeError: the tensor is not in host memory.
        RuntimeError: it requires grad.

    >>> import minitorch as torch
    >>> torch.tensor([1., 2.]).apply_(lambda value: value * 10)
    tensor([10., 20.])
    """
    return map_(self, self, lambda value, _: callable(value), "apply_")


def map_(self: Tensor, tensor: Tensor, callable: Any, name: str = "map_") -> Tensor:
    """Replaces each element by what ``callable`` makes of it and of the element of ``tensor``, which broadcasts.

    Raises:
        TypeError: the tensor is not in host memory.
        RuntimeError: it requires grad.
    """
    if self.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    if self.is_cuda:
        raise TypeError(f"{name} is only implemented on CPU tensors")
    memory = self._data
    others = np.broadcast_to(tensor._data, memory.shape)
    values = [callable(mine.item(), its.item()) for mine, its in zip(memory.flat, others.flat)]
    return copy_(self, wrap(np.array(values, memory.dtype).reshape(memory.shape)))
