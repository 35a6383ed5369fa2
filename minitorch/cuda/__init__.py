"""The GPU: whether there is one, and if not, why."""

from __future__ import annotations

from typing import Any

from minitorch.backend.array_module import cupy, why_no_cupy
from minitorch.random import manual_seed as _manual_seed


def is_available() -> bool:
    """Whether tensors can be put on ``cuda``.  Never raises."""
    return why_no_cupy() is None


def why_unavailable() -> str | None:
    """Why ``is_available()`` is False, with the remedy; ``None`` if it is True."""
    return why_no_cupy()


def device_count() -> int:
    """Number of usable GPUs."""
    return int(cupy().cuda.runtime.getDeviceCount()) if is_available() else 0


def current_device() -> int:
    """Ordinal of the GPU that ``cuda`` without a number means in this thread."""
    return int(cupy().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Makes a GPU the one that ``cuda`` without a number means in this thread."""
    from minitorch.core.device import as_device

    index = as_device(device).index
    if index is not None:
        cupy().cuda.Device(index).use()


def get_device_name(device: Any = None) -> str:
    """The GPU's name."""
    from minitorch.core.device import as_device

    index = as_device("cuda" if device is None else device).ordinal
    name = cupy().cuda.runtime.getDeviceProperties(index)["name"]
    return name.decode() if isinstance(name, bytes) else name


def synchronize(device: Any = None) -> None:
    """Waits until the GPU has done what was asked of it."""
    cupy().cuda.runtime.deviceSynchronize()


def empty_cache() -> None:
    """Gives unused memory of the pool back to the system."""
    if is_available():
        cupy().get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that live tensors hold."""
    return int(cupy().get_default_memory_pool().used_bytes()) if is_available() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes of GPU memory that the pool holds, in use or not."""
    return int(cupy().get_default_memory_pool().total_bytes()) if is_available() else 0


def is_bf16_supported() -> bool:
    """False: tensors have no bfloat16 yet."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the one generator that serves every device."""
    _manual_seed(seed)


manual_seed_all = manual_seed

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "is_bf16_supported",
    "manual_seed",
    "manual_seed_all",
    "memory_allocated",
    "memory_reserved",
    "set_device",
    "synchronize",
    "why_unavailable",
]
