"""Winograd's transforms, whose channels are shared between threads: each keeps to its own part of the scratch space."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from minitorch.backend import cpu

if not cpu.enabled():
    pytest.skip("compiled replacements are switched off", allow_module_level=True)

from minitorch.backend.cpu import winograd, winograd_kernels

SIDES = [(3, 5), (8, 8), (9, 21), (16, 12), (17, 17), (24, 4)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("side", SIDES, ids=str)
@pytest.mark.parametrize("images", [1, 2, 3, 5, 12])
def test_a_channel_is_transformed_into_its_place_alone(images, side, dtype):
    """What is written behind it would be the beginning of the next one, which another thread may have done already."""
    dtype = np.dtype(dtype)
    layout = winograd._layout(images, *side, dtype.itemsize, 1, 192)
    x, gy = np.ones((2, images, 2, *side), dtype)
    for number in range(1, layout.group + 1):
        inputs, gradients = np.full((2, 36, 2 * layout.pitch + 64), np.nan, dtype)
        arguments = 1, 1, gy[:number], layout.rows, layout.columns, layout.pitch, inputs, gradients
        winograd_kernels.points_of_both(1, 1, x[:number], *arguments)
        assert np.isnan(gradients).all()
        winograd_kernels.points_of_both(2, 1, np.ascontiguousarray(x[:number, :1]), *arguments)
        for points in (inputs, gradients):
            assert not np.isnan(points[:, : number * layout.rows * layout.columns]).any()
            assert np.isnan(points[:, layout.pitch :]).all()
