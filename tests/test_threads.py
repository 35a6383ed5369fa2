"""The threads of the compiled kernels: parts of a task, failures, several callers, processes that fork."""

import os
import threading

import numpy as np
import pytest

import minitorch


@pytest.fixture
def threads():
    pytest.importorskip("numba")
    from minitorch.backend.cpu import threads

    before = threads.get_num_threads()
    threads.set_num_threads(3)
    yield threads
    threads.set_num_threads(before)


def parts_of(threads, count, least):
    seen = []
    threads.share(lambda first, last: seen.append((first, last, threading.get_ident())), count, least)
    return sorted(seen)


def test_parts_cover_the_range_once_on_different_threads(threads):
    parts = parts_of(threads, 10, 1)
    assert [part[:2] for part in parts] == [(0, 3), (3, 6), (6, 10)]
    assert len({part[2] for part in parts}) == 3


def test_small_tasks_stay_with_the_caller(threads):
    assert parts_of(threads, 10, 6) == [(0, 10, threading.get_ident())]
    assert parts_of(threads, 0, 1) == [(0, 0, threading.get_ident())]


def test_parts_are_the_same_from_run_to_run(threads):
    a, b = minitorch.rand(64, 16, 16, 16), minitorch.rand(16, 16, 3, 3)
    first = minitorch.nn.functional.conv2d(a, b).numpy()
    for _ in range(5):
        np.testing.assert_array_equal(minitorch.nn.functional.conv2d(a, b).numpy(), first)


def test_a_failure_in_a_part_reaches_the_caller_and_the_threads_live_on(threads):
    def part(first, last):
        if first == 0:
            raise KeyError("the first part")

    for _ in range(3):
        with pytest.raises(KeyError, match="the first part"):
            threads.share(part, 9, 1)
    assert len(parts_of(threads, 9, 1)) == 3


def test_a_part_may_share_out_work_of_its_own(threads):
    total = []

    def part(first, last):
        threads.share(lambda a, b: total.append(b - a), last - first, 1)

    threads.share(part, 30, 1)
    assert sum(total) == 30


def test_several_callers_at_once(threads):
    x = np.arange(30_000.0)
    wrong = []

    def caller(number):
        for _ in range(50):
            y = np.empty_like(x)
            threads.share(lambda i, j, y=y: np.multiply(x[i:j], number, out=y[i:j]), x.size, 1)
            if not np.array_equal(y, x * number):
                wrong.append(number)

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(4)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert not wrong


def test_no_warnings_from_other_threads(threads, recwarn):
    x = np.zeros(9)
    y = np.empty(9)
    with np.errstate(all="ignore"):
        threads.share(lambda i, j: np.divide(x[i:j], 0.0, out=y[i:j]), 9, 1)
    assert np.isnan(y).all() and not recwarn.list


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(threads):
    parts_of(threads, 9, 1)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if len(parts_of(threads, 9, 1)) == 3 else 2
        finally:
            os.write(write, bytes([status]))
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"\0"
    os.close(read), os.close(write)


def test_the_number_of_threads_is_public():
    before = minitorch.get_num_threads()
    try:
        minitorch.set_num_threads(2)
        assert minitorch.get_num_threads() == 2
    finally:
        minitorch.set_num_threads(before)
    for wrong in (0, -1):
        with pytest.raises((ValueError, RuntimeError), match="positive"):
            minitorch.set_num_threads(wrong)
