"""DataLoader without workers: batches, arguments, random streams."""

import random
from collections import namedtuple

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
)

Pair = namedtuple("Pair", "left right")


class Squares(Dataset):
    def __init__(self, n=7):
        self.n = n

    def __getitem__(self, index):
        if not 0 <= index < self.n:
            raise IndexError(index)
        return index**2

    def __len__(self):
        return self.n


class Stream(IterableDataset):
    def __init__(self, n=7):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))


def values(loader):
    return [batch.tolist() for batch in loader]


def test_batches():
    loader = DataLoader(Squares(), batch_size=3)
    assert values(loader) == [[0, 1, 4], [9, 16, 25], [36]] and len(loader) == 3
    assert values(loader) == [[0, 1, 4], [9, 16, 25], [36]]
    assert values(DataLoader(Squares())) == [[i * i] for i in range(7)]
    dropped = DataLoader(Squares(), batch_size=3, drop_last=True)
    assert values(dropped) == [[0, 1, 4], [9, 16, 25]] and len(dropped) == 2


def test_any_sequence_is_a_data_set():
    assert values(DataLoader([3, 1, 2], batch_size=2)) == [[3, 1], [2]]
    assert list(DataLoader(["a", "b", "c"], batch_size=2)) == [["a", "b"], ["c"]]


def test_shuffle_visits_all_in_new_orders():
    loader = DataLoader(Squares(50), batch_size=50, shuffle=True)
    first, second = values(loader), values(loader)
    assert sorted(first[0]) == sorted(second[0]) == [i * i for i in range(50)]
    assert first != second


def test_shuffle_follows_manual_seed_and_generator():
    torch.manual_seed(4)
    first = values(DataLoader(Squares(20), 5, shuffle=True))
    torch.manual_seed(4)
    assert values(DataLoader(Squares(20), 5, shuffle=True)) == first
    own = [values(DataLoader(Squares(20), 5, shuffle=True, generator=torch.Generator().manual_seed(1))) for _ in "ab"]
    assert own[0] == own[1]


def test_a_pass_draws_alike_from_the_default_generator_whatever_the_data_set():
    class Thirsty(Squares):
        def __getitem__(self, index):
            torch.rand(10)
            return super().__getitem__(index)

    after = []
    for data in (Squares(), Thirsty()):
        torch.manual_seed(0)
        list(DataLoader(data, 2, shuffle=True))
        after.append(torch.rand(1).item())
    assert after[0] == after[1]


def test_samplers():
    assert values(DataLoader(Squares(), 2, sampler=[3, 1, 2])) == [[9, 1], [4]]
    loader = DataLoader(Squares(), batch_sampler=[[0, 1, 2], [3]])
    assert values(loader) == [[0, 1, 4], [9]] and len(loader) == 2 and loader.batch_size is None
    loader = DataLoader(Squares(), batch_sampler=BatchSampler(SequentialSampler(range(4)), 3, False))
    assert values(loader) == [[0, 1, 4], [9]]
    drawn = values(DataLoader(Squares(), 3, sampler=SubsetRandomSampler([1, 2, 3])))
    assert sorted(drawn[0]) == [1, 4, 9]


def test_batch_size_none_gives_samples():
    class Pairs(Squares):
        def __getitem__(self, index):
            return np.ones(2) * index, index

    sample = next(iter(DataLoader(Pairs(), batch_size=None)))
    assert sample[0].tolist() == [0, 0] and sample[1] == 0
    assert len(DataLoader(Pairs(), batch_size=None)) == 7

    # bulk loading: the sampler yields lists, and the data set makes the batch itself
    class Bulk(Squares):
        def __getitem__(self, indices):
            return torch.tensor(indices) * 2

    sampler = BatchSampler(SequentialSampler(range(5)), 2, False)
    assert values(DataLoader(Bulk(), batch_size=None, sampler=sampler)) == [[0, 2], [4, 6], [8]]


