"""How much of a GPU's memory is in use.  CuPy's pool keeps freed memory for later."""

from __future__ import annotations

import threading
from typing import Any

from minitorch.backend.array_module import cupy
from minitorch.cuda.devices import index_of, is_available

_peaks: dict[int, int] = {}
_hook: list[Any] = []
_lock = threading.Lock()


def _pool_of(device: Any) -> tuple[Any, Any]:
    """The memory pool, and a context in which it tells of a GPU."""
    library = cupy()
    return library.get_default_memory_pool(), library.cuda.Device(index_of(device))


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that live tensors hold; 0 without a GPU."""
    if not is_available():
        return 0
    pool, there = _pool_of(device)
    with there:
        return int(pool.used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes of GPU memory that the pool holds, in use or not; 0 without a GPU."""
    if not is_available():
        return 0
    pool, there = _pool_of(device)
    with there:
        return int(pool.total_bytes())


def max_memory_allocated(device: Any = None) -> int:
    """The largest :func:`memory_allocated` since the first call of this function or the last reset; 0 without a GPU.

    CuPy keeps no such record.  Each allocation is looked at from the first call on, so call
    :func:`reset_peak_memory_stats` before what you want to measure.
    """
    if not is_available():
        return 0
    _watch()
    index = index_of(device)
    _peaks[index] = max(_peaks.get(index, 0), memory_allocated(index))
    return _peaks[index]


def max_memory_reserved(device: Any = None) -> int:
    """Bytes that the pool holds: it gives nothing back unless asked to."""
    return memory_reserved(device)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Lets :func:`max_memory_allocated` begin anew."""
    if is_available():
        _watch()
        _peaks[index_of(device)] = memory_allocated(device)


reset_max_memory_allocated = reset_peak_memory_stats


def _watch() -> None:
    """Has CuPy report each allocation of this process."""
    with _lock:
        if _hook and _hook[0] is cupy():
            return

        class Peak(cupy().cuda.MemoryHook):  # type: ignore[misc]
            """Notes the most that was in use."""

            name = "minitorch.cuda.max_memory_allocated"

            def malloc_postprocess(self, **kwargs: Any) -> None:
                index = kwargs["device_id"]
                used = cupy().get_default_memory_pool().used_bytes()
                if used > _peaks.get(index, 0):
                    _peaks[index] = int(used)

        Peak().__enter__()
        _hook[:] = [cupy()]


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of a GPU, as its driver sees them."""
    with cupy().cuda.Device(index_of(device)):
        free, total = cupy().cuda.runtime.memGetInfo()
    return int(free), int(total)


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """What is in use, and the largest tensors with the names of what owns them: layers, optimizers, nodes of the graph.

    All living objects are looked through: not for use in every step.
    """
    from minitorch.core.out_of_memory import memory_lines, size_text

    lines = [f"in use: {size_text(memory_allocated(device))}, held by the pool: {size_text(memory_reserved(device))}"]
    return "\n".join([*lines, *memory_lines(None if device is None else index_of(device))])


def empty_cache() -> None:
    """Gives unused memory of the pool back to the system."""
    if is_available():
        cupy().get_default_memory_pool().free_all_blocks()
