"""The threads that share a primitive's work, and BLAS kept to one thread meanwhile: one owner of the cores.

Helpers are Python threads.  They pay off because compiled kernels, matrix products and large copies all release the
interpreter lock.  Waking a sleeping thread takes some 50 µs, so whoever waits watches a counter for a while first;
after that it sleeps, and another process can have the core.
"""

from __future__ import annotations

import ctypes
import glob
import itertools
import os
import queue
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.quiet import quietly

_num_threads: int | None = None


def get_num_threads() -> int:
    """How many threads share the work: ``OMP_NUM_THREADS`` if set, else the cores that this process may use."""
    global _num_threads
    if _num_threads is None:
        wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        _num_threads = max(1, int(wanted)) if wanted.isdigit() else cores
    return _num_threads


def set_num_threads(number: int) -> None:
    """Share work between ``number`` threads from now on; BLAS too, where it has not been told to keep to one."""
    global _num_threads
    if number < 1:
        raise ValueError(f"set_num_threads: expected a positive number of threads, got {number}")
    _num_threads = number
    limits = None if _owned else _openblas()
    if limits is not None:
        limits[1](number)


# Turns of a waiting loop: a thread that waits keeps its core so long, about 200 µs, before it sleeps ...
_TURNS = 500_000
# ... unless that was in vain: then somebody else needs the cores, and the next tasks wait asleep.
_CALM = 100


class _Helper:
    """A thread that runs one task at a time and says when it is done, with the exception that ended it if any."""

    def __init__(self) -> None:
        from minitorch.backend.cpu.waiting import changed

        self._changed = changed
        self._tasks: queue.SimpleQueue[tuple[Callable[..., Any], int, int]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        # How many tasks were given out and how many are done.  The queues carry them; the counters are there to be
        # watched without the interpreter lock.
        self._given, self._finished = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._number = 0
        self._turns, self._calm = _TURNS, 0
        threading.Thread(target=quietly().run, args=(self._work,), name="minitorch-helper", daemon=True).start()

    def _work(self) -> None:
        number = 0
        while True:
            self._changed(self._given, number, self._turns)
            function, first, last = self._tasks.get()
            number += 1
            result = None
            try:
                function(first, last)
            except BaseException as error:
                result = error
            self._done.put(result)
            del function, result
            self._finished[0] = number

    def start(self, function: Callable[..., Any], first: int, last: int) -> None:
        self._tasks.put((function, first, last))
        self._number += 1
        self._given[0] = self._number

    def wait(self) -> BaseException | None:
        in_time = self._changed(self._finished, self._number - 1, self._turns)
        if self._calm:
            self._calm -= 1
            if not self._calm:
                self._turns = _TURNS
        elif not in_time:
            self._turns, self._calm = 0, _CALM
        return self._done.get()


_helpers: list[_Helper] = []
_in_use = threading.Lock()


def _after_fork() -> None:
    """The child of a fork has no threads but its own."""
    global _in_use
    _helpers.clear()
    _in_use = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def share(function: Callable[[int, int], Any], count: int, least: int) -> None:
    """Call ``function(first, last)`` for parts of ``range(count)``, at least ``least`` long, on several threads.

    The parts depend on ``count`` and the number of threads alone.  While another Python thread has the helpers, or
    where one part is all there is, everything runs in the caller.
    """
    parts = min(get_num_threads(), count // max(1, least))
    if parts <= 1:
        function(0, count)
        return
    own_blas()
    bounds = [count * i // parts for i in range(parts + 1)]
    if not _in_use.acquire(blocking=False):
        for first, last in itertools.pairwise(bounds):
            function(first, last)
        return
    try:
        while len(_helpers) < parts - 1:
            _helpers.append(_Helper())
        busy = _helpers[: parts - 1]
        for helper, first, last in zip(busy, bounds, bounds[1:]):
            helper.start(function, first, last)
        errors = []
        try:
            function(bounds[-2], bounds[-1])
        finally:
            errors = [helper.wait() for helper in busy]
        for error in errors:
            if error is not None:
                raise error
    finally:
        _in_use.release()


def own_blas() -> None:
    """OpenBLAS keeps to the calling thread from now on: its own threads would spin beside ours.

    Large products are shared out by :mod:`.products` instead.
    """
    global _owned
    if not _owned:
        _owned = True
        limits = _openblas()
        if limits is not None:
            limits[1](1)


_owned = False
_blas: tuple[Callable[[], int], Callable[[int], None]] | None = None
_blas_searched = False


def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Getter and setter of the number of threads in the OpenBLAS that NumPy's wheels carry; ``None`` with another
    BLAS."""
    global _blas, _blas_searched
    if _blas_searched:
        return _blas
    _blas_searched = True
    folder = os.path.dirname(np.__file__)
    for path in [
        *glob.glob(os.path.join(folder, "..", "numpy.libs", "*openblas*")),
        *glob.glob(os.path.join(folder, ".dylibs", "*openblas*")),
    ]:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
            get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            set_ = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
            if get is not None and set_ is not None:
                _blas = (get, set_)
                return _blas
    return None
