"""exp, log, tanh, erf and their kin for compiled loops: without branches, so that LLVM makes vectors of the loops.

The same steps for float32 and float64, with constants for each; results are within a few units of the last digit.
NaN stays NaN, and infinities give what they should.
"""

# mypy: ignore-errors

from __future__ import annotations

import functools
import math

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

from minitorch.backend.primitives import special

# A product and a sum may be rounded once instead of twice; NaN, infinities, zeros and the order of sums stay.
inlined = functools.partial(numba.njit, error_model="numpy", fastmath={"contract"}, forceinline=True)
# Sums may also become sums of several parts.
inlined_sum = functools.partial(inlined, fastmath={"contract", "reassoc", "nsz"})

# All polynomials: highest power first.  Those of exp and log1p were fitted for this module by interpolation at
# Chebyshev nodes, with relative errors of 1e-8 and 2e-17 (exp), 2e-8 and 5e-18 (log1p) at most.

# (exp(r) - 1 - r) / r² for |r| < ln 2 / 2.
_EXP32 = (0.0013926183587713494, 0.008363179052722578, 0.041666554617204574, 0.16666576989698775, 0.5)
_EXP64 = (
    2.510038549551032e-08, 2.7620088445409746e-07, 2.7557268459997064e-06, 2.4801521295954376e-05,
    0.00019841269863053618, 0.0013888888917213717, 0.008333333333330062, 0.04166666666662413, 0.16666666666666669, 0.5,
)  # fmt: skip
# (atanh(s) / s - 1) / s² for s² < 1/9.
_ATANH32 = (0.1342601364699985, 0.14118273328778863, 0.20003781532629666, 0.33333320162814345)
_ATANH64 = (
    0.08082469084735669, 0.04400158825434387, 0.06000577591428889, 0.06657067775440581, 0.07692785296456121,
    0.09090894708663223, 0.11111111358900891, 0.1428571428355253, 0.20000000000007298, 0.3333333333333333,
)  # fmt: skip
# W. J. Cody and W. Waite 1980, "Software manual for the elementary functions", chapter 6: ln 2 in two parts, the first
# of so few digits that its products with exponents are exact.
_LN2, _LN2_REST = 355 / 512, -2.121944400546905827679e-4
_LOG2_E = 1 / math.log(2)

# By type: the polynomials; a number that leaves no room for a fraction when added; where exp ends, which beyond has
# long become 0 or infinite; the least number with a leading one, and the power of two that lifts smaller ones above it.
_TERMS32 = (_EXP32, _ATANH32, 1.5 * 2**23, -104.5, 89.5, 2.0**-126, 24)
_TERMS64 = (_EXP64, _ATANH64, 1.5 * 2**52, -746.5, 710.5, 2.0**-1022, 54)


def _terms(x):
    """The constants for numbers of the type of ``x``."""


@overload(_terms, inline="always")
def _terms_of(x):
    if x == types.float32:
        return lambda x: _TERMS32
    return lambda x: _TERMS64


@inlined
def _polynomial(x, coefficients):
    kind = type(x)
    total = kind(coefficients[0])
    for c in coefficients[1:]:
        total = total * x + kind(c)
    return total


@intrinsic
def _power_of_two(typing, shifted):
    """2^n, where ``shifted`` is n plus the number that leaves no room for a fraction: its last bits are those of n."""

    def generate(context, builder, sig, args):
        single = sig.args[0] == types.float32
        bits, digits, bias = (32, 23, 127) if single else (64, 52, 1023)
        word = ir.IntType(bits)
        moved = builder.shl(builder.bitcast(args[0], word), ir.Constant(word, digits))
        moved = builder.add(moved, ir.Constant(word, bias << digits))
        return builder.bitcast(moved, args[0].type)

    return shifted(shifted), generate


@inlined
def _reduced(x):
    """``x`` within the range of exp as n·ln 2 + r, |r| ≤ ln 2 / 2: n, r and (exp(r) - 1 - r) / r²."""
    kind = type(x)
    coefficients, _, whole, low, high, _, _ = _terms(x)
    x = kind(low) if x < kind(low) else x
    x = kind(high) if x > kind(high) else x
    n = (x * kind(_LOG2_E) + kind(whole)) - kind(whole)
    r = (x - n * kind(_LN2)) - n * kind(_LN2_REST)
    return n, r, _polynomial(r, coefficients)


@inlined
def exp(x):
    kind = type(x)
    whole = kind(_terms(x)[2])
    n, r, rest = _reduced(x)
    # In two factors: the power of two alone may be infinite or 0 where the result is not.
    half = n * kind(0.5) + whole
    other = n - (half - whole) + whole
    return ((r * r * rest + r) + kind(1)) * _power_of_two(half) * _power_of_two(other)


@inlined
def expm1(x):
    """exp(x) - 1 for ``x`` up to 0, without the loss of digits near 0."""
    kind = type(x)
    n, r, rest = _reduced(x)
    n = kind(-64) if n < kind(-64) else n  # the result is -1 long before
    power = _power_of_two(n + kind(_terms(x)[2]))
    return power * (r * r * rest + r) + (power - kind(1))


@inlined
def tanh(x):
    """(1 - exp(-2a)) / (1 + exp(-2a)) for a = |x|, with the sign of ``x``."""
    kind = type(x)
    less = expm1(kind(-2) * abs(x))
    return math.copysign(less / (kind(2) + less), x)


