"""Arrays: the only part that tells NumPy from CuPy."""

from minitorch.backend.array_module import array_module, as_array, cupy, is_array, to_device, to_host, why_no_cupy
from minitorch.backend.memory import keep_freed_memory

keep_freed_memory()

__all__ = ["array_module", "as_array", "cupy", "is_array", "to_device", "to_host", "why_no_cupy"]
