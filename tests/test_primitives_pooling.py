"""Pooling on arrays: against PyTorch, and each replacement against its portable version."""

import itertools

import numpy as np
import pytest

from minitorch.backend.primitives.adaptive_pooling import (
    adaptive_avg_pool_backward,
    adaptive_avg_pool_forward,
    adaptive_max_pool_forward,
)
from minitorch.backend.primitives.pooling import (
    avg_pool_backward,
    avg_pool_forward,
    max_pool_backward,
    max_pool_forward,
    max_pool_gather,
    max_pool_indices,
    pool_output_shape,
)

# shape, kernel, stride, padding (both sides), dilation, ceil_mode
CASES = {
    "lenet": ((4, 6, 28, 28), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "odd": ((2, 3, 9, 7), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "odd-ceil": ((2, 3, 9, 7), (2, 2), (2, 2), (0, 0), (1, 1), True),
    "overlap": ((2, 3, 9, 8), (3, 3), (2, 2), (1, 1), (1, 1), False),
    "overlap-ceil": ((2, 3, 10, 8), (3, 2), (2, 2), (1, 1), (1, 1), True),
    "gaps": ((2, 3, 11, 12), (2, 3), (4, 5), (0, 1), (1, 1), False),
    "dilation": ((2, 3, 11, 12), (3, 2), (1, 2), (1, 1), (2, 3), False),
    "ceil-drops-a-window": ((1, 2, 5, 5), (2, 2), (3, 3), (1, 1), (1, 1), True),
    "one-tap": ((2, 3, 5, 5), (1, 1), (2, 2), (0, 0), (1, 1), False),
    "everything": ((2, 3, 5, 4), (5, 4), (5, 4), (0, 0), (1, 1), False),
    "many-taps": ((1, 2, 40, 18), (20, 16), (10, 1), (0, 0), (1, 1), False),
    "many-tiles": ((20, 30, 24, 24), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "1d": ((2, 3, 17), (3,), (2,), (1,), (1,), False),
    "1d-ceil": ((2, 3, 18), (3,), (2,), (1,), (2,), True),
    "3d": ((2, 2, 5, 6, 7), (2, 3, 2), (2, 2, 1), (1, 1, 0), (1, 1, 1), False),
    "no-images": ((0, 3, 8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
}
TOLERANCE = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-13}


def setting(case, dtype="float32", ties=False):
    shape, kernel, stride, padding, dilation, ceil_mode = CASES[case]
    rng = np.random.default_rng(1)
    x = rng.integers(-2, 3, shape).astype(dtype) if ties else rng.standard_normal(shape).astype(dtype)
    return x, kernel, stride, padding, dilation, ceil_mode


def pairs(padding):
    return tuple((p, p) for p in padding)


def like(shape, dtype="float32", seed=2):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(actual, expected, dtype):
    assert actual.dtype == np.dtype(dtype)
    assert actual.flags.c_contiguous
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_max_pool_against_pytorch(case, ties, dtype):
    torch = pytest.importorskip("torch")
    x, kernel, stride, padding, dilation, ceil_mode = setting(case, dtype, ties)
    tx = torch.tensor(x, requires_grad=True)
    pool = getattr(torch.nn.functional, f"max_pool{len(kernel)}d")
    ty, t_indices = pool(tx, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    gy = like(ty.shape, dtype)
    ty.backward(torch.tensor(gy))
    window = (kernel, stride, pairs(padding), dilation)
    y, flat = max_pool_forward(x, *window, ceil_mode)
    same, codes = max_pool_forward(x, *window, ceil_mode, indices="compact")
    alone, nothing = max_pool_forward(x, *window, ceil_mode, indices=None)
    assert nothing is None
    assert flat.dtype == np.int64
    for values in (y, same, alone):
        assert values.dtype == x.dtype
        np.testing.assert_array_equal(values, ty.detach().numpy())
    np.testing.assert_array_equal(flat, t_indices.numpy())
    spatial = x.shape[2:]
    np.testing.assert_array_equal(max_pool_indices(codes, spatial, *window), flat)
    close(max_pool_backward(gy, flat, spatial), tx.grad.numpy(), dtype)
    close(max_pool_backward(gy, codes, spatial, *window), tx.grad.numpy(), dtype)
    ggx = like(x.shape, dtype)
    expected = torch.gather(torch.tensor(ggx).flatten(2), 2, t_indices.flatten(2)).reshape(ty.shape).numpy()
    np.testing.assert_array_equal(max_pool_gather(ggx, flat, spatial), expected)
    np.testing.assert_array_equal(max_pool_gather(ggx, codes, spatial, *window), expected)


def test_one_byte_tells_where_a_maximum_was():
    x, kernel, stride, padding, dilation, _ = setting("lenet")
    codes = max_pool_forward(x, kernel, stride, pairs(padding), dilation, False, "compact")[1]
    assert codes.dtype == np.uint8
    with pytest.raises(ValueError, match="kernel, stride, padding and dilation"):
        max_pool_backward(codes.astype("float32"), codes, (28, 28))


@pytest.mark.parametrize("dtype", ["float16", "int32", "uint8", "bool"])
def test_max_pool_of_other_dtypes(dtype):
    x = np.random.default_rng(0).integers(0, 100, (2, 3, 7, 6)).astype(dtype)
    y, flat = max_pool_forward(x, (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
    assert y.dtype == x.dtype
    expected, _ = max_pool_forward(x.astype("float64"), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1))
    np.testing.assert_array_equal(y, expected.astype(dtype))
    taken = np.take_along_axis(x.reshape(2, 3, -1), flat.reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(taken.reshape(y.shape), y)


def test_max_pool_float16_gradients_are_summed_in_float32():
    where = np.zeros((1, 1, 3000), np.int64)
    gx = max_pool_backward(np.ones((1, 1, 3000), "float16"), where, (2,))
    assert gx.dtype == np.float16
    assert gx.tolist() == [[[3000.0, 0.0]]]


@pytest.mark.parametrize("pad", [0, 1])
def test_max_pool_of_nan_and_infinities(pad):
    torch = pytest.importorskip("torch")
    x = np.full((1, 1, 6, 6), -np.inf, "float32")
    x[0, 0, 1, 2], x[0, 0, 2, 2], x[0, 0, 4, 4] = np.nan, np.nan, np.inf
    window = ((2, 2), (2, 2), ((pad, pad), (pad, pad)), (1, 1))
    y, flat = max_pool_forward(x, *window)
    ty, t_indices = torch.nn.functional.max_pool2d(torch.tensor(x), 2, 2, pad, return_indices=True)
    np.testing.assert_array_equal(y, ty.numpy())
    np.testing.assert_array_equal(flat, t_indices.numpy())


def test_an_infinite_gradient_stays_in_its_place():
    x, gy = np.arange(16, dtype="float32").reshape(1, 1, 4, 4), np.full((1, 1, 2, 2), np.inf, "float32")
    window = ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1))
    gx = max_pool_backward(gy, max_pool_forward(x, *window, indices="compact")[1], (4, 4), *window)
    np.testing.assert_array_equal(gx[0, 0], np.where(np.outer([0, 1, 0, 1], [0, 1, 0, 1]), np.inf, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("override", [None, 3])
@pytest.mark.parametrize("case", [name for name, row in CASES.items() if set(row[4]) == {1}])
def test_avg_pool_against_pytorch(case, override, include, dtype):
    torch = pytest.importorskip("torch")
    x, kernel, stride, padding, _, ceil_mode = setting(case, dtype)
    if len(kernel) == 1 and override:
        pytest.skip("PyTorch's avg_pool1d has no divisor_override")
    tx = torch.tensor(x, requires_grad=True)
    pool = getattr(torch.nn.functional, f"avg_pool{len(kernel)}d")
    ty = pool(tx, kernel, stride, padding, ceil_mode, include, *([override] if len(kernel) > 1 else []))
    gy = like(ty.shape, dtype)
    ty.backward(torch.tensor(gy))
    how = (kernel, stride, pairs(padding), ceil_mode, include, override)
    close(avg_pool_forward(x, *how), ty.detach().numpy(), dtype)
    close(avg_pool_backward(gy, x.shape[2:], *how), tx.grad.numpy(), dtype)


def test_avg_pool_with_other_padding_on_each_side():
    x = np.arange(4, dtype="float64").reshape(1, 1, 4)
    how = ((2,), (2,), ((1, 0),))
    np.testing.assert_array_equal(avg_pool_forward(x, *how)[0, 0], [0, 1.5])
    np.testing.assert_array_equal(avg_pool_forward(x, *how, False, False)[0, 0], [0, 1.5])
    gx = avg_pool_backward(np.ones((1, 1, 2)), (4,), *how, False, False)
    np.testing.assert_array_equal(gx[0, 0], [1, 0.5, 0.5, 0])


SIZES = [((8, 8), (4, 2)), ((7, 5), (3, 2)), ((5, 6), (1, 1)), ((3, 4), (5, 8)), ((4, 4), (4, 4)), ((10, 3), (4, 7))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spatial, size", [*SIZES, ((9,), (4,)), ((5, 6, 7), (2, 3, 4))])
def test_adaptive_pooling_against_pytorch(spatial, size, dtype):
    torch = pytest.importorskip("torch")
    x = like((2, 3, *spatial), dtype)
    dims = len(size)
    tx = torch.tensor(x, requires_grad=True)
    ty = getattr(torch.nn.functional, f"adaptive_avg_pool{dims}d")(tx, size)
    gy = like(ty.shape, dtype)
    ty.backward(torch.tensor(gy))
    close(adaptive_avg_pool_forward(x, size), ty.detach().numpy(), dtype)
    close(adaptive_avg_pool_backward(gy, spatial), tx.grad.numpy(), dtype)
    tx.grad = None
    ty, t_indices = getattr(torch.nn.functional, f"adaptive_max_pool{dims}d")(tx, size, return_indices=True)
    ty.backward(torch.tensor(gy))
    y, flat = adaptive_max_pool_forward(x, size)
    np.testing.assert_array_equal(y, ty.detach().numpy())
    np.testing.assert_array_equal(flat, t_indices.numpy())
    assert y.dtype == x.dtype
    assert flat.dtype == np.int64
    close(max_pool_backward(gy, flat, spatial), tx.grad.numpy(), dtype)


def test_adaptive_max_pool_of_nan_and_of_nothing():
    x = np.array([[[1, np.nan, 3, np.nan, 0, 2]]], "float32")
    y, flat = adaptive_max_pool_forward(x, (2,))
    np.testing.assert_array_equal(y, [[[np.nan, np.nan]]])
    assert flat.tolist() == [[[1, 3]]]
    y, flat = adaptive_max_pool_forward(np.zeros((0, 3, 4, 4), "float32"), (2, 2))
    assert y.shape == flat.shape == (0, 3, 2, 2)
    assert adaptive_avg_pool_forward(np.ones((2, 0, 4), "float16"), (2,)).shape == (2, 0, 2)


def test_output_shape_by_trial():
    """A window counts if it fits; with ceil_mode also if it starts inside the input or the padding before it."""
    for n, k, s, p, d in itertools.product((5, 6, 9), (2, 3), (1, 2, 3), (0, 1), (1, 2)):
        starts = np.arange(-p, 50, s)
        fits = int((starts + d * (k - 1) < n + p).sum())
        assert pool_output_shape((n,), (k,), (s,), ((p, p),), (d,), False) == (max(0, fits),)
        rounded = -(-(n + 2 * p - d * (k - 1) - 1) // s) + 1
        expected = min(rounded, int((starts < n).sum()))
        assert pool_output_shape((n,), (k,), (s,), ((p, p),), (d,), True) == (expected,)
