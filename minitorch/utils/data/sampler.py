"""Samplers: in which order, and how often, the samples of a data set are visited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from minitorch.core.tensor import Tensor
from minitorch.utils.data.seeding import fresh_seed, numpy_rng

T_co = TypeVar("T_co", covariant=True)


def positive_int(name: str, value: Any, owner: str) -> int:
    """``value`` as an int if it is one above 0, else the error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value <= 0:
        raise ValueError(f"{owner}: {name} should be a positive integer value, but got {name}={value}")
    return int(value)


def a_bool(name: str, value: Any, owner: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{owner}: {name} should be a boolean value, but got {name}={value}")
    return value


class Sampler(Generic[T_co]):
    """Base class: subclasses write ``__iter__``, which yields indices (or lists of them), and mostly ``__len__``."""

    def __init__(self, data_source: Sized | None = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} is a Sampler without __iter__: define it")


class SequentialSampler(Sampler[int]):
    """0, 1, 2 ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Every index once in random order, or, with ``replacement``, indices drawn independently.

    Args:
        data_source: its length counts.
        replacement: draw independently.
        num_samples: how many to draw, default ``len(data_source)``.  Without replacement more than that starts over
            with a new order.
        generator: draws; default: one seeded from the global one at each pass.

    >>> import minitorch as torch
    >>> from minitorch.utils.data import RandomSampler
    >>> sorted(RandomSampler(range(4)))
    [0, 1, 2, 3]
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ) -> None:
        self.data_source = data_source
        self.replacement = a_bool("replacement", replacement, "RandomSampler")
        self._num_samples = None if num_samples is None else positive_int("num_samples", num_samples, "RandomSampler")
        if self.num_samples <= 0:
            raise ValueError(
                "RandomSampler: num_samples should be a positive integer value, but the data set is empty "
                f"(num_samples={self.num_samples}); check how it was made, or iterate without shuffling"
            )
        self.generator = generator

    @property
    def num_samples(self) -> int:
        # asked anew each time: a data set may grow between passes
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng(fresh_seed()) if self.generator is None else numpy_rng(self.generator)
        length, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            yield from rng.integers(0, length, wanted).tolist()
            return
        while wanted > 0:
            yield from rng.permutation(length)[:wanted].tolist()
            wanted -= length

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, each once, in random order."""

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in numpy_rng(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Index ``i`` with a probability in proportion to ``weights[i]`` (they need not sum to 1).

    Args:
        weights: one number of 0 or more per sample.
        num_samples: how many indices to draw.
        replacement: an index may come again; without it ``num_samples`` must not exceed the number of weights above 0.

    Raises:
        ValueError: weights that are not such a sequence, or too few of them above 0.
    """

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Any = None
    ) -> None:
        self.num_samples = positive_int("num_samples", num_samples, "WeightedRandomSampler")
        self.replacement = a_bool("replacement", replacement, "WeightedRandomSampler")
        values = np.asarray(weights.detach().cpu() if isinstance(weights, Tensor) else weights, np.float64)
        if values.ndim != 1:
            raise ValueError(
                f"WeightedRandomSampler: weights should be a 1d sequence but given weights have shape {values.shape}"
            )
        if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
            raise ValueError("WeightedRandomSampler: weights must be finite, none below 0, and not all 0")
        if not replacement and self.num_samples > np.count_nonzero(values):
            raise ValueError(
                f"WeightedRandomSampler: cannot draw num_samples={num_samples} without replacement from "
                f"{np.count_nonzero(values)} weights above 0"
            )
        self.weights = values
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        rng = numpy_rng(self.generator)
        if self.replacement:
            ends = np.cumsum(self.weights)
            drawn = np.searchsorted(ends, rng.random(self.num_samples) * ends[-1], side="right")
            # the product may round up to the very end, or into weights of 0 behind the last positive one
            drawn = np.minimum(drawn, np.flatnonzero(self.weights)[-1])
        else:
            # Efraimidis and Spirakis (2006): the smallest of the keys Exp(1) / w are a weighted draw without
            # replacement
            with np.errstate(divide="ignore"):
                keys = rng.exponential(size=len(self.weights)) / self.weights
            drawn = np.argsort(keys, kind="stable")[: self.num_samples]
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Gathers what another sampler yields into lists.

    >>> from minitorch.utils.data import BatchSampler, SequentialSampler
    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool = False) -> None:
        self.sampler = sampler
        self.batch_size = positive_int("batch_size", batch_size, "BatchSampler")
        self.drop_last = a_bool("drop_last", drop_last, "BatchSampler")

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self) -> int:
        length = len(self.sampler)  # type: ignore[arg-type]
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)
