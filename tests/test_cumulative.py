"""Running sums, products and extrema, differences, integrals: against PyTorch and against differences."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.backend.primitives import scan
from minitorch.ops import cumulative
from tests.rows import check, check_numerically, check_refused, floats, public_functions

X = floats(2, 3, 4)
M = floats(3, 4)
V = floats(5)
S = np.array(1.5)
INTS = np.array([[3, 1, 3, 2], [0, 5, 5, -1]])
SMALL_INTS = np.arange(6, dtype=np.int16).reshape(2, 3)
BYTES = np.array([[0, 200, 100], [7, 1, 255]], np.uint8)
BOOLS = np.array([[True, False, True], [True, True, True]])
EMPTY = np.zeros((0, 3))
ZEROS = np.array([[1.5, 0.0, 3.0, 2.0], [0.0, 0.25, -2.0, 0.0], [1.0, 2.0, -3.0, 0.5]])
TIES = np.array([[1.0, 3.0, 3.0, 2.0, 5.0], [2.0, 2.0, 1.0, 1.0, 2.0]])
HOLES = np.array([1.0, 3.0, 3.0, np.nan, 5.0, np.nan])
POINTS = np.array([0.0, 1.0, 3.0, 3.5])
inf = float("inf")

ROWS = {
    "cumsum": (lambda t, x: (x.cumsum(0), x.cumsum(1), t.cumsum(x, dim=-1), t.cumsum(x, axis=1)), X),
    "cumsum of integers": (
        lambda t, i, b, f: (i.cumsum(0), b.cumsum(1), f.cumsum(0), i.cumsum(0, dtype=t.float32)),
        SMALL_INTS, BYTES, BOOLS,
    ),
    "cumsum as dtype": (lambda t, x, i: (x.cumsum(0, dtype=t.float32), i.cumsum(0, dtype=t.int32)), M, INTS),
    "cumsum strided": (lambda t, x: (x[:, ::2].cumsum(1), x.t().cumsum(0), x[:1].expand(3, 4).cumsum(0)), M),
    "cumsum 0-d": (lambda t, x: x.cumsum(0), S),
    "cumsum of nothing": (lambda t, x: (x.cumsum(0), x.cumsum(1)), EMPTY),
    "cumprod": (lambda t, x: (x.cumprod(0), x.cumprod(1), t.cumprod(x, dim=-1)), X),
    "cumprod of zeros": (lambda t, x: (x.cumprod(0), x.cumprod(1), x[0].cumprod(0)), ZEROS),
    "cumprod of integers": (
        lambda t, i, f: (i.cumprod(0), f.cumprod(1), i.cumprod(0, dtype=t.float32)),
        SMALL_INTS, BOOLS,
    ),
    "cumprod 0-d": (lambda t, x: x.cumprod(0), S),
    "cumprod of one": (lambda t, x: x[:1].cumprod(0), V),
    "cumprod of nothing": (lambda t, x: (x.cumprod(0), x.cumprod(1)), EMPTY),
    "cummax": (lambda t, x: (x.cummax(0), x.cummax(1), t.cummax(x, dim=-1)), X),
    "cummax ties": (lambda t, x, i: (x.cummax(1), x.cummin(1), i.cummax(1), i.cummin(0)), TIES, INTS),
    "cummax of NaN": (lambda t, x: (x.detach().cummax(0), x.detach().cummin(0)), HOLES),
    "cummax of bools": (lambda t, x: (x.cummax(1), x.cummin(1)), BOOLS),
    "cummax 0-d": (lambda t, x: (x.cummax(0), x.cummin(-1)), S),
    "cummax of nothing": (lambda t, x: (x.cummax(0), x.cummin(1)), EMPTY),
    "cummin": (lambda t, x: (x.cummin(0), x.cummin(1).values, t.cummin(x, dim=-1).indices), X),
    "logcumsumexp": (lambda t, x: (x.logcumsumexp(0), t.logcumsumexp(x, 1), (x * 300).logcumsumexp(-1)), X),
    "logcumsumexp infinite": (
        lambda t, x: (x - t.tensor([inf, 0, 0, 0, 0], dtype=t.float64)).detach().logcumsumexp(0),
        V,
    ),
    "logcumsumexp 0-d": (lambda t, x: x.logcumsumexp(0), S),
    "logcumsumexp of nothing": (lambda t, x: (x.logcumsumexp(0), x.logcumsumexp(1)), EMPTY),
    "diff": (lambda t, x: (x.diff(), x.diff(2), t.diff(x, dim=0), x.diff(1, 1)), X),
    "diff joined": (
        lambda t, x, y: (t.diff(x, prepend=y), x.diff(append=y), x.diff(2, prepend=y, append=x)),
        M, floats(3, 1),
    ),
    "diff often": (lambda t, x: (x.diff(9), x.diff(0)), M),
    "diff of integers": (lambda t, i, b, f: (i.diff(), b.diff(), f.diff(dim=0)), INTS, BYTES, BOOLS),
    "trapezoid": (
        lambda t, x: (t.trapezoid(x), t.trapezoid(x, dx=0.5), t.trapezoid(x, dim=0), t.trapezoid(x[:, :1])),
        M,
    ),
    "trapezoid at points": (
        lambda t, y, x: (t.trapezoid(y, x), t.trapezoid(y.t(), x, dim=0), t.trapezoid(y, y * 2)),
        M, POINTS,
    ),
    "trapezoid of nothing": (lambda t, x: t.trapezoid(x.detach(), dim=0), EMPTY),
    "trapezoid of integers": (lambda t, i: (t.trapezoid(i), t.cumulative_trapezoid(i)), INTS),
    "trapz": (lambda t, y, x: (t.trapz(y, x), t.trapz(y), t.trapz(y, dx=2)), M, POINTS),
    "cumulative_trapezoid": (
        lambda t, y, x: (
            t.cumulative_trapezoid(y), t.cumulative_trapezoid(y, x), t.cumulative_trapezoid(y, dim=0, dx=3),
        ),
        M, POINTS,
    ),
    "cumsum_": (lambda t, x: (x * 1).cumsum_(0), M),
    "cumprod_": (lambda t, x: (x * 1).cumprod_(1), M),
}  # fmt: skip

NOT_SMOOTH = {"cummax ties", "cumsum as dtype"}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-6 if "dtype" in name else 1e-12)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_SMOOTH])
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


def test_every_function_has_a_row():
    assert not public_functions(cumulative) - {name.split()[0] for name in ROWS}


REFUSED = {
    "cumsum dim": (lambda t, x: x.cumsum(2), M),
    "cumsum without dim": (lambda t, x: x.cumsum(), M),
    "cumprod dim": (lambda t, x: x.cumprod(-3), M),
    "cummax dim": (lambda t, x: x.cummax(2), M),
    "logcumsumexp of integers": (lambda t, x: x.logcumsumexp(0), INTS),
    "diff 0-d": (lambda t, x: x.diff(), S),
    "diff negative": (lambda t, x: x.diff(-1), M),
    "diff dim": (lambda t, x: x.diff(dim=2), M),
    "trapezoid points": (lambda t, y, x: t.trapezoid(y, x), M, V),
    "trapezoid 0-d": (lambda t, x: t.trapezoid(x), S),
    "cumsum_ leaf": (lambda t, x: x.requires_grad_().cumsum_(0), M),
    "cumsum_ dtype": (lambda t, x: x.cumsum_(0, dtype=t.int64), BOOLS),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_without_torch(name):
    function, *inputs = REFUSED[name]
    tensors = [minitorch.from_numpy(x.copy()) for x in inputs]
    with pytest.raises((TypeError, IndexError, RuntimeError)):
        function(minitorch, *tensors)
    for tensor, x in zip(tensors, inputs):
        np.testing.assert_array_equal(tensor.detach().numpy(), x)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
@pytest.mark.parametrize("axis", [0, 1])
def test_scans_of_shifted_arrays(length, axis):
    """What runs where a library's ufuncs cannot accumulate."""
    array = floats(length, 4) if axis == 0 else floats(4, length)
    for function in (np.maximum, np.minimum, np.logaddexp):
        np.testing.assert_allclose(
            scan.shifted_scan(function, array, axis), function.accumulate(array, axis), rtol=1e-14
        )


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
def test_linear_recurrence(length):
    factor, summand = floats(length, 3), floats(3, length).T.copy()
    expected, y = [], np.zeros(3)
    for a, b in zip(factor, summand):
        y = a * y + b
        expected.append(y)
    np.testing.assert_allclose(scan.linear_recurrence(factor, summand, 0), expected, rtol=1e-13)
    np.testing.assert_allclose(scan.linear_recurrence(factor.T, summand.T, 1), np.transpose(expected), rtol=1e-13)


