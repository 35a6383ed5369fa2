"""Optimizer steps in one pass over a parameter, its gradient and its state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend.cpu.arrays import plain
from minitorch.backend.cpu.optim_kernels import adam, sgd
from minitorch.backend.cpu.threads import share

# Elements that are worth waking another thread for.
_LEAST = 1 << 16


def _flat(param: np.ndarray, *arrays: Any) -> list[Any] | None:
    """The arrays with one dimension, or ``None`` if a loop cannot take them as they are."""
    if not plain(param, *arrays) or any(a is not None and a.shape != param.shape for a in arrays):
        return None
    return [None if a is None else a.reshape(-1) for a in (param, *arrays)]


def _shared(step: Any, arrays: list[Any], *numbers: Any) -> None:
    size = arrays[0].size
    if size < 2 * _LEAST:
        step(*arrays, *numbers)
    else:
        share(lambda i, j: step(*[a[i:j] for a in arrays], *numbers), size, _LEAST)


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
    p, g, b = flat
    _shared(
        sgd,
        [p, g, p if b is None else b],
        b is not None,
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
    p, g, m, v, peak = flat
    _shared(
        adam,
        [p, g, m, v, v if peak is None else peak],
        peak is not None,
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
