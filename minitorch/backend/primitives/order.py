"""Sorted orders in which equal elements keep theirs."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module

__all__ = ["stable_argsort"]

# NumPy sorts floats several times faster where equal ones may fall as they like, and mostly there are none.  The check
# for them pays from this size on.
_TRY_UNSTABLE_FROM = 256


def stable_argsort(array: Any) -> Any:
    """The indices that sort ``array`` along its last axis, ascending, NaN last; equal elements stay in their order."""
    if (
        array_module(array) is np
        and array.dtype.kind == "f"
        and array.dtype.itemsize > 2
        and array.size >= _TRY_UNSTABLE_FROM
    ):
        order = array.argsort(axis=-1)
        ranked = np.take_along_axis(array, order, -1)
        if not (ranked[..., 1:] == ranked[..., :-1]).any() and not np.isnan(ranked[..., -1:]).any():
            return order
    return array.argsort(axis=-1, kind="stable")
