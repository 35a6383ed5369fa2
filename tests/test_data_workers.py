"""DataLoader with workers."""

import gc
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    TensorDataset,
    get_worker_info,
    parallel,
    transport,
)
from minitorch.utils.data.worker import Failure, Job, WorkerTraceback

# scripts find the package that is being tested, wherever they run
ENV = {**os.environ, "PYTHONPATH": str(Path(torch.__file__).parents[1])}
forks = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the system cannot fork")


class Noise(Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(), torch.rand(1).item(), np.random.randn()


class Big(Dataset):
    """Samples that travel in shared memory."""

    def __init__(self, n=12):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return {"image": np.full((60, 100), index, np.float32), "empty": np.zeros((0, 3)), "name": str(index)}


class Sharded(IterableDataset):
    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, 11, step))


class OddError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{text} ({code})")
        self.code = code


class Bad(Dataset):
    def __init__(self, raises, at=5):
        self.raises, self.at = raises, at

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == self.at:
            self.raises()
        return index


def plain(loader):
    return [[field.tolist() for field in batch] for batch in loader]


def values(loader):
    return [batch.tolist() for batch in loader]


def children():
    return multiprocessing.active_children()


def open_files():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    "batch", [{"batch_size": 4}, {"batch_size": 4, "shuffle": True}, {"batch_size": 3, "drop_last": True}]
)
def test_batches_do_not_depend_on_the_number_of_workers(batch):
    results = []
    for workers in (0, 1, 3):
        torch.manual_seed(7)
        loader = DataLoader(Noise(), num_workers=workers, **batch)
        results.append((plain(loader), plain(loader), torch.rand(1).item()))
    assert results[0] == results[1] == results[2]
    assert results[0][0] != results[0][1]
    drawn = [x for b in results[0][0] for x in b[2]]
    assert len(set(drawn)) == len(drawn), "workers repeat each other's random numbers"


def test_generator_decides_alone():
    runs = []
    for workers in (0, 2):
        torch.manual_seed(workers)
        runs.append(
            plain(DataLoader(Noise(), 4, True, num_workers=workers, generator=torch.Generator().manual_seed(1)))
        )
    assert runs[0] == runs[1]


@pytest.mark.parametrize("context", ["fork", "thread"])
def test_batches_arrive_whole_and_stay(context):
    if context not in [*multiprocessing.get_all_start_methods(), "thread"]:
        pytest.skip("the system cannot fork")
    kept = list(DataLoader(Big(), 2, num_workers=2, multiprocessing_context=context))
    for i, batch in enumerate(kept):
        assert batch["image"].shape == (2, 60, 100) and batch["empty"].shape == (2, 0, 3)
        assert batch["image"][:, 0, 0].tolist() == [2 * i, 2 * i + 1] == [int(n) for n in batch["name"]]
        assert float(batch["image"].sum()) == 6000 * (4 * i + 1)
    kept[0]["image"].fill_(3)  # a batch is the user's own
    assert kept[1]["image"][0, 0, 0].item() == 2


def test_batches_through_the_pipe(monkeypatch):
    monkeypatch.setattr(transport, "can_share", lambda: False)
    monkeypatch.setattr(parallel, "can_share", lambda: False)
    sums = [float(b["image"].sum()) for b in DataLoader(Big(), 2, num_workers=2)]
    assert sums == [6000.0 * (4 * i + 1) for i in range(6)]


def test_large_tasks_and_large_results_do_not_block_each_other(monkeypatch):
    monkeypatch.setattr(parallel, "can_share", lambda: False)
    data = TensorDataset(torch.arange(400_000))
    total = sum(int(x.sum().item()) for (x,) in DataLoader(data, 100_000, num_workers=1, prefetch_factor=4))
    assert total == 400_000 * 399_999 // 2


@pytest.mark.skipif(not transport.can_share(), reason="no anonymous shared memory")
def test_memory_of_a_batch_is_lent_again_when_the_batch_is_gone():
    loader = DataLoader(Big(40), 2, num_workers=1, prefetch_factor=1)
    batches = iter(loader)
    free = batches.pool.free[0]
    held = [next(batches) for _ in range(5)]  # more than there are slots: some are copied out
    assert len(free) <= 4
    del held
    gc.collect()
    for _ in batches:
        pass
    assert [float(np.asarray(b["image"]).mean()) for b in loader] == [2 * i + 0.5 for i in range(20)]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_nothing_is_left_open():
    list(DataLoader(Big(), 2, num_workers=2))
    gc.collect()
    before = open_files()
    for _ in range(3):
        list(DataLoader(Big(), 2, num_workers=2))
    gc.collect()
    assert open_files() == before and not children()


def test_dropping_the_iterator_ends_the_workers():
    batches = iter(DataLoader(Big(), 2, num_workers=2))
    next(batches)
    assert len(children()) == 2
    del batches
    assert not children()
    for _ in DataLoader(Big(), 2, num_workers=2):
        break
    assert not children()


