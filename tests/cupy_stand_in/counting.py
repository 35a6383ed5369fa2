"""What the program asked of the device: kernel launches, copies between host and device, waits of the host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Counts:
    """``launches``: kernels; ``uploads``, ``downloads``: copies to and from the device; ``syncs``: the host waits."""

    launches: int = 0
    uploads: int = 0
    downloads: int = 0
    syncs: int = 0
    #: how often each function launched, copied or waited
    by_name: Counter = field(default_factory=Counter)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(
            self.launches - other.launches,
            self.uploads - other.uploads,
            self.downloads - other.downloads,
            self.syncs - other.syncs,
            self.by_name - other.by_name,
        )


total = Counts()


def launch(name: str, times: int = 1) -> None:
    if times:
        total.launches += times
        total.by_name[name] += times


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
    try:
        yield found
    finally:
        found.__dict__.update((total - before).__dict__)
