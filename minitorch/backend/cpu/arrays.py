"""What compiled loops ask of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

_float32, _float64 = np.dtype(np.float32), np.dtype(np.float64)


def real(dtype: np.dtype) -> bool:
    """Whether there are kernels for ``dtype``: float32 or float64 (also as an object of its own, as unpickled)."""
    return dtype is _float32 or dtype in (_float32, _float64)


def summed(totals: Any) -> Any:
    """The sum of the parts' sums, in their order; it takes the place of the first."""
    total = totals[0]
    for other in totals[1:]:
        total += other
    return total


def in_memory(array: np.ndarray) -> np.ndarray:
    """The array as kernels take it, contiguous and writeable, so that each is compiled for one kind only: a copy if it
    is not (of a NumPy scalar an array as well)."""
    return array if array.flags.carray else np.array(array, order="C")


def plain(first: np.ndarray, *others: Any) -> bool:
    """Whether loops can take the arrays as they are: in C order, writeable, all float32 or all float64.

    ``None`` among the others stands for no array.  (Loops are compiled for writeable arrays only, also to be read.)
    """
    dtype = first.dtype
    if not real(dtype) or not first.flags.carray:
        return False
    return all(a is None or (a.dtype == dtype and a.flags.carray) for a in others)


def whole(*arrays: np.ndarray) -> list[np.ndarray] | None:
    """The arrays, or copies in C order of those that loops cannot take as they are; ``None`` if it is their dtypes."""
    dtype = arrays[0].dtype
    if not real(dtype) or any(a.dtype != dtype for a in arrays):
        return None
    return [in_memory(a) for a in arrays]
