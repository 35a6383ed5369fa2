"""Compiled softmax and its logarithm against their portable versions."""

import numpy as np
import pytest

from minitorch.backend.primitives import softmax
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")

NAMES = ["softmax", "log_softmax"]
#: shape and dimension
CASES = [
    ((1,), 0),
    ((7,), 0),
    ((5, 1), 1),
    ((64, 10), 1),
    ((64, 10), 0),
    ((40, 1000), 1),
    ((2, 3, 5, 4), 1),
    ((2, 21, 19, 33), 1),
    ((3, 4, 700), 0),
    ((6, 90, 90), -1),
]


def compare(ours, theirs, dtype, scale=1):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    room = 1e-6 if dtype == "float32" else 4e-15
    np.testing.assert_allclose(ours, theirs, rtol=4 * room, atol=room * scale)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])
@pytest.mark.parametrize(("shape", "axis"), CASES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_forward_and_backward(name, shape, axis, strided, dtype):
    axis %= len(shape)
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((2, *shape[::-1])) * 9).astype(dtype)
    x, g = (x.T, g.T) if strided else (x.reshape(shape), g.reshape(shape))
    forward, backward = getattr(softmax, f"{name}_forward"), getattr(softmax, f"{name}_backward")
    before, scale = (x.copy(), g.copy()), 30 if name == "softmax" else 9 * shape[axis]
    y = forward.portable(x, axis)
    compare(replacement(forward)(x, axis), y, dtype)
    compare(replacement(backward)(g, y, axis), backward.portable(g, y, axis), dtype, scale)
    repeated = np.broadcast_to(g[:1], shape)
    compare(replacement(backward)(repeated, y, axis), backward.portable(repeated, y, axis), dtype, scale)
    np.testing.assert_array_equal((x, g), before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_special_numbers(name, axis, dtype):
    """NaN and positive infinity fill their row, as do rows of nothing but minus infinity, and no others."""
    x = np.zeros((6, 40), dtype)
    x[0, 3], x[1, 0], x[2, 5], x[3, :] = np.nan, np.inf, -np.inf, -np.inf
    x[4, 7], x[5, 1] = -np.nan, 1e4
    x = x if axis == 1 else np.ascontiguousarray(x.T)
    forward = getattr(softmax, f"{name}_forward")
    with np.errstate(all="ignore"):
        expected = forward.portable(x, axis)
        ours = replacement(forward)(x, axis)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert np.isnan(ours).sum() == 4 * 40


def test_what_kernels_do_not_take():
    x = np.ones((4, 6), np.float32)
    assert replacement(softmax.softmax_forward)(x.astype("float16"), 1) is NotImplemented
    assert replacement(softmax.softmax_forward)(x[:0], 1) is NotImplemented
    assert replacement(softmax.softmax_backward)(x.astype("float64"), x, 1) is NotImplemented
    assert replacement(softmax.softmax_backward)(x[:1], x, 1) is NotImplemented
