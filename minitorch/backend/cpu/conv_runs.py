"""Where the compiled direct convolution reads: what layers of the same shapes have in common, found once.

1, 2 and 3 spatial dimensions are three, with leading ones of size 1.
"""

from __future__ import annotations

import functools
import itertools
import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.cpu.conv_choice import outputs_fill_vectors, spreads, way
from minitorch.backend.cpu.conv_grad_tiles import TAPS
from minitorch.backend.primitives.conv_geometry import Ints, Pads, conv_output_shape

# Multiplications and additions that are worth another thread: some 8 µs.
_WORTH_A_THREAD = 300_000


class Runs(NamedTuple):
    """What :func:`.conv_kernels.correlate` needs beside arrays, and which of the kernel's taps take part."""

    #: padding in front, of depth and height; phases of depth and height; depth and height of a phase, and the number of
    #: outputs in a row; the stride along a row; start, step and number of outputs in each dimension; then the weight's
    #: groups, the outputs of one, and how far it is from group to group, output to output and channel to channel; then
    #: the shapes (C, D, H, W) of an image that is read and (D, H, W) of a result
    numbers: np.ndarray
    #: of each copy of a row the pixel where it begins, the first position inside the image and the first past it
    copies: np.ndarray
    #: of the taps of all channels of a group
    offsets: np.ndarray
    #: the kernel's taps that take part
    taps: np.ndarray


class Frame(NamedTuple):
    """What the kernels of :mod:`.conv_grad_kernels` need beside arrays."""

    #: groups, outputs and channels of one, taps of a channel; then for each dimension padding in front, the size of the
    #: padded image, of the image and of the result, strides
    numbers: np.ndarray
    #: how far the taps of all channels of a group are from a position in the padded image; the last one again for taps
    #: that fill a tile
    offsets: np.ndarray


def _three(values: Any, fill: Any) -> tuple[Any, ...]:
    return (fill,) * (3 - len(values)) + tuple(values)


