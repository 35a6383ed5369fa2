"""Comparisons, questions about elements, logic and bits: against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.ops import comparison, logic
from tests.rows import check, check_refused, floats, public_functions

M = floats(3, 4)
HALVES = np.round(floats(3, 4) * 2) / 2
V = np.round(floats(4) * 2) / 2
S = np.array(0.5)
INTS = np.array([[3, -1, 4, 0], [0, 5, -5, 2]])
ROW = np.array([3, -1, -5, 2])
BYTES = np.array([0, 1, 7, 255], np.uint8)
BOOLS = np.array([True, False, True, False])
EMPTY = np.zeros((0, 4))
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, np.nan, np.inf])
OTHERS = np.array([-0.0, 0.0, 1.0 + 1e-7, 2.5, np.inf, np.inf, np.nan, 1.0, -np.inf])

ROWS = {
    "comparisons": (lambda t, x, y: (t.eq(x, y), x.ne(y), t.lt(x, y), x.le(y), t.gt(x, y), x.ge(y)), HALVES, V),
    "operators": (lambda t, x, y, s: (x == y, x != s, x < y, s <= x, x > 0, x <= 0.5, x == 1, x > -1), HALVES, V, S),
    "names": (
        lambda t, x, y: (x.less(y), t.less_equal(x, y), x.greater(y), t.greater_equal(x, y), x.not_equal(y)),
        HALVES,
        V,
    ),
    "special": (lambda t, x, y: (x == y, x != y, x < y, x <= y, x > y, x >= y, x == float("nan")), SPECIAL, OTHERS),
    "integers": (
        lambda t, i, r, b, m: (i == r, i < 2.5, b > -1, b == 255, m < True, m == 1, r >= b, m != r),
        INTS,
        ROW,
        BYTES,
        BOOLS,
    ),
    "nothing": (lambda t, x: (x == x, x < 1), EMPTY),
    "strange operands": (lambda t, x: (x == None, x != None, x == "a", x == [1], x != (1,)), M),  # noqa: E711
    "equal": (
        lambda t, x, i: (
            t.equal(x, x.clone()),
            x.equal(-x),
            x.equal(x[:2]),
            t.equal(i, i),
            t.equal(x, x * float("nan")),
        ),
        M,
        INTS,
    ),
    "isclose": (
        lambda t, x, y, i: (
            t.isclose(x, y),
            x.isclose(y, equal_nan=True),
            x.isclose(y, 0.0, 3.0),
            x.isclose(y, rtol=2),
            i.isclose(i + 1, atol=1),
        ),
        SPECIAL,
        OTHERS,
        INTS,
    ),
    "isclose integers": (lambda t, i, m: (t.isclose(i, i + 1, 0.0, 0.0), i.isclose(i * 2), m.isclose(~m)), INTS, BOOLS),
    "allclose": (
        lambda t, x, i: (t.allclose(x, x + 1e-9), x.allclose(x + 0.1), x.allclose(x + 0.1, atol=0.2), t.allclose(i, i)),
        M,
        INTS,
    ),
    "allclose nan": (lambda t, x: (t.allclose(x, x), t.allclose(x, x, equal_nan=True)), SPECIAL),
    "questions": (
        lambda t, x: (
            x.isnan(),
            t.isinf(x),
            x.isfinite(),
            t.isposinf(x),
            t.isneginf(x),
            t.isreal(x),
            x.signbit(),
            t.signbit(x),
        ),
        SPECIAL,
    ),
    "questions as functions": (
        lambda t, x: (t.isnan(x), x.isinf(), t.isfinite(x), x.isposinf(), x.isneginf(), x.isreal()),
        SPECIAL,
    ),
    "questions about integers": (
        lambda t, i, m: (i.isnan(), i.isinf(), i.isfinite(), i.signbit(), m.isposinf(), m.isneginf()),
        INTS,
        BOOLS,
    ),
    # logic and bits
    "logic": (
        lambda t, x, i, m: (
            t.logical_and(x, m),
            x.logical_or(m),
            t.logical_xor(x, m),
            x.logical_not(),
            t.logical_not(i),
            m.logical_and(m),
        ),
        SPECIAL[:4],
        INTS,
        BOOLS,
    ),
    "logic of NaN": (
        lambda t, x: (x.logical_not(), t.logical_and(x, x), t.logical_or(x, x), t.logical_xor(x, x)),
        SPECIAL,
    ),
    "bits": (lambda t, i, r, b: (i & r, i | r, i ^ r, ~i, ~b, i & 6, 3 | i, True ^ r, b & r), INTS, ROW, BYTES),
    "bits as functions": (
        lambda t, i, r: (t.bitwise_and(i, r), i.bitwise_or(r), t.bitwise_xor(i, r), t.bitwise_not(i), i.bitwise_not()),
        INTS,
        ROW,
    ),
    "bits of bools": (lambda t, m: (m & ~m, m | True, m ^ m, ~m, m & 3, m | (m == m)), BOOLS),
    "shifts": (
        lambda t, r, b: (
            r << 2,
            r >> 1,
            b << b.clamp(max=3),
            1 << b.long().clamp(max=5),
            t.bitwise_left_shift(r, 1),
            r.bitwise_right_shift(b.clamp(max=2)),
        ),
        ROW,
        BYTES,
    ),
    "masks": (lambda t, x: ((x > 0) & (x < 1), (x > 0) | (x < -1), ~(x > 0), (x > 0).sum(), x[(x > 0) & (x < 0.5)]), M),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs)


REFUSED = {
    "order of strange operands": (lambda t, x: x < None, M),
    "eq of a list": (lambda t, x: t.eq(x, [1.0]), M),
    "lt without": (lambda t, x: x.lt(), M),
    "number first": (lambda t, x: t.eq(1, x), M),
    "shapes": (lambda t, x: x == x[:, :2], M),
    "equal of a number": (lambda t, x: t.equal(x, 1), M),
    "isclose types": (lambda t, x, i: t.isclose(x[0], i), M, ROW),
    "isclose rtol": (lambda t, x: t.isclose(x, x, rtol=-1), M),
    "isclose atol": (lambda t, x: t.isclose(x, x, atol=-1.0), M),
    "allclose types": (lambda t, x, i: t.allclose(x[0], i), M, ROW),
    "bits of floats": (lambda t, x: x & x, M),
    "bits and a float": (lambda t, i: i | 2.5, INTS),
    "not of floats": (lambda t, x: ~x, M),
    "shift of bools": (lambda t, m: m << m, BOOLS),
    "shift of floats": (lambda t, x: x >> 1, M),
    "logic with a number": (lambda t, x: t.logical_and(x, 1), M),
    "truth of several": (lambda t, x: bool(x == x), M),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_results_are_outside_the_graph():
    x = minitorch.ones(3, requires_grad=True)
    for result in (x > 0, x == x, x.isnan(), x.isclose(x), x.logical_not()):
        assert result.dtype is minitorch.bool
        assert not result.requires_grad


def test_every_function_is_in_a_row():
    tested = {name for row in ROWS.values() for name in row[0].__code__.co_names}
    assert not public_functions(comparison, logic) - tested
