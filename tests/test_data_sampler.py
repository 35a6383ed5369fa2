"""Samplers."""

from collections import Counter
from itertools import chain

import pytest

import minitorch as torch
from minitorch.utils.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_sequential():
    sampler = SequentialSampler("abcd")
    assert list(sampler) == [0, 1, 2, 3] and len(sampler) == 4


def test_base_class_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())


def test_random_visits_each_once_in_a_new_order():
    sampler = RandomSampler(range(50))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50)) and first != second != list(range(50))
    assert all(type(i) is int for i in first)


def test_random_follows_its_generator_and_manual_seed():
    assert list(RandomSampler(range(20), generator=seeded(1))) == list(RandomSampler(range(20), generator=seeded(1)))
    torch.manual_seed(5)
    first = list(RandomSampler(range(20)))
    torch.manual_seed(5)
    assert list(RandomSampler(range(20))) == first


def test_random_with_another_number_of_samples():
    assert len(set(RandomSampler(range(10), num_samples=4))) == 4
    more = RandomSampler(range(10), num_samples=25)
    drawn = list(more)
    assert len(drawn) == len(more) == 25 and set(Counter(drawn).values()) <= {2, 3}


def test_random_with_replacement():
    drawn = list(RandomSampler(range(4), replacement=True, num_samples=4000, generator=seeded()))
    counts = Counter(drawn)
    assert set(counts) == {0, 1, 2, 3} and all(850 < n < 1150 for n in counts.values())
    assert drawn[:4000:4] != drawn[1:4000:4]


@pytest.mark.parametrize(
    "kwargs", [{"num_samples": 0}, {"num_samples": -1}, {"num_samples": 1.5}, {"num_samples": True}]
)
def test_random_refuses_bad_numbers(kwargs):
    with pytest.raises(ValueError, match="positive integer"):
        RandomSampler(range(3), **kwargs)


def test_random_refuses_more():
    with pytest.raises(ValueError, match="data set is empty"):
        RandomSampler([])
    with pytest.raises(TypeError, match="boolean"):
        RandomSampler(range(3), replacement=1)
    with pytest.raises(TypeError, match="Generator"):
        list(RandomSampler(range(3), generator=3))


def test_subset_random():
    sampler = SubsetRandomSampler([3, 5, 8], generator=seeded())
    assert sorted(sampler) == [3, 5, 8] and len(sampler) == 3


def test_weighted_draws_in_proportion():
    drawn = Counter(WeightedRandomSampler([1.0, 0.0, 3.0, 0.0], 8000, generator=seeded()))
    assert set(drawn) == {0, 2} and 0.22 < drawn[0] / 8000 < 0.28
    assert len(WeightedRandomSampler(torch.tensor([1.0, 2.0]), 7)) == 7


def test_weighted_without_replacement():
    for seed in range(20):
        drawn = list(WeightedRandomSampler([0, 1, 5, 2], 3, replacement=False, generator=seeded(seed)))
        assert sorted(drawn) == [1, 2, 3]
    firsts = Counter(
        next(iter(WeightedRandomSampler([1, 4], 1, replacement=False, generator=seeded(s)))) for s in range(500)
    )
    assert 0.72 < firsts[1] / 500 < 0.88


@pytest.mark.parametrize(
    ("weights", "n", "options"),
    [
        ([1, -1], 1, {}),
        ([0, 0], 1, {}),
        ([1, float("nan")], 1, {}),
        ([[1, 2]], 1, {}),
        ([1, 2], 0, {}),
        ([1, 0, 2], 3, {"replacement": False}),
    ],
)
def test_weighted_refuses(weights, n, options):
    with pytest.raises(ValueError, match="WeightedRandomSampler"):
        WeightedRandomSampler(weights, n, **options)


def test_batches():
    assert list(BatchSampler(range(7), 3, False)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(BatchSampler(range(7), 3, True)) == [[0, 1, 2], [3, 4, 5]]
    assert len(BatchSampler(range(7), 3, False)) == 3 and len(BatchSampler(range(7), 3, True)) == 2
    assert list(BatchSampler(range(6), 3, True)) == [[0, 1, 2], [3, 4, 5]]
    for size in (0, -1, 1.5, True, None):
        with pytest.raises(ValueError, match="batch_size"):
            BatchSampler(range(3), size, False)
    with pytest.raises(TypeError, match="drop_last"):
        BatchSampler(range(3), 1, None)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("length", "world"), [(10, 3), (9, 3), (2, 5), (7, 1)])
def test_distributed_shares_cover_everything(length, world, shuffle):
    shares = [list(DistributedSampler(range(length), world, rank, shuffle)) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1
    assert set(chain(*shares)) == set(range(length))
    dropped = [list(DistributedSampler(range(length), world, rank, shuffle, drop_last=True)) for rank in range(world)]
    flat = list(chain(*dropped))
    assert len(set(flat)) == len(flat) == length // world * world


def test_distributed_orders_change_with_the_epoch_and_agree_between_processes():
    samplers = [DistributedSampler(range(100), 2, rank, seed=3) for rank in range(2)]
    first = [list(s) for s in samplers]
    torch.manual_seed(0)  # what a process drew does not matter
    assert [list(s) for s in samplers] == first
    for sampler in samplers:
        sampler.set_epoch(1)
    second = [list(s) for s in samplers]
    assert second != first and sorted(chain(*second)) == list(range(100))


def test_distributed_refuses():
    for rank in (2, -1):
        with pytest.raises(ValueError, match=r"\[0, 1\]"):
            DistributedSampler(range(4), 2, rank)
    with pytest.raises(RuntimeError, match="init_process_group"):
        DistributedSampler(range(4))


def test_names_are_where_scripts_look_for_them():
    assert torch.utils.data.distributed.DistributedSampler is DistributedSampler
    assert torch.utils.data.sampler.RandomSampler is RandomSampler
