"""Data sets and random_split."""

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minitorch.utils.data.dataset import Columns, batch_getter, fetch


class Squares(Dataset):
    def __init__(self, n=5, start=0):
        self.n, self.start = n, start

    def __getitem__(self, index):
        return (self.start + index) ** 2

    def __len__(self):
        return self.n


class Stream(IterableDataset):
    def __init__(self, *values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


def test_abstract_methods_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())


def test_dataset_can_be_subscripted_for_annotations():
    class Typed(Dataset[int]):
        pass

    assert issubclass(Typed, Dataset)


def test_tensor_dataset():
    x, y = torch.arange(12).reshape(6, 2), torch.arange(6)
    data = TensorDataset(x, y)
    assert len(data) == 6
    a, b = data[4]
    assert a.tolist() == [8, 9] and b.item() == 4
    a, b = data[1:3]
    assert a.tolist() == [[2, 3], [4, 5]] and b.tolist() == [1, 2]
    assert data[-1][1].item() == 5


def test_tensor_dataset_takes_arrays_without_a_copy():
    array = np.zeros((3, 2), np.float32)
    data = TensorDataset(array)
    array[1] = 7
    assert data[1][0].tolist() == [7, 7]


def test_tensor_dataset_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"first dimensions are 3, 2"):
        TensorDataset(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()
    with pytest.raises(ValueError, match="0-d"):
        TensorDataset(torch.tensor(1.0))
    with pytest.raises(TypeError, match="list"):
        TensorDataset([1, 2])


def test_tensor_dataset_fetches_a_batch_at_once():
    data = TensorDataset(torch.arange(6), torch.arange(6) * 2)
    batch = data.__getitems__([5, 0, -1])
    assert isinstance(batch, Columns) and len(batch) == 3
    assert [field.tolist() for field in batch.fields] == [[5, 0, 5], [10, 0, 10]]
    assert [value.item() for value in batch[1]] == [0, 0]
    assert [b.item() for _, b in batch] == [10, 0, 10]
    assert batch[1:].fields[0].tolist() == [0, 5]
    with pytest.raises(IndexError):
        data.__getitems__([6])


def test_tensor_dataset_keeps_gradients():
    x = torch.ones(4, requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(x), batch_size=2)))
    batch.sum().backward()
    assert x.grad.tolist() == [1, 1, 0, 0]
    with pytest.raises(IndexError, match="4 samples"):
        TensorDataset(x).__getitems__([9])


def test_a_subclass_that_changes_samples_is_asked_for_each():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return (super().__getitem__(index)[0] * 2,)

    class Wrapped(Subset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] + 1

    data = Doubled(torch.arange(4))
    assert batch_getter(data) is None and batch_getter(TensorDataset(torch.arange(4))) is not None
    assert next(iter(DataLoader(data, batch_size=4)))[0].tolist() == [0, 2, 4, 6]
    assert next(iter(DataLoader(Subset(data, [3, 1]), batch_size=2)))[0].tolist() == [6, 2]
    assert next(iter(DataLoader(Wrapped(data, [3, 1]), batch_size=2))).tolist() == [7, 3]


def test_getitems_is_used_where_it_is_defined():
    class Fast(Squares):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert fetch(Fast(), [1, 2]) == [-1, -2]
    assert next(iter(DataLoader(Fast(), batch_size=3))).tolist() == [0, -1, -2]


def test_concat():
    both = Squares(3) + Squares(2, start=3)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(5)] == [0, 1, 4, 9, 16]
    assert both[-1] == 16 and both[-5] == 0 and both.cumulative_sizes == [3, 5]
    for index in (5, -6):
        with pytest.raises(IndexError, match="5 samples"):
            both[index]
    with pytest.raises(ValueError, match="empty"):
        ConcatDataset([])
    with pytest.raises(TypeError, match="ChainDataset"):
        ConcatDataset([Stream(1)])


def test_chain():
    both = Stream(1, 2) + Stream(3)
    assert isinstance(both, ChainDataset) and list(both) == [1, 2, 3] and len(both) == 3
    with pytest.raises(TypeError, match="only supports IterableDataset"):
        list(ChainDataset([Stream(1), Squares()]))


def test_stack():
    assert StackDataset(Squares(3), Squares(3, 1))[2] == (4, 9)
    named = StackDataset(x=Squares(3), y=Squares(3, 1))
    assert named[1] == {"x": 1, "y": 4} and len(named) == 3
    with pytest.raises(ValueError, match=r"\[3, 2\]"):
        StackDataset(Squares(3), Squares(2))
    with pytest.raises(ValueError, match="either"):
        StackDataset()


def test_subset():
    part = Subset(Squares(), [4, 2])
    assert len(part) == 2 and [part[0], part[1]] == [16, 4]
    nested = Subset(Subset(TensorDataset(torch.arange(10)), [5, 6, 7]), [2, 0])
    assert next(iter(DataLoader(nested, batch_size=2)))[0].tolist() == [7, 5]
    rows = Subset(TensorDataset(torch.arange(10)), [5, 6, 7])[[0, 2]]
    assert rows[0].tolist() == [5, 7]


def test_random_split_covers_everything_once():
    parts = random_split(Squares(10), [3, 7], generator=torch.Generator().manual_seed(0))
    assert [len(p) for p in parts] == [3, 7]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(10))
    again = random_split(Squares(10), [3, 7], generator=torch.Generator().manual_seed(0))
    assert again[0].indices == parts[0].indices
    other = random_split(Squares(1000), [300, 700], generator=torch.Generator().manual_seed(1))
    assert other[0].indices != sorted(other[0].indices)


def test_random_split_with_fractions():
    assert [len(p) for p in random_split(Squares(10), [0.5, 0.3, 0.2])] == [5, 3, 2]
    assert [len(p) for p in random_split(Squares(11), [0.5, 0.5])] == [6, 5]
    with pytest.warns(UserWarning, match="index 1 is 0"):
        assert [len(p) for p in random_split(Squares(1), [0.5, 0.5])] == [1, 0]


def test_random_split_follows_manual_seed():
    torch.manual_seed(3)
    first = random_split(Squares(20), [10, 10])[0].indices
    torch.manual_seed(3)
    assert random_split(Squares(20), [10, 10])[0].indices == first


@pytest.mark.parametrize("lengths", [[1, 2], [0.5, 0.6], [4, 4, -3], [6]])
def test_random_split_refuses_lengths_that_do_not_sum_up(lengths):
    with pytest.raises(ValueError, match="does not equal the length"):
        random_split(Squares(5), lengths)


def test_random_split_refuses_strange_fractions():
    with pytest.raises(ValueError, match="not between 0 and 1"):
        random_split(Squares(5), [1.5, -0.5])
