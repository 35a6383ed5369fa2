"""The Dirichlet distribution: ratios of gamma variates."""

from __future__ import annotations

from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.creation import arange
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.gamma import standard_gamma
from minitorch.ops.masking import where
from minitorch.ops.special_functions import digamma, lgamma, xlogy


class Dirichlet(Distribution):
    """The Dirichlet distribution: probabilities of K things.

    The gradient of :meth:`rsample` goes through the gamma variates that a sample is made of.  PyTorch differentiates
    the sample itself: single gradients differ, and their expected values are the same.

    Args:
        concentration: (..., K), above 0.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> d = torch.distributions.Dirichlet(torch.tensor([1., 2., 5.]))
    >>> d.mean
    tensor([0.1250, 0.2500, 0.6250])
    >>> d.rsample().sum().round()
    tensor(1.)
    """

    has_rsample = True
    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.ndim < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        a = self.concentration
        above = (a - 1).clamp(min=0)
        cornered = (a < 1).all(-1, keepdim=True)  # there the density is greatest at a corner
        inside = above / above.sum(-1, keepdim=True).masked_fill(cornered, 1)
        # PyTorch takes the first corner, whichever is the greatest
        first = arange(a.shape[-1], device=a.device).eq(0)
        return where(cornered, first.to(a.dtype), inside)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        variates = standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
        return variates / variates.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return xlogy(a - 1, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a = self.concentration
        total = a.sum(-1)
        normaliser = lgamma(a).sum(-1) - lgamma(total)
        return normaliser - (a.shape[-1] - total) * digamma(total) - ((a - 1) * digamma(a)).sum(-1)
