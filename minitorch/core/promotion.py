"""Which element type an operation on mixed operands has: PyTorch's rule, which is not NumPy's.

Operands rank in three classes: tensors with dimensions, 0-d tensors, Python numbers.  A lower class decides only if its
category (bool < integer < floating point) is above that of the higher class: ``int32_tensor * 2.5`` is float32 and
``float32_tensor * float64_scalar_tensor`` stays float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.core.dtype import (
    ALL_DTYPES,
    FLOATING,
    DType,
    bfloat16,
    bool_,
    default_dtype,
    finfo,
    float16,
    float32,
    int16,
    int64,
    of_numpy,
    uint8,
)


def _promote(a: DType, b: DType) -> DType:
    if a.rank != b.rank:
        return a if a.rank > b.rank else b
    if uint8 in (a, b) and a.rank == 1 and a is not b:
        other = b if a is uint8 else a
        return int16 if other.itemsize == 1 else other
    if bfloat16 in (a, b) and float16 in (a, b):  # neither holds all numbers of the other
        return float32
    return a if a.itemsize >= b.itemsize else b


_DTYPES = (*ALL_DTYPES, bfloat16)
_PROMOTED = {(a, b): _promote(a, b) for a in _DTYPES for b in _DTYPES}


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest type that holds both kinds of values.

    >>> import minitorch as torch
    >>> torch.promote_types(torch.int64, torch.float16), torch.promote_types(torch.uint8, torch.int8)
    (torch.float16, torch.int16)
    """
    return _PROMOTED[type1, type2]


def scalar_dtype(value: Any) -> DType:
    """The type a Python number stands for."""
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    if isinstance(value, (float, np.floating)):
        return default_dtype()
    raise TypeError(f"expected a Tensor or a number, not {type(value).__name__}")


def _merge(higher: DType | None, lower: DType | None) -> DType | None:
    if higher is None or lower is None:
        return higher or lower
    return _PROMOTED[higher, lower] if lower.rank > higher.rank else higher


def result_dtype(operands: Sequence[Any]) -> DType:
    """The common type of arrays and Python numbers.

    Raises:
        TypeError: an operand is neither.
    """
    with_dims: DType | None = None
    zero_dim: DType | None = None
    numbers: DType | None = None
    for x in operands:
        shape = getattr(x, "shape", None)
        if shape is None or isinstance(x, np.generic):
            found = scalar_dtype(x)
            numbers = found if numbers is None else _PROMOTED[numbers, found]
        elif shape:
            found = of_numpy(x.dtype)
            with_dims = found if with_dims is None else _PROMOTED[with_dims, found]
        else:
            found = of_numpy(x.dtype)
            zero_dim = found if zero_dim is None else _PROMOTED[zero_dim, found]
    merged = _merge(with_dims, _merge(zero_dim, numbers))
    assert merged is not None
    return merged


def cast(x: Any, dtype: np.dtype) -> Any:
    """An array as ``dtype`` without a copy where it has it; a Python number as one that NumPy takes for weak."""
    if hasattr(x, "shape") and not isinstance(x, np.generic):
        return x if x.dtype == dtype else x.astype(dtype)
    if dtype.kind in FLOATING:
        return float(x)
    if dtype.kind == "b":
        return bool(x)
    number = int(x)
    info = np.iinfo(dtype)
    if not info.min <= number <= info.max:  # wraps around, as a cast in C does
        span = int(info.max) - int(info.min) + 1
        number = (number - int(info.min)) % span + int(info.min)
    return number


def number_of(value: Any, dtype: np.dtype, name: str) -> Any:
    """A Python number in the range of ``dtype``, to fill memory with; negative ones wrap around where there is no sign.

    Raises:
        RuntimeError: the number is out of range.
    """
    if dtype.kind == "b":
        return bool(value)
    if dtype.kind in FLOATING:
        number = float(value)
        most = float(np.finfo(dtype).max) if dtype.kind == "f" else finfo(bfloat16).max
        if math.isfinite(number) and abs(number) > most:
            raise RuntimeError(f"{name}: value {value} cannot be converted to type {dtype} without overflow")
        return number
    number, info = int(value), np.iinfo(dtype)
    if number > info.max or number < (-info.max if dtype.kind == "u" else info.min):
        raise RuntimeError(f"{name}: value {value} cannot be converted to type {dtype} without overflow")
    return number % (info.max + 1) if dtype.kind == "u" else number


def common(operands: Sequence[Any]) -> list[Any]:
    """Operands cast to their common type."""
    dtype = result_dtype(operands).numpy
    return [cast(x, dtype) for x in operands]


def common_float(operands: Sequence[Any]) -> list[Any]:
    """Operands cast to their common type, integers and bools to the default floating-point type."""
    dtype = result_dtype(operands)
    if not dtype.is_floating_point:
        dtype = default_dtype()
    return [cast(x, dtype.numpy) for x in operands]
