"""Special functions that NumPy lacks, in array calls alone: erf, erfc, erfinv, lgamma, digamma, polygamma.

float64 is accurate to about 1e-15, relative to the result or, near its zeros, to the terms it is the difference of.
float32 goes through float64 except for :func:`erf`, which GELU needs at full speed; float16 through float32.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, as_array
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import scratch

__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "polygamma"]

# W. J. Cody 1969, "Rational Chebyshev approximations for the error function", Math. Comp. 23: erf(x) = x·A(x²)/B(x²)
# for |x| < 0.46875; erfc(x) = exp(-x²)·C(x)/D(x) up to 4; beyond, exp(-x²)/x·(1/√π - x⁻²·P(x⁻²)/Q(x⁻²)).
# All polynomials here: highest power first.
_A = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3)
_B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_C = (
    2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
    8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
)  # fmt: skip
_D = (
    1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
)  # fmt: skip
_P = (
    1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4,
)  # fmt: skip
_Q = (
    1.0, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
    2.33520497626869185e-3,
)  # fmt: skip

# For float32: erf(x) = x·N(x²)/M(x²) for |x| < 3.95, where it rounds to 1.  Fitted for this module by reweighted least
# squares, relative error 2e-8 at most; all coefficients are positive, so rounding stays small.
_N32 = (
    2.025912421916776e-06, 0.0002846853430136424, 0.003808084125603669, 0.052875202562421585, 0.1915486033983821,
    1.1283791437673645,
)  # fmt: skip
_M32 = (
    3.783172245132014e-05, 0.0011707058345013684, 0.015054934139613327, 0.11455890195081951, 0.5030882058321454, 1.0,
)  # fmt: skip

# M. J. Wichura 1988, "Algorithm AS 241: the percentage points of the normal distribution", Appl. Statist. 37 (PPND16).
_CENTRE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)  # B2, B4, ...
_CHUNK = 1 << 14


def _in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate in float64 and round the result to the argument's dtype; floating-point warnings are not for users."""

    @functools.wraps(function)
    def rounded(x: Any, *args: Any) -> Any:
        with np.errstate(all="ignore"):
            result = function(array_module(x), x.astype(np.float64, copy=False), *args)
        return as_array(result.astype(x.dtype, copy=False))

    return rounded


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    total = coefficients[0] * x + coefficients[1]
    for c in coefficients[2:]:
        total *= x
        total += c
    return total


def _ratio(x: Any, above: Sequence[float], below: Sequence[float]) -> Any:
    return _polynomial(x, above) / _polynomial(x, below)


def _erf_and_erfc(xp: Any, x: Any) -> tuple[Any, Any]:
    """Both for |x|, each accurate where it is small: (erf, erfc)."""
    a = xp.abs(x)
    near = xp.minimum(a, 0.46875)
    inner = near * _ratio(near * near, _A, _B)
    # exp(-a²) without the rounding error of a²: a = coarse + rest, with coarse² exact.
    coarse = xp.trunc(a * 16) / 16
    decay = xp.exp(-coarse * coarse) * xp.exp(-(a - coarse) * (a + coarse))
    middle = xp.clip(a, 0.46875, 4)
    far = xp.clip(a, 4, 1e100)
    z = 1 / (far * far)
    tail = (1 / math.sqrt(math.pi) - z * _ratio(z, _P, _Q)) / far
    outer = decay * xp.where(a <= 4, _ratio(middle, _C, _D), tail)
    outer = xp.where(a > 27, 0, outer)  # below the smallest number; also where a is infinite
    small = a < 0.46875
    forward, complement = xp.where(small, inner, 1 - outer), xp.where(small, 1 - inner, outer)
    return xp.where(a != a, x, forward), xp.where(a != a, x, complement)


