"""Random numbers: generators and seeds.

A seed's stream of 64-bit words comes from NumPy's Philox, a counter-based generator.  An array of uniform, normal,
Bernoulli or integer numbers takes two words of it, the key of a Philox stream of its own, whose counter is the place of
an element: each device makes the numbers itself, the same ones everywhere.  So a generator's place, which checkpoints
keep, is its place in the seed's stream alone.  See :mod:`minitorch.backend.primitives.random`.

What takes more or fewer draws as the values come out (permutations, ``multinomial``, ``poisson``, gamma variates) is
drawn on the host from the seed's stream.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

import numpy as np

from minitorch.core.device import Device, as_device
from minitorch.core.tensor import Tensor, wrap

_WORD = 2**64
_FIELDS = 2 + 4 + 2 + 4 + 1 + 2  # mark, seed, counter, key, buffer, position, kept half word
_MARK = 0x6D696E69746F7263


class Generator:
    """A stream of random numbers of its own.

    Args:
        device: where results are put when a function is given this generator and no device.

    >>> import minitorch as torch
    >>> g = torch.Generator().manual_seed(0)
    >>> a = torch.rand(2, generator=g)
    >>> _ = g.manual_seed(0)
    >>> torch.equal(a, torch.rand(2, generator=g))
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device: Device = as_device(device)
        self.manual_seed(67280421310721)

    def manual_seed(self, seed: int) -> Generator:
        """Restarts the stream at ``seed`` (any integer from -2**63 to 2**64 - 1)."""
        seed = seed.__index__()
        if not -(2**63) <= seed < _WORD:
            raise RuntimeError(f"Overflow when unpacking long: the seed must fit in 64 bits, got {seed}")
        self._seed = seed % _WORD
        self.__dict__.pop("numpy_rng", None)
        return self

    @cached_property
    def numpy_rng(self) -> np.random.Generator:
        # At the first draw: importing numpy.random takes 10 ms, which `import minitorch` should not cost.
        return np.random.Generator(np.random.Philox(self._seed))

    def next_key(self) -> tuple[int, int]:
        """The next 128 bits: the key of a stream of their own for the numbers of one array."""
        raw = self.numpy_rng.bit_generator.random_raw
        return raw(), raw()

    def seed(self) -> int:
        """Restarts the stream at a seed from the operating system and returns it."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little") >> 1)
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream was started with."""
        return self._seed

    def get_state(self) -> Tensor:
        """The place in the stream as a uint8 tensor that :meth:`set_state` and checkpoints take."""
        state: Any = self.numpy_rng.bit_generator.state
        words = np.array(
            [
                _MARK,
                self._seed,
                *state["state"]["counter"],
                *state["state"]["key"],
                *state["buffer"],
                state["buffer_pos"],
                state["has_uint32"],
                state["uinteger"],
            ],
            dtype="<u8",
        )
        return wrap(words.view(np.uint8))

    def set_state(self, new_state: Tensor) -> None:
        """Goes to a place that :meth:`get_state` gave.

        Raises:
            TypeError: no uint8 tensor.
            RuntimeError: not from :meth:`get_state`.
        """
        if not isinstance(new_state, Tensor) or new_state._data.dtype != np.uint8:
            raise TypeError("expected a torch.ByteTensor as the state of a generator")
        raw = np.ascontiguousarray(new_state.numpy(force=True))
        words = raw.view("<u8") if raw.size == 8 * _FIELDS else None
        if words is None or int(words[0]) != _MARK:
            raise RuntimeError(
                f"not the state of a minitorch generator: expected {8 * _FIELDS} bytes from get_state(), got {raw.size}"
            )
        self.manual_seed(int(words[1]))
        self.numpy_rng.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {"counter": words[2:6].astype(np.uint64), "key": words[6:8].astype(np.uint64)},
            "buffer": words[8:12].astype(np.uint64),
            "buffer_pos": int(words[12]),
            "has_uint32": int(words[13]),
            "uinteger": int(words[14]),
        }

    def clone_state(self) -> Generator:
        """Another generator at the same place."""
        other = Generator(self.device)
        other.set_state(self.get_state())
        return other

    def __reduce__(self) -> Any:
        return (_rebuild, (str(self.device), self.get_state()))


def _rebuild(device: str, state: Tensor) -> Generator:
    generator = Generator(device)
    generator.set_state(state)
    return generator


default_generator = Generator()


def generator_or_default(generator: Generator | None) -> Generator:
    """``generator``, or the one that :func:`manual_seed` seeds.

    Raises:
        TypeError: not a :class:`Generator`.
    """
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a minitorch.Generator, not {type(generator).__name__}")
    return generator


def manual_seed(seed: int) -> Generator:
    """Restarts the default stream of random numbers; weights, shuffles and dropout masks then repeat.

    >>> import minitorch as torch
    >>> _ = torch.manual_seed(1); a = torch.randn(3)
    >>> _ = torch.manual_seed(1); torch.equal(a, torch.randn(3))
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Restarts the default stream at a seed from the operating system and returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The place in the default stream."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Goes to a place that :func:`get_rng_state` gave."""
    default_generator.set_state(new_state)


class fork_rng:
    """Draws inside the ``with`` block leave the default stream where it was."""

    def __init__(self, devices: Any = None, enabled: bool = True) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.state = get_rng_state()

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            set_rng_state(self.state)
