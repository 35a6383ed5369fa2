"""What the harness must know of each library: how to import it, limit its threads and wait for its device."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable
from types import ModuleType

# Library -> the distribution that names its version.
LIBRARIES = {"minitorch": "minitorch-nd", "torch": "torch", "chainer": "chainer", "pydynet": "pydynet"}
TITLES = {"minitorch": "minitorch", "torch": "PyTorch", "chainer": "Chainer", "pydynet": "PyDyNet"}

# PyTorch's API is shared by these two: one workload serves both.
TORCH_LIKE = ("minitorch", "torch")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def load(library: str) -> ModuleType:
    """Import ``library`` with the submodules that the workloads use."""
    module = importlib.import_module(library)
    if library in TORCH_LIKE:
        importlib.import_module(library + ".nn.functional")
        importlib.import_module(library + ".optim")
    return module


def version(library: str, module: ModuleType) -> str:
    """The library's own word on its version, or its metadata's."""
    own = getattr(module, "__version__", None)
    return str(own) if own else importlib.metadata.version(LIBRARIES[library])


def limit_threads(library: str, module: ModuleType, threads: int) -> None:
    """Tell a library that does not read the environment (``THREAD_VARIABLES``) how many threads it may use."""
    if library == "torch":
        module.set_num_threads(threads)


def synchronizer(library: str, module: ModuleType, device: str) -> Callable[[], None]:
    """A function that returns when the device has nothing left to do."""
    if device.startswith("cuda"):
        if library in TORCH_LIKE:
            return module.cuda.synchronize
        cupy = importlib.import_module("cupy")
        return cupy.cuda.Device().synchronize
    return lambda: None
