"""Elementwise ops for every pair of dtypes, beside numbers and in place: dtypes, values and refusals as PyTorch's."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import minitorch

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


def values(library, dtype, row):
    """Numbers of the type, none of them 0 in the second row."""
    numbers = {
        "b": ([True, False, True], [True, True, False]),
        "u": ([0, 3, 200], [1, 2, 7]),
        "i": ([0, -3, 100], [1, 2, -5]),
        "f": ([0.0, -2.25, 1.5], [1.0, 0.5, -3.0]),
    }["b" if dtype == "bool" else dtype[0]]
    return library.tensor(numbers[row], dtype=getattr(library, dtype))


def outcome(function):
    """The result as dtype and numbers, or the class of the error."""
    try:
        result = function()
    except Exception as error:
        return type(error)
    if not hasattr(result, "tolist"):
        return result
    return repr(result.dtype), tuple(result.shape), result.detach().cpu().double().numpy()


def agree(ours, theirs, what):
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple), (what, ours, theirs)
        assert ours[:2] == theirs[:2], what
        tolerance = 2e-3 if "float16" in theirs[0] else 2e-6
        np.testing.assert_allclose(ours[2], theirs[2], rtol=tolerance, atol=1e-7, err_msg=str(what))
    elif isinstance(theirs, type):
        assert isinstance(ours, type), (what, ours, theirs)
        assert issubclass(ours, theirs) or issubclass(theirs, ours), (what, ours, theirs)
    else:
        assert ours == theirs, what


BINARY = [
    "add", "sub", "rsub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "float_power", "atan2", "hypot",
    "maximum", "minimum", "fmax", "fmin", "logaddexp", "copysign", "xlogy", "nextafter", "gcd", "lcm", "eq", "ne", "lt",
    "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
    "bitwise_left_shift", "bitwise_right_shift", "isclose", "heaviside",
]  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_every_pair_of_types(name):
    torch = pytest.importorskip("torch")
    for first, second in itertools.product(DTYPES, DTYPES):
        for zero_dim in (False, True):

            def run(library, first=first, second=second, zero_dim=zero_dim):
                other = values(library, second, 1)
                return getattr(library, name)(values(library, first, 0), other[1] if zero_dim else other)

            agree(outcome(lambda: run(minitorch)), outcome(lambda: run(torch)), (name, first, second, zero_dim))


@pytest.mark.parametrize("name", BINARY)
def test_types_beside_numbers(name):
    torch = pytest.importorskip("torch")
    for dtype, number in itertools.product(DTYPES, (True, 2, -3, 2.5, float("inf"))):
        if name == "pow" and dtype == "bool" and number is True:
            continue  # PyTorch has it, for the exponent True alone

        def run(library, dtype=dtype, number=number):
            return getattr(library, name)(values(library, dtype, 0), number)

        agree(outcome(lambda: run(minitorch)), outcome(lambda: run(torch)), (name, dtype, number))


@pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "div", "pow", "remainder", "floor_divide", "eq", "bitwise_and", "clamp"]
)
def test_types_in_place(name):
    torch = pytest.importorskip("torch")
    for first, second in itertools.product(DTYPES, (*DTYPES, 2, 2.5)):

        def run(library, first=first, second=second):
            x = values(library, first, 0)
            other = values(library, second, 1) if isinstance(second, str) else second
            assert getattr(x, name + "_")(other) is x
            return x

        agree(outcome(lambda: run(minitorch)), outcome(lambda: run(torch)), (name, first, second))


SIGNS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "lshift", "rshift"]


@pytest.mark.parametrize("sign", SIGNS)
def test_operators_on_every_type(sign):
    torch = pytest.importorskip("torch")
    function, inplace = getattr(operator, sign), getattr(operator, "i" + sign.strip("_"))
    for dtype, other in itertools.product(DTYPES, (2, 2.5, "a", None, [1])):
        if sign == "mod" and other == 2.5 and dtype in ("float16",):
            continue  # remainders of rounded numbers

        def both(library, dtype=dtype, other=other):
            yield lambda: function(values(library, dtype, 0), other)
            yield lambda: function(other, values(library, dtype, 1))
            yield lambda: inplace(values(library, dtype, 0), other)

        for ours, theirs in zip(both(minitorch), both(torch)):
            agree(outcome(ours), outcome(theirs), (sign, dtype, other))
