"""The gamma distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.array_module import device_index, to_device, to_host
from minitorch.backend.primitives.incomplete_gamma import gamma_slope, gammainc
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.creation import as_tensor
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution, broadcast_all
from minitorch.ops.special_functions import digamma, lgamma, xlogy
from minitorch.random import default_generator


def _on_host(function: Any, *arrays: Any) -> Any:
    """``function`` of the arrays where random numbers are drawn; the result is moved back and has their type."""
    first = arrays[0]
    result = function(*(to_host(array) for array in arrays))
    return to_device(np.asarray(result).astype(first.dtype), device_index(first))


@op("StandardGammaBackward0")
def standard_gamma(concentration: Array):
    """Gamma variates of rate 1, never 0: gradients flow by implicit differentiation of the distribution function."""

    def draw(a: np.ndarray) -> np.ndarray:
        variates = default_generator.numpy_rng.standard_gamma(a.astype(np.float64))
        return np.maximum(variates, np.finfo(a.dtype).tiny)

    return _on_host(draw, concentration)


@op("StandardGammaGradBackward0")
def _slope(concentration: Array, variates: Array):
    return _on_host(gamma_slope, concentration, variates)


def _no_second_order(g: Tensor) -> Tensor:
    raise RuntimeError("the derivative for '_standard_gamma_grad' is not implemented: gamma variates have one gradient")


_slope.rules(concentration=_no_second_order, variates=_no_second_order)
standard_gamma.rules(concentration=lambda g, concentration, out: g * _slope(concentration, out))


@op("IgammaBackward0", promote="float", numbers="none")
def _gammainc(concentration: Array, value: Array):
    return _on_host(gammainc, *xp(value).broadcast_arrays(concentration, value))


def _density(concentration: Tensor, value: Tensor) -> Tensor:
    return (xlogy(concentration - 1, value) - value - lgamma(concentration)).exp()


_gammainc.rules(
    concentration=lambda g, concentration, value: (
        -g * _density(concentration, value) * _slope(*broadcast_all(concentration, value))
    ),
    value=lambda g, concentration, value: g * _density(concentration, value),
)


class Gamma(Distribution):
    """The gamma distribution: of the time until ``concentration`` events at ``rate`` have come.

    Args:
        concentration: shape, above 0.
        rate: inverse scale, above 0.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> d = torch.distributions.Gamma(torch.tensor([1., 2.]), 2.)
    >>> d.mean
    tensor([0.5000, 1.0000])
    >>> d.log_prob(torch.ones(2))
    tensor([-1.3069, -0.6137])
    """

    has_rsample = True
    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return standard_gamma(self.concentration.expand(self._extended_shape(sample_shape))) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        value = as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return xlogy(a, rate) + xlogy(a - 1, value) - rate * value - lgamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return _gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)
