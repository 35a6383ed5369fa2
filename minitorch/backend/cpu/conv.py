"""Convolution with compiled kernels: each layer in the way that :mod:`.conv_choice` has for it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu import conv_pointwise, winograd
from minitorch.backend.cpu.arrays import in_memory, real, summed
from minitorch.backend.cpu.conv_choice import POINTWISE, PRODUCTS, WINOGRAD
from minitorch.backend.cpu.conv_grad_kernels import spread_outputs, weights_by_outputs
from minitorch.backend.cpu.conv_kernels import correlate, correlate_weights, sum_places
from minitorch.backend.cpu.conv_runs import Layer, Runs, layer
from minitorch.backend.cpu.threads import parts, share
from minitorch.backend.primitives import conv as primitive
from minitorch.backend.primitives.conv_geometry import Ints, Pads

# Elements to be summed that are worth another thread, and places of an output below which there is no loop for them.
_LEAST, _SHORTEST = 1 << 15, 8


def _accepts(first: np.ndarray, other: np.ndarray) -> bool:
    """float32 and float64, both of one dtype, with something in them."""
    dtype = first.dtype
    return real(dtype) and other.dtype == dtype and first.size > 0 and other.size > 0 and first.ndim <= 5


def conv_forward(
    x: np.ndarray, w: np.ndarray, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1, bias: Any = None
) -> Any:
    if not _accepts(x, w) or (bias is not None and (bias.dtype != x.dtype or bias.shape != w.shape[:1])):
        return NotImplemented
    shapes = layer(x.shape[1:], w.shape, tuple(stride), tuple(padding), tuple(dilation), groups)
    if not shapes.fits:
        return NotImplemented  # which says what does not fit
    if shapes.way is POINTWISE:
        result = conv_pointwise.forward(x, w, stride, bias, shapes)
        if result is not NotImplemented:
            return result
    y = np.empty((len(x), shapes.outputs, *shapes.out), x.dtype)
    if shapes.way is WINOGRAD:
        return winograd.correlate(in_memory(x), w, padding, bias, y)
    if shapes.way is PRODUCTS:
        arguments = (w, stride, padding, dilation, groups, bias)
        return _by_images(primitive.conv_forward, (x,), y, shapes, *arguments)
    start = np.zeros(shapes.outputs, x.dtype) if bias is None else in_memory(bias)
    _correlate(in_memory(x), shapes, shapes.forward, w, start, y)
    return y


def conv_input_grad(
    gy: np.ndarray,
    w: np.ndarray,
    input_spatial_shape: Ints,
    stride: Ints,
    padding: Pads,
    dilation: Ints,
    groups: int = 1,
) -> Any:
    if not _accepts(gy, w):
        return NotImplemented
    x_shape = (w.shape[1] * groups, *input_spatial_shape)
    shapes = layer(x_shape, w.shape, tuple(stride), tuple(padding), tuple(dilation), groups)
    if not shapes.fits or gy.shape[1:] != (shapes.outputs, *shapes.out):
        return NotImplemented
    if shapes.way is POINTWISE:
        result = conv_pointwise.input_grad(gy, w, tuple(input_spatial_shape), stride, shapes)
        if result is not NotImplemented:
            return result
    if shapes.way is WINOGRAD:
        flipped = w[:, :, ::-1, ::-1].swapaxes(0, 1)
        around = tuple([(2 - lo, 0) for lo, _ in padding])
        return winograd.correlate(in_memory(gy), flipped, around, None, np.empty((len(gy), *x_shape), gy.dtype))
    if shapes.way is PRODUCTS:
        gx = np.empty((len(gy), *x_shape), gy.dtype)
        arguments = (w, input_spatial_shape, stride, padding, dilation, groups)
        return _by_images(primitive.conv_input_grad, (gy,), gx, shapes, *arguments)
    if shapes.spreads:
        gx = np.empty((len(gy), *x_shape), gy.dtype)
        images = len(gy), parts(len(gy), shapes.least)
        spread_outputs(*images, in_memory(gy).ravel(), in_memory(w).ravel(), *shapes.frame, gx.ravel())
        return gx
    all_runs, complete = shapes.backward
    gx = (np.empty if complete else np.zeros)((len(gy), *x_shape), gy.dtype)
    source, zeros = in_memory(gy), np.zeros(shapes.channels, gy.dtype)
    for runs in all_runs:
        _correlate(source, shapes, runs, w, zeros, gx)
    return gx


def conv_weight_grad(
    x: np.ndarray, gy: np.ndarray, kernel_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int = 1
) -> Any:
    if not _accepts(x, gy) or len(x) != len(gy) or x.shape[1] % groups:
        return NotImplemented
    w_shape = (gy.shape[1], x.shape[1] // groups, *kernel_shape)
    shapes = layer(x.shape[1:], w_shape, tuple(stride), tuple(padding), tuple(dilation), groups)
    if not shapes.fits or gy.shape[2:] != shapes.out:
        return NotImplemented
    result: Any = NotImplemented
    if shapes.way is POINTWISE:
        result = conv_pointwise.weight_grad(x, gy, stride, shapes)
    elif shapes.way is WINOGRAD:
        result = winograd.weight_grad(in_memory(x), in_memory(gy), padding)
    if result is not NotImplemented:
        return result
    if shapes.way is PRODUCTS:
        arguments = (kernel_shape, stride, padding, dilation, groups)
        return _by_images(primitive.conv_weight_grad, (x, gy), None, shapes, *arguments)
    number = parts(len(x), shapes.least)
    totals = np.empty((number, *shapes.matrices), x.dtype)
    images = len(x), number, in_memory(x).ravel(), in_memory(gy).ravel(), len(x)
    if shapes.weights_by_outputs:
        weights_by_outputs(*images, *shapes.frame, totals)
    else:
        correlate_weights(*images, *shapes.forward[:3], totals)
    return summed(totals).reshape(w_shape)


def conv_bias_grad(gy: np.ndarray) -> Any:
    dtype, (images, outputs, *out) = gy.dtype, gy.shape
    size = math.prod(out)
    if not real(dtype) or not gy.size or size < _SHORTEST:
        return NotImplemented  # NumPy's sums over the images are as fast as a loop over short runs
    total = np.empty(outputs, dtype)
    sum_places(outputs, parts(outputs, _LEAST // (images * size)), in_memory(gy).reshape(-1), images, size, total)
    return total


def _correlate(
    source: np.ndarray, shapes: Layer, runs: Runs, weights: np.ndarray, bias: np.ndarray, result: np.ndarray
) -> None:
    images = len(source)
    flat = in_memory(weights).ravel(), bias, result.ravel()
    correlate(images, parts(images, shapes.least), source.ravel(), *runs, *flat)


def _by_images(function: Any, sources: tuple, result: Any, shapes: Layer, *arguments: Any) -> Any:
    """The portable version, with the images shared between threads: into ``result``, or summed if that is ``None``."""
    values: dict[int, np.ndarray] = {}

    def part(first: int, last: int) -> None:
        value = function.portable(*[s[first:last] for s in sources], *arguments)
        if result is None or last - first == len(sources[0]):
            values[first] = value
        else:
            result[first:last] = value

    # Python's threads take their time to begin: not for less than some 50 µs.
    share(part, len(sources[0]), max(1, 7 * shapes.least))
    return summed([values[first] for first in sorted(values)]) if values else result
