"""Random numbers: one generator serves every device, so these are the functions of :mod:`minitorch.random`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minitorch import random
from minitorch.core.tensor import Tensor
from minitorch.cuda.devices import device_count


def manual_seed(seed: int) -> None:
    """Seeds the one generator that serves every device."""
    random.manual_seed(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Seeds the one generator that serves every device with a number from the operating system."""
    random.seed()


seed_all = seed


def initial_seed() -> int:
    """The seed of the one generator that serves every device."""
    return random.initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The place in the one stream that serves every device."""
    return random.get_rng_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Goes to a place that :func:`get_rng_state` gave."""
    random.set_rng_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The place in the one stream, once for each GPU."""
    return [random.get_rng_state() for _ in range(device_count())]


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Goes to the place that the first of ``new_states`` tells: there is one stream for all."""
    for state in new_states:
        random.set_rng_state(state)
        return
