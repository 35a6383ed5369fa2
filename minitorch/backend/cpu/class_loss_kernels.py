"""The loops of :mod:`.class_loss`, compiled: rows and columns as in :mod:`.softmax_kernels`.

A class out of range counts as the first, so that no loop leaves its array.
"""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.compiling import scratch
from minitorch.backend.cpu.elementary import exp, inlined, largest, log
from minitorch.backend.cpu.parts import shared
from minitorch.backend.cpu.softmax_kernels import place, sum_of_exponentials, sums_of_exponentials, tops


@inlined
def _known(number, classes):
    return number if 0 <= number < classes else 0


@shared
def losses_rows(first, last, x, classes, losses, top, sums):
    for r in range(first, last):
        row = x[r]
        top[r] = largest(row)
        sums[r] = sum_of_exponentials(row, top[r])
        losses[r] = log(sums[r]) - (row[_known(classes[r], row.size)] - top[r])


@shared
def losses_backward_rows(first, last, x, classes, each, top, sums, out):
    for r in range(first, last):
        row, target, t = x[r], out[r], top[r]
        scale = each[r] / sums[r]
        for i in range(row.size):
            target[i] = exp(row[i] - t) * scale
        target[_known(classes[r], row.size)] -= each[r]


@shared
def losses_columns(first, last, x, classes, losses, top, sums):
    for tile in range(first, last):
        n, begin, end = place(tile, x.shape[2])
        tops(x[n], begin, end, top[n, begin:end])
        sums_of_exponentials(x[n], begin, end, top[n, begin:end], sums[n, begin:end])
        for i in range(begin, end):
            losses[n, i] = -(x[n, _known(classes[n, i], x.shape[1]), i] - top[n, i])
        loss, total = losses[n, begin:end], sums[n, begin:end]
        for i in range(total.size):
            loss[i] += log(total[i])


@shared
def losses_backward_columns(first, last, x, classes, each, top, sums, out):
    for tile in range(first, last):
        n, begin, end = place(tile, x.shape[2])
        scale, t = scratch(end - begin, x), top[n, begin:end]
        gradient, total = each[n, begin:end], sums[n, begin:end]
        for i in range(scale.size):
            scale[i] = gradient[i] / total[i]
        for c in range(x.shape[1]):
            row, target = x[n, c, begin:end], out[n, c, begin:end]
            for i in range(row.size):
                target[i] = exp(row[i] - t[i]) * scale[i]
        for i in range(begin, end):
            out[n, _known(classes[n, i], x.shape[1]), i] -= each[n, i]
