"""The loops of :mod:`.normalization`, compiled: a channel after the other, so that its elements stay in the cache."""

# mypy: ignore-errors

from __future__ import annotations

import functools
import math

from minitorch.backend.cpu.compiling import kernel
from minitorch.backend.cpu.parts import shared


@functools.partial(kernel, reorder=True)
def _sum(run):
    total = run.dtype.type(0)
    for i in range(run.size):
        total += run[i]
    return total


@functools.partial(kernel, reorder=True)
def _squares(run, mean):
    total = run.dtype.type(0)
    for i in range(run.size):
        total += (run[i] - mean) * (run[i] - mean)
    return total


@functools.partial(kernel, reorder=True)
def _product(run, other, mean):
    total = run.dtype.type(0)
    for i in range(run.size):
        total += run[i] * (other[i] - mean)
    return total


@shared
def standardize(first, last, x, weight, bias, eps, out, mean, var, invstd):
    """Channels ``first`` to ``last`` of ``out`` (N, C, S) and of their statistics (C,)."""
    images, _, positions = x.shape
    kind = x.dtype.type
    samples = kind(images * positions)
    for c in range(first, last):
        total = kind(0)
        for n in range(images):
            total += _sum(x[n, c])
        m = total / samples
        total = kind(0)
        for n in range(images):
            total += _squares(x[n, c], m)
        v = total / samples
        s = kind(1) / math.sqrt(v + kind(eps))
        mean[c], var[c], invstd[c] = m, v, s
        scale, shift = s * weight[c], bias[c]
        for n in range(images):
            source, target = x[n, c], out[n, c]
            for i in range(positions):
                target[i] = (source[i] - m) * scale + shift


@shared
def standardize_grad(first, last, g, x, weight, mean, invstd, out, by_weight, by_bias):
    """Channels ``first`` to ``last`` of the gradients by ``x`` (N, C, S), by weight and by bias (C,)."""
    images, _, positions = x.shape
    samples = x.dtype.type(images * positions)
    for c in range(first, last):
        m, s, w = mean[c], invstd[c], weight[c]
        total, along = x.dtype.type(0), x.dtype.type(0)
        for n in range(images):
            total += _sum(g[n, c])
            along += _product(g[n, c], x[n, c], m)
        by_weight[c], by_bias[c] = along * s, total
        scale, slope, level = s * w, -s * s * s * w * along / samples, -s * w * total / samples
        for n in range(images):
            gradient, source, target = g[n, c], x[n, c], out[n, c]
            for i in range(positions):
                target[i] = gradient[i] * scale + (source[i] - m) * slope + level
