"""Direct convolution, compiled: no columns of whole windows.

An image is copied once for each tap along the last dimension, as the rows that this tap meets: padded, and with the
strides of the other dimensions taken apart (all rows at even places together, then those at odd places ...).  Then
every tap of every channel is one contiguous run, without junk at the ends of rows.  :mod:`.conv_tiles` has the
innermost loops.
"""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.compiling import integers, routine, scratch, zeros
from minitorch.backend.cpu.conv_tiles import SUMS, VECTOR_BYTES, copy_rows, make_products, make_tile, vectors_per_tile
from minitorch.backend.cpu.parts import shared
from minitorch.backend.cpu.sums import sum_of

_V6, _V4, _V1 = (vectors_per_tile(m) for m in (6, 4, 1))
_tile6, _tile4, _tile1 = make_tile(6, _V6), make_tile(4, _V4), make_tile(1, _V1)
_end6, _end4, _end1 = make_tile(6, 1), make_tile(4, 1), make_tile(1, 1)
_ROOM = VECTOR_BYTES // 4  # what the last vector may read beyond the last position
_ROWS, _TAPS = (4, 6) if SUMS == 24 else (3, 4)
_products = make_products(_ROWS, _TAPS)


@routine
def _fill(pixels, shape, number, lo, split, padded, copies, stride, buffer):
    """Image ``number`` of ``pixels``, of ``shape`` (C, D, H, W), into ``buffer`` (C, copies, phases, padded...), whose
    border is zero already.

    Copy ``k`` of a row has pixel ``stride·i + shift`` at ``i``, inside the image for ``first <= i < last``: these three
    numbers are column ``k`` of ``copies``.
    """
    channels, depth, height, width = shape
    phases = split[0] * split[1]
    plane = padded[0] * padded[1] * padded[2]
    top, bottom = max(0, -lo[1]), min(height, padded[1] * split[1] - lo[1])
    for c in range(channels):
        for k in range(copies.shape[1]):
            shift, first, size = copies[0, k], copies[1, k], copies[2, k] - copies[1, k]
            for d in range(max(0, -lo[0]), min(depth, padded[0] * split[0] - lo[0])):
                pd = d + lo[0]
                of_depth = (c * copies.shape[1] + k) * phases + pd % split[0] * split[1]
                row = pd // split[0] * padded[1] * padded[2] + first
                begin = ((number * channels + c) * depth + d) * height * width + stride * first + shift
                if stride == 1 and split[1] == 1:
                    to = of_depth * plane + row + (top + lo[1]) * padded[2]
                    copy_rows(pixels, begin + top * width, width, buffer, to, padded[2], bottom - top, size)
                    continue
                for h in range(top, bottom):
                    ph = h + lo[1]
                    to = (of_depth + ph % split[1]) * plane + row + ph // split[1] * padded[2]
                    for i in range(size):
                        buffer[to + i] = pixels[begin + h * width + stride * i]


@routine(returns=lambda rest: rest)
def _block_of(rest):
    """How many of ``rest`` outputs the next tile takes."""
    if rest >= 6 and rest != 8:
        return 6
    return 4 if rest >= 4 else 1


@routine
def _outputs(m, image, at, offsets, packed, w, bias, b, n, target, to, pitch):
    """``m`` outputs at ``n`` positions, a vector at least, to ``target[to + o·pitch]``: wide tiles first, and the last
    vector overlaps the one before."""
    lanes = VECTOR_BYTES // image.itemsize
    taps, i = offsets.size, 0
    if m == 6:
        while i + _V6 * lanes <= n:
            _tile6(image, at + i, offsets, taps, packed, w, bias, b, target, to + i, pitch)
            i += _V6 * lanes
        while i < n:
            i = min(i, n - lanes)
            _end6(image, at + i, offsets, taps, packed, w, bias, b, target, to + i, pitch)
            i += lanes
    elif m == 4:
        while i + _V4 * lanes <= n:
            _tile4(image, at + i, offsets, taps, packed, w, bias, b, target, to + i, pitch)
            i += _V4 * lanes
        while i < n:
            i = min(i, n - lanes)
            _end4(image, at + i, offsets, taps, packed, w, bias, b, target, to + i, pitch)
            i += lanes
    else:
        while i + _V1 * lanes <= n:
            _tile1(image, at + i, offsets, taps, packed, w, bias, b, target, to + i, pitch)
            i += _V1 * lanes
        while i < n:
            i = min(i, n - lanes)
            _end1(image, at + i, offsets, taps, packed, w, bias, b, target, to + i, pitch)
            i += lanes


# What :class:`.conv_runs.Runs` has in one array: lo, split, padded, stride, start, step, count; groups, outputs of one,
# how far weights are apart from group to group, output to output, channel to channel; the shapes of an image and of a
# result.
_unpacked = integers(2, 2, 3, 1, 3, 3, 3, 1, 1, 1, 1, 1, 4, 3)


@routine
def _place(sums, m, pitch, result, plane, room, start, step, count):
    """``m`` outputs from ``sums`` to where they belong in ``result``, the first of them to plane number ``plane``."""
    for i in range(m):
        begin = (plane + i * room[0]) * room[1] + start[1]
        for h in range(count[1]):
            line = (begin + step[1] * h) * room[2] + start[2]
            for j in range(count[2]):
                result[line + step[2] * j] = sums[i * pitch + h * count[2] + j]


