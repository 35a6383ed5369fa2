"""The loops of :mod:`.activations`, compiled.  Arrays have one dimension; parameters come as float64 and are rounded
once."""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu import elementary
from minitorch.backend.cpu.elementary import expm1, inlined, logistic, logistic_and_slope
from minitorch.backend.cpu.parts import elementwise
from minitorch.backend.primitives.activations import CUBIC, DENSITY, ROOT_HALF, K

# ---- functions of which others are made


@elementwise
def exp(x, out):
    for i in range(x.size):
        out[i] = elementary.exp(x[i])


@elementwise
def log(x, out):
    for i in range(x.size):
        out[i] = elementary.log(x[i])


@elementwise
def log1p(x, out):
    for i in range(x.size):
        out[i] = elementary.log1p_of_any(x[i])


@elementwise
def erf(x, out):
    for i in range(x.size):
        out[i] = elementary.erf(x[i])


@elementwise
def tanh(x, out):
    for i in range(x.size):
        out[i] = elementary.tanh(x[i])


@elementwise
def tanh_grad(y, g, out):
    for i in range(g.size):
        out[i] = g[i] - g[i] * (y[i] * y[i])


# ---- in terms of the logistic function


@elementwise
def sigmoid(x, out):
    for i in range(x.size):
        out[i] = logistic(x[i])


@elementwise
def sigmoid_grad(y, g, out):
    for i in range(g.size):
        out[i] = g[i] * (y[i] - y[i] * y[i])


@elementwise
def silu(x, out):
    for i in range(x.size):
        out[i] = x[i] * logistic(x[i])


@elementwise
def silu_grad(x, g, out):
    for i in range(x.size):
        s, slope = logistic_and_slope(x[i])
        out[i] = g[i] * (s + x[i] * slope)


@inlined
def _log1p_exp(x):
    rest = elementary.log1p(elementary.exp(-abs(x)))
    return x + rest if x > type(x)(0) else rest


@elementwise
def softplus(x, out, beta, threshold):
    kind = x.dtype.type
    beta, threshold = kind(beta), kind(threshold)
    for i in range(x.size):
        scaled = x[i] * beta
        out[i] = x[i] if scaled > threshold else _log1p_exp(scaled) / beta


@elementwise
def softplus_grad(x, g, out, beta, threshold):
    kind = x.dtype.type
    beta, threshold = kind(beta), kind(threshold)
    for i in range(x.size):
        scaled = x[i] * beta
        out[i] = g[i] if scaled > threshold else g[i] * logistic(scaled)


@elementwise
def logsigmoid(x, out):
    for i in range(x.size):
        out[i] = -_log1p_exp(-x[i])


@elementwise
def logsigmoid_grad(x, g, out):
    for i in range(x.size):
        out[i] = g[i] * logistic(-x[i])


@elementwise
def mish(x, out):
    kind = x.dtype.type
    for i in range(x.size):
        e = elementary.exp(kind(20) if x[i] > kind(20) else x[i])
        n = e * (e + kind(2))
        out[i] = x[i] * (n / (n + kind(2)))


@elementwise
def mish_grad(x, g, out):
    kind = x.dtype.type
    for i in range(x.size):
        capped = kind(20) if x[i] > kind(20) else x[i]
        e = elementary.exp(capped)
        n = e * (e + kind(2))
        whole = n + kind(2)
        rise = kind(4) * e * (e + kind(1)) / (whole * whole)
        out[i] = g[i] * (n / whole + capped * rise)


# ---- x·Φ(x)


@inlined
def _normal_distribution(x):
    kind = type(x)
    return kind(0.5) + kind(0.5) * elementary.erf(x * kind(ROOT_HALF))


@elementwise
def gelu(x, out):
    for i in range(x.size):
        out[i] = x[i] * _normal_distribution(x[i])


@elementwise
def gelu_grad(x, g, out):
    half, density = x.dtype.type(-0.5), x.dtype.type(DENSITY)
    for i in range(x.size):
        out[i] = g[i] * (_normal_distribution(x[i]) + x[i] * density * elementary.exp(x[i] * x[i] * half))


# (1 + tanh(u)) / 2 is the logistic function of 2u.


@elementwise
def gelu_tanh(x, out):
    first, third = x.dtype.type(2 * K), x.dtype.type(2 * K * CUBIC)
    for i in range(x.size):
        out[i] = x[i] * logistic(x[i] * (first + third * (x[i] * x[i])))


