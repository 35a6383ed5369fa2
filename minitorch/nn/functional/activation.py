"""Activation functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend.array_module import device_index, to_device
from minitorch.core.dtype import default_dtype
from minitorch.core.inplace import inplace as in_place
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional import pointwise
from minitorch.nn.functional.refusals import refuse_dtype, require_tensor
from minitorch.ops import elementwise
from minitorch.ops.dims import wrap_dim
from minitorch.ops.joining import cat
from minitorch.ops.softmax import log_softmax as _log_softmax_op
from minitorch.ops.softmax import softmax as _softmax_op
from minitorch.random import default_generator

_in_place: dict[Callable, Callable] = {}


def _run(function: Callable, inplace: bool, input: Tensor, *params: Any) -> Tensor:
    """Calls an operation on floating-point numbers, or writes its result over its input.

    Raises:
        TypeError: ``input`` is no Tensor.
        NotImplementedError: it is not of floating point.
    """
    if not isinstance(input, Tensor) or input._data.dtype.kind != "f":
        name = function.__name__.strip("_")
        require_tensor(input, name)
        refuse_dtype(name, input)
    return _write_over(function, input, *params) if inplace else function(input, *params)


def _run_on_numbers(function: Callable, inplace: bool, input: Tensor, *params: Any) -> Tensor:
    """:func:`_run` for an operation that takes integers as well; ``params`` become integers with them."""
    if not isinstance(input, Tensor) or input._data.dtype.kind == "b":
        name = function.__name__.strip("_")
        require_tensor(input, name)
        refuse_dtype(name, input)
    if input._data.dtype.kind != "f":
        params = tuple([int(p) for p in params])
    return _write_over(function, input, *params) if inplace else function(input, *params)


def _write_over(function: Callable, input: Tensor, *params: Any) -> Tensor:
    if function not in _in_place:
        _in_place[function] = in_place(function, function.__name__.strip("_") + "_")
    return _in_place[function](input, *params)


# ---- straight pieces


@op("MulBackward0")
def times(input: Array, factor):
    """``input`` times an array outside the graph."""
    return input * factor


times.rules(input=lambda g, factor: times(g, factor))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(input, 0)``.

    >>> import minitorch as torch
    >>> torch.nn.functional.relu(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return elementwise.relu(input) if not inplace else input.relu_()


def relu_(input: Tensor) -> Tensor:
    """:func:`relu` in place."""
    return input.relu_()


@op("LeakyReluBackward0")
def _leaky_relu(input: Array, slope):
    return xp(input).where(input > 0, input, input * slope)


_leaky_relu.rules(
    input=lambda g, input, slope: times(g, xp(input._data).where(input._data > 0, 1, slope).astype(input._data.dtype))
)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``input`` above zero, ``negative_slope * input`` below."""
    return _run(_leaky_relu, inplace, input, negative_slope)


@op("HardtanhBackward0")
def _hardtanh(input: Array, low, high):
    return xp(input).clip(input, low, high)