@pytest.mark.parametrize(
    "shape", [(5, 700), (700, 5), (3, 4, 300), (3, 300, 2), (70_000,), (2, 40_000), (3, 0), (0, 3)]
)
def test_running_sums_of_every_shape(shape):
    array = np.random.default_rng(0).uniform(0.9, 1.1, shape).astype(np.float32)
    for axis in range(len(shape)):
        for name, scan_of in (("add", np.cumsum), ("multiply", np.cumprod)):
            expected = scan_of(array, axis=axis, dtype=np.float64).astype(np.float32)
            np.testing.assert_array_equal(scan.running_wide(name, array, axis, np.float64), expected)
            flipped = np.flip(array, axis)
            expected = scan_of(flipped, axis=axis, dtype=np.float64).astype(np.float32)
            np.testing.assert_array_equal(scan.running_wide(name, flipped, axis, np.float64), expected)


def test_running_sums_keep_the_digits_of_float32():
    x = minitorch.full((100_000,), 0.1)
    assert x.cumsum(0)[-1].item() == pytest.approx(float(np.float32(0.1)) * 100_000, rel=1e-7)


def test_node_names():
    x = minitorch.tensor([[1.0, 2.0]], requires_grad=True)
    names = {
        "CumsumBackward0": x.cumsum(1),
        "CumprodBackward0": x.cumprod(1),
        "CummaxBackward0": x.cummax(1).values,
        "LogcumsumexpBackward0": x.logcumsumexp(1),
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name
