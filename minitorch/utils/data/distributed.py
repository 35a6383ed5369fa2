"""``DistributedSampler``: each process of a group gets its own share of the indices."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sized

import numpy as np

from minitorch.utils.data.sampler import Sampler


def _group() -> tuple[int, int]:
    """Number of processes and own rank, from ``minitorch.distributed`` if it is in use."""
    distributed = sys.modules.get("minitorch.distributed")
    if distributed is None or not distributed.is_initialized():
        raise RuntimeError(
            "DistributedSampler: num_replicas and rank are not given and no process group is initialized: give both, "
            "or call minitorch.distributed.init_process_group() first"
        )
    return distributed.get_world_size(), distributed.get_rank()


class DistributedSampler(Sampler[int]):
    """The indices ``rank, rank + num_replicas, ...`` of an order that all processes agree on.

    Args:
        num_replicas, rank: how many processes share the work and which one this is; default: those of the group.
        shuffle: a new random order each epoch (call ``set_epoch``), the same in all processes.
        seed: must be equal in all processes.
        drop_last: leave out the tail that cannot be shared equally, instead of repeating indices from the start.

    >>> from minitorch.utils.data.distributed import DistributedSampler
    >>> [list(DistributedSampler(range(5), num_replicas=2, rank=r, shuffle=False)) for r in range(2)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            world, own = _group()
            num_replicas = world if num_replicas is None else num_replicas
            rank = own if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"DistributedSampler: invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        length = len(dataset)
        self.num_samples = length // num_replicas if drop_last else math.ceil(length / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        length = len(self.dataset)
        # a generator of its own: equal seeds give equal orders whatever a process drew before
        order = (
            np.random.default_rng([self.seed, self.epoch]).permutation(length) if self.shuffle else np.arange(length)
        )
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order of the next pass; without it every epoch has the same order."""
        self.epoch = epoch
