"""The regularised incomplete gamma function P(a, x), the distribution function of gamma variates, and how variates move
with ``a``.  On the host, in float64: random numbers are drawn there.

P(a, x) = xᵃ e⁻ˣ / Γ(a + 1) · Σ tₙ with t₀ = 1 and tₙ = tₙ₋₁ · x / (a + n) (Abramowitz and Stegun, 6.5.29).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.primitives.special import digamma, lgamma

#: from here on an expansion in 1/√a takes the place of the series, which would take hundreds of terms
LARGE = 1e4


def _terms(a: Any, x: Any) -> Any:
    """t₀, t₁ … until they no longer count for any element."""
    term, total, n = np.ones_like(x), np.ones_like(x), 0
    while True:
        yield term
        n += 1
        term = term * (x / (a + n))
        total = total + term
        # beyond n > x - a each term is smaller than the one before by more than this factor
        if not ((x > a + n) | (term * (a + n) > total * 1e-18 * np.maximum(a + n - x, 1))).any():
            return


def gammainc(a: np.ndarray, x: np.ndarray) -> Any:
    """P(a, x) for ``a`` > 0 and ``x`` >= 0, of one shape."""
    a, x = a.astype(np.float64), x.astype(np.float64)
    kept = np.minimum(x, a + 40 + 40 * np.sqrt(a))  # beyond, 1 to all digits
    with np.errstate(divide="ignore"):
        first = np.exp(a * np.log(kept) - kept - lgamma(a + 1))
    return np.minimum(first * sum(_terms(a, kept)), 1.0)


def gamma_slope(a: np.ndarray, x: np.ndarray) -> Any:
    """dx/da at a fixed value of P(a, x): -(∂P/∂a) / (∂P/∂x) (Figurnov et al. 2018, arXiv:1805.08498)."""
    a, x = np.broadcast_arrays(a.astype(np.float64), x.astype(np.float64))
    large = a > LARGE
    result = np.empty(a.shape)
    result[large] = _slope_of_large(a[large], x[large])
    small = ~large
    result[small] = _slope_by_series(a[small], x[small])
    return result


def _slope_by_series(a: Any, x: Any) -> Any:
    if not a.size:
        return a
    psi, log_x, total = digamma(a + 1), np.log(x), np.zeros_like(a)
    for n, term in enumerate(_terms(a, x)):
        total += term * (psi - log_x)
        psi = psi + 1 / (a + n + 1)
    return total * (x / a)


def _slope_of_large(a: Any, x: Any) -> Any:
    """By Cornish and Fisher's expansion: x = a + u√a + (u² - 1)/3 + (u³ - 7u)/(36√a) + …, for a normal variate u."""
    root = np.sqrt(a)
    u = (x - a) / root
    for _ in range(4):
        u = (x - a - (u * u - 1) / 3 - (u**3 - 7 * u) / (36 * root)) / root
    return 1 + u / (2 * root) - (u**3 - 7 * u) / (72 * a * root)