def test_dropping_the_iterator_ends_the_threads():
    before = threading.active_count()
    batches = iter(DataLoader(Big(), 2, num_workers=2, multiprocessing_context="thread"))
    next(batches)
    assert threading.active_count() == before + 2
    del batches
    assert threading.active_count() == before


def test_lambdas_and_local_classes_work():
    class Local(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return (lambda i: i + 1)(index)

    loader = DataLoader(
        Local(), 2, num_workers=2, collate_fn=lambda s: torch.tensor(s) * 2, worker_init_fn=lambda i: None
    )
    assert values(loader) == [[2, 4], [6, 8]]


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


def test_worker_info():
    assert get_worker_info() is None
    seen = []

    class Asking(Big):
        def __getitem__(self, index):
            info = get_worker_info()
            return info.id, info.num_workers, info.seed % 1000, info.dataset is self

    for context in (None, "thread"):
        torch.manual_seed(0)
        batches = plain(DataLoader(Asking(), 2, num_workers=2, multiprocessing_context=context))
        assert [b[0] for b in batches] == [[0, 0], [1, 1]] * 3 and all(b[3] == [True, True] for b in batches)
        assert batches[0][1] == [2, 2] and batches[0][2] != batches[1][2]
        seen.append(batches)
    assert seen[0] == seen[1] and get_worker_info() is None


def test_worker_init_fn():
    def init(worker):
        get_worker_info().dataset.n = 100 + worker

    class Sized(Big):
        def __getitem__(self, index):
            return self.n

    assert values(DataLoader(Sized(4), 2, num_workers=2, worker_init_fn=init)) == [[100, 100], [101, 101]]

    def fails(worker):
        raise ValueError(f"worker {worker} cannot start")

    with pytest.raises(ValueError, match="worker 0 cannot start") as caught:
        list(DataLoader(Sized(4), 2, num_workers=2, worker_init_fn=fails))
    assert "worker_init_fn" in str(caught.value.__cause__)


def test_iterable_data_sets():
    assert values(DataLoader(Sharded(), 2, num_workers=1)) == values(DataLoader(Sharded(), 2))
    for context in (None, "thread"):
        batches = values(DataLoader(Sharded(), 2, num_workers=3, multiprocessing_context=context))
        assert batches == [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10], [8]]
    assert values(DataLoader(Sharded(), 2, num_workers=3, drop_last=True)) == [[0, 3], [1, 4], [2, 5], [6, 9], [7, 10]]
    assert sorted(DataLoader(Sharded(), None, num_workers=2)) == list(range(11))


def test_iterable_data_sets_draw_alike_in_the_main_process_and_in_one_worker():
    class Drawing(IterableDataset):
        def __iter__(self):
            for i in range(5):
                yield i, random.random(), torch.rand(1).item()

    runs = []
    for workers in (0, 1):
        torch.manual_seed(1)
        runs.append(plain(DataLoader(Drawing(), 2, num_workers=workers)))
    assert runs[0] == runs[1]


def test_iter_of_an_iterable_that_fails():
    class Broken(IterableDataset):
        def __iter__(self):
            raise OSError("no such stream")

    with pytest.raises(OSError, match="no such stream"):
        list(DataLoader(Broken(), 2, num_workers=1))


@pytest.mark.parametrize("context", [None, "thread"])
def test_persistent_workers(context):
    class Where(Big):
        def __getitem__(self, index):
            return os.getpid() if context is None else threading.get_ident()

    loader = DataLoader(Where(8), 2, num_workers=2, persistent_workers=True, multiprocessing_context=context)
    first = values(loader)
    for _ in loader:  # a pass that is given up: its leftovers must not get into the next
        break
    assert values(loader) == first and len({x for b in first for x in b}) == 2
    del loader
    gc.collect()
    assert not children()


def test_persistent_workers_draw_anew_each_pass():
    runs = []
    for workers in (0, 2):
        torch.manual_seed(5)
        loader = DataLoader(Noise(), 4, num_workers=workers, persistent_workers=workers > 0)
        runs.append([plain(loader), plain(loader)])
    assert runs[0] == runs[1] and runs[0][0] != runs[0][1]
    torch.manual_seed(5)
    stream = DataLoader(Sharded(), 2, num_workers=2, persistent_workers=True)
    assert values(stream) == values(stream) == [[0, 2], [1, 3], [4, 6], [5, 7], [8, 10], [9]]


def test_persistent_workers_start_again_after_a_death():
    flag = multiprocessing.get_context().Value("i", 1)

    def once():
        if flag.value:
            flag.value = 0
            os._exit(3)

    loader = DataLoader(Bad(once), 2, num_workers=1, persistent_workers=True)
    with pytest.raises(RuntimeError, match="exited with code 3"):
        list(loader)
    assert len(list(loader)) == 4


