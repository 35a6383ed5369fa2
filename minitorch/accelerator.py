"""The accelerator of this machine, whatever its kind: here a GPU through CuPy, or none."""

from __future__ import annotations

from typing import Any

from minitorch import cuda
from minitorch.core.device import Device

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether there is an accelerator that works.  Never raises.

    >>> import minitorch as torch
    >>> torch.accelerator.is_available() == torch.cuda.is_available()
    True
    """
    return cuda.is_available()


def device_count() -> int:
    """Number of accelerators; 0 without one."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> Device | None:
    """The kind of accelerator as a device without an index, ``None`` without one.

    >>> import minitorch as torch
    >>> device = torch.accelerator.current_accelerator() or torch.device("cpu")
    """
    return Device("cuda") if is_available() else None


def _needed() -> None:
    if not is_available():
        raise RuntimeError(
            f"Cannot access accelerator device when none is available. ({cuda.why_unavailable()}) "
            "Ask minitorch.accelerator.is_available() first."
        )


def _index(device: Any) -> int:
    if isinstance(device, int):
        return device
    device = Device("cuda") if device is None else Device(device)
    if device.type == "cpu":
        raise RuntimeError("Accelerator expected, got device 'cpu'")
    _needed()
    return cuda.current_device() if device.index is None else device.index


def current_device_index() -> int:
    """Ordinal of the current accelerator.

    Raises:
        RuntimeError: there is none.
    """
    _needed()
    return cuda.current_device()


def set_device_index(device: Any, /) -> None:
    """Makes an accelerator, given by number, name or device, the current one of this thread.

    Raises:
        RuntimeError: there is none, or the device is a CPU.
    """
    index = _index(device)
    _needed()
    cuda.set_device(index)


current_device_idx, set_device_idx = current_device_index, set_device_index


class device_index:
    """A ``with`` block in which accelerator ``device`` is the current one; ``None``: no change.

    >>> import minitorch as torch
    >>> with torch.accelerator.device_index(None):
    ...     pass
    """

    def __init__(self, device: int | None, /) -> None:
        self.idx = device
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx is not None:
            self.prev_idx = current_device_index()
            set_device_index(self.idx)

    def __exit__(self, *exc: object) -> None:
        if self.idx is not None:
            set_device_index(self.prev_idx)


def synchronize(device: Any = None, /) -> None:
    """Waits until an accelerator has done what was asked of it."""
    _needed()
    cuda.synchronize(_index(device))


def current_stream(device: Any = None, /) -> Any:
    """The stream that work is queued on."""
    _needed()
    return cuda.current_stream(_index(device))


def set_stream(stream: Any) -> None:
    """Makes ``stream`` the current one."""
    _needed()
    cuda.set_stream(stream)


def empty_cache() -> None:
    """Gives unused device memory back to the system."""
    _needed()
    cuda.empty_cache()


def memory_allocated(device: Any = None, /) -> int:
    """Bytes of device memory that live tensors hold."""
    _needed()
    return cuda.memory_allocated(_index(device))


def max_memory_allocated(device: Any = None, /) -> int:
    """The most bytes that live tensors held so far."""
    _needed()
    return cuda.max_memory_allocated(_index(device))


def memory_stats(device: Any = None, /) -> dict[str, int]:
    """What the memory of an accelerator was used for, see :func:`minitorch.cuda.memory_stats`."""
    _needed()
    return cuda.memory_stats(_index(device))


def get_memory_info(device: Any = None, /) -> tuple[int, int]:
    """Free and total bytes of an accelerator's memory, as its driver sees them."""
    _needed()
    return cuda.mem_get_info(_index(device))


def memory_reserved(device: Any = None, /) -> int:
    """Bytes of device memory that are kept, in use or not."""
    _needed()
    return cuda.memory_reserved(_index(device))


def max_memory_reserved(device: Any = None, /) -> int:
    """The most bytes that were kept so far."""
    _needed()
    return cuda.max_memory_reserved(_index(device))


def reset_peak_memory_stats(device: Any = None, /) -> None:
    """Lets the greatest numbers of bytes be counted from now on."""
    _needed()
    cuda.reset_peak_memory_stats(_index(device))
