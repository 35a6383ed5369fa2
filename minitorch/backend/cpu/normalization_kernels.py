"""The loops of :mod:`.normalization`, compiled: a channel after the other, so that its elements stay in the cache."""

# mypy: ignore-errors

from __future__ import annotations

import math

from minitorch.backend.cpu.parts import shared
from minitorch.backend.cpu.sums import dot_about, squares_about, sum_of, weighted_sums


@shared
def standardize(first, last, x, weight, bias, eps, out, mean, var, invstd):
    """Channels ``first`` to ``last`` of ``out`` (N, C, S) and of their statistics (C,)."""
    images, _, positions = x.shape
    kind = x.dtype.type
    samples = kind(images * positions)
    for c in range(first, last):
        total = kind(0)
        for n in range(images):
            total += sum_of(x[n, c])
        m = total / samples
        total = kind(0)
        for n in range(images):
            total += squares_about(x[n, c], m)
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
            total += sum_of(g[n, c])
            along += dot_about(g[n, c], x[n, c], m)
        by_weight[c], by_bias[c] = along * s, total
        scale, slope, level = s * w, -s * s * s * w * along / samples, -s * w * total / samples
        for n in range(images):
            gradient, source, target = g[n, c], x[n, c], out[n, c]
            for i in range(positions):
                target[i] = gradient[i] * scale + (source[i] - m) * slope + level


# ---- groups of channels, image by image


@shared
def standardize_groups(first, last, x, weight, bias, eps, out, mean, var, invstd):
    """Groups ``first`` to ``last`` of ``out`` (N·G, K, S) and their statistics (N·G,); weight and bias are (G, K)."""
    _, channels, positions = x.shape
    kind = x.dtype.type
    samples = kind(channels * positions)
    for r in range(first, last):
        total = kind(0)
        for k in range(channels):
            total += sum_of(x[r, k])
        m = total / samples
        total = kind(0)
        for k in range(channels):
            total += squares_about(x[r, k], m)
        v = total / samples
        s = kind(1) / math.sqrt(v + kind(eps))
        mean[r], var[r], invstd[r] = m, v, s
        group = r % len(weight)
        for k in range(channels):
            source, target = x[r, k], out[r, k]
            scale, shift = s * weight[group, k], bias[group, k]
            for i in range(positions):
                target[i] = (source[i] - m) * scale + shift


@shared
def standardize_groups_grad(first, last, g, x, weight, mean, invstd, out, by_weight, by_bias):
    """Groups ``first`` to ``last`` of the gradients by ``x`` (N·G, K, S) and of what the sums over N of ``by_weight``
    and ``by_bias`` (N·G, K) are."""
    _, channels, positions = x.shape
    samples = x.dtype.type(channels * positions)
    for r in range(first, last):
        m, s, group = mean[r], invstd[r], r % len(weight)
        total, along = x.dtype.type(0), x.dtype.type(0)
        for k in range(channels):
            level, slope = sum_of(g[r, k]), dot_about(g[r, k], x[r, k], m)
            by_weight[r, k], by_bias[r, k] = slope * s, level
            total += level * weight[group, k]
            along += slope * weight[group, k]
        slope, level = -s * s * s * along / samples, -s * total / samples
        for k in range(channels):
            gradient, source, target = g[r, k], x[r, k], out[r, k]
            scale = s * weight[group, k]
            for i in range(positions):
                target[i] = gradient[i] * scale + (source[i] - m) * slope + level


# ---- rows, whose elements have weights of their own


@shared
def standardize_rows(first, last, x, weight, bias, eps, centred, out, mean, var, invstd):
    """Rows ``first`` to ``last`` of ``out`` (M, D) and of their statistics (M,); weight and bias are (D,)."""
    kind = x.dtype.type
    samples = kind(x.shape[1])
    for r in range(first, last):
        source, target = x[r], out[r]
        m = sum_of(source) / samples if centred else kind(0)
        v = squares_about(source, m) / samples
        s = kind(1) / math.sqrt(v + kind(eps))
        mean[r], var[r], invstd[r] = m, v, s
        for i in range(source.size):
            target[i] = (source[i] - m) * s * weight[i] + bias[i]


@shared
def standardize_rows_grad(first, last, g, x, weight, mean, invstd, centred, out, by_weight, by_bias):
    """Rows ``first`` to ``last`` of the gradients by ``x`` (M, D), and what they add to those by weight and bias: the
    sums over the first axis of ``by_weight`` and ``by_bias``, (parts, D)."""
    kind = x.dtype.type
    samples = kind(x.shape[1])
    # The part that begins at ⌊M·part / parts⌋.
    part = (first * len(by_weight) + len(x) - 1) // len(x)
    slopes, levels = by_weight[part], by_bias[part]
    for r in range(first, last):
        gradient, source, target, m, s = g[r], x[r], out[r], mean[r], invstd[r]
        total, along = weighted_sums(gradient, weight, source, m)
        slope = -s * s * s * along / samples
        level = -s * total / samples if centred else kind(0)
        for i in range(source.size):
            moved = source[i] - m
            target[i] = gradient[i] * weight[i] * s + moved * slope + level
            slopes[i] += gradient[i] * (moved * s)
            levels[i] += gradient[i]


@shared
def scale_channels(first, last, x, scale, shift, out):
    """Images ``first`` to ``last`` of ``x`` (N, C, S), each channel times its scale plus its shift."""
    for n in range(first, last):
        for c in range(scale.size):
            source, target, a, b = x[n, c], out[n, c], scale[c], shift[c]
            for i in range(source.size):
                target[i] = source[i] * a + b