def test_workers_inside_workers_are_refused():
    class Nested(Big):
        def __getitem__(self, index):
            return len(list(DataLoader(Big(2), 1, num_workers=1)))

    with pytest.raises(RuntimeError, match="num_workers=0"):
        list(DataLoader(Nested(2), 1, num_workers=1))


SCRIPT = """
    import sys
    import minitorch as torch
    from minitorch.utils.data import DataLoader, Dataset, TensorDataset
    class Mine(Dataset):
        def __len__(self):
            return 6
        def __getitem__(self, index):
            return index * 10
    {body}
"""


def run_script(tmp_path, body):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT).replace("{body}", textwrap.dedent(body)))
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=60, env=ENV)


def test_spawned_workers(tmp_path):
    done = run_script(
        tmp_path,
        """
        if __name__ == "__main__":
            for context in ("spawn", "forkserver") if sys.platform == "linux" else ("spawn",):
                loader = DataLoader(Mine(), 2, num_workers=1, multiprocessing_context=context)
                print([b.tolist() for b in loader])
                big = TensorDataset(torch.ones(8, 50000))
                print(sum(x.sum().item() for x, in DataLoader(big, 4, num_workers=1, multiprocessing_context=context)))
        """,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()) == {"[[0, 10], [20, 30], [40, 50]]", "400000.0"}


def test_a_script_without_guard_does_not_multiply(tmp_path):
    done = run_script(
        tmp_path,
        "print([b.tolist() for b in DataLoader(Mine(), 2, num_workers=2, multiprocessing_context='spawn')])",
    )
    assert done.returncode != 0 and "__main__" in done.stderr and len(done.stderr) < 20_000


@pytest.mark.parametrize("guard", [True, False])
def test_where_the_system_cannot_fork(tmp_path, guard):
    body = """
        import multiprocessing
        multiprocessing.get_all_start_methods = lambda: ["spawn"]
        def main():
            loader = DataLoader(Mine(), 2, num_workers=2)
            batches = iter(loader)
            print(type(batches.pool).__name__, [b.tolist() for b in batches])
    """
    call = '        if __name__ == "__main__":\n            main()\n' if guard else "        main()\n"
    done = run_script(tmp_path, body.rstrip() + "\n" + call)
    assert done.returncode == 0, done.stderr
    expected = "ProcessPool" if guard else "ThreadPool"
    assert done.stdout.strip() == f"{expected} [[0, 10], [20, 30], [40, 50]]"
    assert ("no 'if __name__" in done.stderr) == (not guard)


def test_why_not_spawn(monkeypatch):
    def job(dataset):
        return Job(dataset, len, True, False, False, 1, None)

    local = type("Local", (Dataset,), {})
    assert "cannot be pickled" in parallel.why_not_spawn(job(local()))
    assert parallel.why_not_spawn(job(Big())) is None or "guard" in parallel.why_not_spawn(job(Big()))
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))  # as at the prompt
    assert parallel.why_not_spawn(job(Big())) is None
    prompt = type("Prompt", (Dataset,), {"__module__": "__main__", "__qualname__": "Prompt"})
    sys.modules["__main__"].Prompt = prompt
    assert "at the prompt" in parallel.why_not_spawn(job(prompt()))


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_ctrl_c_leaves_nothing_behind(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            """
            import multiprocessing, os, time
            from minitorch.utils.data import DataLoader, Dataset
            class Slow(Dataset):
                def __len__(self): return 1000
                def __getitem__(self, index):
                    time.sleep(0.05)
                    return index
            try:
                for i, batch in enumerate(DataLoader(Slow(), 1, num_workers=2)):
                    if i == 1:
                        print(*[p.pid for p in multiprocessing.active_children()], flush=True)
            except KeyboardInterrupt:
                print("interrupted", len(multiprocessing.active_children()), flush=True)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=ENV,
    )
    workers = [int(pid) for pid in process.stdout.readline().split()]
    os.killpg(process.pid, signal.SIGINT)  # the terminal sends it to all of them
    out, err = process.communicate(timeout=30)
    assert out.strip() == "interrupted 0" and "Traceback" not in err, err
    assert len(workers) == 2
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_when_the_main_process_is_killed(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        textwrap.dedent(
            """
            import multiprocessing, time
            from minitorch.utils.data import DataLoader
            batches = iter(DataLoader(list(range(1000)), 1, num_workers=2))
            next(batches)
            print(*[p.pid for p in multiprocessing.active_children()], flush=True)
            time.sleep(60)
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True, env=ENV)
    workers = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20

    def alive(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(workers) == 2 and not any(alive(pid) for pid in workers)


def test_failure_keeps_what_can_be_kept():
    try:
        raise ValueError("text")
    except ValueError as error:
        failure = Failure.of(error, "a test").portable()
    assert type(failure.error) is ValueError and str(failure.error) == "text"
    assert "in a test" in failure.text and "test_failure_keeps" in failure.text
