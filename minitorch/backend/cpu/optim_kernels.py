"""The loops of :mod:`.optim_steps`, compiled.  Arrays have one dimension; numbers come as float64 and are rounded
once."""

# mypy: ignore-errors

from __future__ import annotations

import math

from minitorch.backend.cpu.parts import elementwise


@elementwise
def sgd(param, grad, buffer, has_buffer, first, lr, momentum, dampening, weight_decay, nesterov, maximize):
    kind = param.dtype.type
    rate, keep, take, decay = kind(lr), kind(momentum), kind(1 - dampening), kind(weight_decay)
    for i in range(param.size):
        p = param[i]
        g = -grad[i] if maximize else grad[i]
        if weight_decay != 0:
            g += decay * p
        if has_buffer:
            b = g if first else keep * buffer[i] + take * g
            buffer[i] = b
            g = g + keep * b if nesterov else b
        param[i] = p - rate * g


@elementwise
def adam(param, grad, mean, square, peak, has_peak, rate, root, beta1, beta2, eps, shrink, weight_decay, maximize):
    kind = param.dtype.type
    rate, root, eps, shrink, decay = kind(rate), kind(root), kind(eps), kind(shrink), kind(weight_decay)
    blend, keep, take = kind(1 - beta1), kind(beta2), kind(1 - beta2)
    for i in range(param.size):
        p = param[i] * shrink
        g = -grad[i] if maximize else grad[i]
        if weight_decay != 0:
            g += decay * p
        m = mean[i] + blend * (g - mean[i])
        v = keep * square[i] + take * g * g
        mean[i] = m
        square[i] = v
        if has_peak:
            v = max(peak[i], v)
            peak[i] = v
        param[i] = p - rate * m / (math.sqrt(v) / root + eps)
