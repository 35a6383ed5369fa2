"""What the program asked of the device: kernel launches, copies between host and device, waits of the host."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Launch(NamedTuple):
    """A kernel, or ``times`` of them that share the work of one call.

    ``read`` and ``written`` are the bytes of all of them together: each reads its operands once and writes its results
    once.  What a kernel reads again is taken to come from the cache.
    """

    name: str
    times: int
    read: int
    written: int
    #: of arithmetic: two for each product that is summed up, one for each element otherwise
    operations: int

    @property
    def moved(self) -> int:
        return self.read + self.written


@dataclass
class Counts:
    """``launches``: kernels; ``uploads``, ``downloads``: copies to and from the device; ``syncs``: the host waits."""

    launches: int = 0
    uploads: int = 0
    downloads: int = 0
    syncs: int = 0
    #: how often each function launched, copied or waited
    by_name: Counter = field(default_factory=Counter)
    #: the launches in their order, with the bytes they move
    each: list[Launch] = field(default_factory=list)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.launches - other.launches,
            self.uploads - other.uploads,
            self.downloads - other.downloads,
            self.syncs - other.syncs,
            self.by_name - other.by_name,
        )

    @property
    def moved(self) -> int:
        """Bytes that all launches read and write."""
        return sum(launch.moved for launch in self.each)


total = Counts()
#: where launches are noted: a list for each ``counted()`` block that is open
_noting: list[list[Launch]] = []


_NONE = np.empty(0)


def _host(array: Any) -> Any:
    """The memory of a device array; none for numbers and ``None``, which travel with the call."""
    host = getattr(array, "_host", array)
    return host if isinstance(host, (np.ndarray, np.generic)) else _NONE


def extent(array: Any) -> int:
    """Bytes of memory that an array's elements take: those that a view repeats count once; numbers take none."""
    host = _host(array)
    if not host.size:
        return 0
    steps = [(n, abs(stride)) for n, stride in zip(host.shape, host.strides) if stride and n > 1]
    span = sum((n - 1) * stride for n, stride in steps) + host.itemsize
    return min(math.prod(n for n, _ in steps) * host.itemsize, span)


def launch(
    name: str, read: Iterable[Any], written: Iterable[Any], times: int = 1, operations: int | None = None
) -> None:
    """Notes a call that starts ``times`` kernels: ``read`` and ``written`` are the arrays that each goes through."""
    if not times:
        return
    total.launches += times
    total.by_name[name] += times
    if _noting:
        read, written = list(read), list(written)
        if operations is None:
            operations = max(sum(_host(a).size for a in arrays) for arrays in (read, written))
        moved = sum(map(extent, read)) * times, sum(map(extent, written)) * times
        for noted in _noting:
            noted.append(Launch(name, times, *moved, operations * times))


def upload(name: str) -> None:
    total.uploads += 1
    total.by_name[f"upload in {name}"] += 1


def sync(name: str, download: bool = True) -> None:
    """The host waits for the device, nearly always to read from it."""
    total.syncs += 1
    total.downloads += download
    total.by_name[f"wait in {name}"] += 1


@contextmanager
def counted() -> Iterator[Counts]:
    """What happens inside the ``with`` block; the counts are filled in at its end.

    Launches of CuPy's own functions are counted as one each, for the few that are known to take more by what they
    take at least (:data:`.functions.LAUNCHES`); views take none.
    """
    before = Counts(total.launches, total.uploads, total.downloads, total.syncs, Counter(total.by_name))
    found = Counts()
    noted: list[Launch] = []
    _noting.append(noted)
    try:
        yield found
    finally:
        _noting.pop(next(i for i, open_list in enumerate(_noting) if open_list is noted))
        found.__dict__.update((total - before).__dict__, each=noted)
