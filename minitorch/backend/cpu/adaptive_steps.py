"""Steps of the optimizers that scale each element's step by its past gradients, in one pass over each parameter.

Those of SGD and Adam are in :mod:`.optim_steps`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu import adaptive_kernels as kernels
from minitorch.backend.cpu.arrays import real
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


def _step(kernel: Any, arrays: tuple[Any, ...], flags: tuple[bool, ...], numbers: tuple[float, ...], last: Any) -> Any:
    flat = _flat(*arrays)
    if flat is None:
        return NotImplemented
    size = arrays[0].size
    kernel(size, parts(size, _LEAST), *flat, *flags, *map(float, numbers), bool(last))
    return None


def _decay(lr: float, weight_decay: float, decoupled: bool) -> tuple[float, float]:
    """What the parameter is multiplied with, and what of it enters the gradient."""
    return (1 - lr * weight_decay, 0.0) if decoupled else (1.0, weight_decay)


def adagrad_step(
    param: np.ndarray, grad: np.ndarray, total: np.ndarray, lr: float, eps: float, weight_decay: float, maximize: bool
) -> Any:
    return _step(kernels.adagrad, (param, grad, total), (), (lr, eps, weight_decay), maximize)


def rmsprop_step(
    param: np.ndarray,
    grad: np.ndarray,
    square_avg: np.ndarray,
    grad_avg: Any,
    momentum_buffer: Any,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> Any:
    arrays = param, grad, square_avg, grad_avg, momentum_buffer
    flags = grad_avg is not None, momentum_buffer is not None
    return _step(kernels.rmsprop, arrays, flags, (lr, alpha, 1 - alpha, eps, weight_decay, momentum), maximize)


def adadelta_step(
    param: np.ndarray,
    grad: np.ndarray,
    square_avg: np.ndarray,
    acc_delta: np.ndarray,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> Any:
    numbers = lr, rho, 1 - rho, eps, weight_decay
    return _step(kernels.adadelta, (param, grad, square_avg, acc_delta), (), numbers, maximize)


def adamax_step(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_inf: np.ndarray,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> Any:
    numbers = lr / (1 - beta1**step), 1 - beta1, beta2, eps, weight_decay
    return _step(kernels.adamax, (param, grad, exp_avg, exp_inf), (), numbers, maximize)


def nadam_step(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
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
) -> Any:
    shrink, decay = _decay(lr, weight_decay, decoupled)
    correction = 1 - beta2**step
    numbers = grad_scale, momentum_scale, correction, 1 - beta1, beta2, 1 - beta2, eps, shrink, decay
    return _step(kernels.nadam, (param, grad, exp_avg, exp_avg_sq), (), numbers, maximize)


def radam_step(
    param: np.ndarray,
    grad: np.ndarray,
    exp_avg: np.ndarray,
    exp_avg_sq: np.ndarray,
    step: float,
    rectification: float | None,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
) -> Any:
    shrink, decay = _decay(lr, weight_decay, decoupled)
    rectified = rectification is not None
    factor = rectification * (1 - beta2**step) ** 0.5 if rectification is not None else 0.0
    numbers = lr / (1 - beta1**step), factor, 1 - beta1, beta2, 1 - beta2, eps, shrink, decay
    return _step(kernels.radam, (param, grad, exp_avg, exp_avg_sq), (rectified,), numbers, maximize)
