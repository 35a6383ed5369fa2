"""The loops of :mod:`.pooling`, compiled."""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from minitorch.backend.cpu.compiling import routine, scratch
from minitorch.backend.cpu.conv_tiles import VECTOR_BYTES
from minitorch.backend.cpu.parts import shared
from minitorch.backend.cpu.pooling_tiles import max_2x2, max_2x2_back


@routine
def _max_2x2_of_one(x, at, width, y, codes, to):
    best, code = x[at], 0
    for tap in range(1, 4):
        value = x[at + tap // 2 * width + tap % 2]
        if value > best or value != value:
            best, code = value, tap
    y[to] = best
    codes[to] = code


@shared
def max_forward_2x2(first, last, x, height, width, y, codes):
    """Planes ``first`` to ``last`` of ``y`` (P, H // 2, W // 2) and the taps that its values came from, of planes ``x``
    (P, H, W), with windows side by side; all as flat memory."""
    rows, columns = height // 2, width // 2
    lanes = VECTOR_BYTES // x.itemsize
    room, end = last * height * width, last * rows * columns
    for plane in range(first, last):
        for h in range(rows):
            upper = (plane * height + 2 * h) * width
            to = (plane * rows + h) * columns
            for w in range(0, columns, lanes):
                at = upper + 2 * w
                # What a vector writes beyond the row is junk that the next row overwrites, if there is one.
                if at + width + 2 * lanes <= room and to + w + lanes <= end:
                    max_2x2(x, at, at + width, y, codes, to + w)
                else:
                    for i in range(min(lanes, columns - w)):
                        _max_2x2_of_one(x, at + 2 * i, width, y, codes, to + w + i)


@shared
def max_backward(first, last, gy, codes, gx, kernel, stride, lo, dilation):
    """Planes ``first`` to ``last`` of ``gx`` (P, D, H, W): each of ``gy`` added where its maximum was, in the order of
    the outputs."""
    _, depths, rows, columns = gy.shape
    taps = kernel[0] * kernel[1] * kernel[2]
    height, width = gx.shape[2:]
    offsets = scratch(taps, np.int64)
    for tap in range(taps):
        kd, kh, kw = tap // (kernel[1] * kernel[2]), tap // kernel[2] % kernel[1], tap % kernel[2]
        offsets[tap] = (kd * dilation[0] * height + kh * dilation[1]) * width + kw * dilation[2]
    for plane in range(first, last):
        target = gx[plane].reshape(-1)
        target[:] = 0
        for d in range(depths):
            for h in range(rows):
                begin = ((d * stride[0] - lo[0]) * height + h * stride[1] - lo[1]) * width - lo[2]
                for w in range(columns):
                    target[begin + w * stride[2] + offsets[codes[plane, d, h, w]]] += gy[plane, d, h, w]


@shared
def max_backward_2x2(first, last, gy, codes, height, width, gx):
    """Planes ``first`` to ``last`` of ``gx`` (P, H, W) for windows side by side, as in :func:`max_forward_2x2`."""
    rows, columns = height // 2, width // 2
    lanes = VECTOR_BYTES // gy.itemsize
    room, end = last * rows * columns, last * height * width
    for plane in range(first, last):
        for h in range(rows):
            begin = (plane * rows + h) * columns
            upper = (plane * height + 2 * h) * width
            if columns >= lanes:
                for w in range(0, columns, lanes):
                    w = min(w, columns - lanes)  # the last vector overlaps the one before
                    to = upper + 2 * w
                    max_2x2_back(gy, codes, begin + w, gx, to, to + width)
            elif begin + lanes <= room and upper + width + 2 * lanes <= end:
                # What it writes beyond the row is junk that the next rows overwrite.
                max_2x2_back(gy, codes, begin, gx, upper, upper + width)
            else:
                for w in range(columns):
                    g, code = gy[begin + w], codes[begin + w]
                    for tap in range(4):
                        gx[upper + 2 * w + tap // 2 * width + tap % 2] = g if code == tap else 0
            for w in range(2 * columns, width):  # a last column that no window meets
                gx[upper + w] = gx[upper + width + w] = 0
        for i in range((plane * height + 2 * rows) * width, (plane + 1) * height * width):
            gx[i] = 0  # a last row
