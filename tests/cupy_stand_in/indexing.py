"""``a[index]`` and ``a[index] = value`` as CuPy does them: integer arrays out of range wrap around."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import array as arrays
from . import counting, runtime


def _host_index(array: Any, index: Any) -> tuple[tuple, bool]:
    """The index in NumPy's terms with wrapped integers, and whether it selects by arrays."""
    parts = list(index) if isinstance(index, tuple) else [index]
    device = runtime.current()
    advanced = False
    for i, part in enumerate(parts):
        if part is None or part is Ellipsis:
            continue
        if isinstance(part, slice):
            for bound in (part.start, part.stop, part.step):
                if isinstance(bound, arrays.ndarray):
                    raise TypeError("slice indices must be integers: a device array has no __index__")
            continue
        if isinstance(part, arrays.ndarray):
            parts[i] = arrays.operand(part, device, "indexing")
            if parts[i].dtype.kind not in "biu":
                raise IndexError("arrays used as indices must be of integer or boolean type")
            advanced = True
        elif isinstance(part, (list, np.ndarray, bool, np.bool_)):
            host = np.asarray(part, np.int32 if isinstance(part, list) and not part else None)
            counting.upload("indexing with a host array")
            parts[i] = host
            advanced = True
        elif not isinstance(part, (int, np.integer)):
            raise IndexError(f"only integers, slices, ellipsis, None and arrays are valid indices, not {type(part)}")
    if advanced:
        _wrap_around(array.shape, parts)
    return tuple(parts), advanced


def _wrap_around(shape: tuple[int, ...], parts: list) -> None:
    taken = [getattr(p, "ndim", 1) if getattr(getattr(p, "dtype", None), "kind", "") == "b" else 1 for p in parts]
    taken = [0 if p is None or p is Ellipsis else n for p, n in zip(parts, taken)]
    axis = 0
    for i, part in enumerate(parts):
        if part is Ellipsis:
            axis = len(shape) - sum(taken[i:])
            continue
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and axis < len(shape) and shape[axis]:
            parts[i] = part.astype(np.int64) % shape[axis]
        axis += taken[i]


def _waits(parts: tuple) -> bool:
    """Whether the number of selected elements must be read from the device."""
    return any(isinstance(p, np.ndarray) and p.dtype.kind == "b" for p in parts)


def _arrays(parts: tuple) -> list[np.ndarray]:
    return [p for p in parts if isinstance(p, np.ndarray)]


def get(array: Any, index: Any) -> Any:
    parts, advanced = _host_index(array, index)
    result = array._host[parts]
    if not advanced:
        # NumPy gives a scalar where CuPy gives a 0-d view.
        view = array._host[(*parts, Ellipsis)] if Ellipsis not in [p for p in parts if p is Ellipsis] else result
        return arrays.wrap(view, array._device, array)
    arrays.operand(array, runtime.current(), "indexing")
    several = sum(isinstance(p, np.ndarray) for p in parts)
    counting.launch("take", (*_arrays(parts), result), (result,), 1 if several == 1 else 2 + several)
    if _waits(parts):
        counting.sync("selecting by a mask")
    return arrays.wrap(result, array._device, None)


def put(array: Any, index: Any, value: Any) -> None:
    parts, advanced = _host_index(array, index)
    host = arrays.operand(value, runtime.current(), "assignment to a part of an array")
    arrays.operand(array, runtime.current(), "assignment to a part of an array")
    several = sum(isinstance(p, np.ndarray) for p in parts)
    if advanced and not isinstance(value, arrays.ndarray):
        counting.upload("assigning a number by an index array")
    if advanced and several > 1 and _waits(parts):
        counting.sync("assigning by a mask and another array")
    times = 1 if several <= 1 else 2 + several
    counting.launch("setitem", (*_arrays(parts), host), (array._host[parts],), times)
    with np.errstate(all="ignore"):
        array._host[parts] = host
