"""A strict stand-in for CuPy on a machine without a GPU.

It computes with NumPy and refuses what CuPy refuses: arrays that live on a device and are never converted behind the
program's back, no mixing of host and device arrays or of two devices, only the names, arguments and element types
that CuPy has (``names.txt``, written by :mod:`.record`), integer indices that wrap around, reductions that give 0-d
arrays, sort and scatter functions as limited as CuPy's, singular systems that give garbage instead of an error.
It counts kernel launches, copies and waits of the host (:mod:`.counting`).  Where it is stricter than CuPy, so is
the project: a NumPy function called with a device array is refused although CuPy would answer by a detour.

What it does not show: numerical differences of a real GPU, races, speed, and the contents of memory outside an array.
"""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import cublas, functions, raw, runtime, surface
from .array import ndarray
from .counting import Counts, counted, total

__all__ = ["Counts", "counted", "installed", "is_installed", "machine", "module", "total"]

machine = runtime.machine


class _Namespace(types.ModuleType):
    """A module that makes its functions when they are first asked for and has no others than CuPy."""

    def __getattr__(self, name: str) -> Any:
        path = f"{self.__name__}.{name}".partition(".")[2]
        found = functions.find(path) if not name.startswith("_") else None
        if found is None and path in surface.names and "." not in path:
            found = getattr(np, path, None)  # types and constants
        if found is None:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}"
                + (" in the stand-in, though CuPy has it" if surface.known(path) else "")
            )
        setattr(self, name, found)
        return found


def _build() -> dict[str, types.ModuleType]:
    modules = {
        name: _Namespace(name)
        for name in (
            "cupy", "cupy.linalg", "cupy.fft", "cupy.lib", "cupy.lib.stride_tricks", "cupy.cuda", "cupy.cuda.runtime",
            "cupy.cuda.memory", "cupy.cuda.cublas", "cupy.cuda.nvrtc", "cupyx",
        )
    }  # fmt: skip
    for name, module in modules.items():
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(modules[parent], last, module)
    cupy, cuda = modules["cupy"], modules["cupy.cuda"]
    cupy.__path__ = []  # type: ignore[attr-defined]
    cupy.__version__ = "14.2.0"  # type: ignore[attr-defined]
    cupy.ndarray, cupy.RawModule, cupy.RawKernel = ndarray, raw.RawModule, raw.RawKernel  # type: ignore[attr-defined]
    cupy.get_default_memory_pool = lambda: runtime.pool  # type: ignore[attr-defined]
    for name in (
        "Device",
        "Stream",
        "Event",
        "MemoryPool",
        "MemoryHook",
        "get_current_stream",
        "get_elapsed_time",
        "get_allocator",
        "set_allocator",
    ):
        setattr(cuda, name, getattr(runtime, name))
    cuda.is_available = lambda: runtime.getDeviceCount() > 0  # type: ignore[attr-defined]
    cuda.get_cublas_handle = cublas.get_cublas_handle  # type: ignore[attr-defined]
    for name in ("gemmStridedBatchedEx", "CUBLASError"):
        setattr(modules["cupy.cuda.cublas"], name, getattr(cublas, name))
    modules["cupy.cuda.nvrtc"].getVersion = runtime.nvrtc_version  # type: ignore[attr-defined]
    cuda.get_device_id = runtime.getDevice  # type: ignore[attr-defined]
    modules["cupy.cuda.memory"].OutOfMemoryError = runtime.OutOfMemoryError  # type: ignore[attr-defined]
    for name in (
        "getDeviceCount", "getDevice", "setDevice", "deviceSynchronize", "getDeviceProperties", "memGetInfo",
        "runtimeGetVersion", "CUDARuntimeError",
    ):  # fmt: skip
        setattr(modules["cupy.cuda.runtime"], name, getattr(runtime, name))
    return modules


_modules: dict[str, types.ModuleType] = {}


def module() -> types.ModuleType:
    """The module that takes CuPy's place."""
    if not _modules:
        _modules.update(_build())
    return _modules["cupy"]


def is_installed() -> bool:
    """Whether ``import cupy`` gives the stand-in now."""
    return "cupy" in _modules and sys.modules.get("cupy") is _modules["cupy"]


@contextmanager
def installed() -> Iterator[types.ModuleType]:
    """Inside the ``with`` block ``import cupy`` gives the stand-in, and minitorch finds it."""
    array_module = importlib.import_module("minitorch.backend.array_module")  # hidden by the function of that name
    from minitorch.backend.primitives import forget_replacements
    from minitorch.core import calls
    from minitorch.cuda import memory

    stand_in = module()
    if raw.compiler() is None and machine["runs_kernels"]:  # kernels can only be run where they can be compiled
        os.environ.setdefault("MINITORCH_CUDA_KERNELS", "0")
    hidden = {name: sys.modules[name] for name in _modules if name in sys.modules}
    before = array_module._cupy, array_module._several_gpus, calls.quietly
    sys.modules.update(_modules)
    array_module._cupy, array_module._several_gpus = None, False
    forget_replacements()
    try:
        yield stand_in
    finally:
        runtime.set_allocator()
        runtime.hooks.clear()
        memory._hook.clear()
        runtime._thread.device = array_module._chosen.index = 0
        for name in _modules:
            del sys.modules[name]
        sys.modules.update(hidden)
        array_module._cupy, array_module._several_gpus, calls.quietly = before
        forget_replacements()
