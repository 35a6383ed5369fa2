"""Special functions: against the standard library's, known values and PyTorch's."""

import math

import numpy as np
import pytest

from minitorch.backend.primitives.special import digamma, erf, erfc, erfinv, lgamma, polygamma

GRID = np.concatenate([np.linspace(-9, 9, 2001), np.logspace(-300, 2, 300), -np.logspace(-300, 2, 300)])


def relative(actual, expected):
    return float(np.max(np.abs(actual - expected) / np.maximum(np.abs(expected), 1e-300)))


def spelt(function, x):
    return np.array([function(v) for v in x.tolist()])


def test_erf_and_erfc_in_float64():
    assert relative(erf(GRID), spelt(math.erf, GRID)) < 8e-16
    assert relative(erfc(GRID[GRID < 26]), spelt(math.erfc, GRID[GRID < 26])) < 2e-15


def test_erf_in_float32_and_float16():
    x = GRID.astype("float32")
    assert erf(x).dtype == np.float32
    normal = np.abs(x) > 1e-37
    assert relative(erf(x[normal]).astype("float64"), spelt(math.erf, x[normal])) < 5e-7
    assert np.abs(erf(x)).max() == 1
    half = np.linspace(-4, 4, 101).astype("float16")
    assert erf(half).dtype == np.float16
    np.testing.assert_allclose(erf(half), spelt(math.erf, half), rtol=1e-3)


def test_erf_takes_strided_empty_and_0d_arrays():
    x = np.linspace(-3, 3, 40000, dtype="float32")
    np.testing.assert_array_equal(erf(x[::2]), erf(x)[::2])
    for dtype in ("float32", "float64"):
        assert erf(np.zeros((0, 3), dtype)).shape == (0, 3)
        result = erf(np.array(0.5, dtype))
        assert isinstance(result, np.ndarray)
        assert result.dtype == dtype
        assert float(result) == pytest.approx(math.erf(0.5), rel=1e-6)


def test_erfinv_undoes_erf():
    y = np.concatenate([np.linspace(-0.999, 0.999, 1001), 1 - np.logspace(-15, -1, 50), np.logspace(-300, -1, 50)])
    x = erfinv(y)
    small = np.abs(y) <= 0.9
    assert relative(erf(x[small]), y[small]) < 1e-15
    # Near 1 the complement tells more; 1 - y is exact there.
    large = y > 0.9
    assert relative(erfc(x[large]), 1 - y[large]) < 1e-13
    single = y[(y < 0.999) & (np.abs(y) > 1e-30)].astype("float32")
    assert erfinv(single).dtype == np.float32
    assert relative(erfinv(single), erfinv(single.astype("float64"))) < 1e-7
    np.testing.assert_array_equal(erfinv(np.array([1.0, -1.0, 1.5, 0.0])), [np.inf, -np.inf, np.nan, 0.0])


def test_lgamma():
    x = np.concatenate([np.linspace(0.01, 30, 2001), np.logspace(-300, 300, 300), 1 + np.logspace(-15, -1, 40)])
    expected = spelt(math.lgamma, x)
    # The standard library loses digits near the zeros at 1 and 2.
    np.testing.assert_allclose(lgamma(x), expected, rtol=1e-15, atol=2e-15)
    negative = np.linspace(-20.3, -0.01, 999)
    np.testing.assert_allclose(lgamma(negative), spelt(math.lgamma, negative), rtol=1e-13, atol=1e-13)
    tiny = np.logspace(-15, -2, 30)  # near its zeros: Γ(1 + t) and Γ(2 + t), from the first terms of their series
    near_one = -np.euler_gamma * tiny + math.pi**2 / 12 * tiny**2 - 1.2020569031595942 / 3 * tiny**3
    assert relative(lgamma(1 + tiny[-8:]), near_one[-8:]) < 1e-4
    assert lgamma(np.array([1.0, 2.0])).tolist() == [0, 0]
    poles = np.array([0.0, -1.0, np.inf, -np.inf, np.nan, 1e308])
    np.testing.assert_array_equal(lgamma(poles), [np.inf] * 4 + [np.nan, np.inf])


def test_digamma():
    x = np.linspace(0.1, 25, 500)
    np.testing.assert_allclose(digamma(x + 1) - digamma(x), 1 / x, rtol=1e-12, atol=1e-14)
    known = np.array([-np.euler_gamma, 1 - np.euler_gamma, -np.euler_gamma - 2 * math.log(2)])
    np.testing.assert_allclose(digamma(np.array([1.0, 2.0, 0.5])), known, rtol=1e-15)
    negative = np.array([-0.3, -5.75, -19.2])
    np.testing.assert_allclose(digamma(1 - negative) - digamma(negative), np.pi / np.tan(np.pi * negative), rtol=1e-13)
    np.testing.assert_array_equal(digamma(np.array([0.0, -0.0, -3.0, np.inf])), [-np.inf, np.inf, np.nan, np.inf])


def test_polygamma_is_the_derivative():
    x = np.array([-7.3, -2.5, -0.2, 0.3, 1.0, 2.7, 14.0])
    step = 1e-6
    for n in range(4):
        slope = (polygamma(n, x + step) - polygamma(n, x - step)) / (2 * step)
        np.testing.assert_allclose(polygamma(n + 1, x), slope, rtol=1e-6)
    assert float(polygamma(1, np.array([1.0]))[0]) == pytest.approx(math.pi**2 / 6, rel=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_pytorch(dtype):
    torch = pytest.importorskip("torch")
    special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 0.3, -0.6, 5.5, -7.25, 30.0]
    x = np.array(special, dtype)
    rtol = 1e-5 if dtype == "float32" else 1e-13
    for function, theirs in [(erf, torch.erf), (erfc, torch.erfc), (erfinv, torch.erfinv), (digamma, torch.digamma)]:
        result = function(x)
        assert result.dtype == x.dtype
        np.testing.assert_allclose(result, theirs(torch.tensor(x)).numpy(), rtol=rtol, atol=rtol * 0.1)
    finite = x[~np.isinf(x)]
    np.testing.assert_allclose(lgamma(finite), torch.lgamma(torch.tensor(finite)).numpy(), rtol=rtol, atol=rtol)
    positive = np.array([0.1, 1.0, 3.5, 40.0], dtype)
    for n in range(4):
        theirs = torch.polygamma(n, torch.tensor(positive)).numpy()
        np.testing.assert_allclose(polygamma(n, positive), theirs, rtol=max(rtol, 1e-8))  # theirs has no more digits