@primitive
def erf(x: Any) -> Any:
    """The error function 2/√π ∫₀ˣ exp(-t²) dt, element by element."""
    if x.dtype == np.float64:
        return _erf64(x)
    xp = array_module(x)
    if x.dtype != np.float32:
        return erf(x.astype(np.float32)).astype(x.dtype, copy=False)
    y = xp.empty(x.shape, x.dtype)
    source, target = xp.ascontiguousarray(x).reshape(-1), y.reshape(-1)
    step = _CHUNK if xp is np else max(1, x.size)
    for first in range(0, x.size, step):
        part = target[first : first + step]
        z, below = (scratch(xp, name, part.shape, x.dtype) for name in ("erf.square", "erf.below"))
        clipped = xp.clip(source[first : first + step], -3.95, 3.95, out=scratch(xp, "erf.x", part.shape, x.dtype))
        xp.multiply(clipped, clipped, out=z)
        for total, coefficients in ((part, _N32), (below, _M32)):
            xp.multiply(z, np.float32(coefficients[0]), out=total)
            for c in coefficients[1:-1]:
                total += np.float32(c)
                total *= z
            total += np.float32(coefficients[-1])
        part *= clipped
        part /= below
        xp.clip(part, -1, 1, out=part)
    return y


@_in_float64
def _erf64(xp: Any, x: Any) -> Any:
    return xp.copysign(_erf_and_erfc(xp, x)[0], x)


@primitive
@_in_float64
def erfc(xp: Any, x: Any) -> Any:
    """1 - erf(x), accurate also where erf is nearly 1."""
    forward, complement = _erf_and_erfc(xp, x)
    return xp.where(x < 0, 1 + forward, complement)


@primitive
@_in_float64
def erfinv(xp: Any, x: Any) -> Any:
    """The inverse of erf: NaN outside [-1, 1], infinite at its ends."""
    a = xp.abs(x)
    q = xp.minimum(a / 2, 0.425)
    centre = q * _ratio(0.180625 - q * q, *_CENTRE)
    r = xp.sqrt(-xp.log(xp.clip((1 - a) / 2, 1e-300, 0.5)))
    tail = xp.where(r <= 5, _ratio(r - 1.6, *_TAIL), _ratio(r - 5, *_FAR_TAIL))
    result = xp.where(a <= 0.85, centre, tail) / math.sqrt(2)
    result = xp.where(a < 1, result, xp.where(a == 1, math.inf, math.nan))
    return xp.copysign(result, x)


@functools.lru_cache(maxsize=1)
def _zeta_tails() -> tuple[float, ...]:
    """(-1)^k·(ζ(k) - 1)/k for k = 2, 3, ...: the Taylor series of ln Γ(2 + z) after its linear term."""
    terms = 34
    tails = [math.fsum(n**-k for n in range(2, 400)) + _zeta_rest(k, 400) for k in range(2, terms)]
    return tuple((-1) ** k * tail / k for k, tail in enumerate(tails, 2))[::-1]


def _zeta_rest(s: int, q: int) -> float:
    """Σ n^-s for n ≥ q, by Euler-Maclaurin."""
    return q ** (1 - s) / (s - 1) + q**-s / 2 + s * q ** (-s - 1) / 12 - s * (s + 1) * (s + 2) * q ** (-s - 3) / 720


@primitive
@_in_float64
def lgamma(xp: Any, x: Any) -> Any:
    """ln |Γ(x)|: infinite at 0, -1, -2, ...

    Stirling's series from 8 on; below, the recurrence down to [1.5, 2.5) and there the Taylor series around 2, whose
    factor x - 2 keeps the relative accuracy near the zeros at 1 and 2; the reflection formula for x < 0.5.
    """
    reflected = x < 0.5
    p = xp.where(reflected, 1 - x, x)
    large = xp.maximum(p, 8)
    inverse = 1 / large
    series = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)]
    stirling = (large - 0.5) * (xp.log(large) - 1) - 0.5 + 0.5 * math.log(2 * math.pi)
    stirling += inverse * _polynomial(inverse * inverse, series[::-1])
    # Γ(p) = (p - 1)(p - 2)...(z + 2) Γ(z + 2), or Γ(z + 2) / (z + 1) below 1.5.
    small = xp.minimum(p, 8)
    z, product = xp.where(small < 1.5, small - 1, small - 2), xp.ones_like(small)
    for _ in range(6):
        above = z >= 0.5
        product = xp.where(above, product * (z + 1), product)
        z = xp.where(above, z - 1, z)
    near = z * (_polynomial(z, (*_zeta_tails(), 0.0)) + (1 - np.euler_gamma))
    near = xp.where(small < 1.5, near - xp.log1p(z), near + xp.log(product))
    result = xp.where(p < 8, near, stirling)
    result = xp.where(p > 1e300, xp.where(p < 2.5e305, result, math.inf), result)
    fraction = xp.abs(x - xp.rint(x))  # |sin πx| = sin π·fraction, without rounding for large x
    mirror = math.log(math.pi) - xp.log(xp.sin(math.pi * fraction)) - result
    # Between 0 and 0.5 the recurrence is more accurate: ln Γ(x) = ln Γ(x + 2) - ln x(x + 1).
    t = xp.clip(x, 0, 0.5)
    low = t * (_polynomial(t, (*_zeta_tails(), 0.0)) + (1 - np.euler_gamma)) - xp.log(t) - xp.log1p(t)
    result = xp.where(reflected, xp.where(x > 0, low, mirror), result)
    result = xp.where(((x <= 0) & (fraction == 0)) | (x == -math.inf), math.inf, result)
    return xp.where(x != x, x, result)


