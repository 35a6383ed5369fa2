"""Adding rows at given places, against NumPy's slow unbuffered addition."""

import numpy as np
import pytest

from minitorch.backend.primitives.scatter import (
    _sums_per_place,
    add_rows_in_order,
    index_put_add,
    index_put_reduce,
    segment_add,
)
from tests.replacements import replacement, threads_of_kernels  # noqa: F401


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("rest", [(), (1,), (5,), (3, 4), (300,), (0,)])
@pytest.mark.parametrize("rows, size", [(0, 4), (1, 1), (50, 7), (40, 1000), (3000, 2)])
def test_segment_add(rows, size, rest, dtype):
    rng = np.random.default_rng(0)
    values = (rng.standard_normal((rows, *rest)) * 8).astype(dtype)
    index = rng.integers(0, size, rows)
    before = values.copy()
    expected = np.zeros((size, *rest), dtype)
    np.add.at(expected, index, values)
    result = segment_add(values, index, size)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3 if dtype == "float32" else 1e-10)
    np.testing.assert_array_equal(values, before)


def test_more_rows_than_one_chunk_and_small_index_dtypes():
    index = (np.arange(100_000) % 3).astype("uint8")
    np.testing.assert_array_equal(segment_add(np.ones(100_000, "float32"), index, 3), [33334, 33333, 33333])


def test_float16_is_summed_in_float32():
    result = segment_add(np.ones((3000, 2), "float16"), np.zeros(3000, "int64"), 2)
    assert result.dtype == np.float16
    assert result.tolist() == [[3000, 3000], [0, 0]]


def test_same_bits_at_every_call():
    rng = np.random.default_rng(0)
    values, index = rng.standard_normal((500, 300)).astype("float32"), rng.integers(0, 9, 500)
    np.testing.assert_array_equal(segment_add(values, index, 9), segment_add(values.copy(), index.copy(), 9))


@pytest.mark.parametrize("repeats", [1, 2, 3, 7, 64, 1000])
def test_sums_by_pairs(repeats):
    index = np.tile([5, 1, 3], repeats)
    places, sums = _sums_per_place(np, index, np.repeat([[1.0], [2.0]], [len(index) - 1, 1], axis=0))
    assert places.tolist() == [1, 3, 5]
    assert sums[:, 0].tolist() == [repeats, repeats + 1, repeats]


KEYS = {
    "one-array": np.array([1, 1, 4, -1]),
    "two-arrays": (np.array([1, 1, -2]), np.array([0, 0, 2])),
    "three-arrays": (np.array([1, 1]), np.array([0, 0]), np.array([3, 3])),
    "broadcast-arrays": (np.array([[1], [1]]), np.array([0, 2])),
    "small-ints": (np.array([1, 1], "int8"), np.array([-1, -1], "int8")),
    "array-after-slice": (slice(1, 3), np.array([0, 0, 1])),
    "array-int-array": (np.array([0, 0]), 1, np.array([2, 2])),
    "array-and-none": (np.array([0, 0]), None, slice(None, None, 2)),
    "ellipsis": (..., np.array([3, 3, 3])),
    "mask": np.arange(5 * 3 * 4).reshape(5, 3, 4) % 2 == 0,
    "mask-of-rows": np.array([True, False, True, True, False]),
    "mask-and-array": (np.array([True, False, True, True, False]), np.array([1, 1, 2])),
    "slices": (slice(1, 3), ..., 0),
    "empty": np.array([], "int64"),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("key", KEYS)
def test_index_put_add(key, contiguous, dtype):
    key = KEYS[key]
    array = np.arange(60).reshape(5, 3, 4).astype(dtype)
    array = array if contiguous else np.asfortranarray(array)
    values = (np.arange(array[key].size) % 5).reshape(array[key].shape).astype(dtype)
    expected = array.copy()
    np.add.at(expected, key, values)
    assert index_put_add(array, key, values) is array
    np.testing.assert_array_equal(array, expected)


def test_index_put_add_broadcasts_values():
    array = np.zeros((3, 2))
    index_put_add(array, (np.array([0, 0, 2]),), np.array([1.0, 10.0]))
    index_put_add(array, (np.array([1]),), 5.0)
    assert array.tolist() == [[2, 20], [5, 5], [1, 10]]


@pytest.mark.parametrize("name", ["multiply", "maximum", "minimum"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "int8", "uint8"])
@pytest.mark.parametrize("strided", [False, True])
def test_index_put_reduce_on_a_device(stand_in, name, dtype, strided):
    """CuPy has atomics for few types, so there the elements of a place are combined after sorting."""
    rng = np.random.default_rng(0)
    array, values = rng.integers(-2, 3, (5, 4)).astype(dtype), rng.integers(-2, 3, (30,)).astype(dtype)
    key = rng.integers(-5, 5, 30), rng.integers(0, 4, 30)
    on_device = stand_in.asarray(array.T).T if strided else stand_in.asarray(array)
    index_put_reduce(on_device, tuple(map(stand_in.asarray, key)), stand_in.asarray(values), name)
    np.testing.assert_array_equal(on_device.get(), index_put_reduce(array, key, values, name))


@pytest.mark.usefixtures("threads_of_kernels")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])
@pytest.mark.parametrize("size, rows, length", [(5, 40, 1), (7, 9, 3), (300, 2000, 130), (2, 1, 300)])
def test_compiled_addition_of_rows(size, rows, length, strided, dtype):
    rng = np.random.default_rng(0)
    total = rng.integers(-99, 99, (size, length)).astype(dtype)
    values, index = rng.integers(-99, 99, (length, rows)).astype(dtype).T, rng.integers(0, size, 2 * rows)[::2]
    if not strided:
        values, index = values.copy(), index.astype("int32")
    expected = total.copy()
    add_rows_in_order.portable(expected, index, values)
    assert replacement(add_rows_in_order)(total, index, values) is None
    np.testing.assert_array_equal(total, expected)


@pytest.mark.parametrize("row", [-1, 4])
def test_compiled_addition_leaves_rows_that_are_not_there_alone(row):
    pytest.importorskip("numba")
    total = np.zeros((4, 3))
    assert replacement(add_rows_in_order)(total, np.array([1, row]), np.ones((2, 3))) is NotImplemented
    assert not total.any()
