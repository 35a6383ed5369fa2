"""Devices, streams, events and the memory pool: ``cupy.cuda`` without a GPU."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

from . import counting


class CUDARuntimeError(RuntimeError):
    """An error of the driver."""


class OutOfMemoryError(MemoryError):
    """The pool could not get the memory."""


class _Thread(threading.local):
    device = 0


_thread = _Thread()
#: what the machine has; tests set these.  runs_kernels: whether kernels in CUDA C are run, not only counted
machine = {"devices": 2, "memory": 1 << 34, "driver_error": None, "nvrtc_error": None, "runs_kernels": True}


def current() -> int:
    return _thread.device


def getDeviceCount() -> int:
    if machine["driver_error"]:
        raise CUDARuntimeError(machine["driver_error"])
    return int(machine["devices"])  # type: ignore[call-overload]


def nvrtc_version() -> tuple[int, int]:
    if machine["nvrtc_error"]:
        raise RuntimeError(machine["nvrtc_error"])
    return 13, 2


def getDevice() -> int:
    return _thread.device


def setDevice(device: int) -> None:
    if not 0 <= device < getDeviceCount():
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    _thread.device = device


def runtimeGetVersion() -> int:
    return 13000


def deviceSynchronize() -> None:
    counting.sync("deviceSynchronize", download=False)


def getDeviceProperties(device: int) -> dict[str, Any]:
    return {
        "name": b"Stand-in",
        "major": 8,
        "minor": 0,
        "totalGlobalMem": machine["memory"],
        "multiProcessorCount": 108,
        "warpSize": 32,
    }


def memGetInfo() -> tuple[int, int]:
    memory = int(machine["memory"])  # type: ignore[call-overload]
    return memory - pool.total_bytes(), memory


class Device:
    """A GPU; as a context manager the current one.  Asking for one that is not there fails when it is used."""

    def __init__(self, device: Any = None) -> None:
        self.id = _thread.device if device is None else int(device)
        self._outer: list[int] = []

    def __enter__(self) -> Device:
        self._outer.append(_thread.device)
        if self.id != _thread.device:
            setDevice(self.id)
        return self

    def __exit__(self, *exc: object) -> None:
        _thread.device = self._outer.pop()

    def use(self) -> None:
        setDevice(self.id)

    def synchronize(self) -> None:
        deviceSynchronize()

    @property
    def compute_capability(self) -> str:
        return "80"

    @property
    def mem_info(self) -> tuple[int, int]:
        return memGetInfo()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __int__(self) -> int:
        return self.id

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"


class Event:
    """A mark in a stream.  Here everything is done as soon as it is asked for."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.time: float | None = None
        self.timing = not disable_timing

    @property
    def done(self) -> bool:
        return True

    def record(self, stream: Any = None) -> None:
        self.time = time.perf_counter()

    def synchronize(self) -> None:
        counting.sync("Event.synchronize", download=False)


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    if start_event.time is None or end_event.time is None or not (start_event.timing and end_event.timing):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: invalid resource handle")
    return 1000 * (end_event.time - start_event.time)


class Stream:
    """A queue of work; as a context manager the current one."""

    def __init__(
        self, null: bool = False, non_blocking: bool = False, ptds: bool = False, priority: Any = None
    ) -> None:
        self.ptr = 0 if null else id(self)
        self.device_id = _thread.device
        self._outer: list[Stream] = []

    @property
    def done(self) -> bool:
        return True

    def __enter__(self) -> Stream:
        self._outer.append(_streams.now)
        _streams.now = self
        return self

    def __exit__(self, *exc: object) -> None:
        _streams.now = self._outer.pop()

    def use(self) -> Stream:
        _streams.now = self
        return self

    def synchronize(self) -> None:
        counting.sync("Stream.synchronize", download=False)

    def record(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        pass


Stream.null = Stream(null=True)  # type: ignore[attr-defined]


class _Streams(threading.local):
    now = Stream.null  # type: ignore[attr-defined]


_streams = _Streams()


def get_current_stream(device_id: int = -1) -> Stream:
    return _streams.now


class MemoryHook:
    """Is told of allocations while it is entered."""

    name = "MemoryHook"

    def __enter__(self) -> MemoryHook:
        hooks.append(self)
        return self

    def __exit__(self, *exc: object) -> None:
        hooks.remove(self)

    def malloc_postprocess(self, **kwargs: Any) -> None:
        pass


hooks: list[MemoryHook] = []


class MemoryPool:
    """Counts the bytes that living arrays hold, rounded up to 512 as CuPy does, and keeps freed ones until told."""

    def __init__(self) -> None:
        self._used: dict[int, int] = {}
        self._free: dict[int, int] = {}
        self._limits: dict[int, int] = {}

    def malloc(self, nbytes: int) -> tuple[int, int]:
        """The device and the size of what was taken, for :meth:`give_back`."""
        size = -(-nbytes // 512) * 512
        device = _thread.device
        if self.free_bytes() < size:  # the driver is asked
            limit = self.get_limit()
            if limit and self.total_bytes() + size > limit:
                raise OutOfMemoryError(self._words(size) + f" (limit set to: {limit:,} bytes)")
            for make_room in (self.free_all_blocks, gc.collect, self.free_all_blocks):
                if self.total_bytes() + size > machine["memory"]:  # type: ignore[operator]
                    make_room()
            if self.total_bytes() + size > machine["memory"]:  # type: ignore[operator]
                raise OutOfMemoryError(self._words(size))
        free = self.free_bytes()
        self._free[device] = max(free - size, 0)
        self._used[device] = self._used.get(device, 0) + size
        for hook in hooks:
            hook.malloc_postprocess(device_id=device, size=nbytes, mem_size=size, mem_ptr=0, pmem_id=0)
        return device, size

    def _words(self, size: int) -> str:
        return f"Out of memory allocating {size:,} bytes (allocated so far: {self.total_bytes():,} bytes)."

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Of the current device; as CuPy's, it is refused at once, with nothing freed before."""
        self._limits[_thread.device] = int(memGetInfo()[1] * fraction) if fraction is not None else size or 0

    def get_limit(self) -> int:
        return self._limits.get(_thread.device, 0)

    def give_back(self, device: int, size: int) -> None:
        self._used[device] -= size
        self._free[device] = self._free.get(device, 0) + size

    def used_bytes(self) -> int:
        return self._used.get(_thread.device, 0)

    def free_bytes(self) -> int:
        return self._free.get(_thread.device, 0)

    def total_bytes(self) -> int:
        return self.used_bytes() + self.free_bytes()

    def free_all_blocks(self, stream: Any = None) -> None:
        self._free[_thread.device] = 0


pool = MemoryPool()
_allocators: list[Any] = [pool.malloc]


def get_allocator() -> Any:
    return _allocators[0]


def set_allocator(allocator: Any = None) -> None:
    _allocators[0] = pool.malloc if allocator is None else allocator


def allocate(nbytes: int) -> tuple[int, int]:
    """Memory of the current GPU from whatever allocator is set."""
    return _allocators[0](nbytes)
