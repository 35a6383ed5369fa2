"""Data sets that the tests of loaders with workers share, and what they look at."""

import multiprocessing
import os
import random
from pathlib import Path

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import Dataset, IterableDataset, get_worker_info

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
