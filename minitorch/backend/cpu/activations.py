"""Activation functions, their gradients and the functions that they are made of, in one pass each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.cpu import activation_kernels as kernels
from minitorch.backend.cpu.pointwise import each

# Elements that are worth another thread.
_LEAST = 1 << 12


def _value(kernel: Any) -> Callable[..., Any]:
    return lambda x, *params: each(kernel, _LEAST, (x,), params)


def _gradient(kernel: Any) -> Callable[..., Any]:
    """Of a kernel that takes the gradient and an array of the same shape, the input or the result."""
    return lambda g, array, *params: each(kernel, _LEAST, (array, g), params)


exp, erf = _value(kernels.exp), _value(kernels.erf)
log, log1p = _value(kernels.log), _value(kernels.log1p)
tanh, tanh_grad = _value(kernels.tanh), _gradient(kernels.tanh_grad)
sigmoid, sigmoid_grad = _value(kernels.sigmoid), _gradient(kernels.sigmoid_grad)
silu, silu_grad = _value(kernels.silu), _gradient(kernels.silu_grad)
softplus, softplus_grad = _value(kernels.softplus), _gradient(kernels.softplus_grad)
logsigmoid, logsigmoid_grad = _value(kernels.logsigmoid), _gradient(kernels.logsigmoid_grad)
mish, mish_grad = _value(kernels.mish), _gradient(kernels.mish_grad)
gelu, gelu_grad = _value(kernels.gelu), _gradient(kernels.gelu_grad)
gelu_tanh, gelu_tanh_grad = _value(kernels.gelu_tanh), _gradient(kernels.gelu_tanh_grad)
softsign, softsign_grad = _value(kernels.softsign), _gradient(kernels.softsign_grad)
hardswish, hardswish_grad = _value(kernels.hardswish), _gradient(kernels.hardswish_grad)
leaky_relu, leaky_relu_grad = _value(kernels.leaky_relu), _gradient(kernels.leaky_relu_grad)
hardtanh, hardtanh_grad = _value(kernels.hardtanh), _gradient(kernels.hardtanh_grad)
threshold, threshold_grad = _value(kernels.threshold), _gradient(kernels.threshold_grad)
hardshrink, hardshrink_grad = _value(kernels.hardshrink), _gradient(kernels.shrink_grad)
softshrink, softshrink_grad = _value(kernels.softshrink), _gradient(kernels.shrink_grad)
hardsigmoid, hardsigmoid_grad = _value(kernels.hardsigmoid), _gradient(kernels.hardsigmoid_grad)


def elu(x: np.ndarray, alpha: float, scale: float, rate: float) -> Any:
    return each(kernels.elu, _LEAST, (x,), (alpha, scale, rate)) if rate > 0 else NotImplemented


def elu_grad(g: np.ndarray, x: np.ndarray, alpha: float, scale: float, rate: float) -> Any:
    return each(kernels.elu_grad, _LEAST, (x, g), (alpha, scale, rate))
