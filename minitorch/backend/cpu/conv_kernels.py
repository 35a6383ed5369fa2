"""Direct convolution, compiled: no columns at all.

An image is copied once, padded and with its strides taken apart (all elements at even places together, then those at
odd places ...), so that every tap of every channel is one contiguous run, shifted.  Planes are flattened: junk at the
ends of rows is computed with the rest and dropped when copying out.  :mod:`.conv_tiles` has the innermost loops.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from minitorch.backend.cpu.compiling import entry, kernel
from minitorch.backend.cpu.conv_tiles import SUMS, VECTOR_BYTES, make_products, make_tile, vectors_per_tile

# Positions of a block of rows: what it reads and writes of one channel stays in the level-1 cache.
_BLOCK = 1536
_VECTOR = VECTOR_BYTES // 4

tile8, tile6, tile4, tile2, tile1 = (make_tile(m) for m in (8, 6, 4, 2, 1))
_V8, _V6, _V4, _V2, _V1 = (vectors_per_tile(m) for m in (8, 6, 4, 2, 1))
_ROOM = 8 * _VECTOR  # what the widest tile may read or write beyond the last position
ROWS, TAPS = (4, 6) if SUMS == 24 else (3, 4)
products = make_products(ROWS, TAPS)


@kernel
def fill(source, lo, split, padded, buffer):
    """One image (C, D, H, W) into ``buffer`` (C, phases, padded...), whose border is zero already."""
    channels, depth, height, width = source.shape
    phases = split[0] * split[1] * split[2]
    plane = padded[0] * padded[1] * padded[2]
    for c in range(channels):
        for d in range(depth):
            pd = d + lo[0]
            if pd < 0 or pd >= padded[0] * split[0]:
                continue
            for h in range(height):
                ph = h + lo[1]
                if ph < 0 or ph >= padded[1] * split[1]:
                    continue
                phase = ((pd % split[0]) * split[1] + ph % split[1]) * split[2]
                row = (pd // split[0] * padded[1] + ph // split[1]) * padded[2]
                first = max(0, -lo[2])
                last = min(width, padded[2] * split[2] - lo[2])
                if split[2] == 1:
                    begin = (c * phases + phase) * plane + row + lo[2]
                    for w in range(first, last):
                        buffer[begin + w] = source[c, d, h, w]
                else:
                    for w in range(first, last):
                        pw = w + lo[2]
                        buffer[(c * phases + phase + pw % split[2]) * plane + row + pw // split[2]] = source[c, d, h, w]


@kernel
def aligned(size, like):
    """Memory for ``size`` elements that begins a cache line."""
    raw = np.empty(size + 64, like.dtype)
    shift = (-raw.ctypes.data // raw.itemsize) % (64 // raw.itemsize)
    return raw[shift : shift + size]


@kernel
def _block_of(rest):
    """How many of ``rest`` outputs the next tile takes."""
    if rest >= 8 and rest != 10:
        return 8
    if rest >= 6:
        return 6
    return 4 if rest >= 4 else (2 if rest >= 2 else 1)


@entry
def correlate(source, first, last, lo, split, padded, offsets, weights, bias, result, start, step, count):
    """Images ``first`` to ``last`` of ``result`` (N, O, D, H, W) from those of ``source`` (N, C, D, H, W).

    Element ``start + step·i`` (per dimension, ``i < count``) of output ``o`` is ``bias[o]`` plus the sum over taps
    ``t`` of ``weights[group, o, t]`` times what lies ``offsets[t]`` after position ``i`` in the group's part of the
    image, padded by ``lo`` in front to ``padded · split``.
    """
    groups, per_group, taps = weights.shape
    channels = source.shape[1]
    phases = split[0] * split[1] * split[2]
    plane = padded[0] * padded[1] * padded[2]
    width = padded[2]
    lanes = VECTOR_BYTES // source.itemsize
    image = np.zeros(channels * phases * plane + _ROOM, source.dtype)
    block_rows = min(count[1], max(1, _BLOCK // width))
    pitch = ((block_rows - 1) * width + count[2] + _ROOM + 15) // 16 * 16
    sums = aligned(per_group * pitch, source)
    # Weights in the order of reading: for each block of outputs, tap by tap.
    packed = np.empty(groups * per_group * taps, source.dtype)
    k = 0
    for group in range(groups):
        o = 0
        while o < per_group:
            m = _block_of(per_group - o)
            for t in range(taps):
                for i in range(m):
                    packed[k] = weights[group, o + i, t]
                    k += 1
            o += m
    for number in range(first, last):
        fill(source[number], lo, split, padded, image)
        for group in range(groups):
            from_group = group * (channels // groups) * phases * plane
            for depth in range(count[0]):
                for row in range(0, count[1], block_rows):
                    rows = min(block_rows, count[1] - row)
                    n = (rows - 1) * width + count[2]
                    at = from_group + (depth * padded[1] + row) * width
                    o = 0
                    while o < per_group:
                        m = _block_of(per_group - o)
                        w = (group * per_group + o) * taps
                        b = group * per_group + o
                        to = o * pitch
                        if m == 8:
                            for i in range(0, n, _V8 * lanes):
                                tile8(image, at + i, offsets, taps, packed, w, bias, b, sums, to + i, pitch)
                        elif m == 6:
                            for i in range(0, n, _V6 * lanes):
                                tile6(image, at + i, offsets, taps, packed, w, bias, b, sums, to + i, pitch)
                        elif m == 4:
                            for i in range(0, n, _V4 * lanes):
                                tile4(image, at + i, offsets, taps, packed, w, bias, b, sums, to + i, pitch)
                        elif m == 2:
                            for i in range(0, n, _V2 * lanes):
                                tile2(image, at + i, offsets, taps, packed, w, bias, b, sums, to + i, pitch)
                        else:
                            for i in range(0, n, _V1 * lanes):
                                tile1(image, at + i, offsets, taps, packed, w, bias, b, sums, to + i, pitch)
                        o += m
                    for o in range(per_group):
                        target = result[number, group * per_group + o, start[0] + step[0] * depth]
                        for h in range(rows):
                            line = target[start[1] + step[1] * (row + h)]
                            begin = o * pitch + h * width
                            if step[2] == 1:
                                values = sums[begin : begin + count[2]]
                                place = line[start[2] : start[2] + count[2]]
                                for i in range(count[2]):
                                    place[i] = values[i]
                            else:
                                for i in range(count[2]):
                                    line[start[2] + step[2] * i] = sums[begin + i]


@entry
def correlate_weights(source, gy, first, last, lo, split, padded, offsets, total, count):
    """Add images ``first`` to ``last`` to ``total`` (groups, O / groups, taps): each tap's run times each gradient."""
    groups, per_group, taps = total.shape
    channels = source.shape[1]
    phases = split[0] * split[1] * split[2]
    plane = padded[0] * padded[1] * padded[2]
    width = padded[2]
    image = np.zeros(channels * phases * plane + _ROOM, source.dtype)
    n = (((count[0] - 1) * padded[1] + count[1] - 1) * width + count[2] + 15) // 16 * 16
    spread = aligned(groups * per_group * n, source)
    spread[:] = 0  # and zeros stay at junk positions
    # A last block of fewer taps or outputs computes some of them again and drops them.
    padded_taps = (taps + TAPS - 1) // TAPS * TAPS
    runs = np.empty(padded_taps, offsets.dtype)
    for t in range(padded_taps):
        runs[t] = offsets[min(t, taps - 1)]
    rows = np.empty(ROWS, np.int64)
    part = np.empty(ROWS * TAPS, source.dtype)
    for number in range(first, last):
        fill(source[number], lo, split, padded, image)
        for o in range(groups * per_group):
            for d in range(count[0]):
                for h in range(count[1]):
                    begin = o * n + (d * padded[1] + h) * width
                    line = gy[number, o, d, h]
                    for i in range(count[2]):
                        spread[begin + i] = line[i]
        for group in range(groups):
            at = group * (channels // groups) * phases * plane
            for o in range(0, per_group, ROWS):
                for k in range(ROWS):
                    rows[k] = (group * per_group + min(o + k, per_group - 1)) * n
                for t in range(0, taps, TAPS):
                    products(image, at, runs, t, spread, rows, n, part, 0)
                    for k in range(min(ROWS, per_group - o)):
                        for i in range(min(TAPS, taps - t)):
                            total[group, o + k, t + i] += part[k * TAPS + i]