@shared
def correlate(first, last, source, numbers, copies, offsets, kernel_taps, weights, bias, result):
    """Images ``first`` to ``last`` of ``result`` (N, O, D, H, W) from those of ``source`` (N, C, D, H, W).

    Element ``start + step·i`` (per dimension, ``i < count``) of output ``o`` is ``bias[o]`` plus the sum over taps
    ``t`` of the weight ``group, o, t`` times what lies ``offsets[t]`` after position ``i`` in the group's part of the
    image, laid out as :func:`_fill` does.
    """
    (lo, split, padded, stride, start, step, count, groups, per_group, by_group, by_output, by_channel, shape, room) = (
        _unpacked(numbers)
    )
    taps, size, channels = offsets.size, kernel_taps.size, shape[0]
    plane = padded[0] * padded[1] * padded[2]
    group_size = channels // groups * copies.shape[1] * split[0] * split[1] * plane
    image = zeros(groups * group_size + _ROOM, source)
    lanes = VECTOR_BYTES // source.itemsize
    n = count[1] * count[2]
    # Where the outputs lie side by side, they are written there at once.
    whole = step[0] == step[1] == step[2] == 1 and count[1] == room[1] and count[2] == room[2] and n >= lanes
    if not whole:
        n = (n + lanes - 1) // lanes * lanes
    sums = scratch(0 if whole else 6 * n, source)
    area = room[1] * room[2]
    # Weights in the order of reading: for each block of outputs, tap by tap.
    packed = scratch(groups * per_group * taps, source)
    k = 0
    for group in range(groups):
        o = 0
        while o < per_group:
            m = _block_of(per_group - o)
            begin = group * by_group + o * by_output
            for channel in range(taps // size):
                for j in range(size):
                    at = begin + channel * by_channel + kernel_taps[j]
                    for i in range(m):
                        packed[k] = weights[at + i * by_output]
                        k += 1
            o += m
    for number in range(first, last):
        _fill(source, shape, number, lo, split, padded, copies, stride, image)
        for group in range(groups):
            for depth in range(count[0]):
                at = group * group_size + depth * padded[1] * padded[2]
                o = 0
                while o < per_group:
                    m = _block_of(per_group - o)
                    b = group * per_group + o
                    target, to, pitch = sums, o - o, n
                    if whole:
                        target, pitch = result, room[0] * area
                        to = ((number * groups * per_group + b) * room[0] + depth + start[0]) * area
                    _outputs(m, image, at, offsets, packed, b * taps, bias, b, n, target, to, pitch)
                    if not whole:
                        plane = (number * groups * per_group + b) * room[0] + start[0] + step[0] * depth
                        _place(sums, m, n, result, plane, room, start, step, count)
                    o += m


@shared
def correlate_weights(first, last, source, slopes, images, numbers, copies, offsets, totals):
    """One of ``totals`` (parts, groups, O / groups, taps) over the images ``first`` to ``last``: each tap's run times
    each gradient."""
    lo, split, padded, stride, _, _, count, _, _, _, _, _, shape, _ = _unpacked(numbers)
    parts, groups, per_group, taps = totals.shape
    total = totals[(first * parts + images - 1) // images]
    channels = shape[0]
    plane = padded[0] * padded[1] * padded[2]
    group_size = channels // groups * copies.shape[1] * split[0] * split[1] * plane
    image = zeros(groups * group_size + _ROOM, source)
    lanes = VECTOR_BYTES // source.itemsize
    n = (((count[0] - 1) * padded[1] + count[1]) * padded[2] + lanes - 1) // lanes * lanes
    spread = zeros(groups * per_group * n, source)  # which stay between the depths and in the last vector
    # A last block of fewer taps or outputs computes some of them again and drops them.
    padded_taps = (taps + _TAPS - 1) // _TAPS * _TAPS
    runs = scratch(padded_taps, offsets)
    for t in range(padded_taps):
        runs[t] = offsets[min(t, taps - 1)]
    rows = scratch(_ROWS, offsets)
    blocks = (per_group + _ROWS - 1) // _ROWS
    block = _ROWS * padded_taps * lanes
    sums = zeros(groups * blocks * block, source)  # a vector for each weight
    area = count[1] * count[2]
    for number in range(first, last):
        _fill(source, shape, number, lo, split, padded, copies, stride, image)
        for o in range(groups * per_group):
            at = (number * groups * per_group + o) * count[0] * area
            copy_rows(slopes, at, area, spread, o * n, padded[1] * padded[2], count[0], area)
        for group in range(groups):
            at = group * group_size
            for o in range(blocks):
                for k in range(_ROWS):
                    rows[k] = (group * per_group + min(o * _ROWS + k, per_group - 1)) * n
                to = (group * blocks + o) * block
                for t in range(0, padded_taps, _TAPS):
                    _products(image, at, runs, t, spread, rows, n, sums, to + t * _ROWS * lanes)
    for group in range(groups):
        for o in range(per_group):
            begin = (group * blocks + o // _ROWS) * block
            for t in range(taps):
                at = begin + (t // _TAPS * _ROWS * _TAPS + o % _ROWS * _TAPS + t % _TAPS) * lanes
                weight = sums[at]
                for i in range(1, lanes):
                    weight += sums[at + i]
                total[group, o, t] = weight


@shared
def sum_places(first, last, gy, images, size, total):
    """``total[o]`` for the outputs ``first`` to ``last``: the sum over images and places of ``gy`` (N, O, S), as flat
    memory."""
    for o in range(first, last):
        total[o] = 0
        for number in range(images):
            begin = (number * total.size + o) * size
            total[o] += sum_of(gy[begin : begin + size])
