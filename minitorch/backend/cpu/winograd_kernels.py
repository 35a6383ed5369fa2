"""Winograd's convolution F(4x4, 3x3), compiled: transforms, and the products between them.

A tile is 4x4 outputs, which 6x6 inputs reach.  The tiles of a group of images lie side by side: first along a row of
tiles, then image by image, then row by row, so that every loop over them runs over contiguous memory.  A transformed
array is (36, channels · pitch and some), point by point: tile ``t`` of channel ``c`` stands at ``c · pitch + t``.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from minitorch.backend.cpu.compiling import routine, scratch, written_in, zeros
from minitorch.backend.cpu.conv_tiles import SUMS, VECTOR_BYTES, make_tile, vectors_per_tile
from minitorch.backend.cpu.parts import shared
from minitorch.backend.cpu.products_kernels import gemm
from minitorch.backend.cpu.winograd_tiles import (
    deal,
    gather_up,
    transform_gradients,
    transform_inputs,
    transform_products,
)

#: outputs, and vectors of tiles, that a product forms at once in registers
BLOCK = 8 if SUMS == 24 else 4
VECTORS = vectors_per_tile(BLOCK)
_tile = make_tile(BLOCK, VECTORS)


@routine
def _pad(images, channel, lo_h, lo_w, rows, width, planes):
    """One channel of all images, each as ``rows`` rows of ``width`` pixels, zeros around it."""
    count, _, height, columns = images.shape
    planes[:] = 0
    first, last = max(0, -lo_h), min(height, rows - lo_h)
    left, right = max(0, -lo_w), min(columns, width - lo_w)
    for number in range(count):
        for h in range(first, last):
            source = images[number, channel, h]
            begin = (number * rows + h + lo_h) * width + lo_w
            for w in range(left, right):
                planes[begin + w] = source[w]


@written_in
def _place(chunk, chunks, image, row):
    """Where chunk number ``chunk`` of a row of tiles begins: ``chunks`` of them an image."""
    return (chunk // chunks) * image + (chunk % chunks) * row


@routine
def _inputs_to_points(images, first, last, lo_h, lo_w, tile_rows, columns, result, pitch):
    """``Bᵀ d B`` of all tiles of the channels ``first`` to ``last`` of (N, C, H, W)."""
    count = images.shape[0]
    run = count * columns
    lanes = VECTOR_BYTES // images.itemsize
    wide = (run + lanes - 1) // lanes * lanes
    rows, width = 4 * tile_rows + 2, 4 * columns + 4
    chunks = 4 * columns // lanes
    end = count * chunks - 1
    planes = scratch(count * rows * width + lanes, images)
    # buffer[row, j, image · columns + t] is pixel (row, 4t + j); two of the eight phases are never used
    buffer = scratch(rows * 8 * wide, images)
    point = result.shape[1]
    flat = result.reshape(-1)
    for c in range(first, last):
        _pad(images, c, lo_h, lo_w, rows, width, planes)
        for t in range(0, run, lanes):
            k = 4 * t // lanes
            a = _place(k, chunks, rows * width, lanes)
            b = _place(min(k + 1, end), chunks, rows * width, lanes)
            d = _place(min(k + 2, end), chunks, rows * width, lanes)
            e = _place(min(k + 3, end), chunks, rows * width, lanes)
            for row in range(rows):
                to = row * 8 * wide + t
                deal(planes, a, b, d, e, buffer, to, wide)
                deal(planes, a + 4, b + 4, d + 4, e + 4, buffer, to + 4 * wide, wide)
                a, b, d, e = a + width, b + width, d + width, e + width
        for th in range(tile_rows):
            at, to = 4 * th * 8 * wide, c * pitch + th * run
            for t in range(0, run, lanes):
                transform_inputs(buffer, at + t, 8 * wide, wide, flat, to + t, 6 * point, point)


@routine
def _gradients_to_points(images, first, last, tile_rows, columns, result, pitch):
    """``A y Aᵀ`` of all 4x4 tiles of the channels ``first`` to ``last`` of (N, O, H, W), zeros beyond its edges."""
    count = images.shape[0]
    run = count * columns
    lanes = VECTOR_BYTES // images.itemsize
    wide = (run + lanes - 1) // lanes * lanes
    rows, width = 4 * tile_rows, 4 * columns
    chunks = 4 * columns // lanes
    end = count * chunks - 1
    planes = scratch(count * rows * width, images)
    buffer = scratch(rows * 4 * wide, images)
    point = result.shape[1]
    flat = result.reshape(-1)
    for c in range(first, last):
        _pad(images, c, 0, 0, rows, width, planes)
        for t in range(0, run, lanes):
            k = 4 * t // lanes
            a = _place(k, chunks, rows * width, lanes)
            b = _place(min(k + 1, end), chunks, rows * width, lanes)
            d = _place(min(k + 2, end), chunks, rows * width, lanes)
            e = _place(min(k + 3, end), chunks, rows * width, lanes)
            for row in range(rows):
                deal(planes, a, b, d, e, buffer, row * 4 * wide + t, wide)
                a, b, d, e = a + width, b + width, d + width, e + width
        for th in range(tile_rows):
            at, to = 4 * th * 4 * wide, c * pitch + th * run
            for t in range(0, run, lanes):
                transform_gradients(buffer, at + t, 4 * wide, wide, flat, to + t, 6 * point, point)


@routine
def _points_to_outputs(points, pitch, bias, tile_rows, columns, result):
    """``Aᵀ m A`` of all tiles, plus bias, into ``result`` (N, O, H, W), cut at its edges."""
    count, outputs, height, width = result.shape
    run = count * columns
    lanes = VECTOR_BYTES // result.itemsize
    wide = (run + lanes - 1) // lanes * lanes
    pixels = scratch(4 * 4 * wide, result)
    rows = scratch(4 * wide * 4, result)
    point = points.shape[1]
    flat = points.reshape(-1)
    for o in range(outputs):
        for th in range(tile_rows):
            at = o * pitch + th * run
            for t in range(0, run, lanes):
                transform_products(flat, at + t, 6 * point, point, pixels, t, 4 * wide, wide)
                for i in range(4):
                    to = i * 4 * wide + 4 * t
                    gather_up(
                        pixels, i * 4 * wide + t, wide, bias[o], rows, to, to + lanes, to + 2 * lanes, to + 3 * lanes
                    )
            for number in range(count):
                for i in range(min(4, height - 4 * th)):
                    target = result[number, o, 4 * th + i]
                    begin = (i * wide + number * columns) * 4
                    for w in range(width):
                        target[w] = rows[begin + w]


@routine
def _multiply(inputs, weights, channels, outputs, features, tiles, pitch):
    """``outputs[p, o] = Σ_c weights[p, o, c] · inputs[p, c]`` for the 36 points.

    ``weights`` (36, O · C): of each point, for each ``BLOCK`` of outputs, channel by channel.
    """
    step = VECTORS * (VECTOR_BYTES // inputs.itemsize)
    runs, no_bias = scratch(channels, np.int64), zeros(BLOCK, inputs)
    for c in range(channels):
        runs[c] = c * pitch
    flat_inputs, flat_outputs, flat_weights = inputs.reshape(-1), outputs.reshape(-1), weights.reshape(-1)
    for point in range(36):
        at = point * inputs.shape[1]
        for o in range(0, features, BLOCK):
            w = (point * features + o) * channels
            to = point * outputs.shape[1] + o * pitch
            for i in range(0, tiles, step):
                _tile(flat_inputs, at + i, runs, channels, flat_weights, w, no_bias, 0, flat_outputs, to + i, pitch)


@shared
def correlate(first, last, x, lo_h, lo_w, weights, bias, y, rows, columns, group, pitch, inputs, products, address):
    """Images ``first`` to ``last`` of ``y``, ``group`` at a time.

    ``inputs`` and ``products`` are transformed arrays, one for each part.  ``weights`` (36, O · C) lie as
    :func:`_multiply` has them, or as matrices (O, C) if there is the ``address`` of a product.
    """
    parts = inputs.shape[0]
    part = (first * parts + x.shape[0] - 1) // x.shape[0]
    channels, outputs = x.shape[1], y.shape[1]
    for image in range(first, last, group):
        end = min(image + group, last)
        tiles = (end - image) * rows * columns
        _inputs_to_points(x[image:end], 0, channels, lo_h, lo_w, rows, columns, inputs[part], pitch)
        if address:
            for point in range(36):
                gemm(
                    address, False, False, outputs, tiles, channels, weights, point * weights.shape[1], channels,
                    inputs[part, point], 0, pitch, 0.0, products[part, point], 0, pitch,
                )  # fmt: skip
        else:
            _multiply(inputs[part], weights, channels, products[part], outputs, tiles, pitch)
        _points_to_outputs(products[part], pitch, bias, rows, columns, y[image:end])


@shared
def points_of_both(first, last, x, lo_h, lo_w, gy, rows, columns, pitch, inputs, gradients):
    """Channels ``first`` to ``last``, those of ``x`` (N, C, H, W) and then those of ``gy`` (N, O, H', W'), transformed
    into ``inputs`` and ``gradients``."""
    channels = x.shape[1]
    if first < channels:
        _inputs_to_points(x, first, min(last, channels), lo_h, lo_w, rows, columns, inputs, pitch)
    if last > channels:
        _gradients_to_points(gy, max(first - channels, 0), last - channels, rows, columns, gradients, pitch)


@shared
def weight_gradients(first, last, inputs, gradients, tiles, pitch, beta, totals, address):
    """The points ``first`` to ``last`` of ``totals`` (36, O, C), times ``beta``, plus the products of ``gradients`` and
    ``inputs``."""
    _, outputs, channels = totals.shape
    for point in range(first, last):
        gemm(
            address, False, True, outputs, channels, tiles, gradients[point], 0, pitch, inputs[point], 0, pitch,
            beta, totals[point], 0, channels,
        )  # fmt: skip
