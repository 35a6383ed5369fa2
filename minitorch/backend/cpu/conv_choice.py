"""Which way a convolution is computed where Numba is installed, with what was measured for it: the only place that
decides.

Milliseconds on one core of a Zen 3 with AVX2, float32, 32 images; forward, input gradient, weight gradient:

============================= ================== ================== ==================
channels, kernel, size        direct             Winograd           products of tiles
============================= ================== ================== ==================
3 -> 6, 5x5, 32x32            0.4   0.9   0.5    -                  1.1   1.1   1.6
16 -> 16, 3x3, 32x32          2.4   2.4   2.9    2.3   2.3   2.6    4.1   3.9   4.2
32 -> 32, 3x3, 16x16          2.3   2.3   2.9    1.3   1.3   1.6    2.9   3.0   3.1
64 -> 128, 3x3, 16x16         15    16    20     6.5   6.5   9.6    17    19    18
256 -> 256, 3x3, 8x8          33    34    69     14    14    15     36    37    38
16 -> 32, 3x3, stride 2       2.8   3.2   3.6    -                  1.9   3.4   1.9
16 -> 32, 1x1, stride 2       2.2   0.7   2.8    -                  0.3   0.5   0.3
============================= ================== ================== ==================
"""

from __future__ import annotations

import math

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
