"""One step of one parameter, in place: the equations of the optimizers.

``param`` and the state arrays are overwritten, ``grad`` is not; all have one shape and dtype.  Large arrays are done in
parts that stay in the cache while the passes go over them, and the passes write into scratch memory: no step allocates
what grows with the parameter.  float16 is computed in float32 and rounded once at the end of a step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.optim_parts import add_quotient, add_square, blend, decayed, parts, room_for, slope
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.workspace import scratch

__all__ = [
    "adadelta_step",
    "adagrad_step",
    "adam_step",
    "adamax_step",
    "asgd_step",
    "nadam_step",
    "radam_step",
    "rmsprop_step",
    "rprop_step",
    "sgd_step",
]


@primitive
def sgd_step(
    param: Any,
    grad: Any,
    momentum_buffer: Any,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    """b = μ b + (1 - τ) g;  θ -= γ b, with Nesterov's look-ahead θ -= γ (g + μ b).

    ``momentum_buffer`` (b) is ``None`` without momentum; in the ``first`` step b = g.
    """
    xp = array_module(param)
    for p, g, b in parts(xp, param, grad, momentum_buffer):
        room = room_for(xp, p, "optim.0")
        g = slope(xp, p, g, weight_decay, maximize, room)
        if b is not None:
            spare = room_for(xp, p, "optim.1") if nesterov or dampening else None
            if first:
                b[...] = g
            elif dampening:
                b *= momentum
                b += xp.multiply(g, 1 - dampening, out=spare)
            else:
                b *= momentum
                b += g
            if nesterov:
                xp.multiply(b, momentum, out=spare)
                g = xp.add(g, spare, out=spare)
            else:
                g = b
        p -= xp.multiply(g, lr, out=room)


@primitive
def adam_step(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    max_exp_avg_sq: Any,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  θ -= γ m̂ / (√v̂ + ε), m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).

    ``decoupled``: weight decay shrinks the parameter instead of entering the gradient.  ``max_exp_avg_sq`` is ``None``
    or the largest v so far, which then stands for v.
    """
    xp = array_module(param)
    step_size = lr / (1 - beta1**step)
    root_correction = (1 - beta2**step) ** 0.5
    for p, g, m, v, peak in parts(xp, param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq):
        room, spare = room_for(xp, p, "optim.0"), room_for(xp, p, "optim.1")
        g = decayed(xp, p, g, lr, weight_decay, decoupled, maximize, spare)
        blend(xp, m, g, 1 - beta1, room)
        add_square(xp, v, g, beta2, 1 - beta2, room)
        if peak is not None:
            v = xp.maximum(peak, v, out=peak)
        xp.sqrt(v, out=room)
        room /= root_correction
        room += eps
        add_quotient(xp, p, m, room, -step_size, spare)