_hardtanh.rules(input=lambda g, input, low, high: times(g, (input._data > low) & (input._data < high)))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` cut off at ``min_val`` and ``max_val``.

    Raises:
        ValueError: ``min_val`` is above ``max_val``.
    """
    if min_val > max_val:
        raise ValueError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _run_on_numbers(_hardtanh, inplace, input, min_val, max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(input, 0), 6)``."""
    return _run_on_numbers(_hardtanh, inplace, input, 0.0, 6.0)


@op("ThresholdBackward0")
def _threshold(input: Array, threshold, value):
    return xp(input).where(input <= threshold, input.dtype.type(value), input)


_threshold.rules(input=lambda g, input, threshold: times(g, input._data > threshold))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``input`` above ``threshold``, ``value`` elsewhere."""
    return _run_on_numbers(_threshold, inplace, input, threshold, value)


@op("HardshrinkBackward0")
def _hardshrink(input: Array, lambd):
    return xp(input).where(abs(input) <= lambd, input.dtype.type(0), input)


_hardshrink.rules(input=lambda g, input, lambd: times(g, abs(input._data) > lambd))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``input`` where its size is above ``lambd``, zero elsewhere."""
    return _run(_hardshrink, False, input, lambd)


@op("SoftshrinkBackward0")
def _softshrink(input: Array, lambd):
    return input - xp(input).clip(input, -lambd, lambd)


_softshrink.rules(input=lambda g, input, lambd: times(g, abs(input._data) > lambd))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``input`` moved towards zero by ``lambd``, and zero in between.

    Raises:
        RuntimeError: ``lambd`` is negative.
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return _run(_softshrink, False, input, lambd)


@op("HardsigmoidBackward0")
def _hardsigmoid(input: Array):
    return xp(input).clip(input + 3, 0, 6) / 6


_hardsigmoid.rules(input=lambda g, input: times(g, (abs(input._data) < 3) * g._data.dtype.type(1 / 6)))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(input + 3) / 6``."""
    return _run(_hardsigmoid, inplace, input)


@op("RreluWithNoiseBackward0")
def _rrelu(input: Array, slopes):
    return input * slopes


_rrelu.rules(input=lambda g, slopes: times(g, slopes))


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """Leaky ReLU with slopes drawn anew for every element between ``lower`` and ``upper``; their mean in evaluation.

    Xu et al. 2015, "Empirical evaluation of rectified activations in convolutional network".
    """
    if lower > upper:
        raise RuntimeError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    x = input._data
    drawn = default_generator.numpy_rng.uniform(lower, upper, x.shape).astype(x.dtype)
    slopes = xp(x).where(x > 0, x.dtype.type(1), to_device(drawn, device_index(x)))
    return _run(_rrelu, inplace, input, slopes)


@op("PreluKernelBackward0", promote="common")
def _prelu(input: Array, weight: Array):
    return xp(input).where(input > 0, input, input * weight)


@op("PreluKernelBackwardBackward0", promote="common")
def _prelu_grad(g: Array, weight: Array, positive):
    return xp(g).where(positive, g, g * weight)


_prelu.rules(
    input=lambda g, input, weight: _prelu_grad(g, weight, input._data > 0),
    weight=lambda g, input: times(g * input, input._data <= 0),
)
_prelu_grad.rules(
    g=lambda h, weight, positive: _prelu_grad(h, weight, positive),
    weight=lambda h, g, positive: times(h * g, ~positive),
)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``input`` above zero, ``weight * input`` below; ``weight`` has one element or one for each channel (dimension 1).

    He et al. 2015, arXiv:1502.01852.

    Raises:
        RuntimeError: the number of weights or their dtype does not fit.
    """
    require_tensor(input, "prelu")
    require_tensor(weight, "prelu", "weight")
    if weight._data.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight._data.dtype != input._data.dtype:
        raise RuntimeError(f"prelu: input is {input.dtype} and weight {weight.dtype}: convert one of them with .to()")
    if input._data.dtype.kind != "f":
        refuse_dtype("prelu", input)
    count, ndim = weight._data.size, input._data.ndim
    if count != 1:
        if ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor with more than one weight.")
        channels = input._data.shape[1] if ndim > 1 else 1
        if channels != count:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} and channel "
                f"size = {channels}."
            )
    return _prelu(input, weight.reshape([1, count] + [1] * (ndim - 2) if ndim > 1 else [1] * ndim))


# ---- smooth ones


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return input.tanh()


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` above zero, ``alpha * (exp(input) - 1)`` below (Clevert et al. 2015, arXiv:1511.07289)."""
    return _run(pointwise._elu, inplace, input, (alpha, 1.0, 1.0))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """:func:`elu` with the two constants that keep mean and variance (Klambauer et al. 2017, arXiv:1706.02515)."""
    return _run(pointwise._elu, inplace, input, (1.6732632423543772848, 1.0507009873554804934, 1.0))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``max(0, input) + min(0, alpha * (exp(input / alpha) - 1))`` (Barron 2017, arXiv:1704.07483).

    Raises:
        RuntimeError: ``alpha`` is zero.
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _run(pointwise._celu, inplace, input, (alpha, 1.0, 1.0 / alpha))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """``input`` times the normal distribution function of it (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    Args:
        approximate: ``"tanh"`` for the formula with the hyperbolic tangent.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return _run(pointwise._gelu if approximate == "none" else pointwise._gelu_tanh, False, input, ())


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``, also called swish."""
    return _run(pointwise._silu, inplace, input, ())


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))`` (Misra 2019, arXiv:1908.08681)."""
    return _run(pointwise._mish, inplace, input, ())


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * relu6(input + 3) / 6`` (Howard et al. 2019, arXiv:1905.02244)."""
    return _run(pointwise._hardswish, inplace, input, ())


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta * input)) / beta``; ``input`` itself where ``beta * input`` is above ``threshold``."""
    return _run(pointwise._softplus, False, input, (beta, threshold))


def logsigmoid(input: Tensor) -> Tensor:
    """``log(sigmoid(input))``, exact also far below zero."""
    return _run(pointwise._logsigmoid, False, input, ())


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + abs(input))``."""
    if isinstance(input, Tensor) and input._data.dtype.kind in "iu":
        input = input.to(default_dtype())
    return _run(pointwise._softsign, False, input, ())


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    return input - input.tanh()


@op("GluBackward0")
def _glu(input: Array, axis):
    first, second = xp(input).split(input, 2, axis)
    return first * pointwise.logistic(xp(input), second)


def _glu_grad(g: Tensor, input: Tensor, axis: int) -> Tensor:
    first, second = input.chunk(2, axis)
    gate = second.sigmoid()
    return cat([g * gate, g * first * gate * (1 - gate)], axis)


_glu.rules(input=_glu_grad)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along ``dim`` times the sigmoid of the second (Dauphin et al. 2016, arXiv:1612.08083).

    Raises:
        RuntimeError: the size along ``dim`` is odd.
    """
    require_tensor(input, "glu")
    if input._data.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    axis = wrap_dim(dim, input._data.ndim)
    if input._data.shape[axis] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {input._data.shape[axis]}")
    return _run(_glu, False, input, axis)


