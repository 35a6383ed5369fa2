"""``DataLoader``: batches from a data set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

from minitorch.utils.data.collate import default_collate, default_convert, pinned
from minitorch.utils.data.dataset import Dataset, IterableDataset
from minitorch.utils.data.fetch import ANY_STREAM, END, NOTHING, draws_from, make_fetcher
from minitorch.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from minitorch.utils.data.seeding import OwnStreams, fresh_seed

T_co = TypeVar("T_co", covariant=True)


class _Endless(Sampler[Any]):
    """For data sets that are walked through: how many samples the next batch takes, for ever."""

    def __init__(self, size: int | None) -> None:
        self.size = size

    def __iter__(self) -> Iterator[Any]:
        return itertools.repeat(self.size)


class DataLoader(Generic[T_co]):
    """Batches of a data set, one pass over it per ``for`` loop.

    Args:
        dataset: a ``Dataset`` (anything with ``__getitem__`` and ``__len__``) or an ``IterableDataset``.
        batch_size: samples per batch; ``None`` gives single samples, not collated.
        shuffle: a new random order each pass.
        sampler: the order of indices instead.
        batch_sampler: lists of indices instead; excludes ``batch_size``, ``shuffle``, ``sampler`` and ``drop_last``.
        num_workers: how many processes make batches ahead of time; 0: they are made when asked for.
        collate_fn: makes a batch of a list of samples, default ``default_collate``.
        pin_memory: put batches into page-locked memory, from which copies to a GPU are faster; no effect without one.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker, 0 for ever.
        worker_init_fn: called with the worker's number in each worker, after its random streams were seeded.
        multiprocessing_context: how workers start: "fork", "spawn", "forkserver", a context, or "thread" for
            threads in this process; default: the best that is sure to work.
        generator: draws the order and the seed of the workers.
        prefetch_factor: batches ahead per worker, default 2.
        persistent_workers: keep the workers from one pass to the next.
        pin_memory_device, in_order: taken for compatibility; batches always come in order.

    For one seed the batches are the same for every ``num_workers``: see ``minitorch.utils.data.seeding``.

    Raises:
        ValueError, TypeError: arguments that exclude each other or are out of range.

    >>> import minitorch as torch
    >>> from minitorch.utils.data import DataLoader, TensorDataset
    >>> for x, y in DataLoader(TensorDataset(torch.arange(5), torch.ones(5, 2)), batch_size=2):
    ...     print(x, y.shape)
    tensor([0, 1]) torch.Size([2, 2])
    tensor([2, 3]) torch.Size([2, 2])
    tensor([4]) torch.Size([1, 2])
    """

    _initialized = False
    _pool: Any = None  # the workers, when they persist

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")

        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers > 0 else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.in_order = in_order
        self._iterable = iterable
        if sampler is None:
            if iterable:
                sampler = _Endless(None)
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_size is not None and batch_sampler is None:
            checked = BatchSampler(sampler, batch_size, drop_last)
            batch_sampler = _Endless(checked.batch_size) if iterable else checked
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._tickets = itertools.count(1)
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in (
            "batch_size",
            "batch_sampler",
            "sampler",
            "drop_last",
            "dataset",
            "persistent_workers",
        ):
            raise ValueError(f"{name} attribute should not be set after DataLoader is initialized; make a new one")
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> Any:
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        self._context = None if context is None else _as_context(context, self.num_workers)

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __len__(self) -> int:
        """The number of batches."""
        if not self._iterable:
            return len(self._index_sampler)
        length = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _Batches(self)
        from minitorch.utils.data.parallel import WorkerIterator

        return WorkerIterator(self)

    def _job(self) -> Any:
        from minitorch.utils.data.worker import Job

        return Job(
            self.dataset,
            self.collate_fn,
            self.batch_sampler is not None,
            self.drop_last,
            self._iterable,
            self.num_workers,
            self.worker_init_fn,
        )

    def _finish_batch(self, batch: Any) -> Any:
        if not self.pin_memory:
            return batch
        from minitorch import cuda

        return pinned(batch) if cuda.is_available() else batch


class _Batches:
    """One pass without workers."""

    def __init__(self, loader: DataLoader) -> None:
        self.base_seed = fresh_seed(loader.generator)
        self.numbers = itertools.count()
        self.indices = iter(loader._index_sampler)
        self.finish = loader._finish_batch
        self.draws = draws_from(loader.dataset, loader.collate_fn)
        # what is walked through draws from one stream during the whole pass, as it does in a worker
        self.own = OwnStreams(self.base_seed, 0, again=True) if loader._iterable else None
        with self.own or nullcontext():
            self.make = make_fetcher(
                loader.dataset, loader.collate_fn, loader.batch_sampler is not None, loader.drop_last
            )

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> Any:
        index, number = next(self.indices), next(self.numbers)
        if self.draws == NOTHING:
            return self.finish(self.make(index))
        with self.own or OwnStreams(self.base_seed, number, self.draws == ANY_STREAM):
            batch = self.make(index)
        if batch is END:
            raise StopIteration
        return self.finish(batch)


def _check_workers(num_workers: Any, timeout: Any, prefetch_factor: Any, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. Let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"prefetch_factor option should be at least 1, got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    for name, value, unset in (
        ("shuffle", shuffle, (None, False)),
        ("sampler", sampler, (None,)),
        ("batch_sampler", batch_sampler, (None,)),
    ):
        if not any(value is u for u in unset):
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}; "
                "an IterableDataset decides the order itself"
            )


def _as_context(context: Any, num_workers: int) -> Any:
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            "but got num_workers=0"
        )
    if context == "thread":
        return context
    import multiprocessing
    from multiprocessing.context import BaseContext

    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {[*methods, 'thread']!r}, "
                f"but got multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if not isinstance(context, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={context}"
        )
    return context
