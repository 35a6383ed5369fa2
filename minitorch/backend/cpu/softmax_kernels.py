"""The loops of :mod:`.softmax`, compiled.

Those of rows take arrays (R, C) and go along C, from row ``first`` to ``last``.  Those of columns take (N, C, S) and go
along C for ``TILE`` positions of S at a time; of all such tiles they do those from ``first`` to ``last``.
"""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.compiling import scratch
from minitorch.backend.cpu.elementary import exp, inlined, inlined_sum, largest, log
from minitorch.backend.cpu.parts import shared
from minitorch.backend.cpu.sums import dot, sum_of

# Positions whose sums stay in the first cache.
TILE = 256


@inlined_sum
def exponentials(row, top, out):
    """``exp(row - top)``, and the sum of them."""
    total = row.dtype.type(0)
    for i in range(row.size):
        e = exp(row[i] - top)
        out[i] = e
        total += e
    return total


@inlined_sum
def sum_of_exponentials(row, top):
    total = row.dtype.type(0)
    for i in range(row.size):
        total += exp(row[i] - top)
    return total


@shared
def softmax_rows(first, last, x, out):
    for r in range(first, last):
        row, target = x[r], out[r]
        scale = x.dtype.type(1) / exponentials(row, largest(row), target)
        for i in range(row.size):
            target[i] *= scale


@shared
def softmax_backward_rows(first, last, g, y, out):
    for r in range(first, last):
        gradient, row, target = g[r], y[r], out[r]
        total = dot(gradient, row)
        for i in range(row.size):
            target[i] = row[i] * (gradient[i] - total)


@shared
def log_softmax_rows(first, last, x, out):
    for r in range(first, last):
        row, target = x[r], out[r]
        top = largest(row)
        rest = log(sum_of_exponentials(row, top))
        for i in range(row.size):
            target[i] = (row[i] - top) - rest


@shared
def log_softmax_backward_rows(first, last, g, y, out):
    for r in range(first, last):
        gradient, row, target = g[r], y[r], out[r]
        total = sum_of(gradient)
        for i in range(row.size):
            target[i] = gradient[i] - exp(row[i]) * total


# ---- along C, with S behind it


@inlined
def place(tile, positions):
    """The number of the array and the positions that a tile is."""
    tiles = (positions + TILE - 1) // TILE
    begin = tile % tiles * TILE
    return tile // tiles, begin, min(begin + TILE, positions)


@inlined
def tops(block, begin, end, out):
    """The largest elements along the first axis of ``block`` (C, S), NaN aside, for the positions of a tile."""
    out[: end - begin] = block[0, begin:end]
    for c in range(1, len(block)):
        row = block[c, begin:end]
        for i in range(row.size):
            out[i] = row[i] if row[i] > out[i] else out[i]


@inlined
def sums_of_exponentials(block, begin, end, top, out):
    out[:] = 0
    for c in range(len(block)):
        row = block[c, begin:end]
        for i in range(row.size):
            out[i] += exp(row[i] - top[i])


@shared
def softmax_columns(first, last, x, out):
    top, total = scratch(TILE, x), scratch(TILE, x)
    one = x.dtype.type(1)
    for tile in range(first, last):
        n, begin, end = place(tile, x.shape[2])
        tops(x[n], begin, end, top)
        total[:] = 0
        for c in range(x.shape[1]):
            row, target = x[n, c, begin:end], out[n, c, begin:end]
            for i in range(row.size):
                e = exp(row[i] - top[i])
                target[i] = e
                total[i] += e
        for i in range(end - begin):
            total[i] = one / total[i]
        for c in range(x.shape[1]):
            target = out[n, c, begin:end]
            for i in range(target.size):
                target[i] *= total[i]


@shared
def softmax_backward_columns(first, last, g, y, out):
    total = scratch(TILE, y)
    for tile in range(first, last):
        n, begin, end = place(tile, y.shape[2])
        total[:] = 0
        for c in range(y.shape[1]):
            gradient, row = g[n, c, begin:end], y[n, c, begin:end]
            for i in range(row.size):
                total[i] += gradient[i] * row[i]
        for c in range(y.shape[1]):
            gradient, row, target = g[n, c, begin:end], y[n, c, begin:end], out[n, c, begin:end]
            for i in range(row.size):
                target[i] = row[i] * (gradient[i] - total[i])


@shared
def log_softmax_columns(first, last, x, out):
    top, total = scratch(TILE, x), scratch(TILE, x)
    for tile in range(first, last):
        n, begin, end = place(tile, x.shape[2])
        tops(x[n], begin, end, top)
        sums_of_exponentials(x[n], begin, end, top, total)
        for i in range(end - begin):
            total[i] = log(total[i])
        for c in range(x.shape[1]):
            row, target = x[n, c, begin:end], out[n, c, begin:end]
            for i in range(row.size):
                target[i] = (row[i] - top[i]) - total[i]


@shared
def log_softmax_backward_columns(first, last, g, y, out):
    total = scratch(TILE, y)
    for tile in range(first, last):
        n, begin, end = place(tile, y.shape[2])
        total[:] = 0
        for c in range(y.shape[1]):
            gradient = g[n, c, begin:end]
            for i in range(gradient.size):
                total[i] += gradient[i]
        for c in range(y.shape[1]):
            gradient, row, target = g[n, c, begin:end], y[n, c, begin:end], out[n, c, begin:end]
            for i in range(row.size):
                target[i] = gradient[i] - exp(row[i]) * total[i]
