"""Checks of values on a GPU that do not make the host wait: a bad index sets a flag, which is read later.

An index out of range cannot be raised at once without waiting for the GPU in the middle of a step.  Indices are
computed with as CuPy does, wrapped around, so nothing outside an array is touched; the flag is read when the host waits
anyway (``item()``, ``cpu()``, ``minitorch.cuda.synchronize()``), and the error is raised there.  With
``CUDA_LAUNCH_BLOCKING=1`` in the environment it is raised at once, where the index was used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, beside

_SLOTS = 64


class Flags:
    """Flags in the memory of one GPU: for each kind of check whether it failed, and a value that did."""

    def __init__(self, array: Any) -> None:
        with beside(array):
            self.memory = array_module(array).zeros((_SLOTS, 2), np.int64)
        self.errors: dict[Any, tuple[int, Callable[[int], Exception]]] = {}
        self.unread = False

    def slot(self, key: Any, error: Callable[[int], Exception]) -> int:
        """The number of the flag for checks of the kind ``key``; ``error`` makes an exception of a wrong value."""
        if key not in self.errors:
            if len(self.errors) == _SLOTS:
                self.read()
                self.errors.clear()
            self.errors[key] = len(self.errors), error
        self.unread = True
        return self.errors[key][0]

    def read(self) -> None:
        """Raises what the flags tell, and takes them down."""
        if not self.unread:
            return
        self.unread = False
        found = self.memory.get()
        if found[:, 0].any():
            with beside(self.memory):
                self.memory.fill(0)
            for number, error in self.errors.values():
                if found[number, 0]:
                    raise error(int(found[number, 1]))


_of_gpu: dict[Any, Flags] = {}


def flags_beside(array: Any) -> Flags:
    """The flags of the GPU that has ``array``."""
    key = array_module(array), array.device.id
    if key not in _of_gpu:
        _of_gpu[key] = Flags(array)
    return _of_gpu[key]


def raise_pending(array: Any) -> None:
    """Reads the flags of the GPU that has ``array``, if a check is unread: for places where the host waits for it."""
    if _of_gpu:
        flags_beside(array).read()


def read_all() -> None:
    """Reads the flags of every GPU: for places where the host has waited."""
    for flags in list(_of_gpu.values()):
        flags.read()


def raise_at_once(flags: Flags) -> None:
    """Reads the flags if the user asked for errors where they happen."""
    if os.environ.get("CUDA_LAUNCH_BLOCKING", "0") not in ("", "0"):
        flags.read()


def require_range(index: Any, low: int, high: int, key: Any, error: Callable[[int], Exception]) -> None:
    """Has the GPU check that all elements of a device array are at least ``low`` and below ``high``.

    Args:
        key: what is the same for checks that the same message serves; ``low`` and ``high`` belong to it.
        error: makes the exception from one of the wrong elements.
    """
    if not index.size:
        return
    flags = flags_beside(index)
    slot = flags.slot((key, low, high), error)
    from minitorch.backend.primitives.index_check import flag_outside

    flag_outside(index, low, high, flags.memory, slot)
    raise_at_once(flags)
