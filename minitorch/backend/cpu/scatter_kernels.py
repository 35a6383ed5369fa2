"""The loop of :mod:`.scatter`, compiled."""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.parts import shared


@shared
def add_rows(first, last, total, index, values):
    """``total[index[i]] += values[i]`` for the columns ``first`` to ``last``."""
    for i in range(len(index)):
        target, row = total[index[i], first:last], values[i, first:last]
        for k in range(row.size):
            target[k] += row[k]
