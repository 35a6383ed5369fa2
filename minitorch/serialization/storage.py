"""Storages: the flat memory that tensors of a file look at, and where it goes when it is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minitorch.backend.array_module import device_index, to_device, why_no_cupy
from minitorch.core.device import Device, device_of
from minitorch.core.dtype import DType, bfloat16, bool_, float32, named_dtype, of_numpy
from minitorch.utils.optional import available

#: What the file calls the kinds of storage.
STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
STORAGE_NAMES = {dtype: name for name, dtype in STORAGE_DTYPES.items()}
#: Those that PyTorch has and no tensor here can hold.
FOREIGN_STORAGES = {
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}


class Storage:
    """A flat array.  A ``map_location`` function gets one, and returns it, ``storage.cpu()`` or ``storage.cuda(1)``."""

    __slots__ = ("flat", "used")

    def __init__(self, flat: Any) -> None:
        self.flat = flat
        self.used = False  # by a tensor

    @property
    def dtype(self) -> DType:
        return of_numpy(self.flat.dtype)

    @property
    def device(self) -> Device:
        return device_of(self.flat)

    def __len__(self) -> int:
        return self.flat.size

    def nbytes(self) -> int:
        return self.flat.nbytes

    def cpu(self) -> Storage:
        return Storage(to_device(self.flat, None))

    def cuda(self, device: Any = None) -> Storage:
        return self.to(Device("cuda", device) if device is None or isinstance(device, int) else Device(device))

    def to(self, device: Any) -> Storage:
        return Storage(to_device(self.flat, Device(device).ordinal))

    def __repr__(self) -> str:
        return f"<storage of {len(self)} {self.dtype} on {self.device}>"


def loaded_bfloat16() -> DType:
    """What bfloat16 becomes: itself, or float32 where the package ml_dtypes is missing."""
    return bfloat16 if available("ml_dtypes") else float32


def file_dtype(name: str, byteorder: str = sys.byteorder) -> np.dtype:
    """How the elements of a storage lie in the file.  bfloat16 is the upper half of a float32."""
    raw = np.dtype(np.uint16 if name == "bfloat16" else np.uint8 if name == "bool" else name)
    return raw.newbyteorder("<" if byteorder == "little" else ">")


def native(raw: np.ndarray, name: str) -> np.ndarray:
    """Elements as they lie in the file to elements of a tensor; the array itself where they are the same."""
    if name == "bfloat16":
        if loaded_bfloat16() is bfloat16:
            return raw.astype(np.uint16, copy=False).view(bfloat16.numpy)
        wide = raw.astype(np.uint32)
        wide <<= 16
        return wide.view(float32.numpy)
    if name == "bool":  # a byte that is neither 0 nor 1 would break NumPy's logic
        return np.not_equal(raw, 0).view(bool_.numpy)
    return raw.astype(named_dtype(name).numpy, copy=False)


Restore = Callable[[Storage, str], Storage]


def restorer(map_location: Any) -> Restore:
    """From ``map_location`` of ``load`` the function that puts a storage where it belongs.

    Raises:
        TypeError: it is neither ``None``, a device, a string, a dict nor a function.
        RuntimeError: it names a device that does not exist here.
    """
    if map_location is None:
        return _saved_location
    if isinstance(map_location, str | Device):
        device = Device(map_location)
        if device.type == "cuda":
            _check_cuda(str(device))
        return lambda storage, location: _to(storage, device)
    if isinstance(map_location, Mapping):
        table = {str(old): str(new) for old, new in map_location.items()}
        return lambda storage, location: _saved_location(storage, table.get(location, location))
    if callable(map_location):

        def ask(storage: Storage, location: str) -> Storage:
            answer = map_location(storage, location)
            if answer is None:
                return _saved_location(storage, location)
            if not isinstance(answer, Storage):
                raise TypeError(
                    "load: a map_location function must return a storage, as its first argument, storage.cpu() and "
                    f"storage.cuda() are, or None; not {type(answer).__name__}"
                )
            return answer

        return ask
    raise TypeError(
        "load: map_location must be None, a device, a string, a dict from location to location or a function, "
        f"not {type(map_location).__name__}"
    )


def _saved_location(storage: Storage, location: str) -> Storage:
    if location == "cpu":
        return storage
    if location.partition(":")[0] != "cuda":
        raise RuntimeError(
            f"load: the file holds tensors of the device {location!r}, which minitorch does not have; "
            "use minitorch.load with map_location='cpu' to put them into host memory"
        )
    _check_cuda(location)
    return _to(storage, Device(location))


def _check_cuda(location: str) -> None:
    reason = why_no_cupy()
    if reason is not None:
        raise RuntimeError(
            f"Attempting to deserialize object on the CUDA device {location!r} but minitorch.cuda.is_available() is "
            "False. If you are running on a CPU-only machine, please use minitorch.load with "
            f"map_location=minitorch.device('cpu') to map your storages to the CPU. ({reason})"
        )


def _to(storage: Storage, device: Device) -> Storage:
    if device.ordinal == device_index(storage.flat):
        return storage
    try:
        return storage.to(device)
    except RuntimeError as error:
        raise RuntimeError(
            f"load: a storage cannot be put on {str(device)!r} ({error}); choose another device with map_location"
        ) from error
