"""Exponentials, logarithms, trigonometry, the error and the gamma function: against PyTorch, and numerically."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import minitorch
from minitorch.ops import functions, special_functions
from tests.rows import check, check_derivatives, check_refused, floats, public_functions

ANY = floats(3, 4)
POSITIVE = np.abs(floats(3, 4)) + 0.2
UNIT = floats(3, 4) / 2.1  # between -1 and 1
ABOVE_1 = np.abs(floats(3, 4)) + 1.1
BETWEEN = np.abs(floats(3, 4)) / 2 + 0.02  # 0 and 1
AWAY = floats(3, 4) + np.sign(floats(3, 4)) * 0.2  # from 0
S = np.array(0.7)
EMPTY = np.zeros((2, 0))
INTS = np.array([[3, 1, 4], [2, 5, 1]])
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 1e-8, -30.0, 90.0, 1e300, np.inf, -np.inf, np.nan])

#: of one tensor: where to try each
DOMAINS = {
    "exp": ANY,
    "exp2": ANY,
    "expm1": ANY,
    "log": POSITIVE,
    "log2": POSITIVE,
    "log10": POSITIVE,
    "log1p": POSITIVE,
    "sigmoid": ANY,
    "tanh": ANY,
    "sqrt": POSITIVE,
    "rsqrt": POSITIVE,
    "sin": ANY,
    "cos": ANY,
    "tan": ANY,
    "asin": UNIT,
    "acos": UNIT,
    "atan": ANY,
    "sinh": ANY,
    "cosh": ANY,
    "asinh": ANY,
    "acosh": ABOVE_1,
    "atanh": UNIT,
    "arcsin": UNIT,
    "arccos": UNIT,
    "arctan": ANY,
    "arcsinh": ANY,
    "arccosh": ABOVE_1,
    "arctanh": UNIT,
    "deg2rad": ANY,
    "rad2deg": ANY,
    "erf": ANY,
    "erfc": ANY,
    "erfinv": UNIT,
    "lgamma": POSITIVE,
    "digamma": POSITIVE,
    "sinc": AWAY,
    "logit": BETWEEN,
}

#: in PyTorch, or here, less exact than 1e-12
TOLERANCES = {"erfinv": 1e-11, "digamma": 1e-8, "lgamma": 1e-11, "polygamma": 1e-9, "mvlgamma": 1e-11, "special": 1e-8}


@pytest.mark.parametrize("name", DOMAINS)
def test_function_and_method_as_torch(name):
    def both(t, x):
        return getattr(t, name)(x), getattr(x, name)()

    check(both, DOMAINS[name], tolerance=TOLERANCES.get(name, 1e-12))


@pytest.mark.parametrize("name", DOMAINS)
def test_shapes_and_types_as_torch(name):
    domain = DOMAINS[name].flat

    def several(t, x, y, z, single, half, ints, none):
        return [getattr(t, name)(v) for v in (x, y.t()[:, ::2], z, single, half, ints, ints > 2, none)]

    singles = np.array(list(domain)[:4], np.float32)
    inputs = (
        np.array(domain[0]),
        DOMAINS[name],
        DOMAINS[name][:1, :1],
        singles,
        singles.astype(np.float16),
        INTS,
        EMPTY,
    )
    torch = pytest.importorskip("torch")
    ours = several(minitorch, *[minitorch.tensor(x) for x in inputs])
    theirs = several(torch, *[torch.tensor(x) for x in inputs])
    for a, b in zip(ours, theirs):
        assert repr(a.dtype) == repr(b.dtype)
        assert a.shape == tuple(b.shape)
        tolerance = {2: 2e-3, 4: 3e-6, 8: 1e-9}[a.itemsize]
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", DOMAINS)
def test_derivatives(name):
    check_derivatives(lambda t, x: getattr(t, name)(x), DOMAINS[name], tolerance=1e-5)


@pytest.mark.parametrize("name", DOMAINS)
def test_special_values_as_torch(name):
    # PyTorch's derivative of digamma is finite at the poles: a rounding error's.
    of = (lambda x: x.detach()) if name == "digamma" else (lambda x: x)
    check(lambda t, x: getattr(t, name)(of(x)), SPECIAL, second=False, tolerance=1e-9)


ROWS = {
    "logaddexp": (lambda t, x, y: (t.logaddexp(x, y), x.logaddexp2(y), t.logaddexp2(y, x)), ANY, ANY.T.reshape(3, 4)),
    "logaddexp broadcast": (lambda t, x, y: t.logaddexp(x, y), ANY, ANY[:, :1]),
    "hypot": (lambda t, x, y: (t.hypot(x, y), x.hypot(y[:1])), ANY, AWAY),
    "atan2": (lambda t, x, y, i: (t.atan2(x, y), x.arctan2(y), t.atan2(i, i), t.arctan2(y, x)), ANY, AWAY, INTS),
    "atan2 quadrants": (lambda t, x, y: t.atan2(x, y), np.array([1.0, -1, -1, 1, 0.5]), np.array([1.0, 1, -1, -1, -2])),
    "xlogy": (lambda t, x, y, i: (t.xlogy(x, y), x.xlogy(2.5), t.xlogy(1.5, y), t.xlogy(i, 2)), ANY, POSITIVE, INTS),
    "logit": (lambda t, x: (t.logit(x, 0.1), x.logit(eps=1e-6)), BETWEEN),
    "polygamma": (lambda t, x: (t.polygamma(0, x), t.polygamma(1, x), x.polygamma(2), x.polygamma(3)), POSITIVE),
    "mvlgamma": (lambda t, x: (t.mvlgamma(x, 1), x.mvlgamma(3)), ABOVE_1),
    "special": (
        lambda t, x, y: (
            t.special.entr(x),
            t.special.ndtr(y),
            t.special.expit(y),
            t.special.gammaln(x),
            t.special.psi(x),
        ),
        POSITIVE,
        ANY,
    ),
    "special kinks": (lambda t, x: t.special.entr(x.detach()), np.array([0.0, -1.0, 1.0, np.nan, np.inf])),
    "special of many": (lambda t, x: (t.special.softmax(x, 1), t.special.logsumexp(x, 0), t.special.round(x)), ANY),
    "chain": (lambda t, x: t.log(1 + t.exp(x).sqrt()) * t.sigmoid(x).tanh(), ANY),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    exact = 1e-6 if any(x.dtype.kind == "i" for x in inputs) else 1e-12
    check(function, *inputs, tolerance=TOLERANCES.get(name, exact))


@pytest.mark.parametrize("name", ROWS)
def test_derivatives_of_rows(name):
    function, *inputs = ROWS[name]
    if name != "special kinks":
        check_derivatives(function, *inputs, tolerance=1e-5)


def test_special_values_of_two():
    x = np.array([0.0, 0.0, 0.0, 1.0, -np.inf, np.inf, np.nan, 0.0, 2.0])
    y = np.array([0.0, -1.0, np.nan, 0.0, 1.0, np.inf, 1.0, np.inf, -np.inf])
    check(lambda t, x, y: t.xlogy(x, y), x, y, second=False)
    check(lambda t, x, y: (t.logaddexp(x, y).detach(), t.logaddexp2(x, y).detach(), t.hypot(x, y)), x, y, second=False)
    check(lambda t, x, y: (t.atan2(x, y), t.atan2(y, x)), x, y, second=False)


REFUSED = {
    "exp of a number": (lambda t: t.exp(2.0),),
    "exp of a list": (lambda t: t.exp([1.0]),),
    "atan2 of a number": (lambda t, x: t.atan2(x, 1.0), ANY),
    "hypot of integers": (lambda t, i: t.hypot(i, i), INTS),
    "logaddexp of integers": (lambda t, i: t.logaddexp(i, i), INTS),
    "polygamma": (lambda t, x: t.polygamma(-1, x), POSITIVE),
    "mvlgamma": (lambda t, x: t.mvlgamma(x, 0), POSITIVE),
    "shapes": (lambda t, x: t.hypot(x, x[:, :3]), ANY),
    "too many arguments": (lambda t, x: t.exp(x, x, x), ANY),
    "in place on integers": (lambda t, i: i.exp_(), INTS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_tiny_sigmoids_are_exact():
    x = minitorch.tensor([-100.0, -40.0, -20.0, 20.0, 100.0], dtype=minitorch.float64)
    expected = [math.exp(-100.0) / (1 + math.exp(-100.0)), 1 / (1 + math.exp(40)), 1 / (1 + math.exp(20)), 1, 1]
    np.testing.assert_allclose(x.sigmoid().numpy(), expected, rtol=1e-8)
    single = x.float().sigmoid()
    assert single[2].item() == pytest.approx(2.0611537e-09, rel=1e-6)
    assert minitorch.sigmoid(minitorch.tensor([-800.0, 800.0])).tolist() == [0, 1]


def test_nothing_warns():
    """Overflow, division by zero and invalid arguments give infinity and NaN, without a word from NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (minitorch.float16, minitorch.float32, minitorch.float64):
            x = minitorch.tensor(SPECIAL.clip(-6e4, 6e4).tolist(), dtype=dtype).requires_grad_()
            top = minitorch.finfo(dtype).max
            results = [getattr(x, name)() for name in DOMAINS]
            results += [x * top * 4, x + x * top, x - x * top, x / 0, 0 / x, x**x, x**1000, x * top % x, x.cumsum(0)]
            results += [x // 0, (x * top) @ (x * top), x.to(minitorch.float16), x.long(), x.float() * 1e300]
            loss = sum(r.sum().double() for r in results[:-3] if r.requires_grad and "NotImpl" not in r.grad_fn.name())
            loss.backward()
            minitorch.autograd.grad((x.exp() * top * x).sum(), x, create_graph=True)[0].sum().backward()
            x.data.mul_(top).mul_(top).div_(0).pow_(2).sub_(x.data)


def test_every_function_is_in_a_row():
    tested = set(DOMAINS) | {name for row in ROWS.values() for name in row[0].__code__.co_names}
    assert not public_functions(functions, special_functions) - tested