@primitive
@_in_float64
def digamma(xp: Any, x: Any) -> Any:
    """The derivative of ln Γ: -∞ at 0 (+∞ at -0), NaN at the other poles."""
    reflected = x < 0
    p = xp.where(reflected, 1 - x, x)
    shift = xp.zeros_like(p)
    for _ in range(10):
        low = p < 10
        shift = xp.where(low, shift + 1 / p, shift)
        p = xp.where(low, p + 1, p)
    inverse = 1 / (p * p)
    series = [b / (2 * k) for k, b in enumerate(_BERNOULLI, 1)]
    result = xp.log(p) - 0.5 / p - inverse * _polynomial(inverse, series[::-1]) - shift
    nearest = xp.rint(x)
    result = xp.where(reflected, result - math.pi / xp.tan(math.pi * (x - nearest)), result)
    at_pole = xp.where(x == 0, xp.copysign(math.inf, -x), math.nan)
    result = xp.where((x <= 0) & (x == nearest), at_pole, result)
    return xp.where(x == math.inf, math.inf, xp.where(x == -math.inf, math.nan, result))


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of :func:`digamma`; ``n = 0`` is digamma itself."""
    return digamma(x) if n == 0 else _polygamma(x, n)


@primitive
@_in_float64
def _polygamma(xp: Any, x: Any, n: int) -> Any:
    """(-1)^(n+1) n! ζ(n + 1, x) by Euler-Maclaurin; for x < 0 the n-th derivative of the reflection formula."""
    reflected = x < 0
    p = xp.where(reflected, 1 - x, x)
    total, steps = xp.zeros_like(p), 10 + n
    for k in range(steps):
        total += (p + k) ** -(n + 1)
    q = p + steps
    total += q**-n / n + q ** -(n + 1) / 2
    rising = n + 1.0  # (n+1)(n+2)...(n+2k-1) / (2k)!, times B_2k
    for k, b in enumerate(_BERNOULLI, 1):
        total += b * rising / math.factorial(2 * k) * q ** -(n + 2 * k)
        rising *= (n + 2 * k) * (n + 2 * k + 1)
    result = (-1) ** (n + 1) * math.factorial(n) * total
    cotangent = 1 / xp.tan(math.pi * (x - xp.rint(x)))
    mirror = math.pi ** (n + 1) * xp.ones_like(p) * _polynomial(cotangent, _cotangent_derivative(n))
    result = xp.where(reflected, (-1) ** n * result - mirror, result)
    pole = (x <= 0) & (x == xp.rint(x))
    result = xp.where(pole, math.inf if n % 2 else -math.inf, result)
    return xp.where(x != x, x, xp.where(x == math.inf, 0.0, result))


@functools.lru_cache(maxsize=32)
def _cotangent_derivative(n: int) -> tuple[int, ...]:
    """The n-th derivative of cot u as a polynomial in cot u, highest power first: cot' = -(1 + cot²)."""
    lowest_first = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(lowest_first)][1:]
        lowest_first = [-a - b for a, b in itertools.zip_longest([*slope], [0, 0, *slope], fillvalue=0)]
    return tuple(lowest_first[::-1])
