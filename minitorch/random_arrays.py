"""Arrays of random numbers, made on the device where they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.array_module import module_on_gpu
from minitorch.backend.primitives.random import fill_uniform
from minitorch.core import dtype as dtypes
from minitorch.core.device import as_device
from minitorch.core.dtype import DType
from minitorch.random import Generator, generator_or_default


def wanted_gpu(device: Any, generator: Generator | None) -> int | None:
    """The ordinal of the GPU that ``device``, or else ``generator``, names; ``None`` for host memory."""
    if device is None and generator is not None and generator_or_default(generator).device.type != "cpu":
        return generator.device.ordinal
    return as_device(device).ordinal


def empty_on(ordinal: int | None, shape: tuple, dtype: Any) -> Any:
    """A new array in host memory (``ordinal`` is ``None``) or on a GPU."""
    return (np if ordinal is None else module_on_gpu(ordinal)).empty(shape, dtype)


def new_numbers(
    fill: Callable, shape: tuple, dtype: Any, ordinal: int | None, generator: Generator | None, *options: Any
) -> Any:
    """A new array in host memory (``ordinal`` is ``None``) or on a GPU, filled by a primitive.

    Args:
        fill: of :mod:`minitorch.backend.primitives.random`; ``options`` go to it.
        dtype: NumPy's.

    Raises:
        RuntimeError: a negative size.
    """
    if min(shape, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    out = empty_on(ordinal, shape, dtype)
    fill(out, generator_or_default(generator).next_key(), *options)
    return out


def floats(
    fill: Callable, shape: tuple, dtype: DType, ordinal: int | None, generator: Generator | None, a: float, b: float
) -> Any:
    """:func:`new_numbers` of any floating-point type: those of 16 bits are rounded from single precision."""
    wide = np.float64 if dtype is dtypes.float64 else np.float32
    values = new_numbers(fill, shape, wide, ordinal, generator, a, b)
    if dtype is dtypes.float64 or dtype is dtypes.float32:
        return values
    if fill is fill_uniform and a < b:  # rounding must not reach the end
        narrow = dtype.numpy.type
        xp(values).minimum(values, wide(np.nextafter(narrow(b), narrow(a))), out=values)
    return values.astype(dtype.numpy)
