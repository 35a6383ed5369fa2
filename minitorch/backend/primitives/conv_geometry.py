"""Where each output of a convolution reads its input: shapes, and the layouts in which windows are laid out as columns.

Letters: N images, C input and O output channels, K taps of the kernel, P the padded spatial shape, S the output's.
"""

from __future__ import annotations

import functools
import itertools
import math

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def conv_output_shape(input_spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> Ints:
    """The spatial shape of a convolution's result: ``(size + pads - dilation·(kernel - 1) - 1) // stride + 1``.

    A size below 1 means that the kernel does not fit; callers refuse it at the public edge.
    """
    return tuple(
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(input_spatial, kernel, stride, padding, dilation)
    )


class Geometry:
    """One convolution's shapes, computed once: the same layer asks for them at every step.

    Two layouts of the columns (the positions at which every tap is read):

    * *flat*, for stride 1: positions run on over the row ends of the padded image, so that a tap is one contiguous run,
      shifted; the positions between ``S[-1]`` and ``P[-1]`` are junk that is dropped when copying out.
    * *windows*, for larger strides: exactly the output's positions, read with strides.
    """

    def __init__(self, spatial: Ints, kernel: Ints, stride: Ints, padding: Pads, dilation: Ints) -> None:
        self.spatial, self.kernel, self.stride, self.padding, self.dilation = spatial, kernel, stride, padding, dilation
        self.out = conv_output_shape(spatial, kernel, stride, padding, dilation)
        self.padded = tuple([n + lo + hi for n, (lo, hi) in zip(spatial, padding)])
        self.pads = any(lo or hi for lo, hi in padding)
        self.taps = math.prod(kernel)
        self.flat = all(s == 1 for s in stride)
        self.plane = math.prod(self.padded)
        # Elements from one index to the next along each spatial dimension of a padded plane.
        self.steps = tuple([math.prod(self.padded[i + 1 :]) for i in range(len(spatial))])
        self.tap_steps = tuple([d * s for d, s in zip(dilation, self.steps)])
        self.row = self.steps[0] * stride[0]  # from one output row (index along the first dimension) to the next
        self.row_positions = math.prod((self.padded if self.flat else self.out)[1:])
        self.out_steps = tuple([math.prod(self.out[i + 1 :]) for i in range(len(spatial))])
        self.window_steps = tuple([s * p for s, p in zip(stride, self.steps)])
        # Where the image lies in the padded plane, and what of it; negative padding crops.
        self.interior = tuple([slice(max(lo, 0), n + lo + min(hi, 0)) for n, (lo, hi) in zip(spatial, padding)])
        self.kept = tuple([slice(max(-lo, 0), n + min(hi, 0)) for n, (lo, hi) in zip(spatial, padding)])

    def positions(self, rows: int) -> int:
        """How many columns ``rows`` output rows take: in the flat layout the last row ends with its last output."""
        if not self.flat:
            return rows * self.row_positions
        return (rows - 1) * self.steps[0] + sum((n - 1) * s for n, s in zip(self.out[1:], self.steps[1:])) + 1

    def tap_slices(self, first: int, rows: int) -> list[tuple[slice, ...]]:
        """The slice of a padded plane that each tap reads for ``rows`` output rows from ``first`` on."""
        starts_and_counts = [(first * self.stride[0], rows), *((0, n) for n in self.out[1:])]
        return [
            tuple(
                slice(begin + i * d, begin + i * d + (count - 1) * s + 1, s)
                for i, d, s, (begin, count) in zip(tap, self.dilation, self.stride, starts_and_counts)
            )
            for tap in itertools.product(*map(range, self.kernel))
        ]


geometry = functools.lru_cache(maxsize=512)(Geometry)


def around(g: Geometry, last: tuple[int, int] | None = None) -> Geometry:
    """The correlation with the flipped kernel, for stride 1, that gives an input gradient: of the output gradient,
    padded by what the kernel reaches.

    ``last``: the padding of the last dimension, along which nothing is gathered then.
    """
    pads = [
        (d * (k - 1) - lo, n + lo - o) for n, k, d, (lo, _), o in zip(g.spatial, g.kernel, g.dilation, g.padding, g.out)
    ]
    if last is None:
        return geometry(g.out, g.kernel, g.stride, tuple(pads), g.dilation)
    return geometry(g.out, (*g.kernel[:-1], 1), g.stride, (*pads[:-1], last), g.dilation)


def tiles(images: int, rows: int, bytes_per_row: int, budget: int) -> tuple[int, int]:
    """How many images, or else how many rows of one image, fit in ``budget`` bytes: ``(images, rows)`` of a tile."""
    per_image = max(1, bytes_per_row * rows)
    if per_image <= budget:
        return min(images, budget // per_image), rows
    parts = -(-rows // max(1, budget // max(1, bytes_per_row)))
    return 1, -(-rows // parts)
