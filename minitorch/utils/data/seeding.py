"""Which random numbers data sets, transforms and samplers draw.

Every batch has a seed of its own, made from the loader's seed and the batch's number.  While a batch is made, the
streams that its code may draw from (minitorch's default generator, Python's ``random``, NumPy's global one) start at
that seed, in a worker and in the main process alike; in the main process they are put back afterwards.  So the
batches of an epoch depend on the seed alone, not on who makes them or how many do, and forked workers do not repeat
each other's numbers.
"""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np

from minitorch.random import Generator, default_generator, generator_or_default

_thread = threading.local()


def numpy_rng(generator: Generator | None = None) -> np.random.Generator:
    """The NumPy generator to draw from: that of ``generator``, else the one of the batch being made, else the default.

    Raises:
        TypeError: ``generator`` is no ``minitorch.Generator``.
    """
    if generator is None:
        mine = getattr(_thread, "rng", None)
        if mine is not None:
            return mine
    return generator_or_default(generator).numpy_rng


def fresh_seed(generator: Generator | None = None) -> int:
    """A seed drawn from ``generator``."""
    return int(numpy_rng(generator).integers(2**63 - 1))


def batch_rng(base_seed: int, index: int) -> tuple[np.random.Generator, int, int]:
    """The stream of batch ``index``, and seeds for Python's and NumPy's global ones."""
    own, python, legacy = np.random.SeedSequence([base_seed, index]).generate_state(3, np.uint64).tolist()
    return np.random.Generator(np.random.Philox(key=own)), python, legacy % 2**32


def seed_process(base_seed: int, index: int) -> None:
    """Starts all streams of a worker process anew."""
    rng, python, legacy = batch_rng(base_seed, index)
    default_generator.numpy_rng = rng
    random.seed(python)
    np.random.seed(legacy)


def seed_thread(base_seed: int, index: int) -> None:
    """Starts the stream that transforms draw from in this thread; the global ones belong to all threads."""
    _thread.rng = batch_rng(base_seed, index)[0]


class OwnStreams:
    """As a context manager: what runs inside draws from streams of its own, which go on when it is entered again.

    Args:
        everything: Python's and NumPy's global streams too.  Saving and restoring them costs about 70 microseconds, so
            data sets that are known to draw from neither go without.
        again: whether it will be entered again.
    """

    __slots__ = ("_again", "_everything", "_inner", "_outer", "_rng", "_seeds")

    def __init__(self, base_seed: int, index: int, everything: bool = True, again: bool = False) -> None:
        self._rng, *self._seeds = batch_rng(base_seed, index)
        self._everything = everything
        self._again = again
        self._inner: Any = None
        self._outer: Any = None

    def __enter__(self) -> OwnStreams:
        outer = default_generator.numpy_rng
        default_generator.numpy_rng = self._rng
        if not self._everything:
            self._outer = (outer,)
            return self
        self._outer = (outer, random.getstate(), np.random.get_state(legacy=False))
        if self._inner is None:
            random.seed(self._seeds[0])
            np.random.seed(self._seeds[1])
        else:
            random.setstate(self._inner[0])
            np.random.set_state(self._inner[1])
        return self

    def __exit__(self, *exc: object) -> None:
        self._rng, default_generator.numpy_rng = default_generator.numpy_rng, self._outer[0]
        if self._everything:
            if self._again:
                self._inner = (random.getstate(), np.random.get_state(legacy=False))
            random.setstate(self._outer[1])
            np.random.set_state(self._outer[2])
        self._outer = None