@inlined
def logistic(x):
    """1 / (1 + exp(-x))."""
    kind = type(x)
    return kind(1) / (kind(1) + exp(-x))


@inlined
def logistic_and_slope(x):
    """The logistic function s and s·(1 - s), which is exact also where s is nearly 1."""
    kind = type(x)
    e = exp(-abs(x))
    larger = kind(1) / (kind(1) + e)
    return larger if x > kind(0) else e * larger, e * larger * larger


@intrinsic
def _split(typing, x):
    """n and m with x = m·2ⁿ and m from √½ to √2, for normal numbers; NaN and infinite numbers are left in m."""

    def generate(context, builder, sig, args):
        single = sig.args[0] == types.float32
        word, digits = (ir.IntType(32), 23) if single else (ir.IntType(64), 52)
        one, root_half = (0x3F800000, 0x3F3504F3) if single else (0x3FF << 52, 0x3FE6A09E667F3BCD)
        whole = 0x4B400000 if single else 0x4338 << 48  # the number that leaves no room for a fraction
        number = lambda k: ir.Constant(word, k)  # noqa: E731
        bits = builder.bitcast(args[0], word)
        n = builder.lshr(builder.add(bits, number(one - root_half)), number(digits))
        n = builder.sub(n, number(one >> digits))
        m = builder.bitcast(builder.sub(bits, builder.shl(n, number(digits))), args[0].type)
        shifted = builder.bitcast(builder.add(n, number(whole)), args[0].type)
        n = builder.fsub(shifted, builder.bitcast(number(whole), args[0].type))
        return context.make_tuple(builder, sig.return_type, (n, m))

    return types.UniTuple(x, 2)(x), generate


@inlined
def log(x):
    """ln m + n·ln 2 for x = m·2ⁿ, and ln m = 2·atanh((m - 1) / (m + 1))."""
    kind = type(x)
    _, coefficients, _, _, _, least, lift = _terms(x)
    small = x < kind(least)  # without a leading one
    n, m = _split(x * kind(2.0**lift) if small else x)
    n = n - kind(lift) if small else n
    s = (m - kind(1)) / (m + kind(1))
    z = s * s
    s += s
    y = n * kind(_LN2) + ((s * z * _polynomial(z, coefficients) + n * kind(_LN2_REST)) + s)
    y = y if x < kind(math.inf) else x
    y = y if x != kind(0) else kind(-math.inf)
    return y if x >= kind(0) else kind(math.nan)


@inlined
def log1p(e):
    """log(1 + e) for ``e`` from 0 to 1: 2·atanh(e / (2 + e))."""
    kind = type(e)
    s = e / (kind(2) + e)
    z = s * s
    s += s
    return s * z * _polynomial(z, _terms(e)[1]) + s


_N32, _M32 = special._N32, special._M32
_A, _B, _C, _D = special._A, special._B, special._C, special._D


def erf(x):
    """The error function, by the formulas of :mod:`minitorch.backend.primitives.special`."""


@overload(erf, jit_options={"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True})
def _erf(x):
    if x == types.float32:

        def single(x):
            kind = type(x)
            near = kind(-3.95) if x < kind(-3.95) else x
            near = kind(3.95) if near > kind(3.95) else near
            z = near * near
            y = near * _polynomial(z, _N32) / _polynomial(z, _M32)
            y = kind(-1) if y < kind(-1) else y
            return kind(1) if y > kind(1) else y

        return single

    def double(x):
        a = abs(x)
        inner = x * _polynomial(x * x, _A) / _polynomial(x * x, _B)
        a = 6.0 if a > 6.0 else a  # erf is 1 from there on, and beyond 4 the middle formula is exact enough for it
        outer = 1.0 - exp(-a * a) * _polynomial(a, _C) / _polynomial(a, _D)
        return inner if a < 0.46875 else math.copysign(outer, x)

    return double


@inlined
def log1p_of_any(x):
    """log(1 + x), with what 1 + x rounded away made good."""
    kind = type(x)
    whole = kind(1) + x
    lost = ((whole - kind(1)) - x) / whole
    lost = lost if lost == lost else kind(0)  # where the logarithm is infinite
    return x if whole == kind(1) else log(whole) - lost


# ---- maxima


def _word(value):
    return ir.IntType(32 if value == types.float32 else 64)


@intrinsic
def _ordered(typing, x):
    """An integer that grows with ``x``: maxima of integers can be taken by vectors, whatever NaN is."""
    word = types.int32 if x == types.float32 else types.int64

    def generate(context, builder, sig, args):
        kind = _word(sig.args[0])
        bits = builder.bitcast(args[0], kind)
        sign = builder.ashr(bits, ir.Constant(kind, kind.width - 1))
        return builder.xor(bits, builder.lshr(sign, ir.Constant(kind, 1)))

    return word(x), generate


@intrinsic
def _from_ordered(typing, number, like):
    def generate(context, builder, sig, args):
        kind = _word(sig.args[1])
        sign = builder.ashr(args[0], ir.Constant(kind, kind.width - 1))
        return builder.bitcast(builder.xor(args[0], builder.lshr(sign, ir.Constant(kind, 1))), args[1].type)

    return like(number, like), generate


@inlined
def largest(row):
    """The largest element of ``row``; where there is NaN, NaN or the largest of the others."""
    best = _ordered(row[0])
    for i in range(1, row.size):
        key = _ordered(row[i])
        best = key if key > best else best
    return _from_ordered(best, row[0])
