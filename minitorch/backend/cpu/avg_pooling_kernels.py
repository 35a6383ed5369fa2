"""The loops of :mod:`.avg_pooling`, compiled.

Planes are (P, D, H, W).  Window ``o`` of a dimension reaches from ``low[o]`` up to ``high[o]``, within the plane.  Sums
go over whole rows first, of which LLVM makes vectors, and then along the one row that is left: by ``pairs``, where
windows along rows have two elements and lie side by side, LLVM makes vectors of that as well.
"""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.compiling import scratch
from minitorch.backend.cpu.parts import shared


@shared
def forward(first, last, x, y, divisor, pairs, low_d, high_d, low_h, high_h, low_w, high_w):
    """Planes ``first`` to ``last`` of ``y``, the sums over windows divided by ``divisor`` (D', H', W')."""
    row = scratch(x.shape[3], x)
    for plane in range(first, last):
        for d in range(y.shape[1]):
            for h in range(y.shape[2]):
                row[:] = 0
                for i in range(low_d[d], high_d[d]):
                    for j in range(low_h[h], high_h[h]):
                        source = x[plane, i, j]
                        for k in range(source.size):
                            row[k] += source[k]
                target, below = y[plane, d, h], divisor[d, h]
                if pairs:
                    for w in range(target.size):
                        target[w] = (row[2 * w] + row[2 * w + 1]) / below[w]
                    continue
                for w in range(target.size):
                    total = x.dtype.type(0)
                    for k in range(low_w[w], high_w[w]):
                        total += row[k]
                    target[w] = total / below[w]


@shared
def backward(first, last, gy, gx, divisor, pairs, low_d, high_d, low_h, high_h, low_w, high_w):
    """Planes ``first`` to ``last`` of ``gx``: the share of each of ``gy`` added to all elements of its window."""
    row = scratch(gx.shape[3], gx)
    for plane in range(first, last):
        gx[plane] = 0
        for d in range(gy.shape[1]):
            for h in range(gy.shape[2]):
                row[:] = 0
                source, below = gy[plane, d, h], divisor[d, h]
                if pairs:
                    for w in range(source.size):
                        share = source[w] / below[w]
                        row[2 * w] = share
                        row[2 * w + 1] = share
                else:
                    for w in range(source.size):
                        share = source[w] / below[w]
                        for k in range(low_w[w], high_w[w]):
                            row[k] += share
                for i in range(low_d[d], high_d[d]):
                    for j in range(low_h[h], high_h[h]):
                        target = gx[plane, i, j]
                        for k in range(target.size):
                            target[k] += row[k]
