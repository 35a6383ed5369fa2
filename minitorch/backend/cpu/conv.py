"""Convolution with the compiled direct kernels: 1, 2 and 3 spatial dimensions as three, with leading ones of size 1."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from minitorch.backend.cpu import winograd
from minitorch.backend.cpu.conv_choice import PRODUCTS, WINOGRAD, way
from minitorch.backend.cpu.conv_kernels import correlate, correlate_weights
from minitorch.backend.cpu.threads import parts, share
from minitorch.backend.primitives import conv as primitive
from minitorch.backend.primitives.conv_geometry import Ints, Pads, conv_output_shape

# Multiplications and additions that are worth another thread: some 8 µs.
_WORTH_A_THREAD = 300_000


class _Runs(NamedTuple):
    """What :func:`.conv_kernels.correlate` needs beside arrays, and which of the kernel's taps take part."""

    lo: Ints  # padding in front, of depth and height
    split: Ints  # phases of depth and height
    padded: Ints  # depth and height of a phase, and the number of outputs in a row
    shifts: np.ndarray  # the pixel where each copy of a row begins
    stride: int  # along a row
    offsets: np.ndarray  # of the taps of all channels of a group
    taps: np.ndarray | None  # numbers of the taps, None for all
    start: Ints
    step: Ints
    size: Ints  # outputs in each dimension


def _three(values: Any, fill: Any) -> tuple[Any, ...]:
    return (fill,) * (3 - len(values)) + tuple(values)


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


