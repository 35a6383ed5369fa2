"""What a worker of a ``DataLoader`` does, in a process or a thread of its own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import threading
import traceback
from dataclasses import dataclass
from typing import Any

from minitorch.utils.data.fetch import END, make_fetcher
from minitorch.utils.data.seeding import seed_process, seed_thread
from minitorch.utils.data.transport import Slot, pack

_thread = threading.local()


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is: ``id`` of ``num_workers``, its ``seed``, and the ``dataset`` it reads (its own copy)."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a ``DataLoader`` what it is, elsewhere ``None``.

    >>> from minitorch.utils.data import get_worker_info
    >>> get_worker_info() is None
    True
    """
    return getattr(_thread, "info", None)


class WorkerTraceback(Exception):
    """The cause of an exception that came from a worker: where in the worker it was raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0].rstrip()}"


def _rebuild(cls: type[BaseException], args: tuple, state: dict) -> BaseException:
    """An exception as it was, whatever its ``__init__`` wants to be called with."""
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class _Parcel:
    """Pickles an exception by its parts."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return (_rebuild, self.parts)


@dataclass(frozen=True)
class Failure:
    """An exception on its way from a worker to the loop over the loader."""

    error: Any
    text: str

    @classmethod
    def of(cls, error: BaseException, where: str) -> Failure:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        return cls(error, f"in {where}:\n{lines}")

    def raise_it(self) -> None:
        raise self.error from WorkerTraceback(self.text)

    def portable(self) -> Failure:
        """The same in a form that survives being pickled: the exception itself, one of its class, or a RuntimeError."""
        error, message = self.error, str(self.error)
        ways = (error, _Parcel(type(error), error.args, error.__dict__), _Parcel(type(error), (message,), {}))
        for way in ways:
            try:
                # what an exception class does in its __init__ shows only when it is built again
                rebuilt = pickle.loads(pickle.dumps(way))
                if type(rebuilt) is type(error) and str(rebuilt) == message:
                    return Failure(way, self.text)
            except Exception:
                continue
        return Failure(RuntimeError(f"{type(error).__name__}: {message}"), self.text)


@dataclass(frozen=True)
class Job:
    """What every worker of a loader needs to know."""

    dataset: Any
    collate_fn: Any
    in_batches: bool
    drop_last: bool
    iterable: bool
    num_workers: int
    init_fn: Any


class Worker:
    """Makes the batches that it is told to, in an epoch that it is told about."""

    def __init__(self, job: Job, worker_id: int, base_seed: int, own_process: bool) -> None:
        self.job, self.id, self.own_process = job, worker_id, own_process
        self.fetcher: Any = None
        self.base_seed = base_seed
        _thread.info = WorkerInfo(worker_id, job.num_workers, (base_seed + worker_id) % 2**64, job.dataset)
        self._seed(base_seed, worker_id)
        self.init_failure = self._guarded(lambda: job.init_fn and job.init_fn(worker_id), "its worker_init_fn")
        self.broken: Failure | None = None
        self.start_epoch(base_seed)

    @property
    def name(self) -> str:
        kind = f"process {self.id} (pid {os.getpid()})" if self.own_process else f"thread {self.id}"
        return f"DataLoader worker {kind}"

    def _seed(self, base_seed: int, index: int) -> None:
        (seed_process if self.own_process else seed_thread)(base_seed, index)

    def _guarded(self, action: Any, what: str) -> Failure | None:
        try:
            action()
        except BaseException as error:  # SystemExit in a data set is an error of the data set too
            return Failure.of(error, f"{self.name}, {what}")
        return None

    def start_epoch(self, base_seed: int) -> None:
        self.base_seed = base_seed
        if self.job.iterable:
            self._seed(base_seed, self.id)
        self.broken = self.init_failure or self._guarded(self._open, "iter(dataset)")

    def _open(self) -> None:
        job = self.job
        self.fetcher = make_fetcher(job.dataset, job.collate_fn, job.in_batches, job.drop_last)

    def make(self, number: int, index: Any) -> Any:
        """Batch ``number`` of the epoch, ``END``, or the ``Failure`` that it ended in."""
        if self.broken is not None:
            return self.broken
        try:
            if not self.job.iterable:
                self._seed(self.base_seed, number)
            return self.fetcher(index)
        except BaseException as error:
            return Failure.of(error, f"{self.name}, batch {number}")


def process_main(
    job: Job | bytes, worker_id: int, base_seed: int, connection: Any, slots: list[Slot], inherited: tuple
) -> None:
    """The life of a worker process."""
    for other in inherited:  # the main process's ends of pipes: as long as they are open here, its death is not seen
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the main one ends the workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    if isinstance(job, bytes):
        try:
            job = pickle.loads(job)
        except Exception as error:
            failure = Failure.of(error, f"DataLoader worker process {worker_id}, when its dataset was unpickled")
            while (task := tasks.get()) is not None:
                _send(connection, task[0], None, pickle.dumps(failure.portable()), [])
            return
    assert isinstance(job, Job)
    worker = Worker(job, worker_id, base_seed, own_process=True)
    while (task := tasks.get()) is not None:
        ticket, number, index, slot = task
        if number is None:
            worker.start_epoch(index)
            continue
        result = worker.make(number, index)
        try:
            packed = pack(
                result.portable() if isinstance(result, Failure) else result, None if slot is None else slots[slot]
            )
        except Exception as error:
            failure = Failure.of(error, f"{worker.name}, sending batch {number} to the main process")
            packed = pickle.dumps(failure.portable()), []
        if not _send(connection, ticket, slot, *packed):
            return


def _send(connection: Any, ticket: int, slot: int | None, body: bytes, parts: list) -> bool:
    try:
        connection.send((ticket, slot, body, parts))
    except OSError:  # nobody is there any more
        return False
    return True


def _receive(connection: Any, tasks: queue.SimpleQueue) -> None:
    """Takes tasks out of the pipe at once, so that the main process never waits for a busy worker to read."""
    started_by, main = os.getppid(), multiprocessing.parent_process()
    try:
        while True:
            # the pipe may stay open in sibling processes after the main one was killed: look for it now and then
            while not connection.poll(5.0):
                if os.getppid() != started_by or (main is not None and not main.is_alive()):
                    os._exit(1)
            task = connection.recv()
            tasks.put(task)
            if task is None:
                return
    except (EOFError, OSError):
        os._exit(1)


def thread_main(job: Job, worker_id: int, base_seed: int, tasks: queue.SimpleQueue, results: queue.SimpleQueue) -> None:
    """The life of a worker thread."""
    worker = Worker(job, worker_id, base_seed, own_process=False)
    while (task := tasks.get()) is not None:
        ticket, number, index = task
        if number is None:
            worker.start_epoch(index)
            continue
        results.put((ticket, worker.make(number, index)))


__all__ = ["END", "Failure", "Job", "WorkerInfo", "WorkerTraceback", "get_worker_info", "process_main", "thread_main"]
