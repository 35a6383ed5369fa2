"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.random import fill_uniform
from minitorch.core.dtype import default_dtype
from minitorch.core.inplace import inplace as in_place
from minitorch.core.tensor import Tensor
from minitorch.nn.functional import pointwise, smooth
from minitorch.nn.functional.refusals import require_tensor
from minitorch.ops import bounds
from minitorch.ops.dims import wrap_dim
from minitorch.random_arrays import new_numbers

_in_place: dict[Callable, Callable] = {}


def _run(function: Callable, inplace: bool, input: Tensor, params: Any) -> Tensor:
    """Calls an operation, or writes its result over its input."""
    if not inplace:
        return function(input, params)
    require_tensor(input, function.__name__)
    if function not in _in_place:
        _in_place[function] = in_place(function)
    return _in_place[function](input, params)


def _bounds(input: Tensor, *params: float) -> tuple[float, ...]:
    """Parameters in the kind of numbers of the input."""
    if isinstance(input, Tensor) and input._data.dtype.kind in "iu":
        return tuple([int(p) for p in params])
    return params


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(input, 0)``.

    >>> import minitorch as torch
    >>> torch.nn.functional.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return bounds.relu(input) if not inplace else input.relu_()


def relu_(input: Tensor) -> Tensor:
    """:func:`relu` in place."""
    return input.relu_()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``input`` above zero, ``negative_slope * input`` below."""
    return _run(pointwise.leaky_relu, inplace, input, (negative_slope,))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` cut off at ``min_val`` and ``max_val``.

    Raises:
        ValueError: ``min_val`` is above ``max_val``.
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _run(pointwise.hardtanh, inplace, input, _bounds(input, min_val, max_val))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(input, 0), 6)``."""
    return _run(pointwise.hardtanh, inplace, input, _bounds(input, 0.0, 6.0))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``input`` above ``threshold``, ``value`` elsewhere."""
    return _run(pointwise.threshold, inplace, input, _bounds(input, threshold, value))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``input`` where its size is above ``lambd``, zero elsewhere."""
    return pointwise.hardshrink(input, (lambd,))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``input`` moved towards zero by ``lambd``, and zero in between.

    Raises:
        RuntimeError: ``lambd`` is negative.
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return pointwise.softshrink(input, (lambd,))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(input + 3) / 6``."""
    return _run(pointwise.hardsigmoid, inplace, input, ())


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """Leaky ReLU with slopes drawn anew for every element between ``lower`` and ``upper``; their mean in evaluation.

    Xu et al. 2015, "Empirical evaluation of rectified activations in convolutional network".

    Raises:
        RuntimeError: ``lower`` is above ``upper``.
    """
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    require_tensor(input, "rrelu")
    x = input._data
    drawn = new_numbers(fill_uniform, x.shape, np.float64, input.device.ordinal, None, lower, upper)
    slopes = xp(x).where(x > 0, x.dtype.type(1), drawn.astype(x.dtype))
    return _run(pointwise.rrelu, inplace, input, slopes)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``input`` above zero, ``weight * input`` below; ``weight`` has one element or one for each channel (dimension 1).

    He et al. 2015, arXiv:1502.01852.

    Raises:
        RuntimeError: the number of weights or their dtype does not fit.
    """
    require_tensor(input, "prelu")
    require_tensor(weight, "prelu", "weight")
    x, w = input._data, weight._data
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if w.dtype != x.dtype:
        raise RuntimeError(f"prelu: input is {input.dtype} and weight {weight.dtype}: convert one of them with .to()")
    if w.size != 1:
        if x.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor with more than one weight.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if channels != w.size:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.size} and channel "
                f"size = {channels}."
            )
    shape = [1, w.size] + [1] * (x.ndim - 2) if x.ndim > 1 else [1] * x.ndim
    return pointwise.prelu(input, weight.reshape(shape))


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return input.tanh()


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` above zero, ``alpha * (exp(input) - 1)`` below (Clevert et al. 2015, arXiv:1511.07289)."""
    return _run(smooth.elu, inplace, input, (alpha, 1.0, 1.0))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """:func:`elu` with the two constants that keep mean and variance (Klambauer et al. 2017, arXiv:1706.02515)."""
    return _run(smooth.elu, inplace, input, (1.6732632423543772848, 1.0507009873554804934, 1.0))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(0, input) + min(0, alpha * (exp(input / alpha) - 1))`` (Barron 2017, arXiv:1704.07483).

    Raises:
        RuntimeError: ``alpha`` is zero.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _run(smooth.celu, inplace, input, (alpha, 1.0, 1.0 / alpha))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """``input`` times the normal distribution function of it (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Args:
        approximate: ``"tanh"`` for the formula with the hyperbolic tangent.

    Raises:
        RuntimeError: another word for ``approximate``.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return (smooth.gelu if approximate == "none" else smooth.gelu_tanh)(input, ())


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``, also called swish."""
    return _run(smooth.silu, inplace, input, ())


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))`` (Misra 2019, arXiv:1908.08681)."""
    return _run(smooth.mish, inplace, input, ())


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * relu6(input + 3) / 6`` (Howard et al. 2019, arXiv:1905.02244)."""
    return _run(smooth.hardswish, inplace, input, ())


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``; ``input`` itself where ``beta * input`` is above ``threshold``."""
    return smooth.softplus(input, (beta, threshold))


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))``, exact also far below zero."""
    return smooth.logsigmoid(input, ())


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + abs(input))``; of integers in the default floating-point type."""
    if isinstance(input, Tensor) and input._data.dtype.kind in "iu":
        input = input.to(default_dtype())
    return smooth.softsign(input, ())


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    return input - input.tanh()


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along ``dim`` times the sigmoid of the second (Dauphin et al. 2016, arXiv:1612.08083).

    Raises:
        RuntimeError: the size along ``dim`` is odd.
    """
    require_tensor(input, "glu")
    shape = input._data.shape
    if not shape:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = wrap_dim(dim, len(shape))
    if shape[axis] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {shape[axis]}")
    return pointwise.glu(input, axis)


# ---- names with an underscore


def _renamed(function: Callable) -> Callable:
    def call(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    call.__name__ = call.__qualname__ = function.__name__ + "_"
    call.__doc__ = f":func:`{function.__name__}` in place."
    return call


celu_, elu_, hardtanh_, leaky_relu_ = _renamed(celu), _renamed(elu), _renamed(hardtanh), _renamed(leaky_relu)
rrelu_, selu_, threshold_ = _renamed(rrelu), _renamed(selu), _renamed(threshold)
