"""``Independent``: dimensions of a batch that count as one event."""

from __future__ import annotations

from typing import Any

from minitorch.core.size import Size
from minitorch.core.tensor import Tensor
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution, size_of


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over the last ``dims`` dimensions."""
    return value.sum(tuple(range(-dims, 0))) if dims else value


class Independent(Distribution):
    """The last dimensions of a batch as one event: log-probabilities are summed over them.

    Args:
        base_distribution: of a batch.
        reinterpreted_batch_ndims: how many of its dimensions.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> d = torch.distributions.Independent(torch.distributions.Normal(torch.zeros(4, 3), 1.), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(torch.zeros(3)).shape
    (torch.Size([4]), torch.Size([3]), torch.Size([4]))
    """

    def __init__(
        self, base_distribution: Any, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        batches = len(base_distribution.batch_shape) - reinterpreted_batch_ndims
        if batches < 0:
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {len(base_distribution.batch_shape)}"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        super().__init__(shape[:batches], shape[batches:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        batch_shape = size_of(batch_shape)
        inner = self._event_shape[: self.reinterpreted_batch_ndims]
        other = object.__new__(type(self))
        other.base_dist = self.base_dist.expand(Size((*batch_shape, *inner)))
        other.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims
        other._batch_shape, other._event_shape = batch_shape, self._event_shape
        other._validate_args = self._validate_args
        return other

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def support(self) -> Any:
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
