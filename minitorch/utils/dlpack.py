"""DLPack, by which libraries hand arrays to each other without copying: PyTorch, NumPy, CuPy, JAX and others."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from minitorch.core.tensor import Tensor, wrap
from minitorch.creation import Writable
from minitorch.creation import from_dlpack as from_exporter

__all__ = ["from_dlpack", "to_dlpack"]


_HOST = 1  # kDLCPU in dlpack.h


class _Device(ctypes.Structure):
    """Where a capsule's memory is: the second field of DLTensor, behind the address (dlpack.h)."""

    _fields_ = [("data", ctypes.c_void_p), ("kind", ctypes.c_int32), ("index", ctypes.c_int32)]


class _Exporter:
    """A capsule as an object that can be asked for it, once."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        self.device = _Device.from_address(pointer(capsule, b"dltensor"))

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device.kind, self.device.index


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule for another library's ``from_dlpack``, which can be used once.  Memory is shared.

    Raises:
        BufferError: the tensor requires grad: ``detach()`` it first.

    >>> import minitorch as torch
    >>> from minitorch.utils.dlpack import from_dlpack, to_dlpack
    >>> x = torch.zeros(3)
    >>> from_dlpack(to_dlpack(x))[1] = 5
    >>> x
    tensor([0., 5., 0.])
    """
    return tensor.__dlpack__()


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of another library's array, or of a capsule that such a library made.

    Raises:
        ValueError: the capsule has been used before.
    """
    if hasattr(ext_tensor, "__dlpack__"):
        return from_exporter(ext_tensor)
    exporter = _Exporter(ext_tensor)
    if exporter.device.kind != _HOST:
        return from_exporter(exporter)
    # Such capsules do not say whether memory is read-only, and NumPy takes it for that.
    return wrap(np.asarray(Writable(np.from_dlpack(exporter))))
