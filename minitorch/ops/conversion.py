"""Copies and conversions: ``clone``, ``to``, dtype casts, moves between devices."""

from __future__ import annotations

from typing import Any

from minitorch.backend import to_device
from minitorch.core.device import Device, as_device
from minitorch.core.dtype import DType, as_dtype
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor


@op("CloneBackward0")
def clone(input: Array, memory_format=None):
    """A copy, still in the graph."""
    return input.copy()


clone.rules(input=lambda g: g)


@op("ToCopyBackward0")
def _to(input: Array, dtype, ordinal, source_dtype, source_ordinal):
    array = to_device(input, ordinal)
    return array.astype(dtype.numpy) if dtype is not None else (array if array is not input else array.copy())


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
    device, dtype = parse_to(args, kwargs)
    if dtype is input.dtype:
        dtype = None
    ordinal = input.device.ordinal
    target = ordinal if device is None else as_device(device).ordinal
    if dtype is None and target == ordinal and not copy:
        return input
    return _to(input, dtype, target, input.dtype, ordinal)


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
