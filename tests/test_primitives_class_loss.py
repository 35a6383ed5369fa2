"""Compiled cross-entropy against its portable version."""

import numpy as np
import pytest

from minitorch.backend.primitives import class_loss
from minitorch.nn.functional.cross_entropy import _places
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (5, 10), (300, 10), (20, 1000), (2, 3, 5), (2, 21, 19, 33), (1, 4, 2, 3, 5), (3, 5, 1)], ids=str
)
def test_losses(shape, strided, dtype):
    rng = np.random.default_rng(0)
    scores = (rng.standard_normal(shape[::-1]) * 9).astype(dtype)
    scores = scores.T if strided else scores.reshape(shape)
    classes = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    classes = np.repeat(classes, 2, -1)[..., ::2] if strided else classes
    room = 1e-6 if dtype == "float32" else 4e-15
    at = _places(np, classes)
    made = []
    losses, *kept = class_loss.losses_forward.portable(scores, at, made)
    ours = replacement(class_loss.losses_forward)(scores, at, [])
    for a, b in zip(ours, (losses, *kept)):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=4 * room, atol=30 * room)
    for each in (rng.standard_normal(classes.shape).astype(dtype), np.array(0.25, dtype)):
        expected = class_loss.losses_backward.portable(scores, at, each, *kept, made)
        again = class_loss.losses_backward.portable(scores, at, each, *kept, [])
        np.testing.assert_allclose(again, expected, rtol=room, atol=room)
        result = replacement(class_loss.losses_backward)(scores, at, each, *kept, [])
        assert result.shape == expected.shape and result.dtype == expected.dtype
        np.testing.assert_allclose(result, expected, rtol=4 * room, atol=4 * room)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("inner", [(), (300,)], ids=str)
def test_special_numbers(inner, dtype):
    """NaN, and an infinite score that is not the target's, are the loss of their row only."""
    scores = np.zeros((6, 5, *inner), dtype)
    scores[0, 3], scores[1, 0], scores[2, 4], scores[3, :], scores[4, 2] = np.nan, np.inf, -np.inf, -np.inf, 1e4
    at = _places(np, np.ones((6, *inner), np.int64))
    with np.errstate(all="ignore"):
        expected = class_loss.losses_forward.portable(scores, at, [])
    ours = replacement(class_loss.losses_forward)(scores, at, [])
    np.testing.assert_allclose(ours[0], expected[0], rtol=1e-6)
    assert np.isnan(ours[0]).sum() == 3 * ours[0][0].size


def test_what_kernels_do_not_take():
    scores, at = np.ones((4, 6), np.float32), _places(np, np.zeros(4, np.int64))
    forward, backward = replacement(class_loss.losses_forward), replacement(class_loss.losses_backward)
    losses, *kept = forward(scores, at, [])
    assert forward(scores.astype("float16"), at, []) is NotImplemented
    assert forward(scores[:0], at, []) is NotImplemented
    assert forward(scores, (at[0], at[1].astype("int32")), []) is NotImplemented
    assert backward(scores, at, losses, *kept, [np.exp(scores)]) is NotImplemented