# ---- over a dimension


def _dim_or_default(name: str, dim: int | None, ndim: int, stacklevel: int) -> int:
    if dim is not None:
        return dim
    import warnings

    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(input)`` divided by its sum along ``dim``: see :func:`minitorch.softmax`."""
    return _softmax_op(input, _dim_or_default("softmax", dim, input.ndim, _stacklevel), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of :func:`softmax`."""
    return _log_softmax_op(input, _dim_or_default("log_softmax", dim, input.ndim, _stacklevel), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """:func:`softmax` of ``-input``."""
    return _softmax_op(-input, _dim_or_default("softmin", dim, input.ndim, _stacklevel), dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample from the distribution that ``softmax(logits)`` is, relaxed by ``tau`` so that gradients flow.

    Jang et al. 2016, arXiv:1611.00712.

    Args:
        hard: one-hot, with the gradient of the relaxed sample.
        eps: without effect, as in PyTorch.
    """
    x = logits._data
    noise = default_generator.numpy_rng.gumbel(size=x.shape).astype(x.dtype)
    sample = _softmax_op((logits + wrap(to_device(noise, device_index(x)))) / tau, dim)
    if not hard:
        return sample
    lib, axis = xp(x), wrap_dim(dim, x.ndim)
    places = lib.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - axis - 1))
    chosen = (places == lib.expand_dims(sample._data.argmax(axis), axis)).astype(x.dtype)
    return wrap(chosen) - sample.detach() + sample


# ---- names with an underscore


def _renamed(function: Callable) -> Callable:
    def call(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    call.__name__ = call.__qualname__ = function.__name__ + "_"
    call.__doc__ = f":func:`{function.__name__}` in place."
    return call


celu_, elu_, hardtanh_, leaky_relu_ = map(_renamed, (celu, elu, hardtanh, leaky_relu))
rrelu_, selu_, threshold_ = map(_renamed, (rrelu, selu, threshold))
