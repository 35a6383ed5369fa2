"""The loops of :mod:`.optim_steps`, compiled: one call for all parameters of a group.

``addresses`` has rows of array objects: parameters, gradients, states.  Numbers come as float64 and are rounded once.
"""

# mypy: ignore-errors

from __future__ import annotations

import math

from minitorch.backend.cpu.object_arrays import elements, share
from minitorch.backend.cpu.parts import shared


@shared
def sgd(
    first, last, parts, sizes, addresses, like,
    has_buffer, is_first, lr, momentum, dampening, weight_decay, nesterov, maximize,
):  # fmt: skip
    kind = like.dtype.type
    rate, keep, take, decay = kind(lr), kind(momentum), kind(1 - dampening), kind(weight_decay)
    for part in range(first, last):
        for k in range(sizes.size):
            begin, end = share(sizes[k], part, parts)
            param = elements(addresses[0, k], begin, end, like)
            grad = elements(addresses[1, k], begin, end, like)
            buffer = elements(addresses[2, k], begin, end, like)
            for i in range(param.size):
                p = param[i]
                g = -grad[i] if maximize else grad[i]
                if weight_decay != 0:
                    g += decay * p
                if has_buffer:
                    b = g if is_first else keep * buffer[i] + take * g
                    buffer[i] = b
                    g = g + keep * b if nesterov else b
                param[i] = p - rate * g


@shared
def adam(
    first, last, parts, sizes, addresses, like,
    has_peak, rate, root, beta1, beta2, eps, shrink, weight_decay, maximize,
):  # fmt: skip
    kind = like.dtype.type
    rate, root, eps, shrink, decay = kind(rate), kind(root), kind(eps), kind(shrink), kind(weight_decay)
    blend, keep, take = kind(1 - beta1), kind(beta2), kind(1 - beta2)
    for part in range(first, last):
        for k in range(sizes.size):
            begin, end = share(sizes[k], part, parts)
            param = elements(addresses[0, k], begin, end, like)
            grad = elements(addresses[1, k], begin, end, like)
            mean = elements(addresses[2, k], begin, end, like)
            square = elements(addresses[3, k], begin, end, like)
            peak = elements(addresses[4, k], begin, end, like)
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