def test_collate_fn_gets_a_list_of_samples():
    seen = []

    def collate(samples):
        seen.append(samples)
        return len(samples)

    data = TensorDataset(torch.arange(5), torch.arange(5))
    assert list(DataLoader(data, 2, collate_fn=collate)) == [2, 2, 1]
    assert type(seen[0]) is list and type(seen[0][0]) is tuple and seen[2][0][1].item() == 4


def test_iterable():
    assert values(DataLoader(Stream(), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert values(DataLoader(Stream(), 3, drop_last=True)) == [[0, 1, 2], [3, 4, 5]]
    assert list(DataLoader(Stream(), batch_size=None)) == list(range(7))
    with pytest.raises(TypeError, match="has no len"):
        len(DataLoader(Stream(), 3))

    class Sized(Stream):
        def __len__(self):
            return 7

    assert len(DataLoader(Sized(), 3)) == 3 and len(DataLoader(Sized(), 3, drop_last=True)) == 2
    assert len(DataLoader(Sized(), None)) == 7


def test_iterating_goes_on_after_an_error():
    class Bad(Squares):
        def __getitem__(self, index):
            if index == 2:
                raise ValueError("two is broken")
            return index

    batches = iter(DataLoader(Bad(), 2))
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(ValueError, match="two is broken"):
        next(batches)
    assert next(batches).tolist() == [4, 5]


def test_stop_iteration_in_a_data_set_does_not_end_the_loop_silently():
    class Ends(Squares):
        def __getitem__(self, index):
            return next(iter(()))

    with pytest.raises(RuntimeError, match="raised StopIteration for index"):
        list(DataLoader(Ends(), 2))


class Noise(Dataset):
    """Draws from everything that a data set may draw from."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return random.random(), np.random.rand(), torch.rand(1).item(), np.random.randn()


def test_data_sets_leave_the_global_streams_alone():
    random.seed(1)
    np.random.seed(1)
    np.random.randn()  # leaves a second number behind for the next call
    torch.manual_seed(1)
    expected_outside = (random.getstate(), np.random.get_state(legacy=False)["has_gauss"])
    list(DataLoader(Noise(), 2))
    assert random.getstate() == expected_outside[0]
    state = np.random.get_state(legacy=False)
    assert state["has_gauss"] == expected_outside[1] == 1
    np.random.seed(1)
    np.random.randn()
    assert np.array_equal(state["state"]["key"], np.random.get_state(legacy=False)["state"]["key"])


def test_random_data_sets_repeat_at_one_seed_and_differ_between_passes():
    torch.manual_seed(2)
    loader = DataLoader(Noise(), 2)
    first, second = ([[v.tolist() for v in b] for b in loader] for _ in range(2))
    torch.manual_seed(2)
    random.random(), np.random.rand()
    assert [[v.tolist() for v in b] for b in DataLoader(Noise(), 2)] == first != second
    numbers = [value for batch in first for field in batch for value in field]
    assert len(set(numbers)) == len(numbers)


def test_streams_are_put_back_after_an_error():
    class Bad(Noise):
        def __getitem__(self, index):
            random.random()
            raise KeyError("bad")

    state = random.getstate()
    with pytest.raises(KeyError):
        list(DataLoader(Bad(), 2))
    assert random.getstate() == state


def test_iterable_data_sets_draw_one_stream_per_pass():
    class Drawing(IterableDataset):
        def __iter__(self):
            order = list(range(6))
            random.shuffle(order)
            for i in order:
                yield i, random.random()

    torch.manual_seed(3)
    first = [[v.tolist() for v in b] for b in DataLoader(Drawing(), 2)]
    random.seed(9)
    torch.manual_seed(3)
    second = []
    for batch in DataLoader(Drawing(), 2):
        random.random()  # draws of the loop do not get into the data
        second.append([v.tolist() for v in batch])
    assert first == second
    assert sorted(value for batch in first for value in batch[0]) == list(range(6))
    assert len({x for b in first for x in b[1]}) == 6


@pytest.mark.parametrize(
    ("error", "kwargs"),
    [
        (ValueError, {"num_workers": -1}),
        (ValueError, {"timeout": -1}),
        (ValueError, {"prefetch_factor": 2}),
        (ValueError, {"prefetch_factor": 0, "num_workers": 1}),
        (ValueError, {"persistent_workers": True}),
        (ValueError, {"sampler": [0], "shuffle": True}),
        (ValueError, {"batch_sampler": [[0]], "batch_size": 2}),
        (ValueError, {"batch_sampler": [[0]], "shuffle": True}),
        (ValueError, {"batch_sampler": [[0]], "sampler": [0]}),
        (ValueError, {"batch_sampler": [[0]], "drop_last": True}),
        (ValueError, {"batch_size": None, "drop_last": True}),
        (ValueError, {"batch_size": 0}),
        (ValueError, {"batch_size": 2.5}),
        (ValueError, {"multiprocessing_context": "fork"}),
        (ValueError, {"multiprocessing_context": "nonsense", "num_workers": 1}),
        (TypeError, {"multiprocessing_context": 3, "num_workers": 1}),
    ],
)
def test_arguments_that_exclude_each_other(error, kwargs):
    with pytest.raises(error):
        DataLoader(Squares(), **kwargs)
    reference = pytest.importorskip("torch")
    if kwargs != {"prefetch_factor": 0, "num_workers": 1}:  # PyTorch refuses it only when it is used
        with pytest.raises(error):
            reference.utils.data.DataLoader(Squares(), **kwargs)


@pytest.mark.parametrize("kwargs", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_arguments_that_an_iterable_excludes(kwargs):
    with pytest.raises(ValueError, match=f"unspecified {next(iter(kwargs))} option"):
        DataLoader(Stream(), **kwargs)
    assert values(DataLoader(Stream(2), 2, shuffle=False)) == [[0, 1]]


def test_empty_data_set():
    assert list(DataLoader([], 2)) == []
    with pytest.raises(ValueError, match="empty"):
        DataLoader([], 2, shuffle=True)


@pytest.mark.parametrize(
    "name", ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"]
)
def test_what_must_not_change_afterwards(name):
    loader = DataLoader(Squares(), 2)
    with pytest.raises(ValueError, match=name):
        setattr(loader, name, None)
    loader.collate_fn = len
    assert list(loader) == [2, 2, 2, 1]


@pytest.mark.parametrize("workers", [0, 1])
def test_pin_memory_reaches_every_tensor_of_a_batch(monkeypatch, workers):
    class Nested(Squares):
        def __getitem__(self, index):
            return {"a": index, "name": "x", "more": [torch.tensor([index]), Pair(1.0, index)]}

    pinned = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: pinned.append(self) or self + 100, raising=False)
    (batch,) = DataLoader(Nested(2), 2, pin_memory=True, num_workers=workers)
    assert len(pinned) == 4 and batch["a"].tolist() == [100, 101] and batch["name"] == ["x", "x"]
    assert batch["more"][0].tolist() == [[100], [101]] and batch["more"][1].left.tolist() == [101.0, 101.0]
    assert type(batch["more"][1]) is Pair and batch["more"][1].right.tolist() == [100, 101]


def test_pin_memory_asks_batches_of_a_class_of_their_own(monkeypatch):
    class Own:
        def pin_memory(self):
            return "pinned"

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert list(DataLoader([1, 2], 1, pin_memory=True, collate_fn=lambda samples: Own())) == ["pinned"] * 2
    assert list(DataLoader([1], 1, pin_memory=True, collate_fn=lambda samples: {1, 2})) == [{1, 2}]


def test_pin_memory_is_harmless_without_a_gpu():
    assert values(DataLoader(Squares(3), 3, pin_memory=True)) == [[0, 1, 4]]


def test_attributes():
    data = Squares()
    loader = DataLoader(data, 4, num_workers=2, generator=None)
    assert loader.dataset is data and loader.batch_size == 4 and loader.num_workers == 2
    assert loader.prefetch_factor == 2 and DataLoader(data).prefetch_factor is None
    assert loader.multiprocessing_context is None and not loader.persistent_workers
    assert isinstance(loader.sampler, SequentialSampler) and isinstance(loader.batch_sampler, BatchSampler)
    assert not hasattr(loader, "no_such_attribute")
