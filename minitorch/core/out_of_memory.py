"""What is said when a GPU's memory is full: how much was wanted, what holds it, what helps."""

from __future__ import annotations

import gc
from typing import Any

from minitorch.backend.array_module import cupy


class OutOfMemoryError(RuntimeError, MemoryError):
    """A GPU's memory is full.  CuPy had already given back what nothing used, and tried again."""


def size_text(size: float) -> str:
    """A number of bytes for reading."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


def _owners() -> dict[int, str]:
    """The names of parameters and buffers, by the identity of their arrays."""
    from minitorch.nn.modules.module import Module
    from minitorch.nn.parameter import is_lazy

    names: dict[int, str] = {}
    for module in (thing for thing in gc.get_objects() if issubclass(type(thing), Module)):
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            if is_lazy(tensor):  # it has no memory yet
                continue
            names.setdefault(id(tensor._data), f"{type(module).__name__}.{name}")
            if tensor._grad is not None:
                names.setdefault(id(tensor._grad._data), f"{type(module).__name__}.{name}.grad")
    return names


def largest_tensors(index: int | None = None, count: int = 5) -> list[str]:
    """One line for each of the tensors that hold most memory of GPU ``index`` (default: of any), largest first."""
    from minitorch.core.tensor import Tensor
    from minitorch.nn.parameter import is_lazy

    library = cupy()
    held: dict[int, Any] = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), Tensor) and not is_lazy(thing):  # isinstance() would ask dead proxies
            array = getattr(thing, "_data", None)
            if isinstance(array, library.ndarray) and index in (None, array.device.id):
                held[id(array)] = array
    owners = _owners()
    largest = sorted(held.values(), key=lambda array: -array.nbytes)[:count]
    return [
        f"{size_text(array.nbytes)}: {owners.get(id(array), 'a tensor')} of shape {list(array.shape)}, {array.dtype}"
        for array in largest
    ]


def explain_full_memory() -> None:
    """Has every allocation that fails say what holds the memory; an allocator of the user's own is left alone."""
    library = cupy()
    default = library.get_default_memory_pool().malloc
    if library.cuda.get_allocator() != default:
        return

    def allocate(size: int) -> Any:
        try:
            return default(size)
        except library.cuda.memory.OutOfMemoryError as error:
            raise explained(error) from error

    library.cuda.set_allocator(allocate)


def explained(error: BaseException) -> OutOfMemoryError:
    """The error to raise for CuPy's."""
    library = cupy()
    index = int(library.cuda.runtime.getDevice())
    free, total = library.cuda.runtime.memGetInfo()
    lines = largest_tensors(index)
    return OutOfMemoryError(
        f"CUDA out of memory on GPU {index} ({error}). Of its {size_text(total)}, {size_text(free)} are free. "
        "Use a smaller batch, or no_grad() where no gradient is needed; del what is no longer needed. "
        + ("The largest tensors:\n  " + "\n  ".join(lines) if lines else "No tensor holds memory of it")
    )
