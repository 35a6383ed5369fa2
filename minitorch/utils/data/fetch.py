"""From indices to a batch: what the main process and the workers do alike."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from itertools import islice
from typing import Any

from minitorch.utils.data.collate import default_collate
from minitorch.utils.data.dataset import Columns, IterableDataset, Subset, TensorDataset, batch_getter, fetch


class _End(Enum):
    """An object that is itself again after a trip between processes."""

    END = 0


END = _End.END


class MapFetcher:
    """Makes batches from a data set that is indexed.

    Args:
        in_batches: indices come in lists and samples are collated; else one index gives one sample.
    """

    def __init__(self, dataset: Any, collate_fn: Callable, in_batches: bool) -> None:
        self.dataset, self.collate_fn, self.in_batches = dataset, collate_fn, in_batches

    def __call__(self, index: Any) -> Any:
        try:
            if not self.in_batches:
                return self.collate_fn(self.dataset[index])
            samples = fetch(self.dataset, index)
            if isinstance(samples, Columns) and self.collate_fn is not default_collate:
                samples = list(samples)  # code of the user's may ask for a list
            return self.collate_fn(samples)
        except StopIteration as error:
            # it would end the loop over the loader without a word
            raise RuntimeError(f"{type(self.dataset).__name__} raised StopIteration for index {index}") from error


class IterableFetcher:
    """Makes batches from a data set that is walked through; ``END`` after the last."""

    def __init__(self, dataset: Any, collate_fn: Callable, in_batches: bool, drop_last: bool) -> None:
        self.samples = iter(dataset)
        self.collate_fn, self.in_batches, self.drop_last = collate_fn, in_batches, drop_last

    def __call__(self, size: Any) -> Any:
        if not self.in_batches:
            sample = next(self.samples, END)
            return END if sample is END else self.collate_fn(sample)
        batch = list(islice(self.samples, size))
        if not batch or (self.drop_last and len(batch) < size):
            return END
        return self.collate_fn(batch)


def make_fetcher(dataset: Any, collate_fn: Callable, in_batches: bool, drop_last: bool) -> Any:
    if isinstance(dataset, IterableDataset):
        return IterableFetcher(dataset, collate_fn, in_batches, drop_last)
    return MapFetcher(dataset, collate_fn, in_batches)


#: what making a batch may draw random numbers from
NOTHING, OWN_STREAM, ANY_STREAM = 0, 1, 2


def draws_from(dataset: Any, collate_fn: Callable) -> int:
    """NOTHING, OWN_STREAM (minitorch's generator alone) or ANY_STREAM, as far as it is known beforehand."""
    if collate_fn is not default_collate or batch_getter(dataset) is None:
        return ANY_STREAM
    if isinstance(dataset, Subset):
        return draws_from(dataset.dataset, collate_fn)
    if isinstance(dataset, TensorDataset):
        return NOTHING
    known = getattr(dataset, "_batches_draw_from", None)  # image data sets whose transforms work on whole batches
    return ANY_STREAM if known is None else known()
