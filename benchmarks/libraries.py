"""What the harness must know of each library: how to import it, limit its threads and wait for its device."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple


class Library(NamedTuple):
    title: str
    module: str
    distribution: str  # the one that names its version
    torch_like: bool = False  # has PyTorch's API: the workloads as they are written serve it
    environment: dict[str, str] = {}
    reads_threads: bool = True  # from the environment (``THREAD_VARIABLES``), or is told by ``limit_threads``


LIBRARIES = {
    "minitorch": Library("minitorch", "minitorch", "minitorch-nd", torch_like=True),
    "torch": Library("PyTorch", "torch", "torch", torch_like=True),
    "minitorch-numpy": Library(
        "minitorch with NumPy alone", "minitorch", "minitorch-nd", torch_like=True, environment={"MINITORCH_NUMBA": "0"}
    ),
    "chainer": Library("Chainer", "chainer", "chainer"),
    "pydynet": Library("PyDyNet", "pydynet", "pydynet"),
    "jax": Library("JAX", "jax", "jax", environment={"JAX_PLATFORMS": "cpu"}, reads_threads=False),
    "tinygrad": Library("tinygrad", "tinygrad", "tinygrad", environment={"DEV": "CPU"}, reads_threads=False),
}

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def title(library: str) -> str:
    return LIBRARIES[library].title


def load(library: str, threads: int) -> ModuleType:
    """Import ``library`` with the submodules that the workloads use.

    One that cannot be told how many threads to use gets so many processors: it counts those.
    """
    about = LIBRARIES[library]
    if not about.reads_threads and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    module = importlib.import_module(about.module)
    if about.torch_like:
        importlib.import_module(about.module + ".nn.functional")
        importlib.import_module(about.module + ".optim")
    if library == "torch":
        module.set_num_threads(threads)
    return module


def version(library: str, module: ModuleType) -> str:
    """The library's own word on its version, or its metadata's."""
    own = getattr(module, "__version__", None)
    return str(own) if own else importlib.metadata.version(LIBRARIES[library].distribution)


class NoDevice(Exception):
    """The library cannot work on the device; the message says why."""


def synchronizer(library: str, module: ModuleType, device: str) -> Callable[[], None]:
    """A function that returns when the device has nothing left to do.

    Raises:
        NoDevice: there is no such device for this library.
    """
    if device.startswith("cuda"):
        if LIBRARIES[library].torch_like:
            if not module.cuda.is_available():
                why = getattr(module.cuda, "why_unavailable", lambda: "its own cuda.is_available() says no")
                raise NoDevice(f"{device} cannot be used: {why()}")
            return module.cuda.synchronize
        cupy = importlib.import_module("cupy")
        return cupy.cuda.Device().synchronize
    return lambda: None
