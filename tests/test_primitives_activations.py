"""Compiled activation functions and their gradients against their portable versions."""

import math

import numpy as np
import pytest

from minitorch.backend.primitives import activations, pointwise, special
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

pytestmark = pytest.mark.usefixtures("threads_of_kernels")

#: name -> parameters
ROWS = {
    "elu": [(1.0, 1.0, 1.0), (0.7, 1.5, 2.0)],
    "gelu": [()],
    "gelu_tanh": [()],
    "hardshrink": [(0.5,), (-1.0,)],
    "hardsigmoid": [()],
    "hardswish": [()],
    "hardtanh": [(-1.0, 2.0)],
    "leaky_relu": [(0.01,), (3.0,), (-2.0,)],
    "logsigmoid": [()],
    "mish": [()],
    "sigmoid": [()],
    "silu": [()],
    "softplus": [(1.0, 20.0), (0.5, 3.0), (2.0, -1.0)],
    "softshrink": [(0.5,)],
    "softsign": [()],
    "threshold": [(0.3, 20.0)],
}
CASES = [pytest.param(name, params, id=f"{name}{params}") for name, rows in ROWS.items() for params in rows]
LAYOUTS = {
    "short": lambda rng: rng.standard_normal(5),
    "empty": lambda rng: rng.standard_normal((3, 0)),
    "turned": lambda rng: rng.standard_normal((3, 5, 7)).transpose(2, 0, 1),
    "reversed": lambda rng: rng.standard_normal((4, 6))[::-1, ::-2],
    "repeated": lambda rng: np.broadcast_to(rng.standard_normal(6), (4, 6)),
    "shared": lambda rng: rng.standard_normal((50, 3000)),
}
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-6, -1e-6, 20.5, -20.5, 88.0, -87.5, -103.5, 750.0, -750.0]
EPS = {"float32": 1.2e-7, "float64": 2.3e-16}


def make(layout, dtype, spread=4):
    rng = np.random.default_rng(0)
    with_layout = LAYOUTS[layout]
    x, g = with_layout(rng), with_layout(rng)
    if dtype == "float64":
        return x * spread, g
    # a cast must not make the layout plain
    return np.multiply(x, spread, dtype=np.float64, order="K").astype(dtype), g.astype(dtype)


def compare(ours, theirs, exact, dtype):
    """Ours is at most a few digits further from the exact result than theirs, which in float64 is not exact itself."""
    assert isinstance(ours, np.ndarray)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    scale = np.maximum(abs(exact), 1)
    room = EPS[dtype] * (12 if dtype == "float32" else 50)
    np.testing.assert_array_less(abs(ours - exact) / scale, abs(theirs - exact) / scale + room)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_values_and_gradients(name, params, layout, dtype):
    x, g = make(layout, dtype)
    value, gradient = getattr(activations, name), getattr(activations, f"{name}_grad")
    y = replacement(value)(x, *params)
    compare(y, value.portable(x, *params), value.portable(x.astype("float64"), *params), dtype)
    if layout == "turned":
        assert y.strides == x.strides
    at = value.portable(x, *params) if name == "sigmoid" else x
    ours, theirs = replacement(gradient)(g, at, *params), gradient.portable(g, at, *params)
    compare(ours, theirs, gradient.portable(g.astype("float64"), at.astype("float64"), *params), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "params"), CASES)
def test_special_numbers(name, params, dtype):
    x = np.array(SPECIAL, dtype)
    value, gradient = getattr(activations, name), getattr(activations, f"{name}_grad")
    with np.errstate(all="ignore"):
        theirs = value.portable(x, *params)
        np.testing.assert_allclose(replacement(value)(x, *params), theirs, rtol=4 * EPS[dtype], atol=EPS[dtype])
        at = theirs if name == "sigmoid" else x
        g = np.full_like(x, 2)
        theirs = gradient.portable(g, at, *params)
    np.testing.assert_allclose(replacement(gradient)(g, at, *params), theirs, rtol=20 * EPS[dtype], atol=9 * EPS[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tanh_grad(layout, dtype):
    y, g = make(layout, dtype, spread=0.2)
    theirs = pointwise.tanh_grad.portable(g, y)
    ours = replacement(pointwise.tanh_grad)(g, y)
    compare(ours, theirs, pointwise.tanh_grad.portable(g.astype("float64"), y.astype("float64")), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["exp", "log", "log1p", "tanh"])
def test_functions_that_numpy_has(name, dtype):
    function = getattr(pointwise, name)
    small = np.logspace(-30, -1, 99)
    x = np.concatenate([np.linspace(-80, 80, 140_001), small, -small, 1 + small, 1 - small, SPECIAL, [-1, 1e-310, 6e4]])
    x = x.astype(dtype)
    with np.errstate(all="ignore"):
        expected = function.portable(x.astype("float64")).astype(dtype)
    ours = replacement(function)(x)
    assert ours.dtype == x.dtype
    np.testing.assert_allclose(ours, expected, rtol=3 * EPS[dtype], atol=5e-324 if dtype == "float64" else 1e-45)
    np.testing.assert_array_equal(np.signbit(ours[x == 0]), np.signbit(expected[x == 0]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erf(dtype):
    x = np.concatenate([np.linspace(-7, 7, 70_001), np.logspace(-30, -1, 99)]).astype(dtype)
    expected = np.array([math.erf(v) for v in x.tolist()])
    ours = replacement(special.erf)(x)
    assert ours.dtype == x.dtype
    np.testing.assert_allclose(ours, expected, rtol=5 * EPS[dtype])
    assert abs(ours).max() == 1
    np.testing.assert_array_equal(replacement(special.erf)(np.array(SPECIAL[:3], dtype)), [math.nan, 1, -1])
    assert math.copysign(1, replacement(special.erf)(np.array([-0.0], dtype))[0]) == -1


def test_results_below_the_smallest_normal_number():
    x = np.array([-88.0, -100.0, -103.0], np.float32)
    slope = replacement(activations.elu_grad)(np.ones_like(x), x, 1.0, 1.0, 1.0)
    np.testing.assert_allclose(slope, np.exp(x.astype("float64")), rtol=0, atol=1.5e-45)


def test_what_kernels_do_not_take():
    x = np.ones((4, 6), np.float32)
    gelu, grad = replacement(activations.gelu), replacement(activations.gelu_grad)
    assert gelu(x.astype("float16")) is NotImplemented
    assert gelu(x.astype(">f4")) is NotImplemented
    assert grad(x[:1], x) is NotImplemented
    assert grad(x.astype("float64"), x) is NotImplemented
    assert replacement(activations.elu)(x, 1.0, 1.0, -0.5) is NotImplemented
