"""The categorical distribution of one-hot vectors."""

from __future__ import annotations

from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.creation import arange
from minitorch.distributions import constraints
from minitorch.distributions.categorical import Categorical
from minitorch.distributions.distribution import size_of


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
