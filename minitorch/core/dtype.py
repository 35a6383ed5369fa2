"""Element types: value objects that compare, hash and print as PyTorch's do."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

#: the kinds of NumPy dtypes that are floating-point here: NumPy's own, and bfloat16, which counts as "void" there
FLOATING = "fV"


class DType:
    """An element type.  There is one object a type, so ``is`` and ``==`` agree.

    >>> import minitorch as torch
    >>> torch.float32
    torch.float32
    >>> torch.int64.itemsize, torch.float16.is_floating_point
    (8, True)
    """

    __slots__ = ("is_floating_point", "itemsize", "name", "numpy", "rank")

    def __init__(self, name: str, rank: int) -> None:
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        #: promotion category: 0 bool, 1 integer, 2 floating point
        self.rank = rank

    is_complex = False

    @property
    def is_signed(self) -> bool:
        return self.numpy.kind in "if"

    def to_real(self) -> DType:
        return self

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return (named_dtype, (self.name,))


class MissingDType(DType):
    """A type that PyTorch has and tensors have not: scripts may name it, nothing can be made of it."""

    __slots__ = ()

    def __init__(self, name: str, is_floating_point: bool) -> None:
        self.name = name
        self.is_floating_point = is_floating_point
        self.rank = 2

    @property
    def is_complex(self) -> bool:  # type: ignore[override]
        return not self.is_floating_point

    def _refuse(self) -> Any:
        raise TypeError(f"{self} is not supported: tensors hold real numbers; use torch.float32 or torch.float64")

    numpy = itemsize = property(_refuse)  # type: ignore[assignment]


class BFloat16(DType):
    """The upper half of float32: its range with 8 bits of precision.

    NumPy has no such elements; the package ml_dtypes has, and is imported when they are first needed.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self.name, self.itemsize, self.is_floating_point, self.rank = "bfloat16", 2, True, 2
        self._found: np.dtype | None = None

    @property
    def numpy(self) -> np.dtype:  # type: ignore[override]
        """
        Raises:
            ImportError: ml_dtypes is missing; the message says how to install it.
        """
        if self._found is None:
            from minitorch.utils.optional import require

            package = require("ml_dtypes", extra="bfloat16", why="to have elements of torch.bfloat16")
            found = np.dtype(package.bfloat16)
            _BY_NUMBER[found.num] = self
            self._found = found
            from minitorch.core.bfloat16 import prepare

            prepare()
        return self._found

    @property
    def is_signed(self) -> bool:
        return True


bfloat16 = BFloat16()
complex64, complex128 = MissingDType("complex64", False), MissingDType("complex128", False)
bool_ = DType("bool", 0)
uint8, int8, int16, int32, int64 = (DType(name, 1) for name in ("uint8", "int8", "int16", "int32", "int64"))
float16, float32, float64 = (DType(name, 2) for name in ("float16", "float32", "float64"))

#: those that need NumPy alone
ALL_DTYPES = (bool_, uint8, int8, int16, int32, int64, float16, float32, float64)
_BY_NAME = {dtype.name: dtype for dtype in (*ALL_DTYPES, bfloat16)}
#: keyed by NumPy's type number, which unlike the dtype hashes at no cost
_BY_NUMBER: dict[int, DType] = {dtype.numpy.num: dtype for dtype in ALL_DTYPES}
# C "long" and "long long" have the same width on most systems but two type numbers
for _alias in (np.dtype(np.longlong), np.dtype(np.intc), np.dtype(np.long)):
    _BY_NUMBER.setdefault(_alias.num, _BY_NAME[f"int{8 * _alias.itemsize}"])


def named_dtype(name: str) -> DType:
    return _BY_NAME[name]


def of_numpy(numpy_dtype: np.dtype) -> DType:
    """The element type for a NumPy dtype.

    Raises:
        TypeError: tensors cannot hold it (complex, strings, objects, unsigned integers but uint8).
    """
    found = _BY_NUMBER.get(numpy_dtype.num)
    if found is None:
        if numpy_dtype.name == "bfloat16" and numpy_dtype == bfloat16.numpy:  # nothing has been made of it before
            return bfloat16
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype}. The only supported types are: "
            "float64, float32, float16, int64, int32, int16, int8, uint8, and bool."
        )
    return found


#: what people pass where a dtype is expected
_PYTHON_TYPES = {float: float64, int: int64, bool: bool_}


def as_dtype(value: Any) -> DType:
    """A ``DType`` from one, from ``float`` / ``int`` / ``bool`` or from a NumPy dtype."""
    if isinstance(value, DType):
        return value
    if value in _PYTHON_TYPES:
        return default_dtype() if value is float else _PYTHON_TYPES[value]
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return of_numpy(np.dtype(value))
    raise TypeError(f"dtype must be a minitorch dtype such as minitorch.float32, not {value!r}")


class _Default(threading.local):
    dtype = float32


_default = _Default()


def default_dtype() -> DType:
    return _default.dtype


def get_default_dtype() -> DType:
    """The floating-point type that Python floats, and results of dividing integers, get in this thread.

    >>> import minitorch as torch
    >>> torch.get_default_dtype()
    torch.float32
    """
    return _default.dtype


def set_default_dtype(d: DType) -> None:
    """Sets the default floating-point type of this thread.

    Raises:
        TypeError: ``d`` is no floating-point dtype.
    """
    if not isinstance(d, DType) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default.dtype = d


class finfo:
    """Limits of a floating-point type: ``bits, eps, max, min, tiny, smallest_normal, resolution``.

    >>> import minitorch as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: DType | None = None) -> None:
        dtype = default_dtype() if type is None else as_dtype(type)
        if not dtype.is_floating_point:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dtype}'")
        self.dtype = dtype.name
        if dtype is bfloat16:  # 8 bits of exponent, 7 of fraction; as many decimals as these hold
            self.bits, self.eps, self.max = 16, 2.0**-7, (2 - 2.0**-7) * 2.0**127
            self.min, self.tiny, self.smallest_normal, self.resolution = -self.max, 2.0**-126, 2.0**-126, 0.01
            return
        info = np.finfo(dtype.numpy)
        self.bits = info.bits
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(info.resolution)

    def __repr__(self) -> str:
        fields = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{f}={getattr(self, f):g}' for f in fields)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer type: ``bits, max, min``.

    >>> import minitorch as torch
    >>> torch.iinfo(torch.uint8).max
    255
    """

    def __init__(self, type: DType) -> None:
        dtype = as_dtype(type)
        if dtype.rank != 1:
            raise TypeError(f"torch.iinfo() requires an integer input type, not '{dtype}'")
        info = np.iinfo(dtype.numpy)
        self.dtype, self.bits, self.max, self.min = dtype.name, info.bits, int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
