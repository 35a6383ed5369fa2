"""What goes wrong in a worker of a DataLoader arrives where the loop is."""

import gc
import os
import pickle
import signal
import sys
import threading
import time

import pytest

from minitorch.utils.data import DataLoader
from minitorch.utils.data.worker import Failure, WorkerTraceback
from tests.loading import Bad, children, forks


class OddError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{text} ({code})")
        self.code = code


def test_exceptions_arrive_with_class_message_and_traceback():
    def fail():
        raise KeyError("no five")

    batches = iter(DataLoader(Bad(fail), 2, num_workers=2))
    assert next(batches).tolist() == [0, 1] and next(batches).tolist() == [2, 3]
    with pytest.raises(KeyError, match="no five") as caught:
        next(batches)
    assert isinstance(caught.value.__cause__, WorkerTraceback)
    text = str(caught.value.__cause__)
    assert "worker process 0" in text and "batch 2" in text and "in fail" in text and "KeyError: 'no five'" in text
    assert next(batches).tolist() == [6, 7]  # one bad sample does not end the pass
    with pytest.raises(StopIteration):
        next(batches)


def test_exceptions_keep_their_class_whatever_they_are_made_with():
    def odd():
        raise OddError(3, "odd")

    def holds_a_lock():
        error = OddError(3, "odd")
        error.lock = threading.Lock()
        raise error

    def of_the_system():
        os.stat("/no/such/file")

    def leaves():
        sys.exit(4)

    with pytest.raises(OddError, match=r"odd \(3\)") as caught:
        list(DataLoader(Bad(odd), 2, num_workers=1))
    assert caught.value.code == 3
    with pytest.raises(OddError, match=r"odd \(3\)"):
        list(DataLoader(Bad(holds_a_lock), 2, num_workers=1))
    with pytest.raises(FileNotFoundError) as missing:
        list(DataLoader(Bad(of_the_system), 2, num_workers=1))
    assert missing.value.filename == "/no/such/file"
    with pytest.raises(SystemExit) as exit:
        list(DataLoader(Bad(leaves), 2, num_workers=1))
    assert exit.value.code == 4


def test_exceptions_of_classes_that_cannot_be_named():
    def local():
        class Local(Exception):
            pass

        raise Local("from inside")

    with pytest.raises(RuntimeError, match="Local: from inside"):
        list(DataLoader(Bad(local), 2, num_workers=1))


def test_batches_that_do_not_pickle():
    with pytest.raises((AttributeError, pickle.PicklingError, TypeError)) as caught:
        list(DataLoader([1, 2], 2, num_workers=1, collate_fn=lambda s: threading.Lock()))
    assert "sending batch 0" in str(caught.value.__cause__)


def test_exceptions_from_threads():
    def fail():
        raise KeyError("no five")

    with pytest.raises(KeyError, match="no five") as caught:
        list(DataLoader(Bad(fail), 2, num_workers=2, multiprocessing_context="thread"))
    assert "worker thread" in str(caught.value.__cause__)


@forks
def test_a_worker_that_dies_is_noticed():
    gc.collect()  # iterators of tests before that are held by their exceptions
    loader = DataLoader(Bad(lambda: os.kill(os.getpid(), signal.SIGKILL)), 2, num_workers=2)
    with pytest.raises(RuntimeError, match=r"worker 0 \(pid \d+\) was killed by signal 9 unexpectedly; .*memory"):
        list(loader)
    with pytest.raises(RuntimeError, match="exited with code 7"):
        list(DataLoader(Bad(lambda: os._exit(7)), 2, num_workers=1))
    assert not children()


@pytest.mark.parametrize("context", [None, "thread"])
def test_timeout(context):
    event = threading.Event()
    loader = DataLoader(
        Bad(lambda: event.wait(30), at=0), 2, num_workers=1, timeout=0.2, multiprocessing_context=context
    )
    started = time.monotonic()
    if context is None:
        loader.worker_init_fn = lambda i: signal.setitimer(signal.ITIMER_REAL, 0.6)  # so that the test ends soon
    else:
        threading.Timer(0.5, event.set).start()
    with pytest.raises(RuntimeError, match=r"timed out after 0\.2 seconds"):
        list(loader)
    assert time.monotonic() - started < 20 and not children()


def test_failure_keeps_what_can_be_kept():
    try:
        raise ValueError("text")
    except ValueError as error:
        failure = Failure.of(error, "a test").portable()
    assert type(failure.error) is ValueError and str(failure.error) == "text"
    assert "in a test" in failure.text and "test_failure_keeps" in failure.text