@elementwise
def gelu_tanh_grad(x, g, out):
    kind = x.dtype.type
    first, third = kind(2 * K), kind(2 * K * CUBIC)
    for i in range(x.size):
        square = third * (x[i] * x[i])
        s, slope = logistic_and_slope(x[i] * (first + square))
        out[i] = g[i] * (s + slope * (x[i] * (first + kind(3) * square)))


# ---- exponential below zero


@elementwise
def elu(x, out, alpha, scale, rate):
    kind = x.dtype.type
    below, scale, rate = kind(alpha * scale), kind(scale), kind(rate)
    for i in range(x.size):
        out[i] = x[i] * scale if x[i] > kind(0) else below * expm1(x[i] * rate)


@elementwise
def elu_grad(x, g, out, alpha, scale, rate):
    kind = x.dtype.type
    below, scale, rate = kind(alpha * scale * rate), kind(scale), kind(rate)
    for i in range(x.size):
        out[i] = g[i] * scale if x[i] > kind(0) else g[i] * (below * elementary.exp(x[i] * rate))


# ---- quotients


@elementwise
def softsign(x, out):
    for i in range(x.size):
        out[i] = x[i] / (x.dtype.type(1) + abs(x[i]))


@elementwise
def softsign_grad(x, g, out):
    for i in range(x.size):
        below = x.dtype.type(1) + abs(x[i])
        out[i] = g[i] / (below * below)


@elementwise
def hardswish(x, out):
    kind = x.dtype.type
    for i in range(x.size):
        y = x[i] + kind(3)
        y = kind(0) if y < kind(0) else y
        y = kind(6) if y > kind(6) else y
        out[i] = x[i] * y * kind(1 / 6)


@elementwise
def hardswish_grad(x, g, out):
    kind = x.dtype.type
    for i in range(x.size):
        y = g[i] * (x[i] * kind(1 / 3) + kind(0.5))
        y = kind(0) if x[i] <= kind(-3) else y
        out[i] = g[i] if x[i] >= kind(3) else y


# ---- straight pieces


@elementwise
def leaky_relu(x, out, slope):
    kind = x.dtype.type
    slope = kind(slope)
    for i in range(x.size):
        out[i] = x[i] if x[i] > kind(0) else x[i] * slope


@elementwise
def leaky_relu_grad(x, g, out, slope):
    kind = x.dtype.type
    slope = kind(slope)
    for i in range(x.size):
        out[i] = g[i] if x[i] > kind(0) else g[i] * slope


@elementwise
def hardtanh(x, out, low, high):
    low, high = x.dtype.type(low), x.dtype.type(high)
    for i in range(x.size):
        y = low if x[i] < low else x[i]
        out[i] = high if y > high else y


@elementwise
def hardtanh_grad(x, g, out, low, high):
    low, high, zero = x.dtype.type(low), x.dtype.type(high), x.dtype.type(0)
    for i in range(x.size):
        y = g[i] if x[i] > low else zero
        out[i] = y if x[i] < high else zero


@elementwise
def threshold(x, out, threshold, value):
    threshold, value = x.dtype.type(threshold), x.dtype.type(value)
    for i in range(x.size):
        out[i] = value if x[i] <= threshold else x[i]


@elementwise
def threshold_grad(x, g, out, threshold, value):
    threshold, zero = x.dtype.type(threshold), x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if x[i] <= threshold else g[i]


@elementwise
def hardshrink(x, out, lambd):
    lambd, zero = x.dtype.type(lambd), x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if abs(x[i]) <= lambd else x[i]


@elementwise
def softshrink(x, out, lambd):
    lambd, zero = x.dtype.type(lambd), x.dtype.type(0)
    for i in range(x.size):
        y = x[i] - lambd if x[i] > lambd else zero * x[i]
        out[i] = x[i] + lambd if x[i] < -lambd else y


@elementwise
def shrink_grad(x, g, out, lambd):
    lambd, zero = x.dtype.type(lambd), x.dtype.type(0)
    for i in range(x.size):
        out[i] = g[i] if abs(x[i]) > lambd else zero


@elementwise
def hardsigmoid(x, out):
    kind = x.dtype.type
    for i in range(x.size):
        y = (x[i] + kind(3)) * kind(1 / 6)
        y = kind(0) if y < kind(0) else y
        out[i] = kind(1) if y > kind(1) else y


@elementwise
def hardsigmoid_grad(x, g, out):
    kind = x.dtype.type
    for i in range(x.size):
        out[i] = g[i] * kind(1 / 6) if abs(x[i]) < kind(3) else kind(0)
