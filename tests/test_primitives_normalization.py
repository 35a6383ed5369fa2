"""Compiled normalisation against its portable version."""

import math

import numpy as np
import pytest

from minitorch.backend.primitives import normalization
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")


def batch(images, channels, positions):
    return normalization.layout_of((images, channels, positions), (0, 2), (1, channels, 1))


def instance(images, channels, positions):
    return normalization.layout_of((images, channels, positions), (2,), (1, channels, 1))


def group(images, groups, each, positions):
    return normalization.layout_of((images, groups, each, positions), (2, 3), (1, groups, each, 1))


def layer(rows, length):
    return normalization.layout_of((rows, length), (1,), (1, length))


def rms(rows, length):
    return normalization.layout_of((rows, length), (1,), (1, length), False)


LAYOUTS = {
    "batch": [batch(4, 3, 8), batch(1, 5, 49), batch(32, 16, 1024)],
    "instance": [instance(3, 4, 9), instance(8, 16, 1024)],
    "group": [group(2, 3, 4, 8), group(5, 2, 1, 50), group(8, 4, 4, 1024)],
    "layer": [layer(3, 8), layer(2, 333), layer(600, 300)],
    "rms": [rms(3, 8), rms(600, 300)],
}
CASES = [pytest.param(layout, id=f"{name}{layout.view}") for name, layouts in LAYOUTS.items() for layout in layouts]


def compare(ours, theirs, dtype, samples):
    if theirs is None:
        return
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    room = (2e-6 if dtype == "float32" else 4e-15) * math.sqrt(samples)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=room * max(1, abs(theirs).max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize("layout", CASES)
def test_forward_and_backward(layout, affine, dtype):
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((2, *layout.view)) * 3 + 2).astype(dtype)
    weight, bias = rng.standard_normal((2, *layout.affine)).astype(dtype) if affine else (None, None)
    bias = bias if layout.centred else None
    expected = normalization.standardize.portable(x, weight, bias, layout, 1e-5)
    for ours, theirs in zip(replacement(normalization.standardize)(x, weight, bias, layout, 1e-5), expected):
        assert (ours is None) == (theirs is None)
        compare(ours, theirs, dtype, 100)
    _, mean, _, invstd = expected
    for gradient in (g, np.broadcast_to(g[:1], g.shape)):
        expected = normalization.standardize_grad.portable(gradient, x, weight, mean, invstd, layout)
        results = replacement(normalization.standardize_grad)(gradient, x, weight, mean, invstd, layout)
        for ours, theirs in zip(results, expected):
            assert ours is not None or theirs is None
            compare(ours, theirs, dtype, x.size // math.prod(layout.affine) + layout.samples)
    if affine and layout.centred:
        compare(results[2], gradient.sum(axis=layout.affine_axes, keepdims=True), dtype, x.size)


@pytest.mark.parametrize("layout", [batch(2, 3, 9), instance(2, 3, 9), group(2, 3, 1, 9), layer(6, 9), rms(6, 9)])
def test_nan_stays_where_it_is(layout):
    x = np.ones(layout.view, np.float32)
    x.reshape(-1, 9)[1, 2] = np.nan
    out, *_ = replacement(normalization.standardize)(x, None, None, layout, 1e-5)
    expected = [1, 4] if layout.axes == (0, 2) else [1]
    assert np.flatnonzero(np.isnan(out.reshape(-1, 9)).all(1)).tolist() == expected
    assert np.isnan(out).sum() == 9 * len(expected)


def test_what_kernels_do_not_take():
    standardize = replacement(normalization.standardize)
    for layout, dtype in ((batch(4, 3, 9), "float16"), (batch(4, 3, 2), "float32"), (layer(0, 9), "float32")):
        assert standardize(np.ones(layout.view, dtype), None, None, layout, 1e-5) is NotImplemented
    x = np.ones((4, 3, 9))
    statistics = np.ones((1, 3, 1))
    other = replacement(normalization.standardize_grad)(x[:1], x, None, statistics, statistics, batch(4, 3, 9))
    assert other is NotImplemented


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize("size", [(4, 3, 8), (1, 5, 49), (32, 16, 1024)], ids=str)
def test_by_given_statistics(size, affine, dtype):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(size) * 3 + 5).astype(dtype)
    mean, var, weight, bias = rng.uniform(0.5, 2, (4, 1, size[1], 1)).astype(dtype)
    arguments = (x, mean, var, *((weight, bias) if affine else (None, None)), 1e-5)
    expected = normalization.standardize_by.portable(*arguments)
    for ours, theirs in zip(replacement(normalization.standardize_by)(*arguments), expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 if dtype == "float32" else 1e-12)
