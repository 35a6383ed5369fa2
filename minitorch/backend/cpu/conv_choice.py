"""Which way a convolution is computed where Numba is installed, with what was measured for it: the only place that
decides.

Milliseconds on one core of a Zen 3 with AVX2, float32, 32 images; forward, input gradient, weight gradient (a second
core takes nearly half of it):

============================= ================== ================== ==================
channels, kernel, size        direct             Winograd           products of tiles
============================= ================== ================== ==================
3 -> 6, 5x5, 32x32            0.3   0.8   0.3    -                  1.2   1.1   1.6
6 -> 16, 5x5, 14x14           0.2   0.5   0.3    -                  0.5   0.8   0.6
16 -> 16, 3x3, 32x32          1.9   1.9   2.3    2.1   2.0   2.5    4.2   4.2   4.5
32 -> 32, 3x3, 16x16          1.8   1.8   2.1    1.3   1.3   1.5    3.1   3.1   3.2
64 -> 128, 3x3, 16x16         14    18    15     6.4   7.4   8.8    18    22    20
256 -> 256, 3x3, 8x8          29    30    76     14    15    14     37    38    40
16 -> 32, 3x3, stride 2       1.8   1.8   1.9    -                  2.0   3.6   2.1
32 -> 64, 3x3, stride 2       1.5   1.9   1.9    -                  1.6   2.3   1.6
64, depthwise 3x3, 16x16      0.6   0.7   0.9    -                  2.3   4.8   2.7
3 -> 64, 7x7, stride 2, 64x64 8.1   23    9.2    -                  11    20    11
============================= ================== ================== ==================

Kernels of one tap are products of the weight and each image: 64 -> 64 on 16x16 takes 0.9 in each direction, 1.0 the
direct way and in tiles.
"""

from __future__ import annotations

import math

from minitorch.backend.cpu.conv_grad_tiles import VECTORS
from minitorch.backend.cpu.conv_tiles import VECTOR_BYTES
from minitorch.backend.cpu.winograd_kernels import BLOCK
from minitorch.backend.primitives.conv_geometry import Ints, Pads

DIRECT, WINOGRAD, PRODUCTS, POINTWISE = "direct", "winograd", "products", "pointwise"


def way(x_shape: Ints, w_shape: Ints, stride: Ints, padding: Pads, dilation: Ints, groups: int) -> str:
    """One of the four for the convolution of images (C, \\*spatial) with ``w`` (O, C / groups, \\*kernel) and its
    gradients."""
    outputs, channels = w_shape[:2]
    if math.prod(w_shape[2:]) == 1:
        return POINTWISE if groups == 1 and not any(map(any, padding)) else PRODUCTS
    if max(stride) > 1:
        return PRODUCTS if outputs * channels >= 64 * 64 else DIRECT
    simple = len(x_shape) == 3 and w_shape[2:] == (3, 3) and dilation == (1, 1) and groups == 1
    if (
        simple
        and outputs % BLOCK == channels % BLOCK == 0
        and min(outputs, channels) >= 16
        and outputs * channels > 256
    ):
        return WINOGRAD
    return PRODUCTS if outputs * channels >= 64 * 64 else DIRECT


def outputs_fill_vectors(outputs: int) -> bool:
    """Whether a direct convolution's weight gradient has its outputs (of one group) in vectors rather than its
    positions: the sums stay in registers for a whole image then, but vectors may have idle places.

    On one core, 64 images: 6 -> 16, 5x5, 14x14 takes 0.41 ms in place of 0.57; 16 -> 32, 3x3, stride 2, 32x32 2.5 in
    place of 3.9; 16 -> 16, 3x3, 32x32 takes 4.6 either way.
    """
    width = VECTORS * VECTOR_BYTES // 4
    return 4 * outputs >= 3 * width * -(-outputs // width)


def spreads(spatial: Ints, out: Ints, stride: Ints, padding: Pads) -> bool:
    """Whether each tap of a direct convolution adds to the input's gradient, for all outputs at once.  Otherwise each
    of its pixels gathers all taps, of which those beyond the outputs are zeros.

    On one core, 64 images: 6 -> 16, 5x5, 14x14 takes 0.58 ms in place of 0.92; 3 -> 6, 5x5, 32x32 1.0 in place of 1.5.
    """
    if max(stride) > 1:
        return False
    run = 0  # positions in the padded image, from the first to the last
    for n, (before, after), count in zip(spatial, padding, out):
        run = run * (before + n + after) + count - 1
    return 10 * (run + 1) <= 9 * math.prod(spatial)
