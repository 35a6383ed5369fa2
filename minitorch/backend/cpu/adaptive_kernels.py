"""The loops of :mod:`.adaptive_steps`, compiled.  Arrays have one dimension; numbers come as float64 and are rounded
once."""

# mypy: ignore-errors

from __future__ import annotations

import math

from minitorch.backend.cpu.compiling import written_in
from minitorch.backend.cpu.parts import elementwise


@written_in
def _slope(p, g, decay, maximize):
    """The gradient to go down, with the L2 penalty."""
    return (-g if maximize else g) + decay * p


@written_in
def _blended(average, g, weight):
    """average + weight (g - average), from the end that is nearer: as PyTorch's ``lerp`` rounds."""
    kind = type(g)
    if weight < kind(0.5):
        return average + weight * (g - average)
    return g - (kind(1) - weight) * (g - average)


@elementwise
def adagrad(param, grad, total, lr, eps, decay, maximize):
    kind = param.dtype.type
    lr, eps, decay = kind(lr), kind(eps), kind(decay)
    for i in range(param.size):
        g = _slope(param[i], grad[i], decay, maximize)
        s = total[i] + g * g
        total[i] = s
        param[i] -= lr * g / (math.sqrt(s) + eps)


@elementwise
def rmsprop(
    param, grad, square, mean, buffer, has_mean, has_buffer, lr, alpha, take, eps, decay, momentum, maximize
):  # fmt: skip
    kind = param.dtype.type
    lr, alpha, take, eps, decay, momentum = kind(lr), kind(alpha), kind(take), kind(eps), kind(decay), kind(momentum)
    for i in range(param.size):
        g = _slope(param[i], grad[i], decay, maximize)
        v = alpha * square[i] + take * g * g
        square[i] = v
        if has_mean:
            a = _blended(mean[i], g, take)
            mean[i] = a
            v -= a * a
        step = g / (math.sqrt(v) + eps)
        if has_buffer:
            step += momentum * buffer[i]
            buffer[i] = step
        param[i] -= lr * step


@elementwise
def adadelta(param, grad, square, acc_delta, lr, rho, take, eps, decay, maximize):
    kind = param.dtype.type
    lr, rho, take, eps, decay = kind(lr), kind(rho), kind(take), kind(eps), kind(decay)
    for i in range(param.size):
        g = _slope(param[i], grad[i], decay, maximize)
        v = rho * square[i] + take * g * g
        square[i] = v
        u = acc_delta[i]
        delta = math.sqrt(u + eps) / math.sqrt(v + eps) * g
        acc_delta[i] = rho * u + take * delta * delta
        param[i] -= lr * delta


@elementwise
def adamax(param, grad, mean, largest, step_size, blend, beta2, eps, decay, maximize):
    kind = param.dtype.type
    step_size, blend, beta2, eps, decay = kind(step_size), kind(blend), kind(beta2), kind(eps), kind(decay)
    for i in range(param.size):
        g = _slope(param[i], grad[i], decay, maximize)
        m = _blended(mean[i], g, blend)
        mean[i] = m
        old, new = beta2 * largest[i], abs(g) + eps
        u = new if old < new or new != new else old  # NaN stays, whichever of the two it is
        largest[i] = u
        param[i] -= step_size * m / u


@elementwise
def nadam(
    param, grad, mean, square, grad_scale, momentum_scale, correction, blend, beta2, take, eps, shrink, decay, maximize
):  # fmt: skip
    kind = param.dtype.type
    grad_scale, momentum_scale, correction = kind(grad_scale), kind(momentum_scale), kind(correction)
    blend, beta2, take, eps, shrink, decay = kind(blend), kind(beta2), kind(take), kind(eps), kind(shrink), kind(decay)
    for i in range(param.size):
        g = _slope(param[i], grad[i], decay, maximize)
        m = _blended(mean[i], g, blend)
        v = beta2 * square[i] + take * g * g
        mean[i] = m
        square[i] = v
        root = math.sqrt(v / correction) + eps
        param[i] = param[i] * shrink - (grad_scale * g + momentum_scale * m) / root


@elementwise
def radam(
    param, grad, mean, square, rectified, rate, factor, blend, beta2, take, eps, shrink, decay, maximize
):  # fmt: skip
    kind = param.dtype.type
    rate, factor, blend, beta2, take = kind(rate), kind(factor), kind(blend), kind(beta2), kind(take)
    eps, shrink, decay = kind(eps), kind(shrink), kind(decay)
    for i in range(param.size):
        g = _slope(param[i], grad[i], decay, maximize)
        m = _blended(mean[i], g, blend)
        v = beta2 * square[i] + take * g * g
        mean[i] = m
        square[i] = v
        step = rate * m
        if rectified:
            step *= factor / (math.sqrt(v) + eps)
        param[i] = param[i] * shrink - step
