"""The workers of a ``DataLoader`` and the iterator that keeps them busy.

Processes, because the usual transforms are Python code that holds the interpreter lock; forked where the system can,
because a fork costs milliseconds, copies no data, and needs neither picklable data sets nor a script with a main guard.
Elsewhere processes are spawned if that is sure to work, and threads do the work if it is not.
"""

from __future__ import annotations

import ast
import itertools
import multiprocessing
import os
import pickle
import queue
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

from minitorch.utils.data.seeding import fresh_seed
from minitorch.utils.data.transport import Slot, can_share, unpack
from minitorch.utils.data.worker import END, Failure, Job, process_main, thread_main

_PATIENCE = 5.0  # seconds that a worker gets to finish what it is at


class ProcessPool:
    """Worker processes, one pipe each."""

    def __init__(self, job: Job, base_seed: int, context: Any, in_flight: int) -> None:
        forks = context.get_start_method() == "fork"
        payload = job if forks else pickle.dumps(job)
        # what is under way, two batches in the hands of the user, and one that is being taken
        count = in_flight + 3 if can_share() else 0
        self.slots = [Slot() for _ in range(count * job.num_workers)]
        self.free: list[deque[int]] = [deque(range(i * count, (i + 1) * count)) for i in range(job.num_workers)]
        self.connections: list[Any] = []
        self.processes: list[Any] = []
        self.close = weakref.finalize(self, _end_processes, self.processes, self.connections, self.slots, os.getpid())
        for i in range(job.num_workers):
            ours, theirs = context.Pipe()
            self.connections.append(ours)
            process = context.Process(
                target=process_main,
                args=(payload, i, base_seed, theirs, self.slots, tuple(self.connections) if forks else ()),
                name=f"DataLoader worker {i}",
                daemon=True,
            )
            with warnings.catch_warnings():
                # Python warns of forks beside other threads; a worker calls none of the code that those may be in
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            self.processes.append(process)
            theirs.close()

    def send(self, worker: int, ticket: int, number: int | None, index: Any) -> None:
        slot = self.free[worker].popleft() if number is not None and self.free[worker] else None
        try:
            self.connections[worker].send((ticket, number, index, slot))
        except OSError:
            raise self._death(worker) from None

    def receive(self, worker: int, timeout: float) -> tuple[int, Any]:
        connection = self.connections[worker]
        try:
            if timeout > 0 and not connection.poll(timeout):
                raise TimeoutError
            ticket, slot, body, parts = connection.recv()
        except TimeoutError:
            raise
        except (EOFError, OSError):
            raise self._death(worker) from None
        free = self.free[worker]
        if slot is None:
            return ticket, unpack(body, parts, None, False, _nothing)
        # the last free slot is not given away for as long as the user likes: the workers would have none
        return ticket, unpack(body, parts, self.slots[slot], len(free) > 0, lambda: free.append(slot))

    def _death(self, worker: int) -> RuntimeError:
        process = self.processes[worker]
        process.join(_PATIENCE)
        code = process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"exited with code {code}"
        hints = {
            -9: "; the system may have been out of memory: use fewer workers or smaller batches",
            -11: "; a library that the data set uses crashed",
            -6: "; a library that the data set uses aborted (some must not be used after a fork: "
            "try multiprocessing_context='spawn')",
        }
        guard = "; with 'spawn' a script needs the guard if __name__ == '__main__'" if code == 1 else ""
        return RuntimeError(
            f"DataLoader worker {worker} (pid {process.pid}) {how} unexpectedly{hints.get(code, guard)}. "
            "With num_workers=0 the error shows where it is made"
        )


def _nothing() -> None:
    pass


def _end_processes(processes: list, connections: list, slots: list, owner: int) -> None:
    if os.getpid() != owner:  # a forked child has a copy of the pool, but the workers are not its own
        return
    for connection in connections:
        try:
            connection.send(None)
        except OSError:
            pass
    deadline = time.monotonic() + _PATIENCE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for end in ("terminate", "kill"):
        for process in processes:
            if process.is_alive():
                getattr(process, end)()
        for process in processes:
            process.join(1.0)
    for closing in (*connections, *slots):
        closing.close()


class ThreadPool:
    """Worker threads.  They share the data set and Python's and NumPy's global random streams with the main thread."""

    def __init__(self, job: Job, base_seed: int) -> None:
        self.tasks = [queue.SimpleQueue[Any]() for _ in range(job.num_workers)]
        self.results = [queue.SimpleQueue[Any]() for _ in range(job.num_workers)]
        self.threads = [
            threading.Thread(
                target=thread_main,
                args=(job, i, base_seed, self.tasks[i], self.results[i]),
                name=f"DataLoader worker {i}",
                daemon=True,
            )
            for i in range(job.num_workers)
        ]
        self.close = weakref.finalize(self, _end_threads, self.threads, self.tasks)
        for thread in self.threads:
            thread.start()

    def send(self, worker: int, ticket: int, number: int | None, index: Any) -> None:
        self.tasks[worker].put((ticket, number, index))

    def receive(self, worker: int, timeout: float) -> tuple[int, Any]:
        try:
            return self.results[worker].get(timeout=timeout if timeout > 0 else None)
        except queue.Empty:
            raise TimeoutError from None