def _copies(shifts: np.ndarray, width: int, count: int, stride: int) -> np.ndarray:
    """Of rows of ``width`` pixels, laid out as ``count`` positions that are ``stride`` apart."""
    first = np.clip((stride - 1 - shifts) // stride, 0, count)
    last = np.maximum(first, np.minimum(count, (width - 1 - shifts) // stride + 1))
    return np.stack([shifts, first, last])


def _offsets(channels: int, copies: int, split: Ints, padded: Ints, places: list[list[tuple[int, int]]]) -> np.ndarray:
    """Flat offsets: for each channel, for each combination of the (phase, index) pairs in depth and height and the
    copies of a row."""
    plane = padded[0] * padded[1] * padded[2]
    phases = split[0] * split[1]
    in_depth, in_height = places
    taps = [
        (copy * phases + pd * split[1] + ph) * plane + (d * padded[1] + h) * padded[2]
        for pd, d in in_depth
        for ph, h in in_height
        for copy in range(copies)
    ]
    channel = np.arange(channels, dtype=np.int64) * (copies * phases * plane)
    return (channel[:, None] + np.array(taps, np.int64)).reshape(-1)


def _forward_runs(
    channels: int, weight: Ints, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints
) -> Runs:
    out = conv_output_shape(spatial, kernel, stride, padding, dilation)
    upright = list(zip(out, kernel, dilation, stride))[:2]
    padded = (*[o + (k - 1) * d // s for o, k, d, s in upright], out[2])
    places = [[(i * d % s, i * d // s) for i in range(k)] for _, k, d, s in upright]
    (lo_d, _), (lo_h, _), (lo_w, _) = padding
    shifts = np.arange(kernel[2], dtype=np.int64) * dilation[2] - lo_w
    offsets = _offsets(channels, kernel[2], stride[:2], padded, places)
    numbers = lo_d, lo_h, *stride[:2], *padded, stride[2], 0, 0, 0, 1, 1, 1, *out, *weight
    copies = _copies(shifts, spatial[2], out[2], stride[2])
    return Runs(np.array(numbers), copies, offsets, np.arange(math.prod(kernel)))


def _backward_runs(
    outputs: int, weight: Ints, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints
) -> tuple[tuple[Runs, ...], bool]:
    """The input gradient as correlations of the output gradient, one for each remainder of a padded position by the
    stride.

    Position ``u = s·a + r`` was read by the taps with ``k·d ≡ r (mod s)``, for output ``a - (k·d - r)/s``.  Also:
    whether all positions get a value.
    """
    per_dimension = []
    complete = True
    width = conv_output_shape(spatial, kernel, stride, padding, dilation)[2]
    for n, k, s, (lo, _), d in zip(spatial, kernel, stride, padding, dilation):
        options = []
        for r in range(s):
            taps = [i for i in range(k) if i * d % s == r]
            begin = -(-(lo - r) // s)
            count = (n - 1 + lo - r) // s - begin + 1
            if count <= 0:
                continue
            if not taps:
                complete = False
                continue
            back = [(i * d - r) // s for i in taps]
            reach = max(back)
            options.append((taps, [reach - b for b in back], reach - begin, s * begin + r - lo, count, reach))
        per_dimension.append(options)
    runs = []
    for combination in itertools.product(*per_dimension):
        counts = tuple([o[4] for o in combination])
        padded = (*[o[4] + o[5] for o in combination[:2]], counts[2])
        places = [[(0, shift) for shift in o[1]] for o in combination[:2]]
        shifts = np.array(combination[2][1], np.int64) - combination[2][2]
        numbers = [(i * kernel[1] + j) * kernel[2] + k for i, j, k in itertools.product(*[o[0] for o in combination])]
        offsets = _offsets(outputs, len(shifts), (1, 1), padded, places)
        start = [o[3] for o in combination]
        layout = combination[0][2], combination[1][2], 1, 1, *padded, 1, *start, *stride, *counts, *weight
        runs.append(Runs(np.array(layout), _copies(shifts, width, counts[2], 1), offsets, np.array(numbers)))
    return tuple(runs), complete


def _frame(sizes: Ints, spatial: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> Frame:
    lo = [before for before, _ in padding]
    padded = [before + n + after for n, (before, after) in zip(spatial, padding)]
    of_channel = np.arange(sizes[2])[:, None] * math.prod(padded)
    depth, height, width = (np.arange(k) * d for k, d in zip(kernel, dilation))
    of_tap = (depth[:, None, None] * padded[1] + height[:, None]) * padded[2] + width
    offsets = (of_channel + of_tap.reshape(-1)).reshape(-1)
    fill = np.full(-len(offsets) % TAPS, offsets[-1])
    return Frame(np.array([*sizes, *lo, *padded, *spatial, *out, *stride]), np.concatenate([offsets, fill]))


class Layer:
    """The convolution of images of shape ``x`` (C, \\*spatial) with a weight of shape ``w`` (O, C / groups,
    \\*kernel)."""

    def __init__(self, x: Ints, w: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> None:
        self.channels, self.outputs, self.groups = x[0], w[0], groups
        self.out = conv_output_shape(x[1:], w[2:], stride, padding, dilation)
        #: another shape would have a kernel read beyond the arrays
        self.fits = x[0] == w[1] * groups and w[0] % groups == 0 and min(self.out, default=0) >= 1
        self.way = way(x, w, stride, padding, dilation, groups)
        #: how many images are worth another thread
        self.least = max(1, -(-_WORTH_A_THREAD // max(1, math.prod(w) * math.prod(self.out))))
        self.spatial, self._kernel = _three(x[1:], 1), _three(w[2:], 1)
        self._how = _three(stride, 1), _three(padding, (0, 0)), _three(dilation, 1)
        #: the weight's gradient for the kernels: groups, outputs of one, taps of all channels
        self.matrices = (groups, w[0] // groups, math.prod(w[1:]))
        #: which kernels compute the gradients of a direct convolution
        self.weights_by_outputs = outputs_fill_vectors(w[0] // groups)
        self.spreads = spreads(x[1:], self.out, stride, padding)

    @cached_property
    def forward(self) -> Runs:
        groups, outputs, size = self.matrices
        weight = groups, outputs, outputs * size, size, math.prod(self._kernel)
        shapes = self.channels, *self.spatial, *_three(self.out, 1)
        return _forward_runs(self.channels // groups, (*weight, *shapes), self.spatial, self._kernel, *self._how)

    @cached_property
    def backward(self) -> tuple[tuple[Runs, ...], bool]:
        groups, outputs, size = self.matrices
        weight = groups, self.channels // groups, outputs * size, math.prod(self._kernel), size
        shapes = self.outputs, *_three(self.out, 1), *self.spatial
        return _backward_runs(outputs, (*weight, *shapes), self.spatial, self._kernel, *self._how)

    @cached_property
    def frame(self) -> Frame:
        sizes = self.groups, self.outputs // self.groups, self.channels // self.groups, math.prod(self._kernel)
        return _frame(sizes, self.spatial, _three(self.out, 1), self._kernel, *self._how)


layer = functools.lru_cache(maxsize=512)(Layer)