@primitive
def adamax_step(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_inf: Any,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """m = β₁ m + (1 - β₁) g;  u = max(β₂ u, |g| + ε);  θ -= γ / (1 - β₁ᵗ) m / u."""
    xp = array_module(param)
    step_size = lr / (1 - beta1**step)
    for p, g, m, u in parts(xp, param, grad, exp_avg, exp_inf):
        room, spare = room_for(xp, p, "optim.0"), room_for(xp, p, "optim.1")
        g = slope(xp, p, g, weight_decay, maximize, spare)
        blend(xp, m, g, 1 - beta1, room)
        u *= beta2
        xp.absolute(g, out=room)
        room += eps
        xp.maximum(u, room, out=u)
        add_quotient(xp, p, m, u, -step_size, room)


@primitive
def nadam_step(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    step: float,
    grad_scale: float,
    momentum_scale: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam's m, v and v̂;  θ -= (``grad_scale`` g + ``momentum_scale`` m) / (√v̂ + ε)."""
    xp = array_module(param)
    correction = 1 - beta2**step
    for p, g, m, v in parts(xp, param, grad, exp_avg, exp_avg_sq):
        room, spare, last = (room_for(xp, p, f"optim.{i}") for i in range(3))
        g = decayed(xp, p, g, lr, weight_decay, decoupled, maximize, spare)
        blend(xp, m, g, 1 - beta1, room)
        add_square(xp, v, g, beta2, 1 - beta2, room)
        xp.divide(v, correction, out=room)
        xp.sqrt(room, out=room)
        room += eps
        add_quotient(xp, p, g, room, -grad_scale, last)
        add_quotient(xp, p, m, room, -momentum_scale, last)


@primitive
def radam_step(
    param: Any,
    grad: Any,
    exp_avg: Any,
    exp_avg_sq: Any,
    step: float,
    rectification: float | None,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> None:
    """Adam's m and v;  θ -= γ m̂ r √(1 - β₂ᵗ) / (√v + ε), or θ -= γ m̂ where ``rectification`` (r) is ``None``."""
    xp = array_module(param)
    correction1, root_correction2 = 1 - beta1**step, (1 - beta2**step) ** 0.5
    for p, g, m, v in parts(xp, param, grad, exp_avg, exp_avg_sq):
        room, spare = room_for(xp, p, "optim.0"), room_for(xp, p, "optim.1")
        g = decayed(xp, p, g, lr, weight_decay, decoupled, maximize, spare)
        blend(xp, m, g, 1 - beta1, room)
        add_square(xp, v, g, beta2, 1 - beta2, room)
        xp.divide(m, correction1, out=spare)
        spare *= lr
        if rectification is not None:
            xp.sqrt(v, out=room)
            room += eps
            xp.divide(root_correction2, room, out=room)
            spare *= room
            spare *= rectification
        p -= spare


@primitive
def rmsprop_step(
    param: Any,
    grad: Any,
    square_avg: Any,
    grad_avg: Any,
    momentum_buffer: Any,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """v = α v + (1 - α) g²;  d = √v + ε, or √(v - a²) + ε, a = α a + (1 - α) g, where ``grad_avg`` (a) is kept;
    θ -= γ g / d, or b = μ b + g / d, θ -= γ b, where ``momentum_buffer`` (b) is kept."""
    xp = array_module(param)
    for p, g, v, a, b in parts(xp, param, grad, square_avg, grad_avg, momentum_buffer):
        room, spare = room_for(xp, p, "optim.0"), room_for(xp, p, "optim.1")
        g = slope(xp, p, g, weight_decay, maximize, spare)
        add_square(xp, v, g, alpha, 1 - alpha, room)
        if a is None:
            xp.sqrt(v, out=room)
        else:
            blend(xp, a, g, 1 - alpha, room)
            xp.multiply(a, a, out=room)
            xp.subtract(v, room, out=room)
            xp.sqrt(room, out=room)
        room += eps
        if b is None:
            add_quotient(xp, p, g, room, -lr, spare)
        else:
            b *= momentum
            b += xp.divide(g, room, out=spare)
            p -= xp.multiply(b, lr, out=spare)


@primitive
def adagrad_step(param: Any, grad: Any, total: Any, lr: float, eps: float, weight_decay: float, maximize: bool) -> None:
    """s += g²;  θ -= γ g / (√s + ε); ``total`` is s, ``lr`` the rate after its own decay."""
    xp = array_module(param)
    for p, g, s in parts(xp, param, grad, total):
        room, spare = room_for(xp, p, "optim.0"), room_for(xp, p, "optim.1")
        g = slope(xp, p, g, weight_decay, maximize, spare)
        s += xp.multiply(g, g, out=room)
        xp.sqrt(s, out=room)
        room += eps
        add_quotient(xp, p, g, room, -lr, spare)


@primitive
def adadelta_step(
    param: Any,
    grad: Any,
    square_avg: Any,
    acc_delta: Any,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """v = ρ v + (1 - ρ) g²;  δ = √(u + ε) / √(v + ε) g;  u = ρ u + (1 - ρ) δ²;  θ -= γ δ; ``acc_delta`` is u."""
    xp = array_module(param)
    for p, g, v, u in parts(xp, param, grad, square_avg, acc_delta):
        room, spare, delta = (room_for(xp, p, f"optim.{i}") for i in range(3))
        g = slope(xp, p, g, weight_decay, maximize, spare)
        add_square(xp, v, g, rho, 1 - rho, room)
        xp.add(v, eps, out=room)
        xp.sqrt(room, out=room)
        xp.add(u, eps, out=delta)
        xp.sqrt(delta, out=delta)
        delta /= room
        delta *= g
        add_square(xp, u, delta, rho, 1 - rho, room)
        p -= xp.multiply(delta, lr, out=delta)


@primitive
def rprop_step(
    param: Any,
    grad: Any,
    prev: Any,
    step_size: Any,
    eta_minus: float,
    eta_plus: float,
    smallest: float,
    largest: float,
    maximize: bool,
) -> None:
    """Each element steps by its own ``step_size`` against the sign of g, whatever the size of g.

    The step grows by η₊ while g keeps the sign that it had (``prev``), and shrinks by η₋ when g turns: then that
    element rests, and g counts as 0 in the next comparison.
    """
    xp = array_module(param)
    for p, g, before, size in parts(xp, param, grad, prev, step_size):
        room, spare = room_for(xp, p, "optim.0"), room_for(xp, p, "optim.1")
        turned = scratch(xp, "optim.turned", p.shape, np.dtype(bool))
        mask = scratch(xp, "optim.mask", p.shape, np.dtype(bool))
        g = slope(xp, p, g, 0.0, maximize, spare)
        xp.multiply(g, before, out=room)
        xp.less(room, 0, out=turned)
        xp.equal(room, 0, out=mask)
        xp.copyto(room, 1, where=mask)  # what is neither of the three is NaN, and the step size becomes NaN as well
        xp.greater(xp.multiply(g, before, out=before), 0, out=mask)
        xp.copyto(room, eta_plus, where=mask)
        xp.copyto(room, eta_minus, where=turned)
        size *= room
        xp.clip(size, smallest, largest, out=size)
        before[...] = g
        xp.copyto(before, 0, where=turned)
        xp.sign(before, out=room)
        room *= size
        p -= room


@primitive
def asgd_step(
    param: Any,
    grad: Any,
    average: Any,
    eta: float,
    mu: float,
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """θ = (1 - λ η) θ - η g;  the average ā += μ (θ - ā), or ā = θ where μ = 1."""
    xp = array_module(param)
    for p, g, mean in parts(xp, param, grad, average):
        room = room_for(xp, p, "optim.0")
        g = slope(xp, p, g, weight_decay, maximize, room)
        p *= 1 - lambd * eta
        p -= xp.multiply(g, eta, out=room)
        if mu == 1:
            mean[...] = p
        else:
            xp.subtract(p, mean, out=room)
            room *= mu
            mean += room
