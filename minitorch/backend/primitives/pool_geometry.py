"""Where pooling windows lie: output shapes, the slices that each tap reads, positions in the input's plane."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from minitorch.backend.primitives.conv_geometry import Ints, Pads


def pool_output_shape(
    input_spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, ceil_mode: bool
) -> Ints:
    """The spatial shape of a pooling result.

    ``ceil_mode`` also counts windows that reach beyond the padded input, if they start in the input or before it.
    """
    shape = []
    for n, k, s, (lo, hi), d in zip(input_spatial, kernel, stride, padding, dilation):
        room = n + lo + hi - d * (k - 1) - 1
        out = (room + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (out - 1) * s >= n + lo:
            out -= 1
        shape.append(out)
    return tuple(shape)


class Windows:
    """One pooling's shapes, computed once: the same layer asks for them at every step."""

    def __init__(self, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints, ceil: bool) -> None:
        self.spatial, self.kernel, self.stride, self.dilation = spatial, kernel, stride, dilation
        self.out = pool_output_shape(spatial, kernel, stride, padding, dilation, ceil)
        self.plane, self.outputs, self.taps = math.prod(spatial), math.prod(self.out), math.prod(kernel)
        self.before = tuple([lo for lo, _ in padding])
        # What the windows reach over; what lies beyond it is never read.
        self.reach = tuple([(o - 1) * s + d * (k - 1) + 1 for o, s, k, d in zip(self.out, stride, kernel, dilation)])
        self.pads = any(self.before) or any(r > n for r, n in zip(self.reach, spatial))
        kept = [min(n, r - lo) for n, r, lo in zip(spatial, self.reach, self.before)]
        self.inside = tuple([slice(lo, lo + n) for lo, n in zip(self.before, kept)])
        self.kept = tuple([slice(n) for n in kept])
        # Each tap's slice of the reach, in row-major order of the taps.
        along = [
            [slice(i * d, i * d + (o - 1) * s + 1, s) for i in range(k)]
            for k, o, s, d in zip(kernel, self.out, stride, dilation)
        ]
        self.along = along
        self.slices = list(itertools.product(*along))
        # Elements from one index to the next along each dimension of the input's plane.
        self.steps = tuple([math.prod(spatial[i + 1 :]) for i in range(len(spatial))])

    @functools.cached_property
    def origins(self) -> np.ndarray:
        """The flat index in the input's plane of each window's first tap (negative for one in the padding)."""
        total = np.zeros((), np.int64)
        for n, s, lo, step in zip(self.out, self.stride, self.before, self.steps):
            total = total[..., None] + (np.arange(n) * s - lo) * step
        return total.reshape(-1)

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """What each tap adds to a window's origin in flat indices."""
        total = np.zeros((), np.int64)
        for k, d, step in zip(self.kernel, self.dilation, self.steps):
            total = total[..., None] + np.arange(k) * (d * step)
        return total.reshape(-1)

    @functools.cached_property
    def first_taps(self) -> np.ndarray:
        """The number of each window's first tap that is not in the padding."""
        total = np.zeros((), np.int64)
        for n, k, s, lo, d in zip(self.out, self.kernel, self.stride, self.before, self.dilation):
            total = total[..., None] * k + -(np.minimum(np.arange(n) * s - lo, 0) // d)
        return total.reshape(self.out)


windows = functools.lru_cache(maxsize=512)(Windows)


@functools.lru_cache(maxsize=512)
def divisors(
    spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, ceil_mode: bool, count_include_pad: bool
) -> np.ndarray:
    """How many elements each window of an average counts: float64, of the output's shape, or 0-d if all agree.

    With ``count_include_pad`` the padding counts, but not what ``ceil_mode`` reaches beyond it.
    """
    out = pool_output_shape(spatial, kernel, stride, padding, (1,) * len(spatial), ceil_mode)
    total = np.ones(())
    for n, k, s, (lo, hi), o in zip(spatial, kernel, stride, padding, out):
        first = np.arange(o) * s - lo
        last = np.minimum(first + k, n + hi)
        if not count_include_pad:
            first, last = np.maximum(first, 0), np.minimum(last, n)
        total = total[..., None] * (last - first)
    return total.reshape(-1)[0] if total.size and (total == total.flat[0]).all() else total


@functools.lru_cache(maxsize=512)
def adaptive_windows(size: int, output: int) -> tuple[np.ndarray, np.ndarray]:
    """First index and length of each window: from ⌊i·size/output⌋ up to ⌈(i+1)·size/output⌉."""
    i = np.arange(output)
    first = i * size // output
    return first, -(-(i + 1) * size // output) - first
