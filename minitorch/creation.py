"""Making tensors from data, shapes and ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy, module_on_gpu, to_device
from minitorch.core import dtype as dtypes
from minitorch.core.device import Device, as_device
from minitorch.core.dtype import DType, as_dtype, default_dtype
from minitorch.core.promotion import number_of, scalar_dtype
from minitorch.core.tensor import LEAF, Tensor, wrap
from minitorch.from_data import array_of
from minitorch.ops.dims import shape_arguments


def finish(array: Any, requires_grad: bool = False) -> Tensor:
    """The tensor around a new array."""
    out = wrap(array)
    return out.requires_grad_() if requires_grad else out


def module_on(device: Any) -> Any:
    """The array library for a device (default: the default device), with functions that allocate there."""
    target = as_device(device)
    return np if target.type == "cpu" else module_on_gpu(target.ordinal)


def numpy_dtype(dtype: DType | None) -> np.dtype:
    return default_dtype().numpy if dtype is None else as_dtype(dtype).numpy


# ---- from data


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new tensor with a copy of ``data``: a number, nested sequences, an array or a tensor.

    Python floats become the default dtype, ints int64; arrays keep theirs.

    Raises:
        TypeError: data that no dtype holds.
        ValueError: nested sequences of unequal lengths.

    >>> import minitorch as torch
    >>> torch.tensor([[1, 2], [3, 4]]).shape
    torch.Size([2, 2])
    """
    if isinstance(data, Tensor):
        device = data.device if device is None else device
        array = data._data
    else:
        array, device = array_of(data, dtype, device)
    kind = dtypes.of_numpy(array.dtype).numpy if dtype is None else as_dtype(dtype).numpy
    moved = to_device(array, as_device(device).ordinal)
    return finish(moved.astype(kind, copy=moved is array, order="C"), requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """A tensor with the values of ``data``, sharing its memory where it can."""
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    array, device = array_of(data, dtype, device)
    kind = dtypes.of_numpy(array.dtype).numpy if dtype is None else as_dtype(dtype).numpy
    return wrap(to_device(array, as_device(device).ordinal).astype(kind, copy=False))


def asarray(
    obj: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """``as_tensor`` with a choice: ``copy=True`` always copies, ``False`` refuses to, ``None`` copies if it must."""
    out = as_tensor(obj, dtype, device)
    shared = (isinstance(obj, Tensor) and out._data is obj._data) or out._data is obj
    if copy and shared:
        out = wrap(out._data.copy())
    elif copy is False and not shared:
        raise ValueError("asarray: copy=False, but the conversion needs a copy")
    elif isinstance(obj, Tensor) and requires_grad != out.requires_grad:
        out = out.detach()
    return out.requires_grad_() if requires_grad else out


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor on the array's own memory: a change of one shows in the other.

    Raises:
        TypeError: not a NumPy array, or of a dtype that tensors don't have.

    >>> import minitorch as torch
    >>> a = np.zeros(2); torch.from_numpy(a)[0] = 1; a
    array([1., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of_numpy(ndarray.dtype)
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order; use .astype first")
    return wrap(np.asarray(ndarray))


def frombuffer(buffer: Any, *, dtype: DType, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor on the memory of an object with the buffer protocol."""
    return finish(np.frombuffer(buffer, as_dtype(dtype).numpy, count, offset), requires_grad)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of another library's tensor (PyTorch, CuPy, JAX ...), through DLPack."""
    if isinstance(ext_tensor, np.ndarray):
        return from_numpy(ext_tensor)
    kind = ext_tensor.__dlpack_device__()[0]
    if int(kind) != 1:
        return wrap(cupy().from_dlpack(ext_tensor))
    array = np.from_dlpack(ext_tensor)
    if not array.flags.writeable and np.lib.NumpyVersion(np.__version__) < "2.1.0":
        array = np.asarray(Writable(array))  # NumPy 2.0 takes everybody's memory for read-only
    return wrap(array)


class Writable:
    """What ``np.asarray`` makes an array on the same memory of that may be written to."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array  # kept alive
        self.__array_interface__ = {**array.__array_interface__, "data": (array.ctypes.data, False)}


def rebuild_tensor(cls: type, array: np.ndarray, device: str, requires_grad: bool, grad: Tensor | None) -> Tensor:
    """What pickling and deep copies call."""
    out: Any = object.__new__(cls)
    dtypes.of_numpy(array.dtype)  # in a new process, the first to hear of bfloat16
    out._data = to_device(array, Device(device).ordinal)
    out._edge = LEAF if requires_grad else None
    out._version_counter = [0]
    if grad is not None:
        out._grad = grad
    return out


# ---- filled


def _filled(
    name: str, size: tuple, value: Any, dtype: Any, device: Any, requires_grad: bool, out: Any = None
) -> Tensor:
    shape = shape_arguments(size)
    if min(shape, default=0) < 0:
        raise RuntimeError(f"{name}: sizes must not be negative, got {list(shape)}")
    library, kind = module_on(device), numpy_dtype(dtype)
    if value is None:
        array = library.empty(shape, kind)
    elif value == 0 and not isinstance(value, float):
        array = library.zeros(shape, kind)
    else:
        array = library.full(shape, number_of(value, kind, name), kind)
    return finish(array, requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape ``size`` (ints, or one sequence of them)."""
    return _filled("zeros", size, 0, dtype, device, requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape ``size``."""
    return _filled("ones", size, 1, dtype, device, requires_grad)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor with the number ``s``; of the default dtype, also for an integer."""
    return full((), s, dtype=default_dtype() if dtype is None else dtype, device=device, requires_grad=requires_grad)


def empty(
    *size: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Memory as it was found, in the shape ``size``."""
    return _filled("empty", size, None, dtype, device, requires_grad)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``fill_value`` in the shape ``size``; its Python type decides the dtype if none is given."""
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    dtype = scalar_dtype(fill_value) if dtype is None else dtype
    return _filled("full", (size,), fill_value, dtype, device, requires_grad)


def _like(input: Tensor, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    if not isinstance(input, Tensor):
        raise TypeError(f"argument 'input' must be Tensor, not {type(input).__name__}")
    dtype = input.dtype if dtype is None else dtype
    device = input.device if device is None else device
    return _filled("like", (input._data.shape,), value, dtype, device, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Zeros with the shape, dtype and device of ``input``."""
    return _like(input, 0, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Ones with the shape, dtype and device of ``input``."""
    return _like(input, 1, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Memory as it was found, with the shape, dtype and device of ``input``."""
    return _like(input, None, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """``fill_value`` with the shape, dtype and device of ``input``."""
    return _like(
        input, float(fill_value) if isinstance(fill_value, Tensor) else fill_value, dtype, device, requires_grad
    )


# ---- ranges


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``start, start + step, ...`` below ``end``; int64 if all three are integers.

    >>> import minitorch as torch
    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (x.item() if isinstance(x, (Tensor, np.generic)) else x for x in (start, end, step))
    integers = all(isinstance(x, int) for x in (start, end, step))
    kind = dtypes.int64.numpy if dtype is None and integers else numpy_dtype(dtype)
    if not integers and not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if kind.kind in "iu" and not integers:  # numbers lose their fractions; but for int64, only once they are counted
        count = math.ceil((end - start) / step) if step and kind.itemsize < 8 else None
        start, end, step = int(start), int(end), int(step)
        end = end if count is None else start + count * step
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})")
    library = module_on(device)
    if kind.kind in "iu":
        return finish(library.arange(start, end, step, np.int64).astype(kind, copy=False), requires_grad)
    # start + i * step in float64: adding up steps would drift, and the count must be exact
    steps = library.arange(math.ceil((end - start) / step), dtype=np.float64)
    return finish((start + steps * step).astype(kind), requires_grad)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``steps`` values evenly spaced from ``start`` to ``end``, both included."""
    kind = numpy_dtype(dtype)
    return finish(_between(start, end, steps, kind, device).astype(kind, copy=False), requires_grad)


def _between(start: Any, end: Any, steps: int, kind: np.dtype, device: Any) -> Any:
    """float64 numbers from ``start`` to ``end``, both taken in the type ``kind`` first."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    if kind.kind in "iu":
        start, end = (number_of(float(x), kind, "linspace") for x in (start, end))
    return module_on(device).linspace(float(start), float(end), steps, dtype=np.float64)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """``base`` to the powers ``linspace(start, end, steps)``."""
    kind = numpy_dtype(dtype)
    return finish((float(base) ** _between(start, end, steps, kind, device)).astype(kind, copy=False), requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The (n, m) matrix with ones on its diagonal."""
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"eye: n must be greater or equal to 0, got {n if n < 0 else m}")
    return finish(module_on(device).eye(n, m, dtype=numpy_dtype(dtype)), requires_grad)


# ---- methods of Tensor: new ones of the same kind


def new_tensor(self: Tensor, data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of ``data`` and, unless given, this tensor's dtype and device."""
    return tensor(data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


def _new_filled(name: str, value: Any) -> Any:
    def method(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        return _filled(name, size, value, dtype or self.dtype, device or self.device, requires_grad)

    method.__name__ = name
    method.__doc__ = f"``{name[4:]}`` of the given size with this tensor's dtype and device."
    return method


new_zeros, new_ones, new_empty = (_new_filled(f"new_{n}", v) for n, v in (("zeros", 0), ("ones", 1), ("empty", None)))


def new_full(
    self: Tensor, size: Any, fill_value: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``full`` with this tensor's dtype and device."""
    return full(size, fill_value, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad)


def is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, Tensor)
