"""Sums and maxima over whole dimensions against NumPy's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from minitorch.backend.primitives.row_reductions import row_extremes, sums

SHAPES = [(40, 30), (7, 11, 16), (4, 8, 6, 8), (1, 2000), (2000, 1), (3, 1, 700)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_any_axes(shape, dtype):
    array = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    choices = [c for r in range(len(shape) + 1) for c in itertools.permutations(range(len(shape)), r)]
    for axes in (None, *choices):
        for keepdims in (False, True):
            found = sums(array, axes, keepdims)
            expected = array.astype(np.float64).sum(axis=axes, keepdims=keepdims)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, expected, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-4)


@pytest.mark.parametrize("view", [lambda x: x[:, ::2], lambda x: x.T, lambda x: x[::-1], lambda x: x[:3]])
def test_sums_of_views(view):
    array = view(np.random.default_rng(0).standard_normal((64, 64)))
    for axis in (0, 1):
        np.testing.assert_allclose(sums(array, (axis,), False), array.sum(axis=axis), rtol=1e-12)


def test_sums_of_infinities_and_nan():
    array = np.zeros((64, 64))
    array[0, 0], array[1, 1], array[2, :2] = np.inf, np.nan, (np.inf, -np.inf)
    for axis in (0, 1):
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(sums(array, (axis,), False), array.sum(axis=axis))


def test_sums_of_nothing():
    assert sums(np.zeros((0, 2000)), (0,), False).tolist() == [0.0] * 2000
    assert sums(np.zeros((2000, 0)), (1,), True).shape == (2000, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.bool_])
@pytest.mark.parametrize("shape", [(200, 10), (20, 30, 3), (2000, 1), (5, 500), (3, 4)])
def test_row_extremes(shape, dtype):
    array = (np.random.default_rng(0).standard_normal(shape) * 9).astype(dtype)
    for axis in range(len(shape)):
        for keepdims in (False, True):
            for largest, name in ((True, "max"), (False, "min")):
                found = row_extremes(array, axis, largest, keepdims)
                np.testing.assert_array_equal(found, getattr(array, name)(axis=axis, keepdims=keepdims))
                assert found.dtype == dtype


def test_row_extremes_of_nan():
    array = np.zeros((200, 10))
    array[3, 4] = np.nan
    assert np.isnan(row_extremes(array, 1, True)).nonzero()[0].tolist() == [3]
    assert np.isnan(row_extremes(array, 1, False)).nonzero()[0].tolist() == [3]
