"""What a GPU's memory was used for, under PyTorch's keys, and calls that have nothing to do here."""

from __future__ import annotations

import warnings
from typing import Any

from minitorch.cuda.devices import device_count, get_device_capability
from minitorch.cuda.memory import max_memory_allocated, max_memory_reserved, memory_allocated, memory_reserved


def memory_stats(device: Any = None) -> dict[str, int]:
    """Bytes that tensors hold and that the pool holds, now and at most; CuPy's pool counts nothing else.

    The most is counted from the first call on, as :func:`max_memory_allocated` does.
    """
    now, most = memory_allocated(device), max_memory_allocated(device)
    kept, most_kept = memory_reserved(device), max_memory_reserved(device)
    return {
        "active_bytes.all.current": now,
        "active_bytes.all.peak": most,
        "allocated_bytes.all.current": now,
        "allocated_bytes.all.peak": most,
        "reserved_bytes.all.current": kept,
        "reserved_bytes.all.peak": most_kept,
    }


def _say(old: str, new: str) -> None:
    warnings.warn(
        f"`minitorch.cuda.{old}` has been renamed to `minitorch.cuda.{new}`", category=FutureWarning, stacklevel=3
    )


def memory_cached(device: Any = None) -> int:
    """The old name of :func:`memory_reserved`."""
    _say("memory_cached", "memory_reserved")
    return memory_reserved(device)


def max_memory_cached(device: Any = None) -> int:
    """The old name of :func:`max_memory_reserved`."""
    _say("max_memory_cached", "max_memory_reserved")
    return max_memory_reserved(device)


def ipc_collect() -> None:
    """Does nothing: no memory of a GPU is shared between processes.

    >>> import minitorch as torch
    >>> torch.cuda.ipc_collect()
    """


def is_current_stream_capturing() -> bool:
    """False: there are no CUDA graphs, see :func:`minitorch.cuda.graph`."""
    return False


def is_tf32_supported() -> bool:
    """Whether the current GPU has TF32: those of the Ampere generation and later do."""
    return device_count() > 0 and get_device_capability()[0] >= 8


def get_arch_list() -> list[str]:
    """The generations that kernels are compiled for, when first called: those of the GPUs that are there."""
    return sorted({"sm_{}{}".format(*get_device_capability(i)) for i in range(device_count())})
