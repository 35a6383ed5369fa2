"""Devices: comparable values that print as PyTorch's do."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from minitorch.backend.array_module import current_gpu

_TYPES = ("cpu", "cuda")


class Device:
    """Where a tensor's array lives: ``device("cpu")``, ``device("cuda")``, ``device("cuda:1")``, ``device("cuda", 1)``.

    As a context manager it is the default for creation functions in this thread.

    >>> import minitorch as torch
    >>> torch.device("cuda:1")
    device(type='cuda', index=1)
    >>> torch.device("cpu") == torch.zeros(2).device
    True
    """

    __slots__ = ("_outer", "index", "type")

    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, Device):
            type, index = type.type, type.index if index is None else index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, int or device, not {type.__class__.__name__}")
        elif ":" in type:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            type, _, number = type.partition(":")
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{number}'; expected for example 'cuda:0'")
            index = int(number)
        if type not in _TYPES:
            raise RuntimeError(f"Expected one of {', '.join(_TYPES)} device type at start of device string: {type}")
        if index is not None and index < 0:
            raise RuntimeError(f"Device index must not be negative, got {index}")
        self.type = type
        self.index = index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> Any:
        return (Device, (self.type, self.index))

    def __enter__(self) -> Device:
        _default.stack = (*_default.stack, self)
        return self

    def __exit__(self, *exc: object) -> None:
        _default.stack = _default.stack[:-1]

    @property
    def ordinal(self) -> int | None:
        """Number of the GPU, ``None`` for the CPU; ``cuda`` without an index is the current GPU."""
        if self.type == "cpu":
            return None
        return current_gpu() if self.index is None else self.index


class _Default(threading.local):
    stack: tuple[Device, ...] = ()


_default = _Default()
_global_default = [Device("cpu")]
CPU = Device("cpu")


def as_device(value: Any) -> Device:
    """A ``Device`` from one, a string, a GPU number, or ``None`` for the default device."""
    if value is None:
        return _default.stack[-1] if _default.stack else _global_default[0]
    return value if isinstance(value, Device) else Device(value)


def device_of(array: Any) -> Device:
    return CPU if isinstance(array, np.ndarray) else Device("cuda", int(array.device.id))


def set_default_device(device: Any) -> None:
    """Sets the device on which creation functions put new tensors; ``None`` means the CPU again."""
    _global_default[0] = CPU if device is None else as_device(device)


def get_default_device() -> Device:
    """The device on which creation functions put new tensors."""
    return as_device(None)
