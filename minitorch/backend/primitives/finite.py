"""Whether all of an array is finite, while it is scaled."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive


@primitive
def scale_and_check(array: Any, factor: float) -> Any:
    """Multiplies ``array`` by ``factor`` in place; a 0-d array says whether an element was infinite or NaN before.

    On a GPU nothing waits for the answer.
    """
    xp = array_module(array)
    if xp is np:
        # One pass and no array of the same size: a sum is infinite or NaN if an element is, and seldom otherwise.
        with np.errstate(all="ignore"):
            suspect = not np.isfinite(array.sum(dtype=np.float64))
        found = np.asarray(suspect and not np.isfinite(array).all())
    else:
        found = xp.logical_not(xp.isfinite(array).all())
    if factor != 1.0:
        xp.multiply(array, factor, out=array)
    return found
