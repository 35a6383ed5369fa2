"""The device array: memory that only the stand-in's own functions can reach."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from . import counting, indexing, runtime


class Flags:
    """As CuPy's: three flags and their combinations, read-only."""

    def __init__(self, host: np.ndarray, owns: bool) -> None:
        self.c_contiguous = host.flags.c_contiguous
        self.f_contiguous = host.flags.f_contiguous
        self.owndata = owns
        self.fnc = self.f_contiguous and not self.c_contiguous
        self.forc = self.f_contiguous or self.c_contiguous

    def __getitem__(self, name: str) -> bool:
        return bool(getattr(self, name.lower()))


#: the arrays whose addresses have been asked for: what a library may be told to work on
addresses: weakref.WeakValueDictionary[int, ndarray] = weakref.WeakValueDictionary()


class MemoryPointer:
    """Where an array begins, and on which device."""

    def __init__(self, array: ndarray) -> None:
        self.ptr = array._host.ctypes.data
        addresses[self.ptr] = array
        self.device_id = array._device
        self.device = runtime.Device(array._device)
        self.mem = array.base if array.base is not None else array


class ndarray:
    """An array on a device.  Not a NumPy array, and nothing turns it into one but ``get`` and ``asnumpy``."""

    __slots__ = ("__weakref__", "_device", "_host", "_reserved", "base")
    __array_priority__ = 100
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, shape: Any, dtype: Any = float, memptr: Any = None, strides: Any = None, order: str = "C"
    ) -> None:
        if memptr is not None or strides is not None:
            raise NotImplementedError("the stand-in makes arrays of memory of its own only")
        _fill_in(self, np.empty(shape, dtype, order), runtime.current(), None)  # type: ignore[call-overload]

    def __del__(self) -> None:
        if getattr(self, "_reserved", None) is not None:
            runtime.pool.give_back(*self._reserved)

    # ---- what it is

    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: Flags(self._host, self.base is None))
    data = property(MemoryPointer)
    device = property(lambda self: runtime.Device(self._device))
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        self._host.shape = shape

    # ---- ways to the host: all of them wait for the device

    def get(self, stream: Any = None, order: str = "C", out: np.ndarray | None = None, blocking: bool = True) -> Any:
        counting.sync("get")
        if out is None:
            return np.array(self._host, order=order)  # type: ignore[call-overload]
        out[...] = self._host
        return out

    def item(self) -> Any:
        counting.sync("item")
        return self._host.item()

    def tolist(self) -> Any:
        counting.sync("tolist")
        return self._host.tolist()

    def tobytes(self, order: str = "C") -> bytes:
        counting.sync("tobytes")
        return self._host.tobytes(order)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        counting.sync("bool")
        return bool(self._host)

    def __int__(self) -> int:
        counting.sync("int")
        return int(self._host)

    def __float__(self) -> float:
        counting.sync("float")
        return float(self._host)

    def __complex__(self) -> complex:
        counting.sync("complex")
        return complex(self._host)

    def __repr__(self) -> str:
        counting.sync("repr")
        return repr(self._host)

    def __str__(self) -> str:
        counting.sync("str")
        return str(self._host)

    def __format__(self, spec: str) -> str:
        counting.sync("format")
        return format(self._host, spec)

    def __reduce__(self) -> Any:
        counting.sync("pickle")
        from .functions import asarray

        return asarray, (np.array(self._host),)

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if self.dtype != arr.dtype or self.shape != arr.shape:
            raise ValueError(f"dtype or shape mismatch: {self.dtype} {self.shape} and {arr.dtype} {arr.shape}")
        counting.upload("set")
        self._host[...] = arr

    # ---- ways that are closed

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        # CuPy would run its own function here, by a detour that costs as much as four calls.
        raise TypeError(f"numpy.{ufunc.__name__} was called with a device array: call the array library's own function")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise TypeError(f"numpy.{func.__name__} was called with a device array: call the array library's own function")

    # ---- parts

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        return indexing.get(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        indexing.put(self, index, value)

    def fill(self, value: Any) -> None:
        host = operand(value, self._device, "fill")
        if getattr(host, "ndim", 0):
            raise ValueError("fill() takes a scalar or a 0-d array")
        counting.launch("fill", (), (self,))
        self._host.fill(host)

    # ---- the same memory differently

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        return wrap(self._host.view() if dtype is None else self._host.view(dtype), self._device, self)

    def transpose(self, *axes: Any) -> ndarray:
        return wrap(self._host.transpose(*axes), self._device, self)

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> ndarray:
        result = self._host.reshape(*shape, order=order)  # type: ignore[call-overload]
        return moved("reshape", result, self)

    # ---- copies

    def astype(
        self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
    ) -> ndarray:
        if subok is not None:
            raise TypeError("subok is not supported")
        if not copy and self.dtype == dtype and order in "KA":
            return self
        with np.errstate(all="ignore"):
            result = self._host.astype(dtype, order=order)  # type: ignore[call-overload]
        counting.launch("astype", (self,), (result,))
        return wrap(result, self._device, None)

    def copy(self, order: str = "C") -> ndarray:
        result = self._host.copy(order)  # type: ignore[arg-type]
        counting.launch("copy", (self,), (result,))
        return wrap(result, self._device, None)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> ndarray:
        return self.copy()

    # ---- exchange

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self._host.ctypes.data, False),
            "strides": None if self._host.flags.c_contiguous else self.strides,
            "version": 3,
            "stream": 1,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self._device)  # 2: CUDA

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None
    ) -> Any:
        raise BufferError("the stand-in's memory is no GPU's: it cannot be handed to other libraries")


ndarray.__module__ = "cupy"
_new = object.__new__


def _fill_in(array: ndarray, host: np.ndarray, device: int, base: ndarray | None) -> None:
    array._host = host
    array._device = device
    array.base = base
    array._reserved = None
    if base is None:
        array._reserved = runtime.allocate(host.nbytes)


def wrap(result: Any, device: int, owner: ndarray | None) -> Any:
    """A device array around NumPy's ``result``; ``owner`` is the array whose memory it looks at, if any."""
    array = _new(ndarray)
    host = result if type(result) is np.ndarray else np.asarray(result)
    _fill_in(array, host, device, None if owner is None else owner.base if owner.base is not None else owner)
    return array


def moved(name: str, result: np.ndarray, source: ndarray) -> ndarray:
    """The result of what gives a view if it can and copies if it must."""
    if result is source._host or np.may_share_memory(result, source._host):
        return wrap(result, source._device, source)
    counting.launch(f"{name}, copying", (source,), (result,))
    return wrap(result, source._device, None)


def operand(value: Any, device: int, name: str) -> Any:
    """What NumPy may compute with: the memory of a device array, or a Python or NumPy number.

    Raises:
        TypeError: an array in host memory, a list, or anything else that CuPy refuses.
        ValueError: an array on another device than the one that computes.
    """
    if isinstance(value, ndarray):
        if value._device != device:
            raise ValueError(
                "Array device must be same as the current device: array device = "
                f"{value._device} while current = {device} (in {name})"
            )
        return value._host
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)} (in {name}): neither a device array nor a number")
