"""Running sums of every kind: element k of the result combines the first k + 1 elements along an axis.

NumPy's ufuncs accumulate by themselves.  CuPy's do not, but for sums and products; there the array is combined with
itself shifted by 1, 2, 4 ...: as many steps as the length has binary digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module

__all__ = ["linear_recurrence", "running", "running_wide"]

# From so many elements that lie side by side on, adding whole slices is faster than NumPy's walk along the axis.
_SLICE = 256


def running(name: str, array: Any, axis: int) -> Any:
    """The ufunc ``name`` (``"maximum"``, ``"minimum"``, ``"logaddexp"``: associative) accumulated along ``axis``."""
    xp = array_module(array)
    combine = getattr(xp, name)
    if xp is np:
        return combine.accumulate(array, axis=axis)
    return shifted_scan(combine, array, axis)


def running_wide(name: str, array: Any, axis: int, dtype: Any) -> Any:
    """Running sums (``"add"``) or products (``"multiply"``), kept in ``dtype`` and returned in the array's own type."""
    xp = array_module(array)
    if xp is np and array.size and math.prod(array.shape[axis + 1 :]) >= _SLICE:
        out = np.empty(array.shape, array.dtype)
        slices, results = np.moveaxis(array, axis, 0), np.moveaxis(out, axis, 0)
        total = slices[0].astype(dtype)
        results[0] = slices[0]
        for values, result in zip(slices[1:], results[1:]):
            getattr(np, name)(total, values, out=total)
            result[...] = total
        return out
    scan = xp.cumsum if name == "add" else xp.cumprod
    # converting first is twice as fast as having NumPy convert on its way
    return scan(array.astype(dtype, copy=False), axis=axis).astype(array.dtype, copy=False)


def shifted_scan(combine: Any, array: Any, axis: int) -> Any:
    """:func:`running` where ``combine`` works on whole arrays only."""
    out = array.copy()
    moved = array_module(out).moveaxis(out, axis, 0)
    step = 1
    while step < len(moved):
        moved[step:] = combine(moved[:-step], moved[step:])
        step *= 2
    return out


def linear_recurrence(factor: Any, summand: Any, axis: int) -> Any:
    """``y[k] = factor[k] * y[k - 1] + summand[k]`` along ``axis``, with ``y[-1] = 0``.

    Two neighbouring steps of a recurrence are one step with other coefficients, so pairs are combined as in
    :func:`running`.
    """
    xp = array_module(summand)
    a, y = factor.copy(), summand.copy()
    a_moved, y_moved = xp.moveaxis(a, axis, 0), xp.moveaxis(y, axis, 0)
    step, length = 1, len(y_moved)
    while step < length:
        y_moved[step:] += a_moved[step:] * y_moved[:-step]
        a_moved[step:] *= a_moved[:-step].copy()
        step *= 2
    return y
