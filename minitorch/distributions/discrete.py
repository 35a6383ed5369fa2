"""Distributions over few values, given by probabilities or by unnormalised log-probabilities."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from minitorch.core.dtype import finfo, int64
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.creation import arange, full
from minitorch.distributions import constraints
from minitorch.distributions.base import Distribution, broadcast_all, size_of
from minitorch.nn.functional import binary_cross_entropy_with_logits
from minitorch.ops.gathering import gather
from minitorch.ops.shape import broadcast_tensors
from minitorch.ops.softmax import log_softmax
from minitorch.sampling import bernoulli, multinomial


def _away_from_bounds(probs: Tensor) -> Tensor:
    """Probabilities whose logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def _one_of(name: str, probs: Any, logits: Any) -> None:
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
        _one_of("Bernoulli", probs, logits)
        name, value = ("probs", probs) if logits is None else ("logits", logits)
        (self.__dict__[name],) = broadcast_all(value)
        super().__init__(self.__dict__[name].shape, validate_args=validate_args)

    @cached_property
    def logits(self) -> Tensor:
        """The log-odds of 1."""
        probs = _away_from_bounds(self.probs)
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
        _one_of("Categorical", probs, logits)
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
        return _away_from_bounds(self.probs).log()

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


class OneHotCategorical(Categorical):
    """:class:`Categorical` with one-hot vectors as values.

    >>> import minitorch as torch
    >>> d = torch.distributions.OneHotCategorical(torch.tensor([0.25, 0.75]))
    >>> d.log_prob(torch.tensor([1., 0.]))
    tensor(-1.3863)
    """

    support = constraints.one_hot

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(probs, logits, validate_args)
        self._event_shape = size_of(self._num_events)

    def _one_hot(self, index: Tensor) -> Tensor:
        places = arange(self._num_events, device=index.device)
        return (index.unsqueeze(-1) == places).to(self.probs.dtype)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self.probs.argmax(-1))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._one_hot(super().sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._picked(value.argmax(-1))

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._one_hot(super().enumerate_support(expand))
