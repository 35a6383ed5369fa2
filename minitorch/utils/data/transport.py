"""How a batch gets from a worker process to the main process without being copied there.

A ``Slot`` is a piece of anonymous shared memory (``memfd_create``: it has no name, so nothing is left behind however
the processes end, and it does not count against the size of /dev/shm).  The main process lends a slot to a worker
with each task; the worker pickles the batch with the large buffers out of band and writes those into the slot; the
main process builds arrays right on the slot, which is free again when the last of them is gone.  The pages are used
again and again. Where there is no ``memfd_create``, and for small batches, the bytes go through the pipe.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

_ALIGN = 64
_INLINE = 32 * 1024  # below this a pipe is as quick as a slot


def can_share() -> bool:
    """Whether this system has the kind of shared memory that slots are made of."""
    return hasattr(os, "memfd_create") and hasattr(os, "posix_fallocate")


class Slot:
    """Shared memory that grows to the largest batch it has held."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = os.memfd_create("minitorch-batch", os.MFD_CLOEXEC) if fd is None else fd
        self.map: mmap.mmap | None = None

    def view(self, size: int) -> mmap.mmap:
        """A mapping of at least ``size`` bytes, the file made that long first.

        Raises:
            OSError: there is not enough memory.
        """
        if self.map is None or len(self.map) < size:
            have = os.fstat(self.fd).st_size
            if have < size:
                # claims the pages now: running out of memory is an error here and not a bus error at the first write
                os.posix_fallocate(self.fd, 0, size)
                have = size
            self.map = mmap.mmap(self.fd, have)
        return self.map

    def close(self) -> None:
        """Gives up the file; arrays that still stand on the memory keep it."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        self.map = None

    def __reduce__(self) -> Any:  # to a worker that is not forked
        from multiprocessing.reduction import DupFd

        return (_slot_from, (DupFd(self.fd),))


def _slot_from(handle: Any) -> Slot:
    return Slot(handle.detach())


class _Lease:
    """Owner, in NumPy's sense, of arrays on a slot: when they are all gone, so is it, and the slot is free."""

    def __init__(self, memory: mmap.mmap, size: int, release: Callable[[], None]) -> None:
        self._memory = memory
        self._release = release
        address = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        self.__array_interface__ = {"data": (address, False), "shape": (size,), "typestr": "|u1", "version": 3}

    def __del__(self) -> None:
        self._release()


def pack(value: Any, slot: Slot | None) -> tuple[bytes, list[int] | list[bytes]]:
    """The pickle of ``value``, and the lengths of the buffers written into ``slot`` or else the buffers themselves."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    if not buffers:
        return body, []
    raw = [buffer.raw() for buffer in buffers]
    total = sum(-(-len(part) // _ALIGN) * _ALIGN for part in raw)
    if slot is not None and total >= _INLINE:
        with contextlib.suppress(OSError):
            memory = memoryview(slot.view(total))
            start = 0
            for part in raw:
                memory[start : start + len(part)] = part
                start += -(-len(part) // _ALIGN) * _ALIGN
            return body, [len(part) for part in raw]
    return body, [part.tobytes() for part in raw]


def unpack(
    body: bytes, parts: list[int] | list[bytes], slot: Slot | None, keep: bool, release: Callable[[], None]
) -> Any:
    """The value that ``pack`` packed.

    Args:
        keep: let arrays stand on the slot; else they are copied out of it.
        release: called when the slot is free again, at once if nothing stands on it.
    """
    if not parts or isinstance(parts[0], bytes):
        release()
        return pickle.loads(body, buffers=[bytearray(part) for part in parts])  # type: ignore[arg-type]
    assert slot is not None
    starts = [0]
    for length in parts:
        starts.append(starts[-1] + -(-int(length) // _ALIGN) * _ALIGN)
    memory: np.ndarray = np.asarray(_Lease(slot.view(starts[-1]), starts[-1], release))
    views = [memory[start : start + int(length)] for start, length in zip(starts, parts)]
    return pickle.loads(body, buffers=views if keep else [view.copy() for view in views])
