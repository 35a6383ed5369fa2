"""The gradients of a convolution from positions as they lie in an image, without a copy for each tap: for layers whose
rows are short, or whose outputs fill vectors.  :mod:`.conv_grad_tiles` has the innermost loops, and
:class:`.conv_runs.Frame` says where taps and positions are."""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.compiling import integers, scratch, zeros
from minitorch.backend.cpu.conv_grad_tiles import TAPS, VECTORS, outer_products, spread_taps
from minitorch.backend.cpu.conv_tiles import VECTOR_BYTES, copy_rows
from minitorch.backend.cpu.parts import shared

# What :class:`.conv_runs.Frame` has in one array: groups, outputs and channels of one, taps of a channel; padding in
# front; the padded image; the image; the result; strides.
_unpacked = integers(1, 1, 1, 1, 3, 3, 3, 3, 3)


@shared
def weights_by_outputs(first, last, source, slopes, images, numbers, offsets, totals):
    """One of ``totals`` (parts, groups, O / groups, taps) over the images ``first`` to ``last``: a vector of outputs'
    gradients times each tap's pixel, position by position."""
    groups, outputs, channels, _, lo, padded, size, count, stride = _unpacked(numbers)
    parts, _, _, taps = totals.shape
    total = totals[(first * parts + images - 1) // images]
    width = VECTORS * (VECTOR_BYTES // source.itemsize)
    pitch = (outputs + width - 1) // width * width
    places, plane = count[1] * count[2], padded[0] * padded[1] * padded[2]
    copied = padded[0] != size[0] or padded[1] != size[1] or padded[2] != size[2]
    image = zeros(groups * channels * plane if copied else 0, source)
    turned = zeros(count[0] * places * pitch, source)
    # A last tile of fewer taps computes the last tap again, into rows that nobody reads.
    sums = zeros(groups * offsets.size * pitch, source)
    for number in range(first, last):
        if copied:
            for plane_number in range(groups * channels * size[0]):
                c, d = plane_number // size[0], plane_number % size[0]
                begin = (number * groups * channels * size[0] + plane_number) * size[1] * size[2]
                to = c * plane + ((d + lo[0]) * padded[1] + lo[1]) * padded[2] + lo[2]
                copy_rows(source, begin, size[2], image, to, padded[2], size[1], size[2])
        for group in range(groups):
            for o in range(outputs):
                begin = ((number * groups + group) * outputs + o) * count[0] * places
                for i in range(count[0] * places):
                    turned[i * pitch + o] = slopes[begin + i]
            pixels, at = (
                (image, group * channels * plane) if copied else (source, (number * groups + group) * channels * plane)
            )
            for d in range(count[0]):
                begin = at + d * stride[0] * padded[1] * padded[2]
                for o in range(0, pitch, width):
                    for t in range(0, offsets.size, TAPS):
                        outer_products(
                            pixels, begin, offsets, t, stride[1] * padded[2], stride[2], turned,
                            d * places * pitch + o, pitch, count[1], count[2], sums, group * offsets.size * pitch + o,
                        )  # fmt: skip
    for group in range(groups):
        for o in range(outputs):
            for t in range(taps):
                total[group, o, t] = sums[(group * offsets.size + t) * pitch + o]


@shared
def spread_outputs(first, last, slopes, weights, numbers, offsets, result):
    """Images ``first`` to ``last`` of the input's gradient ``result`` (N, C, D, H, W): each tap adds its weights times
    the outputs' gradients to where its pixels are.

    The gradients lie in rows of the padded image's width here, so a tap's positions are one run; between them are
    zeros.
    """
    groups, outputs, channels, size, lo, padded, room, count, _ = _unpacked(numbers)
    width = VECTORS * (VECTOR_BYTES // slopes.itemsize)
    run = ((count[0] - 1) * padded[1] + count[1] - 1) * padded[2] + count[2]
    run = (run + width - 1) // width * width
    plane, places = padded[0] * padded[1] * padded[2], count[1] * count[2]
    spread = zeros(outputs * run, slopes)
    # What the taps that fill the last tile add goes behind the image, and vectors may go on to there.
    image = scratch(channels * plane + width + run, slopes)
    # One channel after the other for each tap of the kernel: sums of one tile do not meet in memory.
    blocks = (channels * size + TAPS - 1) // TAPS
    order = scratch(blocks * TAPS, offsets)
    for t in range(channels * size, blocks * TAPS):
        order[t] = channels * plane + width
    packed = zeros(groups * blocks * outputs * TAPS, weights)
    for t in range(channels * size):
        c, k = t % channels, t // channels
        order[t] = offsets[c * size + k]
        for group in range(groups):
            for o in range(outputs):
                to = ((group * blocks + t // TAPS) * outputs + o) * TAPS + t % TAPS
                packed[to] = weights[((group * outputs + o) * channels + c) * size + k]
    for number in range(first, last):
        for group in range(groups):
            for row in range(outputs * count[0]):
                o, d = row // count[0], row % count[0]
                begin = (((number * groups + group) * outputs + o) * count[0] + d) * places
                to = o * run + d * padded[1] * padded[2]
                copy_rows(slopes, begin, count[2], spread, to, padded[2], count[1], count[2])
            for i in range(channels * plane + width):
                image[i] = 0
            for block in range(blocks):
                for i in range(0, run, width):
                    spread_taps(
                        spread, i, run, outputs, packed, (group * blocks + block) * outputs * TAPS, image, i, order,
                        block * TAPS,
                    )  # fmt: skip
            for row in range(channels * room[0]):
                c, d = row // room[0], row % room[0]
                begin = c * plane + ((d + lo[0]) * padded[1] + lo[1]) * padded[2] + lo[2]
                to = (((number * groups + group) * channels + c) * room[0] + d) * room[1] * room[2]
                copy_rows(image, begin, padded[2], result, to, room[2], room[1], room[2])
