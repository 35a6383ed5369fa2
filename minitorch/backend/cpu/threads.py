"""The threads that share a primitive's work, and BLAS kept to one thread meanwhile: one owner of the cores.

Helpers are Python threads that take parts of compiled tasks without the interpreter lock (:mod:`.parts`).  Waking a
sleeping thread takes some 50 µs, so a helper watches for the next task for a while first; after that it sleeps, and
another process can have the core.
"""

from __future__ import annotations

import itertools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.cpu.blas import openblas
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
    library = None if _owned else openblas()
    if library is not None:
        library.set_num_threads(number)


# Elements of the memory that a compiled task stands in (:mod:`.parts`), and the bits that tell how it went.
BOX = 48
LATE, FAILED = 1, 2
# Nanoseconds beyond the time that the caller's parts took: another process must have the core of who is to end a part.
TOO_LATE = 500_000
# After two waits in vain somebody else needs the cores: the next tasks do without helpers, or wait asleep.
_CALM = 100


def _compiled(name: str) -> Any:
    """A function of :mod:`.parts`, which needs Numba, once that has been imported for compiled tasks; else ``None``."""
    return getattr(sys.modules.get("minitorch.backend.cpu.parts"), name, None)


class _Helper:
    """A thread that takes parts of compiled tasks (:mod:`.parts`), and runs Python functions one at a time."""

    def __init__(self, box: np.ndarray) -> None:
        self._box = box
        self.asleep, self.active = False, True
        self._tasks: queue.SimpleQueue[tuple[Callable[..., Any], int, int] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        # How many tasks were given out and how many are done.  The queues carry them; the counters are there to be
        # watched without the interpreter lock.
        self._given, self._finished = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._number = 0
        threading.Thread(target=quietly().run, args=(self._work,), name="minitorch-helper", daemon=True).start()

    def _work(self) -> None:
        number = 0
        while True:
            watch = _compiled("watch")
            if self.active and watch is not None:
                watch(self._box, self._given, number, 0 if _calm else _compiled("PATIENCE"), 1.0)
            self.asleep = True
            task = self._tasks.get()
            number += 1
            if task is not None:
                function, first, last = task
                result = None
                try:
                    function(first, last)
                except BaseException as error:
                    result = error
                self._done.put(result)
                del function, task, result
            self._finished[0] = number

    def _give(self, task: tuple[Callable[..., Any], int, int] | None) -> None:
        self.asleep = False
        self._number += 1
        self._given[0] = self._number  # before the task: the thread may have counted that by then
        self._tasks.put(task)

    def wake(self) -> None:
        """Have the thread look into the box."""
        self._give(None)

    def start(self, function: Callable[..., Any], first: int, last: int) -> None:
        self._give((function, first, last))

    def wait(self) -> BaseException | None:
        changed = _compiled("changed")
        if changed is not None:
            changed(self._finished, self._number - 1, 0 if _calm else _compiled("TURNS"), 1.0)
        return self._done.get()


_helpers: list[_Helper] = []
_box: np.ndarray | None = None
_calm = _late = 0
_in_use = threading.Lock()


def _after_fork() -> None:
    """The child of a fork has no threads but its own."""
    global _in_use, _box
    _helpers.clear()
    _box = None
    _in_use = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def parts(count: int, least: int) -> int:
    """Into how many parts of at least ``least`` a task of ``count`` is cut: this depends on nothing but the number of
    threads."""
    if count < least + least or count < 2:
        return 1
    return min(_num_threads or get_num_threads(), count // max(1, least))


def with_helpers(entry: Callable[..., int], count: int, parts: int, arguments: tuple) -> int:
    """Run a compiled task (:func:`.parts.shared`) together with the helpers; without, where another Python thread has
    them."""
    global _calm
    own_blas()
    if not _in_use.acquire(blocking=False):
        return entry(np.zeros(BOX, np.int64), count, parts, 1.0, *arguments)
    try:
        if _calm:
            _calm -= 1
            return entry(np.zeros(BOX, np.int64), count, parts, 1.0, *arguments)
        for helper in _ready():
            if helper.asleep:
                helper.wake()
        code = entry(_box, count, parts, 1.0, *arguments)
        if code & LATE or _late:
            _note(bool(code & LATE))
        return code
    finally:
        _in_use.release()


def _note(late: bool) -> None:
    """Whether a helper ended its part long after the caller."""
    global _calm, _late
    _late = _late + 1 if late else 0
    if _late == 2:
        _calm, _late = _CALM, 0


def _ready() -> list[_Helper]:
    """One helper for each thread but the caller's."""
    global _box
    wanted = get_num_threads() - 1
    if len(_helpers) != wanted or _box is None:
        if _box is None:
            _box = np.zeros(BOX, np.int64)
        while len(_helpers) < wanted:
            _helpers.append(_Helper(_box))
        for number, helper in enumerate(_helpers):
            helper.active = number < wanted
            if not helper.active and not helper.asleep:
                helper.wake()  # and it will leave the box alone
        return _helpers[:wanted]
    return _helpers


def share(function: Callable[[int, int], Any], count: int, least: int) -> None:
    """Call ``function(first, last)`` for parts of ``range(count)``, at least ``least`` long, on several threads.

    For functions of Python that release the interpreter lock most of the time; compiled ones are handed out by
    :func:`with_helpers`, which takes less.  While another Python thread has the helpers, or where one part is all there
    is, everything runs in the caller.
    """
    global _calm
    number = parts(count, least)
    if number == 1:
        function(0, count)
        return
    own_blas()
    bounds = [count * i // number for i in range(number + 1)]
    if not _in_use.acquire(blocking=False):
        for first, last in itertools.pairwise(bounds):
            function(first, last)
        return
    try:
        _calm = max(0, _calm - 1)
        busy = _ready()[: number - 1]
        for helper, first, last in zip(busy, bounds, bounds[1:]):
            helper.start(function, first, last)
        errors = []
        begin = time.perf_counter_ns()
        try:
            function(bounds[-2], bounds[-1])
        finally:
            end = time.perf_counter_ns()
            errors = [helper.wait() for helper in busy]
            _note(time.perf_counter_ns() - end > end - begin + TOO_LATE)
        for error in errors:
            if error is not None:
                raise error
    finally:
        _in_use.release()


def idle() -> bool:
    """Whether helpers could take parts of a product: BLAS keeps to one thread, and nobody is using them."""
    return _owned and not _in_use.locked() and get_num_threads() > 1


def own_blas() -> None:
    """OpenBLAS keeps to the calling thread from now on: its own threads would spin beside ours.

    Large products are shared out by :mod:`.products` instead.
    """
    global _owned
    if not _owned:
        _owned = True
        library = openblas()
        if library is not None:
            library.set_num_threads(1)


_owned = False
