"""Steps of SGD and Adam in one pass over parameters, their gradients and states: one kernel call for all parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.cpu.object_arrays import gathered, looks_plain
from minitorch.backend.cpu.optim_kernels import adam, sgd
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 14


def _run(kernel: Any, lists: tuple[Any, ...], *options: Any) -> Any:
    found = gathered(*lists)
    if found is None:
        return NotImplemented
    total, *table = found
    number = parts(total, _LEAST)
    kernel(number, number, number, *table, *options)
    return None


def _alone(array: Any) -> Any:
    return None if array is None else [array]


def plain_together(arrays: Sequence[np.ndarray], *others: Sequence[np.ndarray]) -> Any:
    return looks_plain(arrays, *others) or NotImplemented


def sgd_steps(
    params: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    momentum_buffers: Any,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> Any:
    return _run(
        sgd,
        (params, grads, momentum_buffers),
        momentum_buffers is not None,
        bool(first),
        float(lr),
        float(momentum),
        float(dampening),
        float(weight_decay),
        bool(nesterov),
        bool(maximize),
    )


def sgd_step(param: np.ndarray, grad: np.ndarray, momentum_buffer: Any, *options: Any) -> Any:
    return sgd_steps([param], [grad], _alone(momentum_buffer), *options)


def adam_steps(
    params: Sequence[np.ndarray],
    grads: Sequence[np.ndarray],
    exp_avgs: Sequence[np.ndarray],
    exp_avg_sqs: Sequence[np.ndarray],
    max_exp_avg_sqs: Any,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> Any:
    return _run(
        adam,
        (params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs),
        max_exp_avg_sqs is not None,
        float(lr / (1 - beta1**step)),
        math.sqrt(1 - beta2**step),
        float(beta1),
        float(beta2),
        float(eps),
        # What the parameter is multiplied with, and what of it enters the gradient.
        float(1 - lr * weight_decay) if decoupled else 1.0,
        0.0 if decoupled else float(weight_decay),
        bool(maximize),
    )


def adam_step(param: np.ndarray, grad: np.ndarray, exp_avg: Any, exp_avg_sq: Any, peak: Any, *options: Any) -> Any:
    return adam_steps([param], [grad], [exp_avg], [exp_avg_sq], _alone(peak), *options)
