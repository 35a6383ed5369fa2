"""The GPU: whether there is one, and if not, why; devices, streams and memory.

Work on a GPU is asked for and done later: only what reads a value (``item()``, ``cpu()``, printing) and
:func:`synchronize` wait for it.  Indices out of range are reported then, too; with ``CUDA_LAUNCH_BLOCKING=1`` in the
environment, at once.  There are no CUDA graphs: :func:`graph` says why.
"""

from __future__ import annotations

import typing as _typing

from minitorch.core.out_of_memory import OutOfMemoryError
from minitorch.cuda import amp
from minitorch.cuda import seeds as random
from minitorch.cuda.devices import (
    current_device,
    device,
    device_count,
    device_of,
    get_device_capability,
    get_device_name,
    get_device_properties,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    set_device,
    synchronize,
    why_unavailable,
)
from minitorch.cuda.memory import (
    empty_cache,
    max_memory_allocated,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_reserved,
    memory_summary,
    reset_max_memory_allocated,
    reset_peak_memory_stats,
)
from minitorch.cuda.seeds import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from minitorch.cuda.statistics import (
    get_arch_list,
    ipc_collect,
    is_current_stream_capturing,
    is_tf32_supported,
    max_memory_cached,
    memory_cached,
    memory_stats,
)
from minitorch.cuda.streams import Event, Stream, current_stream, default_stream, graph, set_stream, stream

StreamContext = stream
CUDAGraph = make_graphed_callables = graph_pool_handle = graph

__all__ = [
    "CUDAGraph",
    "Event",
    "OutOfMemoryError",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "default_stream",
    "device",
    "device_count",
    "device_of",
    "empty_cache",
    "get_arch_list",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "get_rng_state_all",
    "graph",
    "graph_pool_handle",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_current_stream_capturing",
    "is_initialized",
    "is_tf32_supported",
    "make_graphed_callables",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_stats",
    "memory_summary",
    "random",
    "reset_max_memory_allocated",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state",
    "set_rng_state_all",
    "set_stream",
    "stream",
    "synchronize",
    "why_unavailable",
]

if not _typing.TYPE_CHECKING:

    def __getattr__(name):
        """``FloatTensor`` and its like from PyTorch's early days; the reason, where there is no such name."""
        from minitorch.legacy import on_cuda
        from minitorch.missing import explain

        constructor = on_cuda(name)
        if constructor is None:
            raise explain(__name__, name)
        globals()[name] = constructor
        return constructor
