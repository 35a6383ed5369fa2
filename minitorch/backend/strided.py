"""Views by shape and strides, the same for both array libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module


def owner_of(array: Any) -> Any:
    """The array whose memory ``array`` looks at: itself, unless it is a view."""
    base = array.base
    return base if isinstance(base, type(array)) else array


def shares_memory(view: Any, array: Any) -> bool:
    """Whether ``view``, made from ``array``, looks at its memory."""
    if view is array:
        return True
    base = view.base
    return base is not None and (base is array or base is array.base)


def expand(array: Any, shape: tuple[int, ...]) -> Any:
    """``array`` broadcast to ``shape`` without a copy.  Unlike NumPy's function the view is not read-only."""
    if type(array) is np.ndarray and array.size and array.flags.c_contiguous:
        lead = len(shape) - array.ndim
        strides = [0] * lead
        strides += [s if n == m else 0 for s, n, m in zip(array.strides, array.shape, shape[lead:])]
        return np.ndarray(shape, array.dtype, array, 0, strides)
    view = array_module(array).broadcast_to(array, shape)
    if type(array) is np.ndarray and array.flags.writeable:
        view.flags.writeable = True
    return view


def windows(array: Any, shape: Sequence[int], strides: Sequence[int]) -> Any:
    """A view from the first element of ``array`` on, with strides in bytes; the caller keeps it inside ``array``."""
    if isinstance(array, np.ndarray):
        view = np.lib.stride_tricks.as_strided(array, shape, strides)
        # NumPy's own function hides whose memory it is: taking the view again through the owner says so.
        owner = owner_of(array)
        start = pointer(array) - pointer(owner)
        if view.size and owner.flags.forc:
            return np.ndarray(shape, array.dtype, owner.ravel(order="K"), start, strides)
        return view
    return array_module(array).lib.stride_tricks.as_strided(array, shape, strides)


def element_strides(array: Any) -> tuple[int, ...]:
    """Strides counted in elements, as PyTorch counts them: a size of 1 or 0 has the stride of a contiguous array."""
    size = array.itemsize
    if array.flags.c_contiguous:
        strides, step = [], 1
        for n in reversed(array.shape):
            strides.append(step)
            step *= max(n, 1)
        return tuple(reversed(strides))
    return tuple(s // size for s in array.strides)


def offset_in_owner(array: Any) -> int:
    """How many elements behind the start of the memory the first element of ``array`` lies."""
    return int(pointer(array) - pointer(owner_of(array))) // array.itemsize


def pointer(array: Any) -> int:
    """The address of the first element."""
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def as_strided(array: Any, shape: Sequence[int], strides: Sequence[int], offset: int) -> Any:
    """A view of the memory behind ``array``; strides and offset are in elements.

    Raises:
        RuntimeError: the view would leave the memory.
    """
    owner = owner_of(array)
    total = owner.nbytes // array.itemsize
    reach = offset + sum((n - 1) * s for n, s in zip(shape, strides)) + 1 if all(shape) else offset
    if offset < 0 or any(s < 0 for s in strides) or reach > total:
        raise RuntimeError(
            f"as_strided: sizes {list(shape)}, strides {list(strides)} and storage offset {offset} reach {reach}: "
            f"out of bounds for storage of {total}"
        )
    flat = owner.ravel(order="K")
    if flat.base is None and flat is not owner and flat.size:
        raise RuntimeError("as_strided: the tensor stands on an array with gaps; call contiguous() first")
    byte_strides = tuple(s * array.itemsize for s in strides)
    if isinstance(array, np.ndarray):
        if not all(shape):
            return np.ndarray(tuple(shape), array.dtype)
        return np.ndarray(tuple(shape), array.dtype, flat, offset * array.itemsize, byte_strides)
    return array_module(array).lib.stride_tricks.as_strided(flat[offset:], tuple(shape), byte_strides)
