"""What is said when a GPU's memory is full: how much was wanted, what holds it, what helps.

Who holds memory is found by looking through all living objects, when it is asked for and at no other time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, NamedTuple

from minitorch.backend.array_module import cupy


class OutOfMemoryError(RuntimeError, MemoryError):
    """A GPU's memory is full.  What nothing used had already been given back, and the allocation tried again."""


class Held(NamedTuple):
    """Memory, what it is for, and its owner's name; ``array`` is one that lies in it."""

    size: int
    purpose: str
    owner: str
    array: Any


#: what memory is for, in the order in which an owner is looked for: an activation that a variable of the program holds
#: as well is named after the node of the graph
PURPOSES = "parameters", "gradients", "optimizer state", "kept for backward", "other"


def size_text(size: float) -> str:
    """A number of bytes for reading."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


def _instances(of: type) -> list[Any]:
    return [thing for thing in gc.get_objects() if issubclass(type(thing), of)]  # isinstance() would ask dead proxies


def _parameters() -> Iterator[tuple[str, str, Any]]:
    """(purpose, owner, tensor) of parameters, buffers and gradients, by their paths from the outermost module."""
    from minitorch.nn.modules.module import Module
    from minitorch.nn.parameter import is_lazy

    modules = [module for module in _instances(Module) if "_modules" in vars(module)]  # made to its end
    inside = {id(child) for module in modules for child in module.children()}
    # Modules that contain each other have no outermost one: what is left without a name gets its layer's.
    for module in sorted(modules, key=lambda module: id(module) in inside):
        whole = id(module) not in inside
        for name, tensor in (*module.named_parameters(recurse=whole), *module.named_buffers(recurse=whole)):
            if not is_lazy(tensor):  # it has no memory yet
                owner = f"{type(module).__name__}.{name}"
                yield "parameters", owner, tensor
                if tensor._grad is not None:
                    yield "gradients", f"{owner}.grad", tensor._grad


def _optimizer_states(names: dict[int, str]) -> Iterator[tuple[str, str, Any]]:
    from minitorch.optim.optimizer import Optimizer

    for optimizer in _instances(Optimizer):
        for param, state in list(optimizer.state.items()):
            of = names.get(id(param), "a parameter")
            for key, value in state.items() if isinstance(state, dict) else ():
                yield "optimizer state", f"{type(optimizer).__name__}'s {key} of {of}", value


def _kept_for_backward() -> Iterator[tuple[str, str, Any]]:
    from minitorch.core.node import Node

    # Oldest first: what an op gives and the next one takes is named after the op that made it.
    for node in sorted(_instances(Node), key=lambda node: -getattr(node, "order", 0)):
        for value in _flat((getattr(node, "saved", None), *vars(node).values())):
            yield "kept for backward", f"an array that {node.name()} keeps", value


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _owned() -> Iterator[tuple[str, str, Any]]:
    """(purpose, owner, tensor or array) of all that may hold memory; the first that names an array is its owner."""
    from minitorch.core.tensor import Tensor
    from minitorch.nn.parameter import is_lazy

    names: dict[int, str] = {}
    for purpose, owner, tensor in _parameters():
        names.setdefault(id(tensor), owner)
        yield purpose, owner, tensor
    yield from _optimizer_states(names)
    yield from _kept_for_backward()
    for tensor in _instances(Tensor):
        if not is_lazy(tensor):
            yield "other", "a tensor", tensor
    for array in _instances(cupy().ndarray):
        yield "other", "an array", array


def holders(index: int | None = None) -> list[Held]:
    """What holds memory of GPU ``index`` (default: of any), the largest first.  Views count as what they look at."""
    kind = cupy().ndarray
    found: dict[int, Held] = {}
    for purpose, owner, value in _owned():
        array = getattr(value, "_data", value)
        if isinstance(array, kind) and index in (None, array.device.id):
            whole = array if array.base is None else array.base
            found.setdefault(id(whole), Held(int(whole.nbytes), purpose, owner, array))
    return sorted(found.values(), key=lambda held: -held.size)


def memory_lines(index: int | None = None, count: int = 5) -> list[str]:
    """A line for each of the ``count`` largest holders of memory of a GPU, and one with the sum for each purpose."""
    held = holders(index)
    lines = [
        f"{size_text(h.size)}: {h.owner} of shape {list(h.array.shape)}, {h.array.dtype}"
        for h in held[:count]
        if h.size
    ]
    sums = [(purpose, sum(h.size for h in held if h.purpose == purpose)) for purpose in PURPOSES]
    if lines:
        lines.append("in all: " + ", ".join(f"{purpose} {size_text(size)}" for purpose, size in sums if size))
    return lines


def explain_full_memory() -> None:
    """Has every allocation that fails say what holds the memory; an allocator of the user's own is left alone."""
    library = cupy()
    pool = library.get_default_memory_pool()
    default, full = pool.malloc, library.cuda.memory.OutOfMemoryError
    if library.cuda.get_allocator() != default:
        return

    def allocate(size: int) -> Any:
        try:
            return default(size)
        except full:
            pass  # outside, so that the traceback holds nothing any more
        # CuPy does the same where the driver refuses, but not where a limit was set for the pool.
        gc.collect()
        pool.free_all_blocks()
        try:
            return default(size)
        except full as error:
            raise explained(error) from error

    library.cuda.set_allocator(allocate)


def explained(error: BaseException) -> OutOfMemoryError:
    """The error to raise for CuPy's."""
    library = cupy()
    index = int(library.cuda.runtime.getDevice())
    free, total = library.cuda.runtime.memGetInfo()
    lines = memory_lines(index)
    return OutOfMemoryError(
        f"CUDA out of memory on GPU {index} ({error}). Of its {size_text(total)}, {size_text(free)} are free; unused "
        "memory was given back, and there is still too little. Use a smaller batch, or no_grad() where no gradient is "
        "needed; del what is no longer needed. "
        + ("The largest tensors:\n  " + "\n  ".join(lines) if lines else "No tensor holds memory of it")
    )