@functools.lru_cache(maxsize=512)
def _forward_runs(channels: int, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> _Runs:
    out = conv_output_shape(spatial, kernel, stride, padding, dilation)
    upright = list(zip(out, kernel, dilation, stride))[:2]
    padded = (*[o + (k - 1) * d // s for o, k, d, s in upright], out[2])
    places = [[(i * d % s, i * d // s) for i in range(k)] for _, k, d, s in upright]
    (lo_d, _), (lo_h, _), (lo_w, _) = padding
    shifts = np.arange(kernel[2], dtype=np.int64) * dilation[2] - lo_w
    offsets = _offsets(channels, kernel[2], stride[:2], padded, places)
    return _Runs((lo_d, lo_h), stride[:2], padded, shifts, stride[2], offsets, None, (0, 0, 0), (1, 1, 1), out)


@functools.lru_cache(maxsize=512)
def _backward_runs(
    outputs: int, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints
) -> tuple[tuple[_Runs, ...], bool]:
    """The input gradient as correlations of the output gradient, one for each remainder of a padded position by the
    stride.

    Position ``u = s·a + r`` was read by the taps with ``k·d ≡ r (mod s)``, for output ``a - (k·d - r)/s``.  Also:
    whether all positions get a value.
    """
    per_dimension = []
    complete = True
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
        every = numbers == list(range(kernel[0] * kernel[1] * kernel[2]))
        runs.append(
            _Runs(
                tuple([o[2] for o in combination[:2]]),
                (1, 1),
                padded,
                shifts,
                1,
                _offsets(outputs, len(shifts), (1, 1), padded, places),
                None if every else np.array(numbers),
                tuple([o[3] for o in combination]),
                stride,
                counts,
            )
        )
    return tuple(runs), complete


def _kernel_array(array: np.ndarray, shape: Ints) -> np.ndarray:
    """As compiled kernels take arrays: contiguous and writeable, so that each is compiled for one kind only."""
    array = np.ascontiguousarray(array)
    return (array if array.flags.writeable else array.copy()).reshape(shape)


def _least_images(work_per_image: int) -> int:
    return max(1, -(-_WORTH_A_THREAD // max(1, work_per_image)))


def _accepts(*arrays: np.ndarray) -> bool:
    """float32 and float64, all of one dtype, with something in them."""
    dtype = arrays[0].dtype
    return (
        dtype in (np.float32, np.float64) and all(a.dtype == dtype and a.size for a in arrays) and arrays[0].ndim <= 5
    )


def conv_forward(
    x: np.ndarray, w: np.ndarray, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1, bias: Any = None
) -> Any:
    if not _accepts(x, w) or (bias is not None and (bias.dtype != x.dtype or bias.shape != w.shape[:1])):
        return NotImplemented
    if x.shape[1] != w.shape[1] * groups or len(w) % groups:
        return NotImplemented  # which says what does not fit; a kernel would read beyond the arrays
    chosen = way(x.shape, w.shape, tuple(stride), tuple(dilation), groups)
    if chosen is WINOGRAD:
        y = np.empty((len(x), len(w), *conv_output_shape(x.shape[2:], (3, 3), stride, padding, dilation)), x.dtype)
        return winograd.correlate(_kernel_array(x, x.shape), w, padding, bias, y)
    if chosen is PRODUCTS:
        y = np.empty((len(x), len(w), *conv_output_shape(x.shape[2:], w.shape[2:], stride, padding, dilation)), x.dtype)
        return _by_images(primitive.conv_forward, (x,), y, w.size, w, stride, padding, dilation, groups, bias)
    spatial, kernel = _three(x.shape[2:], 1), _three(w.shape[2:], 1)
    images, channels, outputs = x.shape[0], w.shape[1], w.shape[0]
    runs = _forward_runs(channels, spatial, kernel, _three(stride, 1), _three(padding, (0, 0)), _three(dilation, 1))
    if min(runs.size) < 1:
        return NotImplemented
    source = _kernel_array(x, (images, -1, *spatial))
    matrix = _kernel_array(w, (groups, outputs // groups, -1))
    start_values = np.zeros(outputs, x.dtype) if bias is None else _kernel_array(bias, (outputs,))
    y = np.empty((images, outputs, *runs.size), x.dtype)
    _run(source, runs, matrix, start_values, y)
    return y.reshape(images, outputs, *runs.size[3 - (x.ndim - 2) :])


def conv_input_grad(
    gy: np.ndarray,
    w: np.ndarray,
    input_spatial_shape: Ints,
    stride: Ints,
    padding: Pads,
    dilation: Ints,
    groups: int = 1,
) -> Any:
    if not _accepts(gy, w) or gy.shape[1] != len(w) or len(w) % groups:
        return NotImplemented
    chosen = way((len(gy), w.shape[1] * groups, *input_spatial_shape), w.shape, tuple(stride), tuple(dilation), groups)
    if chosen is WINOGRAD:
        flipped = w[:, :, ::-1, ::-1].swapaxes(0, 1)
        around = tuple([(2 - lo, 0) for lo, _ in padding])
        gx = np.empty((len(gy), w.shape[1], *input_spatial_shape), gy.dtype)
        return winograd.correlate(_kernel_array(gy, gy.shape), flipped, around, None, gx)
    if chosen is PRODUCTS:
        gx = np.empty((len(gy), w.shape[1] * groups, *input_spatial_shape), gy.dtype)
        arguments = (w, input_spatial_shape, stride, padding, dilation, groups)
        return _by_images(primitive.conv_input_grad, (gy,), gx, w.size, *arguments)
    spatial, kernel = _three(input_spatial_shape, 1), _three(w.shape[2:], 1)
    images, outputs, channels = gy.shape[0], w.shape[0] // groups, w.shape[1]
    all_runs, complete = _backward_runs(
        outputs, spatial, kernel, _three(stride, 1), _three(padding, (0, 0)), _three(dilation, 1)
    )
    gx = (np.empty if complete else np.zeros)((images, channels * groups, *spatial), gy.dtype)
    source = _kernel_array(gy, (images, -1, *_three(gy.shape[2:], 1)))
    weights = w.reshape(groups, outputs, channels, -1).swapaxes(1, 2)
    zeros = np.zeros(channels * groups, gy.dtype)
    for runs in all_runs:
        taps = weights if runs.taps is None else weights[..., runs.taps]
        _run(source, runs, _kernel_array(taps, (groups, channels, -1)), zeros, gx)
    return gx.reshape(images, channels * groups, *input_spatial_shape)


def conv_weight_grad(
    x: np.ndarray, gy: np.ndarray, kernel_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:
    if not _accepts(x, gy) or len(x) != len(gy) or x.shape[1] % groups or gy.shape[1] % groups:
        return NotImplemented
    w_shape = (gy.shape[1], x.shape[1] // groups, *kernel_shape)
    chosen = way(x.shape, w_shape, tuple(stride), tuple(dilation), groups)
    if chosen is WINOGRAD:
        return winograd.weight_grad(_kernel_array(x, x.shape), _kernel_array(gy, gy.shape), padding)
    if chosen is PRODUCTS:
        arguments = (kernel_shape, stride, padding, dilation, groups)
        return _by_images(primitive.conv_weight_grad, (x, gy), None, math.prod(w_shape), *arguments)
    spatial, kernel = _three(x.shape[2:], 1), _three(kernel_shape, 1)
    images, channels, outputs = x.shape[0], x.shape[1] // groups, gy.shape[1] // groups
    runs = _forward_runs(channels, spatial, kernel, _three(stride, 1), _three(padding, (0, 0)), _three(dilation, 1))
    source, gradient = _kernel_array(x, (images, -1, *spatial)), _kernel_array(gy, (images, -1, *runs.size))
    number = parts(images, _least_images(gradient[0].size * len(runs.offsets)))
    totals = np.empty((number, groups, outputs, len(runs.offsets)), x.dtype)
    lo, split, padded, shifts, along, offsets, *_ = runs
    correlate_weights(images, number, source, gradient, lo, split, padded, shifts, along, offsets, totals, runs.size)
    total = totals[0]
    for other in totals[1:]:
        total += other
    return total.reshape(outputs * groups, channels, *kernel_shape)


def _by_images(function: Any, sources: tuple, result: Any, taps: int, *arguments: Any) -> Any:
    """The portable version, with the images shared between threads: into ``result``, or summed if that is ``None``."""
    values: dict[int, np.ndarray] = {}

    def part(first: int, last: int) -> None:
        value = function.portable(*[s[first:last] for s in sources], *arguments)
        if result is None or last - first == len(sources[0]):
            values[first] = value
        else:
            result[first:last] = value

    share(part, len(sources[0]), _least_images(taps * math.prod(sources[-1].shape[2:])))
    if not values:
        return result
    total = values[0]
    for first in sorted(values)[1:]:
        total += values[first]
    return total


def _run(source: np.ndarray, runs: _Runs, matrix: np.ndarray, bias: np.ndarray, result: np.ndarray) -> None:
    *layout, _, start, step, count = runs
    work = matrix.size * count[0] * count[1] * count[2]
    number = parts(len(source), _least_images(work))
    correlate(len(source), number, source, *layout, matrix, bias, result, start, step, count)
