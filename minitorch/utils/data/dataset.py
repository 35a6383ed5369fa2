"""Data sets: what can be indexed (``Dataset``) or walked through once (``IterableDataset``)."""

from __future__ import annotations

import bisect
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.data.seeding import numpy_rng

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map from an index to a sample: subclasses write ``__getitem__`` and, for most samplers, ``__len__``.

    A subclass may also write ``__getitems__(indices)``, which returns the samples of a whole batch at once; the
    ``DataLoader`` then calls it instead of ``__getitem__``.  A class that overrides only ``__getitem__`` below such a
    class is asked sample by sample again.

    >>> from minitorch.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __getitem__(self, index):
    ...         return index ** 2
    ...     def __len__(self):
    ...         return 5
    >>> (Squares() + Squares())[7]
    4
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} is a Dataset without __getitem__: define it")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """A stream of samples: subclasses write ``__iter__``.

    With several workers each of them walks its own copy: ``get_worker_info()`` tells a worker which part is its own.

    >>> from minitorch.utils.data import DataLoader, IterableDataset
    >>> class Stream(IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(5))
    >>> list(DataLoader(Stream(), batch_size=3))
    [tensor([0, 1, 2]), tensor([3, 4])]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} is an IterableDataset without __iter__: define it")

    def __add__(self, other: Dataset) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class Columns(Sequence):
    """The samples of one batch, kept as one tensor (or list) per field: a sequence of tuples that collates at no cost.

    ``default_collate`` takes the fields as they are; whatever else looks at it sees single samples.

    Args:
        fields: each as long as the batch.
        numbers: which of them are Python numbers in a single sample.
    """

    __slots__ = ("fields", "numbers")

    def __init__(self, fields: Sequence[Any], numbers: Sequence[int] = ()) -> None:
        self.fields = fields
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.fields[0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Columns([field[index] for field in self.fields], self.numbers)
        return tuple(field[index].item() if i in self.numbers else field[index] for i, field in enumerate(self.fields))


def take_rows(tensor: Tensor, indices: Any) -> Tensor:
    """``tensor[indices]`` along the first dimension, by one copy when no gradient is asked for."""
    array = tensor._data
    if isinstance(array, np.ndarray) and not tensor.requires_grad:
        return wrap(array.take(np.asarray(indices, np.intp), axis=0))
    index = np.asarray(indices, np.int64)
    if index.size and not (-len(tensor) <= index.min() and index.max() < len(tensor)):
        raise IndexError(f"index {index.min()} or {index.max()} is out of range for {len(tensor)} samples")
    return tensor[wrap(index).to(tensor.device)]


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are the rows of tensors of equal length.

    Args:
        tensors: their first dimensions must agree; NumPy arrays are taken as well, without a copy.

    Raises:
        ValueError: they do not.

    >>> import minitorch as torch
    >>> from minitorch.utils.data import TensorDataset
    >>> TensorDataset(torch.arange(3), torch.ones(3, 2))[1]
    (tensor(1), tensor([1., 1.]))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: expected at least one tensor, got none")
        kept = tuple(wrap(t) if isinstance(t, np.ndarray) else t for t in tensors)
        for tensor in kept:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"TensorDataset: expected tensors, got {type(tensor).__name__}")
            if tensor.ndim == 0:
                raise ValueError("TensorDataset: a 0-d tensor has no rows; give it a first dimension")
        if len({t.shape[0] for t in kept}) > 1:
            sizes = ", ".join(str(t.shape[0]) for t in kept)
            raise ValueError(f"TensorDataset: size mismatch between tensors: their first dimensions are {sizes}")
        self.tensors = kept

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getitems__(self, indices: Sequence[int]) -> Columns:
        return Columns([take_rows(tensor, indices) for tensor in self.tensors])

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class StackDataset(Dataset):
    """Joins data sets of equal length: a sample is a tuple (or, from keywords, a dict) of their samples.

    Raises:
        ValueError: nothing given, both ways used, or the lengths differ.
    """

    datasets: tuple | dict

    def __init__(self, *args: Dataset, **kwargs: Dataset) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError("StackDataset: give the data sets either by position or by keyword, and at least one")
        self.datasets = kwargs if kwargs else args
        lengths = [len(d) for d in (kwargs.values() if kwargs else args)]  # type: ignore[arg-type]
        if len(set(lengths)) > 1:
            raise ValueError(f"StackDataset: size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {key: dataset[index] for key, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Data sets one after the other.

    Raises:
        ValueError: there are none.
        TypeError: one of them is an ``IterableDataset`` (use ``ChainDataset``).
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: datasets should not be an empty iterable")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise TypeError("ConcatDataset does not support IterableDataset; use ChainDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        length = len(self)
        if not -length <= index < length:
            raise IndexError(f"index {index} is out of range for a ConcatDataset of {length} samples")
        index += length if index < 0 else 0
        which = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


class ChainDataset(IterableDataset):
    """Iterable data sets one after the other, each opened when the one before it has ended."""

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}")
            yield from dataset

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)  # type: ignore[arg-type,misc]


class Subset(Dataset[T_co]):
    """The samples of a data set at the given indices."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Sequence[T_co]:
        return fetch(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def batch_getter(dataset: Any) -> Callable[[Sequence[int]], Sequence[Any]] | None:
    """``dataset.__getitems__`` if no class below the one that defines it has changed what a single sample is."""
    for cls in type(dataset).__mro__:
        if "__getitems__" in cls.__dict__:
            return getattr(dataset, "__getitems__", None)
        if "__getitem__" in cls.__dict__:
            return None
    return None


def fetch(dataset: Any, indices: Sequence[int]) -> Sequence[Any]:
    """The samples at ``indices``, by one call where the data set offers it."""
    getter = batch_getter(dataset)
    return getter(indices) if getter is not None else [dataset[i] for i in indices]


def random_split(dataset: Dataset, lengths: Sequence[int | float], generator: Any = None) -> list[Subset]:
    """Cuts a data set into subsets that share no sample, chosen at random.

    Args:
        lengths: how many samples each part gets, or fractions that sum to 1; of the samples that rounding down leaves
            over, one each goes to the first parts.
        generator: draws the order; default: the global one.

    Raises:
        ValueError: the lengths do not sum to ``len(dataset)``, or a fraction is outside [0, 1].

    >>> import minitorch as torch
    >>> from minitorch.utils.data import random_split
    >>> [len(part) for part in random_split(range(10), [0.7, 0.3], generator=torch.Generator().manual_seed(0))]
    [7, 3]
    """
    total = len(dataset)  # type: ignore[arg-type]
    sizes = _whole_lengths(total, lengths) if math.isclose(sum(lengths), 1) else list(lengths)
    if sum(sizes) != total or any(size < 0 for size in sizes):
        raise ValueError(
            f"random_split: sum of input lengths does not equal the length of the input dataset: {list(lengths)} sum "
            f"to {sum(lengths)}, the dataset has {total} samples; give lengths that do, or fractions that sum to 1"
        )
    order = numpy_rng(generator).permutation(total).tolist()
    ends = list(accumulate(int(size) for size in sizes))
    return [Subset(dataset, order[start:end]) for start, end in zip([0, *ends[:-1]], ends)]


def _whole_lengths(total: int, fractions: Sequence[float]) -> list[int]:
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"random_split: fraction at index {i} is not between 0 and 1: {fraction}")
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(f"random_split: length of split at index {i} is 0, this makes an empty dataset", stacklevel=3)
    return sizes
