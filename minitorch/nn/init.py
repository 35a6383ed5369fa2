"""How parameters begin: functions that fill a tensor in place and return it.  No gradient is recorded.

All take ``generator``, a ``minitorch.Generator`` to draw from instead of the default one, where they draw.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.random import fill_normal, fill_uniform
from minitorch.backend.primitives.special import erfinv
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor, wrap
from minitorch.creation import module_on
from minitorch.random import Generator
from minitorch.random_arrays import new_numbers

_GAINS = {"sigmoid": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_LINEAR = {"linear", *(f"conv{'_transpose' * t}{d}d" for t in (0, 1) for d in (1, 2, 3))}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity makes weights grow to keep the variance.

    Args:
        nonlinearity: name of the function in ``nn.functional``.
        param: the slope of ``leaky_relu`` (default 0.01).

    Raises:
        ValueError: the name is unknown, or the slope no number.

    >>> calculate_gain("relu")
    1.4142135623730951
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity != "leaky_relu":
        raise ValueError(
            f"Unsupported nonlinearity {nonlinearity}: expected leaky_relu, {', '.join(sorted({*_LINEAR, *_GAINS}))}"
        )
    if param is None:
        param = 0.01
    if isinstance(param, bool) or not isinstance(param, (int, float)):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2 / (1 + param**2))


def _check_float(tensor: Tensor, name: str) -> None:
    if not tensor.is_floating_point():
        raise NotImplementedError(f'"{name}" not implemented for {tensor.dtype}: expected a floating-point dtype')


def _write(tensor: Tensor, values: Any) -> Tensor:
    """Copies an array of the same device into ``tensor``."""
    with no_grad():
        return tensor.copy_(wrap(values))


def _draw(fill: Callable, tensor: Tensor, shape: tuple, generator: Generator | None, a: float, b: float) -> Any:
    """An array of float64 beside ``tensor``, filled by a primitive."""
    return new_numbers(fill, shape, np.float64, tensor.device.ordinal, generator, a, b)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers from [a, b).

    >>> import minitorch as torch
    >>> w = torch.nn.init.uniform_(torch.empty(3, 5), -1, 1)
    >>> bool((w.abs() <= 1).all())
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers, those outside of [a, b] drawn again (here: by the inverse of the distribution function)."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    _check_float(tensor, "trunc_normal_")
    low, high = (math.erf((bound - mean) / std / math.sqrt(2)) for bound in (a, b))
    draws = _draw(fill_uniform, tensor, tensor._data.shape, generator, low, high)
    values = erfinv(draws) * (std * math.sqrt(2)) + mean
    return _write(tensor, xp(values).clip(values, a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """``val`` everywhere."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    with no_grad():
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix.

    Raises:
        ValueError: ``tensor`` is no matrix.
    """
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.ndim}")
    return _write(tensor, module_on(tensor.device).eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The convolution kernel that passes as many channels as possible on unchanged, within each of ``groups``.

    Raises:
        ValueError: not 3 to 5 dimensions, or dimension 0 cannot be divided into the groups.
    """
    if not 3 <= tensor.ndim <= 5:
        raise ValueError(f"Only tensors with 3, 4, or 5 dimensions are supported, got {tensor.ndim}")
    if tensor.shape[0] % groups:
        raise ValueError(f"dim 0 must be divisible by groups, got {tensor.shape[0]} and {groups}")
    lib = module_on(tensor.device)
    each = tensor.shape[0] // groups
    middle = lib.zeros(tensor.shape[2:])
    middle[tuple(n // 2 for n in tensor.shape[2:])] = 1
    channels = lib.tile(lib.eye(each, tensor.shape[1]), (groups, 1))
    return _write(tensor, channels.reshape(*channels.shape, *[1] * middle.ndim) * middle)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output of the weight depends on, and how many outputs an input reaches.

    Raises:
        ValueError: fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got {tensor.ndim}"
        )
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers of variance gain²·2/(fan_in + fan_out).

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """
    bound = math.sqrt(3) * gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers of variance gain²·2/(fan_in + fan_out), as :func:`xavier_uniform_`."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers of variance gain²/fan (He et al. 2015, "Delving deep into rectifiers").

    Args:
        a: the slope of ``leaky_relu``, if that follows.
        mode: ``"fan_in"`` keeps the variance in the forward pass, ``"fan_out"`` in the backward pass.
        nonlinearity: what follows: see :func:`calculate_gain`.

    Raises:
        ValueError: fewer than two dimensions, or an unknown mode or nonlinearity.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else uniform_(tensor, -math.sqrt(3) * std, math.sqrt(3) * std, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers of variance gain²/fan; arguments as for :func:`kaiming_uniform_`."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A (semi-)orthogonal matrix times ``gain``; dimensions from the second on count as one.

    Saxe et al. 2013, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks".

    Raises:
        ValueError: fewer than two dimensions.

    >>> import minitorch as torch
    >>> w = torch.nn.init.orthogonal_(torch.empty(3, 5))
    >>> bool(((w @ w.T - torch.eye(3)).abs() < 1e-5).all())
    True
    """
    if tensor.ndim < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions are supported, got {tensor.ndim}")
    _check_float(tensor, "orthogonal_")
    if 0 in tensor.shape:
        return tensor
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    draws = _draw(fill_normal, tensor, (max(rows, columns), min(rows, columns)), generator, 0.0, 1.0)
    lib = xp(draws)
    q, r = lib.linalg.qr(draws)
    q *= lib.where(lib.diag(r) < 0, -gain, gain)  # without the signs q would not be uniformly distributed
    return _write(tensor, (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers with zeros in a fraction ``sparsity`` of the places of each column.

    Martens 2010, "Deep learning via Hessian-free optimization".

    Raises:
        ValueError: ``tensor`` is no matrix.
    """
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.ndim}")
    _check_float(tensor, "sparse_")
    shape = tensor._data.shape
    values = _draw(fill_normal, tensor, shape, generator, 0.0, std)
    ranks = _draw(fill_uniform, tensor, shape, generator, 0.0, 1.0).argsort(axis=0).argsort(axis=0)
    values *= ranks >= math.ceil(sparsity * shape[0])
    return _write(tensor, values)


def _deprecated(function: Callable) -> Callable:
    """The function under its name without the underscore, which PyTorch used to have."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = old
    call.__doc__ = f"Deprecated name of :func:`{new}`."
    return call


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