def _end_threads(threads: list, tasks: list) -> None:
    for waiting in tasks:
        while not waiting.empty():  # what was not begun is not wanted any more
            try:
                waiting.get_nowait()
            except queue.Empty:
                break
        waiting.put(None)
    deadline = time.monotonic() + _PATIENCE
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))


def default_context(job: Job) -> Any:
    """A multiprocessing context that is sure to work for this job, or "thread"."""
    methods = multiprocessing.get_all_start_methods()
    if "fork" in methods and sys.platform != "darwin":  # macOS's own libraries do not survive a fork
        return multiprocessing.get_context("fork")
    reason = why_not_spawn(job)
    if reason is None:
        return multiprocessing.get_context("spawn")
    warnings.warn(
        f"DataLoader: its workers are threads, because {reason}; Python code in the data set will not run in parallel",
        stacklevel=5,
    )
    return "thread"


class _MainFinder(pickle.Pickler):
    """Notices whether what is pickled would have to be looked up in the script that is running."""

    found = False

    def reducer_override(self, obj: Any) -> Any:
        if getattr(obj, "__module__", None) == "__main__" or getattr(type(obj), "__module__", None) == "__main__":
            self.found = True
        return NotImplemented


def why_not_spawn(job: Job) -> str | None:
    """What keeps a fresh process from doing this job, ``None`` if nothing does."""

    class Sink:
        def write(self, data: Any) -> int:
            return len(data)

    finder = _MainFinder(Sink(), protocol=5, buffer_callback=lambda buffer: False)  # type: ignore[arg-type]
    try:
        finder.dump(job)
    except Exception as error:
        return f"the data set or one of the loader's functions cannot be pickled ({error})"
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if path is None:
        return "it uses classes or functions typed in at the prompt" if finder.found else None
    if not _is_guarded(path):
        return f"{os.path.basename(path)} has no 'if __name__ == \"__main__\":' guard"
    return None


def _is_guarded(path: str) -> bool:
    """Whether a script keeps what it does from those that import it."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return False
    names = (node.test for node in tree.body if isinstance(node, ast.If))
    return any(isinstance(n, ast.Name) and n.id == "__name__" for test in names for n in ast.walk(test))


class WorkerIterator:
    """One pass over a loader with workers: tasks go round, results are taken in the same order."""

    def __init__(self, loader: Any) -> None:
        if multiprocessing.current_process().daemon:
            raise RuntimeError("a DataLoader inside a worker process cannot have workers itself: give it num_workers=0")
        self.base_seed = fresh_seed(loader.generator)
        self.timeout = loader.timeout
        self.finish = loader._finish_batch
        job = loader._job()
        self.iterable = job.iterable
        ahead = loader.prefetch_factor
        pool = loader._pool
        if pool is None or not pool.close.alive:
            context = loader.multiprocessing_context or default_context(job)
            if context == "thread":
                pool = ThreadPool(job, self.base_seed)
            else:
                pool = ProcessPool(job, self.base_seed, context, ahead)
        else:
            for worker in range(job.num_workers):
                pool.send(worker, 0, None, self.base_seed)
        if loader.persistent_workers:
            loader._pool = pool
        self.pool = pool
        self.keep_pool = loader.persistent_workers
        # results of an earlier pass that was given up may still be in the pipes: tickets tell them apart
        self.tickets = loader._tickets
        self.numbers = itertools.count()
        self.indices: Iterator[Any] = iter(loader._index_sampler)
        self.order = deque(range(job.num_workers))  # whose turn it is; iterable workers drop out when they end
        self.pending: deque[tuple[int, int]] = deque()
        for _ in range(ahead * job.num_workers):
            self._assign()

    def __iter__(self) -> WorkerIterator:
        return self

    def _assign(self) -> None:
        if not self.order:
            return
        index = next(self.indices, END)
        if index is END:
            return
        worker = self.order[0]
        self.order.rotate(-1)
        ticket = next(self.tickets)
        self.pool.send(worker, ticket, next(self.numbers), index)
        self.pending.append((ticket, worker))

    def __next__(self) -> Any:
        while self.pending:
            ticket, worker = self.pending.popleft()
            try:
                result = self._result(ticket, worker)
                if result is END:
                    if worker in self.order:
                        self.order.remove(worker)
                    continue
                self._assign()
            except BaseException:  # Ctrl-C, a time-out, a dead worker: this pass is over
                self._end(all_of_it=True)
                raise
            if isinstance(result, Failure):
                result.raise_it()
            return self.finish(result)
        self._end()
        raise StopIteration

    def _result(self, ticket: int, worker: int) -> Any:
        while True:
            try:
                got, result = self.pool.receive(worker, self.timeout)
            except TimeoutError:
                raise RuntimeError(
                    f"DataLoader timed out after {self.timeout} seconds: worker {worker} has not delivered its batch"
                ) from None
            if got == ticket:
                return result

    def _end(self, all_of_it: bool = False) -> None:
        self.pending.clear()
        self.order.clear()
        if all_of_it or not self.keep_pool:
            self.pool.close()
