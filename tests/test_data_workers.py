"""DataLoader with workers: batches, random numbers, what lives how long."""

import gc
import multiprocessing
import os
import random
import threading

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
from tests.loading import Bad, Big, Noise, Sharded, children, open_files, plain, values


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
