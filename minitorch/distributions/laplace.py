"""The Laplace distribution."""

from __future__ import annotations

import math
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution, broadcast_all
from minitorch.sampling import rand


class Laplace(Distribution):
    """The Laplace (double exponential) distribution.

    Args:
        loc: mean.
        scale: mean distance from it, above 0.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> torch.distributions.Laplace(0., 1.).log_prob(torch.tensor(2.))
    tensor(-2.6931)
    """

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale * self.scale

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = 1 - 2 * rand(shape, dtype=self.loc.dtype, device=self.loc.device)  # in (-1, 1]
        smallest = 2.0 ** -(11 if u.element_size() == 2 else 24)
        return self.loc - self.scale * u.sign() * (1 - u.abs()).clamp(min=smallest).log()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        away = value - self.loc
        return 0.5 - 0.5 * away.sign() * (-away.abs() / self.scale).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        away = value - 0.5
        return self.loc - self.scale * away.sign() * (-2 * away.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()
