"""The categorical distribution, given by probabilities or by unnormalised log-probabilities."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from minitorch.core.dtype import finfo, int64
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.creation import arange, full
from minitorch.distributions import constraints
from minitorch.distributions.bernoulli import away_from_bounds, one_of
from minitorch.distributions.distribution import Distribution, size_of
from minitorch.ops.gathering import gather
from minitorch.ops.shape import broadcast_tensors
from minitorch.ops.softmax import log_softmax
from minitorch.sampling import multinomial


class Categorical(Distribution):
    """One of the integers 0 to K - 1, of given probabilities.

    Args:
        probs: (..., K) weights: at least 0 and not all 0; they are divided by their sum.
        logits: (..., K) or their logarithms, up to a constant.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> d = torch.distributions.Categorical(torch.tensor([1., 1., 2.]))
    >>> d.probs
    tensor([0.2500, 0.2500, 0.5000])
    >>> d.log_prob(torch.tensor([0, 2]))
    tensor([-1.3863, -0.6931])
    >>> action = d.sample()
    >>> action.shape, action.dtype
    (torch.Size([]), torch.int64)
    """

    has_enumerate_support = True
    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        one_of("Categorical", probs, logits)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        if value.ndim < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if logits is None:
            value = self.probs = value / value.sum(-1, keepdim=True)
        else:
            value = self.logits = log_softmax(value, -1)
        self._num_events = value.shape[-1]
        super().__init__(value.shape[:-1], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        other = super().expand(batch_shape)
        other._num_events = self._num_events
        return other

    @cached_property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return away_from_bounds(self.probs).log()

    @cached_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.exp()

    @property
    def param_shape(self) -> Any:
        return (self.probs if "probs" in self.__dict__ else self.logits).shape

    @property
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype, device=self.probs.device)

    @property
    def variance(self) -> Tensor:
        return self.mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        sample_shape = size_of(sample_shape)
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            count = math.prod(sample_shape)
            if not count or not len(rows):
                return full((*sample_shape, *self._batch_shape), 0, dtype=int64, device=rows.device)
            return multinomial(rows, count, True).T.reshape(*sample_shape, *self._batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._picked(value.long())

    def _picked(self, index: Tensor) -> Tensor:
        logits, places = self.logits, index.unsqueeze(-1)
        if index.shape != self._batch_shape:
            places, logits = broadcast_tensors(places, logits)
            places = places[..., :1]
        return gather(logits, -1, places).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.logits.clamp(min=finfo(self.logits.dtype).min) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        known = self.probs if "probs" in self.__dict__ else self.logits
        values = arange(self._num_events, device=known.device).reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values
