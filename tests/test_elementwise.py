"""Sums, products, powers; quotients; the larger and the smaller of two; rounding: against PyTorch, and numerically."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.ops import bounds, division, elementwise, rounding
from tests.rows import check, check_derivatives, check_refused, floats, public_functions

M = floats(3, 4)
N = floats(4, 3).T * 1.1 + 0.05  # not contiguous
AWAY = M + np.sign(M) * 0.3  # from 0
V = floats(4)
C = floats(3, 1)
POSITIVE = np.abs(floats(3, 4)) + 0.5
S = np.array(1.5)
T = np.array(-0.75)
INTS = np.array([[3, -1, 4, 0], [0, 5, -5, 2]])
NONZERO = np.array([2, -3, 1, 7])
BYTES = np.array([0, 1, 7, 255], np.uint8)
BOOLS = np.array([True, False, True, False])
EMPTY = np.zeros((0, 4))
SINGLE = floats(3, 4).astype(np.float32)
SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan])
OTHERS = np.array([1.0, -1.0, 0.0, np.inf, -np.inf, 2.0, np.nan])

ROWS = {
    # sums and products
    "add": (lambda t, x, y: (x + y, t.add(x, y), x.add(y, alpha=-2), t.add(x, 3, alpha=0.5), 2 + x), M, N),
    "add broadcast": (lambda t, x, y, s: (x + y, y.add(x), t.add(s, y, alpha=2.5), x + s), M, V, S),
    "add two broadcast": (lambda t, x, y: x + y, C, V),
    "add nothing": (lambda t, x, y: x + y, EMPTY, V),
    "add itself": (lambda t, x: x + x * x + x, M),
    "add integers": (
        lambda t, i, b, m: (i + i, i.add(b, alpha=3), m + m, b + m, i + 2.5, t.add(m, m, alpha=True)),
        NONZERO,
        BYTES,
        BOOLS,
    ),
    "sub": (lambda t, x, y: (x - y, t.sub(x, y, alpha=3), x.subtract(2.5), 1 - x, t.subtract(5, y)), M, N),
    "sub broadcast": (lambda t, x, y, s: (x - y, y - x, s - x), M, C, S),
    "rsub": (lambda t, x, y: (t.rsub(x, y), t.rsub(x, y, alpha=2), t.rsub(x, 1.5)), M, V),
    "mul": (lambda t, x, y: (x * y, t.mul(x, y), x.multiply(-0.5), 3 * y, t.mul(2, x)), M, N),
    "mul broadcast": (lambda t, x, y, z, s: (x * y, z * y, s * z), M, V, C, S),
    "mul integers": (lambda t, i, b, m: (i * b, m * m, i * True, b * 2), NONZERO, BYTES, BOOLS),
    "neg": (lambda t, x, b: (-x, t.neg(x), x.negative(), -b), M, BYTES),
    "positive": (lambda t, x: (+x, x.positive(), t.positive(x)), M),
    "mixed types": (lambda t, x, y, i: (x * y, y - x, x * i, i / x), floats(4).astype(np.float32), V, NONZERO),
    # powers
    "pow numbers": (lambda t, x: (x**2, x**3, x**-1, t.pow(x, 0.5), x**1, x**0, x.pow(-2.5), x**4), POSITIVE),
    "pow negative base": (lambda t, x: (x**2, x**3, x**-2, x**5), AWAY),
    "pow tensors": (lambda t, x, y: (x**y, t.pow(x, y), x.pow(exponent=y)), POSITIVE, V),
    "pow of numbers": (lambda t, x: (2**x, t.pow(0.5, x), 1.0**x), M),
    "pow 0-d": (lambda t, x, s: (x**s, s**x, s**2), POSITIVE, S),
    "pow integers": (
        lambda t, i, j, b: (i**2, j**i, b**2, 2 ** i.abs(), (-1) ** i, i**2.0),
        NONZERO,
        np.array([1, -1, -1, 2]),
        BYTES,
    ),
    "square": (lambda t, x, i, m: (x.square(), t.square(i), m.square()), M, INTS, BOOLS),
    "float_power": (
        lambda t, x, i: (x.float_power(2), t.float_power(i, -1.5), t.float_power(2, i), x.float_power(x)),
        POSITIVE,
        NONZERO,
    ),
    # sums of products
    "lerp": (lambda t, x, y, w: (t.lerp(x, y, 0.3), x.lerp(y, w), x.lerp(y, 1.25)), M, N, V),
    "addcmul": (lambda t, x, y, z: (t.addcmul(x, y, z), x.addcmul(y, z, value=-0.5), z.addcmul(x, y)), M, N, V),
    "addcdiv": (lambda t, x, y, z: (t.addcdiv(x, y, z), x.addcdiv(y, z, value=2.5)), M, N, POSITIVE),
    "addcmul integers": (lambda t, i, b: (t.addcmul(i, i, b, value=3), t.addcmul(i, i, i)), NONZERO, BYTES),
    # quotients
    "div": (lambda t, x, y: (x / y, t.div(x, y), x.divide(2), 3 / y, t.true_divide(x, y), x / 2.5), M, POSITIVE),
    "div broadcast": (lambda t, x, y, s: (x / y, s / x, x / s), POSITIVE, C, S),
    "div integers": (lambda t, i, j, b: (i / j, i / 2, 7 / j, b / b, True / j), INTS, NONZERO, BYTES),
    "div rounded": (
        lambda t, x, y: (
            t.div(x, y, rounding_mode="floor"),
            x.div(y, rounding_mode="trunc"),
            x.div(0.3, rounding_mode="trunc"),
        ),
        M,
        POSITIVE,
    ),
    "div rounded integers": (
        lambda t, i, j: (
            i.div(j, rounding_mode="floor"),
            i.div(j, rounding_mode="trunc"),
            i.div(-3, rounding_mode="trunc"),
        ),
        INTS,
        NONZERO,
    ),
    "floor_divide": (
        lambda t, x, y, i, j: (
            x.detach() // y.detach(),
            x.detach() // 0.4,
            5 // y.detach(),
            i // j,
            i // -2,
            7 // j,
            t.floor_divide(i, 2.5),
        ),
        M,
        POSITIVE,
        INTS,
        NONZERO,
    ),
    "reciprocal": (lambda t, x, i: (x.reciprocal(), t.reciprocal(i)), POSITIVE, NONZERO),
    "remainder": (
        lambda t, x, y, i, j: (x % y, x % -0.7, 5 % y.detach(), i % j, i % 3, t.remainder(7, j), x.remainder(y)),
        M,
        POSITIVE,
        INTS,
        NONZERO,
    ),
    "fmod": (lambda t, x, y, i, j: (t.fmod(x, y), x.fmod(-0.7), i.fmod(j), t.fmod(i, 3)), M, POSITIVE, INTS, NONZERO),
    "gcd": (lambda t, i, j: (t.gcd(i, j), i.lcm(j), t.gcd(i, i)), INTS * 6, NONZERO * 4),
    # the larger and the smaller
    "maximum": (lambda t, x, y: (t.maximum(x, y), x.minimum(y), t.fmax(x, y), x.fmin(y)), M, N),
    "maximum broadcast": (lambda t, x, y, s: (t.maximum(x, y), t.minimum(x, s), t.fmax(y, x), t.fmin(s, x)), M, V, T),
    "maximum integers": (
        lambda t, i, b, m: (t.maximum(i, b), t.minimum(i, i), t.fmax(i, b), t.fmin(b, b), t.maximum(m, m)),
        NONZERO,
        BYTES,
        BOOLS,
    ),
    "clamp": (
        lambda t, x: (
            x.clamp(-0.5, 0.5),
            t.clamp(x, min=0.1),
            x.clip(max=0.2),
            t.clamp_min(x, 0),
            x.clamp_max(0.3),
            x.clamp(1, -1),
        ),
        M,
    ),
    "clamp tensors": (
        lambda t, x, y, z: (x.clamp(y, z), t.clamp(x, min=y), t.clamp(x, max=z), x.clamp(z, y)),
        M,
        V - 0.6,
        C + 0.6,
    ),
    "clamp integers": (lambda t, i, m: (i.clamp(-1, 2), i.clamp(min=0.5), m.clamp(0, 1), i.clamp(max=2)), INTS, BOOLS),
    "relu": (lambda t, x, i: (x.relu(), t.relu(i)), M, INTS),
    "nan_to_num": (lambda t, x, i: (x.nan_to_num(), t.nan_to_num(i, 7)), M, INTS),
    # rounding
    "abs": (lambda t, x, i: (abs(x), t.absolute(x), x.abs(), i.abs()), M, INTS),
    "sign": (lambda t, x, i, m, b: (x.sign(), t.sgn(x), i.sign(), m.sign(), b.sgn()), M, INTS, BOOLS, BYTES),
    "rounding": (
        lambda t, x: (
            x.ceil(),
            t.floor(x),
            x.trunc(),
            t.fix(x),
            x.round(),
            t.round(x, decimals=1),
            x.round(decimals=-1),
        ),
        M * 7,
    ),
    "rounding integers": (lambda t, i: (i.ceil(), i.floor(), i.trunc(), i.round()), INTS),
    "frac": (lambda t, x: (x.frac(), t.frac(x * 9)), M),
    "copysign": (lambda t, x, y, i: (t.copysign(x, y), x.copysign(-1), i.copysign(-2.0), i.copysign(i)), M, N, NONZERO),
    "heaviside": (lambda t, x, v, i: (t.heaviside(x.detach(), v.detach()), i.heaviside(i)), SPECIAL, OTHERS, INTS),
    "nextafter": (lambda t, x, y: t.nextafter(x, y.detach()), M, N),
    "ldexp": (lambda t, x, y, i: (t.ldexp(x, y), x[0].ldexp(i), i.ldexp(i)), M, N, np.array([2, 1, 7, 3])),
    "frexp": (lambda t, x: t.frexp(x), POSITIVE * 5),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    # float32 cannot be differentiated numerically
    exact = all(x.dtype == np.float64 for x in inputs)
    check(function, *inputs, second=all(x.dtype != np.float32 for x in inputs), tolerance=1e-12 if exact else 1e-6)


@pytest.mark.parametrize("name", ROWS)
def test_derivatives(name):
    function, *inputs = ROWS[name]
    if any(x.dtype == np.float64 and x.size for x in inputs) and not any(x.dtype == np.float32 for x in inputs):
        leaves = [minitorch.tensor(x, requires_grad=x.dtype == np.float64) for x in inputs]
        results = function(minitorch, *leaves)
        if any(getattr(r, "requires_grad", False) for r in (results if isinstance(results, tuple) else (results,))):
            check_derivatives(function, *inputs)


#: where slopes jump, are infinite, or where results are not finite: values and first gradients as PyTorch's
KINKS = {
    "mul": lambda t, x, y: x * y,
    "add": lambda t, x, y: x + y,
    "sub": lambda t, x, y: x - y,
    "div": lambda t, x, y: x / y,
    "div floor": lambda t, x, y: t.div(x, y, rounding_mode="floor"),
    "floor_divide": lambda t, x, y: (x.detach() // y.detach(), x * y),
    "remainder": lambda t, x, y: x % y,
    "fmod": lambda t, x, y: t.fmod(x, y),
    "pow": lambda t, x, y: t.pow(x, y),
    "pow 0": lambda t, x, y: (x**0, x**1, x**2, x**3),
    "pow of 0": lambda t, x, y: (t.pow(0.0, x.abs()), t.pow(0, y), t.pow(-1.5, x)),
    "pow of itself": lambda t, x, y: (x.abs() ** x.abs(), x**x),
    "reciprocal": lambda t, x, y: (x.reciprocal(), 1 / x, 0 / y),
    "abs": lambda t, x, y: (x.abs(), x.sign(), x.relu(), x.frac(), x.ceil(), x.floor(), x.round()),
    "maximum": lambda t, x, y: (t.maximum(x, y), t.minimum(x, y), t.maximum(x, x.clone())),
    "fmax": lambda t, x, y: (t.fmax(x, y), t.fmin(x, y), t.fmax(x, x.clone())),
    "clamp": lambda t, x, y: (x.clamp(-2.5, 1), x.clamp(min=0), x.clamp(max=0), x.clamp(min=float("nan"))),
    "clamp tensors": lambda t, x, y: (x.clamp(y, y + 1), x.clamp(min=x.detach()), x.clamp(max=y), x.clamp(y, y - 1)),
    "nan_to_num": lambda t, x, y: (x.nan_to_num(), x.nan_to_num(1, 2, 3), t.nan_to_num(x, posinf=5)),
    "copysign": lambda t, x, y: (t.copysign(x[:4], y[:4]), t.copysign(x[:4], -0.0), x.detach().copysign(y)),
    "lerp": lambda t, x, y: (t.lerp(x, y, 0.0), t.lerp(x, y, 1)),
}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_and_special_values_as_torch(name):
    check(KINKS[name], SPECIAL, OTHERS, second=False)


REFUSED = {
    "gradient of floor_divide": (lambda t, x: (x.requires_grad_() // 2).sum().backward(), M),
    "gradient of heaviside": (lambda t, x: t.heaviside(x.requires_grad_(), x).sum().backward(), M),
    "shapes": (lambda t, x: x + x[:, :3], M),
    "shapes of three": (lambda t, x, v: t.lerp(x, x, v[:3]), M, V),
    "no tensor": (lambda t, x: t.add("x", x), M),
    "none": (lambda t, x: t.mul(x, None), M),
    "missing": (lambda t, x: t.add(x), M),
    "unknown keyword": (lambda t, x: t.mul(x, x, alpha=2), M),
    "alpha": (lambda t, i: t.add(i, i, alpha=2.5), INTS),
    "alpha bool": (lambda t, x: t.add(x, x, alpha=False), M),
    "alpha of sub": (lambda t, i: t.sub(i, i, alpha=0.5), INTS),
    "sub bools": (lambda t, m: m - m, BOOLS),
    "sub a bool": (lambda t, i, m: i - m, NONZERO, BOOLS),
    "sub a Python bool": (lambda t, x: x - True, M),
    "rsub bool": (lambda t, m: 1 - m, BOOLS),
    "neg bool": (lambda t, m: -m, BOOLS),
    "positive bool": (lambda t, m: +m, BOOLS),
    "relu bool": (lambda t, m: m.relu(), BOOLS),
    "abs bool": (lambda t, m: m.abs(), BOOLS),
    "floor bool": (lambda t, m: m.floor(), BOOLS),
    "frac integers": (lambda t, i: i.frac(), INTS),
    "negative power": (lambda t, i: i**-1, INTS),
    "negative power of bytes": (lambda t, b: b**-1, BYTES),
    "pow bools": (lambda t, m: m**m, BOOLS),
    "floor_divide by 0": (lambda t, i: i // 0, INTS),
    "floor_divide by zeros": (lambda t, i: i // i, INTS),
    "remainder by 0": (lambda t, i: i % 0, INTS),
    "fmod by zeros": (lambda t, i: t.fmod(i, i), INTS),
    "floor_divide bools": (lambda t, m: m // m, BOOLS),
    "rounding_mode": (lambda t, x: t.div(x, 2, rounding_mode="up"), M),
    "maximum number": (lambda t, x: t.maximum(x, 0), M),
    "clamp none": (lambda t, x: x.clamp(), M),
    "clamp out of range": (lambda t, b: b.clamp(max=300), BYTES),
    "lerp integers": (lambda t, i: t.lerp(i, i, 0.5), INTS),
    "lerp types": (lambda t, x, y: t.lerp(x, y, 0.5), M, SINGLE),
    "addcdiv integers": (lambda t, i: t.addcdiv(i, i, i), NONZERO),
    "gcd floats": (lambda t, x: t.gcd(x, x), M),
    "heaviside types": (lambda t, x, i: t.heaviside(x[0], i), M, NONZERO),
    "out type": (lambda t, x: t.add(x, 1, out=t.empty(3, 4, dtype=t.int64)), M),
    "out shape in place": (lambda t, v, x: v.add_(x), V, M),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_messages_say_what_came_and_what_to_do():
    x, i = minitorch.ones(2, 3), minitorch.ones(2, dtype=minitorch.int64)
    for match, call in {
        r"tensor a \(3\).*tensor b \(4\).*dimension 1.*add\(\) of shapes \[2, 3\] and \[4\]": lambda: (
            x + minitorch.ones(4)
        ),
        r"size of tensor a \(3\).*dimension 2": lambda: x + minitorch.ones(5, 1, 2),
        r"gcd\(\) is not implemented for torch.float32: it takes integers": lambda: minitorch.gcd(x, x),
        r"relu\(\) is not implemented for torch.bool: it takes integers and floating-point": lambda: (x > 0).relu(),
        r"maximum\(\): argument 'other' must be Tensor, not int": lambda: minitorch.maximum(x, 0),
        r"dtype.*torch.float32 and.*torch.float64|float32 and float64": lambda: minitorch.lerp(x, x.double(), 1),
        r"add\(\) missing required argument 'other'": lambda: minitorch.add(x),
        r"mul\(\) got an unexpected keyword argument 'alpha'": lambda: minitorch.mul(x, x, alpha=1),
        r"div expected rounding_mode": lambda: minitorch.div(i, 2, rounding_mode="up"),
    }.items():
        with pytest.raises((RuntimeError, TypeError), match=match):
            call()


def test_every_function_is_in_a_row():
    tested = str([list(row[0].__code__.co_names) for row in ROWS.values()])
    missing = {
        name
        for name in public_functions(elementwise, division, bounds, rounding)
        if f"'{name}'" not in tested and not name.endswith("_")
    }
    # operators, whose names do not show in the code of a row
    assert missing <= {"mul", "sub", "divided_into", "multiply"}
