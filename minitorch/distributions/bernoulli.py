"""The Bernoulli distribution, given by probabilities or by log-odds."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from minitorch.core.dtype import finfo
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.creation import arange
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution, broadcast_all
from minitorch.nn.functional import binary_cross_entropy_with_logits
from minitorch.sampling import bernoulli


def away_from_bounds(probs: Tensor) -> Tensor:
    """Probabilities whose logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def one_of(name: str, probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: either `probs` or `logits` must be specified, but not both.")


class Bernoulli(Distribution):
    """1 with a given probability, else 0.

    Args:
        probs: probabilities of 1.
        logits: or their log-odds.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> torch.distributions.Bernoulli(torch.tensor([0.25, 0.5])).log_prob(torch.ones(2))
    tensor([-1.3863, -0.6931])
    """

    has_enumerate_support = True
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Bernoulli", probs, logits)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        (self.__dict__[name],) = broadcast_all(value)
        super().__init__(self.__dict__[name].shape, validate_args=validate_args)

    @cached_property
    def logits(self) -> Tensor:
        """The log-odds of 1."""
        probs = away_from_bounds(self.probs)
        return probs.log() - (-probs).log1p()

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities of 1."""
        return self.logits.sigmoid()

    @property
    def param_shape(self) -> Any:
        return self._batch_shape

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value.to(logits.dtype), reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        known = self.probs if "probs" in self.__dict__ else self.logits
        values = arange(2, dtype=known.dtype, device=known.device).reshape(2, *[1] * len(self._batch_shape))
        return values.expand(2, *self._batch_shape) if expand else values
