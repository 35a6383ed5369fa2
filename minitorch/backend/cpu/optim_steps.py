"""Optimizer steps in one pass over a parameter, its gradient and its state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import real
from minitorch.backend.cpu.optim_kernels import adam, sgd
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 14


def _flat(param: np.ndarray, *arrays: Any) -> list[np.ndarray] | None:
    """The arrays with one dimension, or ``None`` if a loop cannot take them as they are.  The parameter stands for an
    array that is ``None``: it has to be one, though the loop does not look at it."""
    dtype, shape = param.dtype, param.shape
    if not real(dtype):
        return None
    flat = []
    for a in (param, *arrays):
        if a is None:
            a = param
        elif a.shape != shape or a.dtype != dtype:
            return None
        if not a.flags.carray:
            return None
        flat.append(a.ravel())
    return flat


def sgd_step(
    param: np.ndarray,
    grad: np.ndarray,
    momentum_buffer: Any,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Any:
    flat = _flat(param, grad, momentum_buffer)
    if flat is None:
        return NotImplemented
    sgd(
        param.size,
        parts(param.size, _LEAST),
        *flat,
        momentum_buffer is not None,
        bool(first),
        float(lr),
        float(momentum),
        float(dampening),
        float(weight_decay),
        bool(nesterov),
        bool(maximize),
    )
    return None


def adam_step(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    max_exp_avg_sq: Any,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> Any:
    flat = _flat(param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq)
    if flat is None:
        return NotImplemented
    adam(
        param.size,
        parts(param.size, _LEAST),
        *flat,
        max_exp_avg_sq is not None,
        lr / (1 - beta1**step),
        math.sqrt(1 - beta2**step),
        float(beta1),
        float(beta2),
        float(eps),
        # What the parameter is multiplied with, and what of it enters the gradient.
        1 - lr * weight_decay if decoupled else 1.0,
        0.0 if decoupled else float(weight_decay),
        bool(maximize),
    )
    return None
