"""Which memory has to be written for the tensors of a checkpoint, and where each of them lies in it.

Tensors that share memory share a storage in the file.  A storage is the part of the shared memory between the first and
the last element that is used, so a slice of a big tensor does not drag all of it along.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, to_host
from minitorch.core.device import device_of
from minitorch.core.dtype import of_numpy
from minitorch.serialization.rebuilding import contiguous_strides


def address(array: Any) -> int:
    """Where the first element lies."""
    return array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr


def owner_of(array: Any) -> Any:
    """The array that ``array`` is a view of, itself if it is none."""
    kind = np.ndarray if isinstance(array, np.ndarray) else type(array)
    owner = base = array
    while base is not None:
        if isinstance(base, kind):
            owner = base
        base = getattr(base, "base", None)
    return owner


def _flat_memory(array: Any) -> Any:
    """The array's memory as bytes in the order of their addresses; ``None`` if there are gaps or reversed axes."""
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    ordered = array.transpose(order)
    return ordered.reshape(-1).view(np.uint8) if ordered.flags.c_contiguous else None


class Block:
    """A storage of the file."""

    def __init__(self, key: str, memory: Any, dtype: np.dtype) -> None:
        self.key, self.memory, self.dtype = key, memory, dtype
        self.begin = address(memory)
        self.low, self.high = self.begin + memory.size, self.begin
        self.arrays: list[Any] = []
        self.only: Any = None  # set when finished: the one array there is, if the memory has gaps

    def include(self, array: Any) -> None:
        self.arrays.append(array)
        if array.size:
            first = address(array)
            last = first + sum((n - 1) * step for n, step in zip(array.shape, array.strides))
            self.low, self.high = min(self.low, first), max(self.high, last + array.itemsize)

    @property
    def location(self) -> str:
        return str(device_of(self.memory))

    @property
    def numel(self) -> int:
        return self.only.size if self.only is not None else max(self.high - self.low, 0) // self.dtype.itemsize

    def finish(self) -> None:
        if len(self.arrays) == 1 and self.arrays[0].size < self.numel:
            self.only = self.arrays[0]

    def bytes(self) -> np.ndarray:
        part = self.memory[self.low - self.begin : self.high - self.begin] if self.only is None else self.only
        return np.ascontiguousarray(to_host(part)).reshape(-1).view(np.uint8)


class Place:
    """Where a tensor lies in its block: known once all tensors of the checkpoint are."""

    def __init__(self, block: Block, array: Any) -> None:
        self.block, self.array = block, array

    @property
    def offset(self) -> int:
        if self.array.size == 0 or self.block.only is not None:
            return 0
        return (address(self.array) - self.block.low) // self.array.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        array = self.array
        if array.flags.c_contiguous or self.block.only is not None:
            return contiguous_strides(array.shape)
        return tuple(step // array.itemsize for step in array.strides)


class Blocks:
    """All storages of a checkpoint, in the order in which tensors need them."""

    def __init__(self) -> None:
        self.all: list[Block] = []
        self._by_owner: dict[tuple, Block] = {}
        self._kept: list[Any] = []  # keeps the ids in use

    def place(self, array: Any) -> Place:
        """Finds room for the elements of ``array``."""
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        owner = owner_of(array)
        dtype = of_numpy(array.dtype).numpy
        memory = None if array.size == 0 else self._memory(array, owner)
        if memory is None:  # nothing to share, or laid out in a way that storages cannot be
            key: tuple = (id(owner), address(array), array.shape, array.strides, dtype)
            memory = _flat_memory(array_module(array).ascontiguousarray(array))
            array = memory.view(dtype).reshape(array.shape)
        else:
            key = (id(owner), dtype)
        self._kept.append(owner)
        block = self._by_owner.get(key)
        if block is None:
            block = self._by_owner[key] = Block(str(len(self.all)), memory, dtype)
            self.all.append(block)
        elif len(key) > 2:
            array = block.arrays[0]
        block.include(array)
        return Place(block, array)

    @staticmethod
    def _memory(array: Any, owner: Any) -> Any:
        memory = _flat_memory(owner)
        if memory is None or any(step < 0 or step % array.itemsize for step in array.strides):
            return None
        first = address(array) - address(memory)
        last = first + sum((n - 1) * step for n, step in zip(array.shape, array.strides)) + array.itemsize
        return memory if first >= 0 and last <= memory.size and first % array.itemsize == 0 else None

    def finish(self) -> list[Block]:
        """Call it when every tensor has its place.

        Raises:
            RuntimeError: the same memory is used as elements of two dtypes.
        """
        spans: dict[int, list[Block]] = {}
        for block in self.all:
            block.finish()
            spans.setdefault(block.begin, []).append(block)
        for blocks in spans.values():
            for i, one in enumerate(blocks):
                for other in blocks[:i]:
                    if one.low < other.high and other.low < one.high:
                        raise RuntimeError(
                            f"save: cannot save tensors that view the same memory as {of_numpy(one.dtype)} and as "
                            f"{of_numpy(other.dtype)}; clone() one of them"
                        )
        return self.all
