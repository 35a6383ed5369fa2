"""The threads of the primitives: parts of a task, failures, several callers, processes that fork."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import minitorch
from minitorch.backend.primitives import products


@pytest.fixture
def threads(monkeypatch):
    from minitorch.backend.cpu import threads

    monkeypatch.setattr(threads, "_calm", 0)  # a busy machine may have had the helpers left alone
    monkeypatch.setattr(threads, "_late", 0)
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


WITHOUT_NUMBA = """
import os, sys, threading
import minitorch, numpy as np
minitorch.set_num_threads(2)
x, w = minitorch.rand(64, 3, 16, 16), minitorch.rand(6, 3, 5, 5, requires_grad=True)

def step():
    w.grad = None
    y = minitorch.nn.functional.conv2d(x, w)
    (y * y).sum().backward()
    return w.grad.numpy()

first = step()
assert any(thread.name == "minitorch-helper" for thread in threading.enumerate())
assert np.array_equal(step(), first)
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(step(), first) else 1)
    assert os.waitpid(child, 0)[1] == 0
minitorch.set_num_threads(1)
assert np.allclose(step(), first, rtol=1e-4)
assert "numba" not in sys.modules
"""


def test_parts_without_numba():
    environment = {**os.environ, "MINITORCH_NUMBA": "0", "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], env=environment, check=True, timeout=300)


SHAPES = [
    ((70, 8), (8, 5)), ((5, 8), (8, 70)), ((6, 4, 8), (6, 8, 3)), ((6, 4, 8), (8, 3)), ((4, 8), (6, 8, 3)),
    ((1, 4, 8), (5, 8, 3)), ((1, 4, 8), (1, 8, 3)), ((3, 1, 4, 8), (2, 8, 3)), ((1, 9), (9, 1)),
]  # fmt: skip


@pytest.mark.parametrize("a, b", SHAPES)
def test_products_are_shared(threads, monkeypatch, a, b):
    threads.own_blas()
    monkeypatch.setattr(products, "_WORTH_A_THREAD", 1)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(a), rng.standard_normal(b)
    expected, shared = a @ b, []
    monkeypatch.setattr(threads, "share", lambda *task, share=threads.share: (shared.append(task), share(*task)))
    np.testing.assert_allclose(products.matmul.portable(a, b), expected, rtol=1e-12)
    out = np.empty_like(expected)
    assert products.matmul_into.portable(a, b, out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    assert len(shared) == 2


# ---- compiled tasks


def count_up(first, last, begins, x):
    for i in range(first, last):
        begins[i] = first
        x[i] += 1


def run_out_of_memory(first, last, x):
    if first > 0:
        raise MemoryError
    x[0] = 1


@pytest.fixture
def counting(threads):
    pytest.importorskip("numba")
    from minitorch.backend.cpu.parts import shared

    return shared(count_up)


@pytest.mark.parametrize("count, parts", [(10, 3), (10, 1), (0, 1), (3, 3), (1000, 16)])
def test_compiled_parts_cover_the_range_once(counting, count, parts):
    for _ in range(30):
        begins, x = np.full(count, -1), np.zeros(count)
        counting(count, parts, begins, x)
        assert (x == 1).all()
        assert sorted(set(begins)) == sorted({count * i // parts for i in range(parts)} - {count})


def test_the_number_of_parts_depends_on_the_threads_alone(threads):
    assert threads.parts(100, 10) == 3
    assert threads.parts(100, 40) == 2
    assert threads.parts(0, 10) == threads.parts(9, 10) == 1
    assert threads.parts(100, 0) == 3


def test_compiled_tasks_of_several_callers(counting):
    wrong = []

    def caller():
        for _ in range(100):
            begins, x = np.empty(300, np.int64), np.zeros(300)
            counting(300, 3, begins, x)
            if not (x == 1).all():
                wrong.append(x)

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    assert not wrong


def test_elements_are_cut_for_each_part(threads):
    pytest.importorskip("numba")
    from minitorch.backend.cpu.parts import elementwise

    def scaled(x, y, factor, out):
        for i in range(x.size):
            out[i] = x[i] * factor + y[i] + x.size

    kernel = elementwise(scaled)
    x, y = np.arange(10.0), np.ones(10)
    out = np.empty(10)
    kernel(10, 3, x, y, 2.0, out)
    np.testing.assert_array_equal(out, 2 * x + 1 + [3, 3, 3, 3, 3, 3, 4, 4, 4, 4])


def test_memory_that_is_missing_in_a_part_is_told(threads):
    pytest.importorskip("numba")
    from minitorch.backend.cpu.parts import shared

    kernel = shared(run_out_of_memory)
    x = np.zeros(3)
    for parts in (3, 2):
        with pytest.raises(MemoryError, match="run_out_of_memory"):
            kernel(3, parts, x)
    kernel(3, 1, x)  # and the threads live on
    assert x[0] == 1


def test_fewer_threads_leave_helpers_asleep(counting, threads):
    threads.share(lambda first, last: None, 9, 1)
    assert len(threads._helpers) >= 2
    threads.set_num_threads(2)
    for _ in range(3):
        begins, x = np.empty(300, np.int64), np.zeros(300)
        counting(300, threads.parts(300, 1), begins, x)
        assert (x == 1).all() and len(set(begins)) == 2
    assert [helper.active for helper in threads._helpers[:2]] == [True, False]


def test_helpers_that_come_late_are_left_alone_for_a_while(counting, threads, monkeypatch):
    monkeypatch.setattr(threads, "_calm", 0)
    monkeypatch.setattr(threads, "_late", 0)
    threads._note(True)
    threads._note(False)
    threads._note(True)
    assert threads._calm == 0
    threads._note(True)
    calm = threads._calm
    assert calm > 0
    before = [helper._number for helper in threads._helpers]
    begins, x = np.empty(300, np.int64), np.zeros(300)
    counting(300, 3, begins, x)
    assert (x == 1).all() and threads._calm == calm - 1
    assert [helper._number for helper in threads._helpers] == before


def test_no_warnings_from_other_threads(threads, recwarn):
    x = np.zeros(9)
    y = np.empty(9)
    with np.errstate(all="ignore"):
        threads.share(lambda i, j: np.divide(x[i:j], 0.0, out=y[i:j]), 9, 1)
    assert np.isnan(y).all() and not recwarn.list


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(counting, threads):
    parts_of(threads, 9, 1)
    counting(300, 3, np.empty(300, np.int64), np.zeros(300))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            x = np.zeros(300)
            counting(300, 3, np.empty(300, np.int64), x)
            status = 0 if len(parts_of(threads, 9, 1)) == 3 and (x == 1).all() else 2
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
