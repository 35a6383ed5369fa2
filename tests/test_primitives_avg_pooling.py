"""Compiled average pooling against its portable version."""

import numpy as np
import pytest

from minitorch.backend.primitives import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    avg_pool_backward,
    avg_pool_forward,
)
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")

#: input, kernel, stride, padding
FIXED = {
    "2x2": ((3, 4, 8, 6), (2, 2), (2, 2), ((0, 0), (0, 0))),
    "overlapping": ((2, 40, 28, 27), (3, 3), (2, 1), ((1, 1), (1, 1))),
    "apart": ((2, 3, 9, 11), (2, 1), (4, 3), ((0, 0), (0, 0))),
    "whole-plane": ((5, 3, 7, 7), (7, 7), (7, 7), ((0, 0), (0, 0))),
    "one-sided": ((2, 3, 9), (4,), (3,), ((2, 0),)),
    "3d": ((2, 3, 6, 5, 7), (2, 3, 2), (2, 2, 2), ((1, 1), (1, 1), (0, 0))),
}
#: input, output
ADAPTIVE = [
    ((3, 4, 8, 6), (2, 3)),
    ((2, 40, 14, 13), (7, 5)),
    ((5, 3, 7, 7), (1, 1)),
    ((2, 3, 4), (9,)),
    ((2, 3, 6, 5, 7), (2, 3, 7)),
]


def make(shape, strided, dtype):
    values = np.random.default_rng(0).standard_normal(shape[::-1]).astype(dtype)
    return values.T if strided else values.reshape(shape)


def compare(ours, theirs, dtype):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])
@pytest.mark.parametrize("rest", [(), (True, False), (True, True), (False, False), (False, True, 3)], ids=str)
@pytest.mark.parametrize("window", FIXED)
def test_fixed_windows(window, rest, strided, dtype):
    shape, *how = FIXED[window]
    spatial = shape[len(shape) - len(how[0]) :]
    x = make(shape, strided, dtype)
    y = avg_pool_forward.portable(x, *how, *rest)
    compare(replacement(avg_pool_forward)(x, *how, *rest), y, dtype)
    gy = make(y.shape, strided, dtype)
    expected = avg_pool_backward.portable(gy, spatial, *how, *rest)
    compare(replacement(avg_pool_backward)(gy, spatial, *how, *rest), expected, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])
@pytest.mark.parametrize(("shape", "output"), ADAPTIVE, ids=str)
def test_adaptive_windows(shape, output, strided, dtype):
    x = make(shape, strided, dtype)
    y = adaptive_avg_pool_forward.portable(x, output)
    compare(replacement(adaptive_avg_pool_forward)(x, output), y, dtype)
    gy, spatial = make(y.shape, strided, dtype), shape[len(shape) - len(output) :]
    expected = adaptive_avg_pool_backward.portable(gy, spatial)
    compare(replacement(adaptive_avg_pool_backward)(gy, spatial), expected, dtype)


def test_what_loops_do_not_take():
    x = np.ones((2, 3, 4, 4), np.float32)
    how = FIXED["2x2"][1:]
    assert replacement(avg_pool_forward)(x.astype("float16"), *how) is NotImplemented
    assert replacement(avg_pool_forward)(x[:0], *how) is NotImplemented
    assert replacement(avg_pool_backward)(x, (4, 4), *how) is NotImplemented
    assert replacement(adaptive_avg_pool_forward)(x.astype("int32"), (2, 2)) is NotImplemented
