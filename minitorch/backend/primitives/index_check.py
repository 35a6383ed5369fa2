"""Setting a flag where an index is out of range."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, beside
from minitorch.backend.primitives.registry import primitive

__all__ = ["flag_outside"]


@primitive
def flag_outside(index: Any, low: int, high: int, flags: Any, slot: int) -> None:
    """Puts 1 into ``flags[slot, 0]`` and a wrong element into ``flags[slot, 1]`` if one is below low or from high on.

    Args:
        index: integers of any shape and at least one element.
        flags: (slots, 2), int64; not touched if all is well.
    """
    xp = array_module(index)
    with beside(index):
        wrong = (index < low) | (index >= high)
        any_wrong = wrong.any()
        # The wrong elements are all on one side of the range at least: the furthest out stands for them.
        furthest = xp.where(wrong, index, low).max()
        value = xp.where(furthest >= high, furthest, xp.where(wrong, index, low).min())
        flags[slot, 0] = xp.maximum(flags[slot, 0], any_wrong.astype(np.int64))
        flags[slot, 1] = xp.where(any_wrong, value.astype(np.int64), flags[slot, 1])
