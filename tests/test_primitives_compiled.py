"""Compiled replacements of primitives against their portable versions, on one thread and on several.

Those of convolution are tested in test_primitives_conv.py, activation functions in test_primitives_activations.py.
"""

import numpy as np
import pytest

from minitorch.backend.primitives import (
    max_pool_backward,
    max_pool_forward,
    optim_steps,
    pointwise,
    products,
)
from tests.replacements import replacement, threads_of_kernels  # noqa: F401

RNG = np.random.default_rng(3)


pytestmark = pytest.mark.usefixtures("threads_of_kernels")

# ---- pooling

POOLS = {
    "2x2": ((2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    "overlapping": ((3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    "dilated": ((3, 2), (1, 2), ((1, 1), (0, 0)), (2, 1)),
    "1d": ((3,), (2,), ((1, 1),), (1,)),
    "3d": ((2, 2, 2), (2, 1, 2), ((0, 0), (1, 1), (0, 0)), (1, 1, 1)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(4, 6, 28, 28), (3, 16, 10, 10), (40, 8, 33, 31), (1, 1, 4, 4), (2, 3, 5, 40)])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("window", POOLS)
def test_max_pool(window, size, ceil_mode, dtype):
    arguments = POOLS[window]
    dims = len(arguments[0])
    x = RNG.integers(-9, 9, size[: 2 + dims]).astype(dtype)  # with equal elements
    x[0, 0, ..., 1] = np.nan
    x[-1] = -np.inf
    y, where = max_pool_forward.portable(x, *arguments, ceil_mode, "compact")
    result = replacement(max_pool_forward)(x, *arguments, ceil_mode, "compact")
    if result is not NotImplemented:
        np.testing.assert_array_equal(result[0], y)
        np.testing.assert_array_equal(result[1], where)
        flat = replacement(max_pool_forward)(x, *arguments, ceil_mode, "flat")[1]
        np.testing.assert_array_equal(flat, max_pool_forward.portable(x, *arguments, ceil_mode, "flat")[1])
    else:
        assert window != "2x2" or ceil_mode
    gy = RNG.standard_normal(y.shape).astype(dtype)
    expected = max_pool_backward.portable(gy, where, x.shape[-dims:], *arguments)
    result = replacement(max_pool_backward)(gy, where, x.shape[-dims:], *arguments)
    if gy.size == 0:
        assert result is NotImplemented
        return
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)


def test_max_pool_of_a_strided_array():
    x = RNG.standard_normal((4, 8, 6, 5))[:, ::2].swapaxes(2, 3)
    expected = max_pool_forward.portable(x, *POOLS["2x2"], False, "compact")
    for ours, theirs in zip(replacement(max_pool_forward)(x, *POOLS["2x2"], False, "compact"), expected):
        np.testing.assert_array_equal(ours, theirs)


def test_max_pool_leaves_other_types_alone():
    x = np.ones((1, 1, 4, 4), np.float16)
    assert replacement(max_pool_forward)(x, *POOLS["2x2"]) is NotImplemented
    assert replacement(max_pool_forward)(x.astype("int32"), *POOLS["2x2"]) is NotImplemented


# ---- element by element


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [(5,), (0, 3), (70, 3000)], ids=str)
def test_pointwise(size, dtype):
    x, g = RNG.standard_normal((2, *size)).astype(dtype)
    if x.size:
        x.flat[0], x.flat[1], x.flat[2] = np.nan, np.inf, -0.0
    y = replacement(pointwise.relu)(x)
    np.testing.assert_array_equal(y, pointwise.relu.portable(x))
    np.testing.assert_array_equal(replacement(pointwise.where_nonzero)(g, y), pointwise.where_nonzero.portable(g, y))
    np.testing.assert_array_equal(replacement(pointwise.add)(x, g), x + g)
    for function in (replacement(pointwise.zero_where_zero), pointwise.zero_where_zero.portable):
        spent = g.copy()
        assert function(spent, y) is spent
        np.testing.assert_array_equal(spent, pointwise.where_nonzero.portable(g, y))


def test_pointwise_leaves_what_it_cannot_take_alone():
    x = np.ones((4, 6))
    np.testing.assert_array_equal(replacement(pointwise.relu)(-x[::-1].T), 0 * x.T)
    assert replacement(pointwise.relu)(x.astype(np.float16)) is NotImplemented
    assert replacement(pointwise.where_nonzero)(x, x[:1]) is NotImplemented
    assert replacement(pointwise.zero_where_zero)(x, x[:1]) is NotImplemented
    assert replacement(pointwise.zero_where_zero)(x.T, x.T) is NotImplemented


# ---- optimizer steps

SIZES = [(3,), (7, 5), (300_000,)]
SGD = {
    "plain": (None, False, 0.1, 0.0, 0.0, 0.0, False, False),
    "decay": (None, False, 0.1, 0.0, 0.0, 0.3, False, True),
    "first": ("buffer", True, 0.1, 0.9, 0.4, 0.0, False, False),
    "momentum": ("buffer", False, 0.1, 0.9, 0.4, 0.1, False, False),
    "nesterov": ("buffer", False, 0.1, 0.9, 0.0, 0.0, True, True),
}
ADAM = {
    "plain": (None, 3.0, 0.1, 0.9, 0.99, 1e-8, 0.0, False, False),
    "decay": (None, 1.0, 0.1, 0.9, 0.99, 1e-8, 0.2, False, True),
    "decoupled": (None, 2.0, 0.1, 0.9, 0.99, 1e-8, 0.2, True, False),
    "amsgrad": ("peak", 3.0, 0.1, 0.9, 0.99, 1e-3, 0.0, True, False),
}


def compare_steps(step, make, dtype):
    ours, theirs = make(np.random.default_rng(0)), make(np.random.default_rng(0))
    assert replacement(step)(*ours) is None
    step.portable(*theirs)
    for a, b in zip(ours, theirs):
        if isinstance(a, np.ndarray):
            np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("options", SGD)
def test_sgd(options, size, dtype):
    def make(rng):
        buffer, *numbers = SGD[options]
        param, grad, state = rng.standard_normal((3, *size)).astype(dtype)
        if numbers[0]:
            state[...] = np.nan  # what is there before the first step does not count
        return [param, grad, None if buffer is None else state, *numbers]

    compare_steps(optim_steps.sgd_step, make, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("options", ADAM)
def test_adam(options, size, dtype):
    def make(rng):
        peak, *numbers = ADAM[options]
        param, grad, mean, square, most = rng.standard_normal((5, *size)).astype(dtype)
        return [param, grad, mean, abs(square), None if peak is None else abs(most), *numbers]

    compare_steps(optim_steps.adam_step, make, dtype)


def test_steps_leave_what_they_cannot_take_alone():
    param, grad = np.ones((4, 6)), np.ones((4, 6))
    step = replacement(optim_steps.sgd_step)
    for p, g in (
        (param[:, ::2], grad[:, ::2]),
        (param.astype("float16"), grad.astype("float16")),
        (param, np.asfortranarray(grad)),
    ):
        before = p.copy()
        assert step(p, g, *SGD["plain"]) is NotImplemented
        np.testing.assert_array_equal(p, before)


# ---- matrix products

SHAPES = [
    ((3, 4), (4, 5)),
    ((600, 300), (300, 200)),
    ((100, 300), (300, 900)),
    ((8, 100, 300), (300, 90)),
    ((6, 200, 100), (6, 100, 200)),
    ((2, 3, 200, 100), (2, 3, 100, 200)),
    ((5, 300, 300), (1, 300, 90)),
    ((300, 40000), (40000,)),
    ((40000,), (40000, 300)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_matmul(shapes, dtype):
    a, b = [RNG.integers(-3, 4, shape).astype(dtype) for shape in shapes]
    matmul = replacement(products.matmul)
    result = matmul(a, b)
    assert result.dtype == a.dtype
    np.testing.assert_array_equal(result, a @ b)
    if a.ndim == b.ndim:
        turned_a, turned_b = [x.swapaxes(-1, -2).copy().swapaxes(-1, -2) for x in (a, b)]
        np.testing.assert_array_equal(matmul(turned_a, b[..., ::-1]), a @ b[..., ::-1])
        np.testing.assert_array_equal(matmul(a, turned_b), a @ b)
        np.testing.assert_array_equal(matmul(turned_a, turned_b), a @ b)


def test_matmul_without_a_product_for_compiled_code(monkeypatch):
    from minitorch.backend.cpu import products as module

    monkeypatch.setattr(module, "gemm_address", lambda letter: 0)
    a, b = RNG.integers(-3, 4, (600, 300)).astype("float32"), RNG.integers(-3, 4, (300, 200)).astype("float32")
    np.testing.assert_array_equal(replacement(products.matmul)(a, b), a @ b)


@pytest.mark.parametrize("dtype", ["float16", "int32", "bool"])
def test_matmul_leaves_other_types_alone(dtype):
    a = np.ones((3, 3), dtype)
    assert replacement(products.matmul)(a, a) is NotImplemented


def test_matmul_refuses_what_numpy_refuses():
    matmul = replacement(products.matmul)
    for a, b in (((600, 300), (301, 600)), ((5, 600, 300), (301, 600)), ((2, 600, 300), (3, 300, 600))):
        with pytest.raises(ValueError, match=r"matmul|broadcast"):
            matmul(np.ones(a), np.ones(b))
