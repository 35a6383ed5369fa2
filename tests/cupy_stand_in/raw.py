"""``RawModule``: kernels in CUDA C, compiled as host C++ behind ``host_shim.h`` and run on the stand-in's memory.

CuPy checks nothing about a kernel's arguments: a Python float arrives as a double where the kernel reads a float, an
array of another type or with gaps is read as if it were what the kernel thinks.  Here that is an error.  Each array is
handed over as a copy between guards, so that a kernel which writes beside it is found out.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from . import runtime, traffic
from .array import ndarray

SHIM = Path(__file__).with_name("host_shim.h")
SCALARS = {
    "int": np.int32, "unsigned": np.uint32, "long long": np.int64, "float": np.float32, "double": np.float64,
    "unsigned char": np.uint8,
}  # fmt: skip
GUARD = 64  # bytes before and behind each array
_KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\(\w+\) )?(\w+)\(([^)]*)\)')


def compiler() -> str | None:
    """The C++ compiler, without which kernels cannot be run here."""
    return shutil.which("g++") or shutil.which("clang++")


def parameters(code: str, name: str) -> list[tuple[str, str]]:
    """(type, name) of each parameter of a kernel; pointers keep their star."""
    found = dict(_KERNEL.findall(code))[name]
    result = []
    for text in found.split(","):
        words = text.replace("const ", "").replace("__restrict__", "").replace("*", "* ").split()
        result.append((" ".join(words[:-1]).replace(" *", "*"), words[-1]))
    return result


def constants(code: str, name: str) -> set[str]:
    """The names of the parameters that the kernel only reads."""
    return {text.split()[-1].lstrip("*") for text in dict(_KERNEL.findall(code))[name].split(",") if "const " in text}


def host_source(code: str) -> str:
    """The source with a function ``run_NAME(grid, block, arguments)`` for each of its kernels."""
    waits = int("__syncthreads" in code or "__shfl" in code)
    parts = [f'#include "{SHIM}"', code]
    for name, _ in _KERNEL.findall(code):
        takes = parameters(code, name)
        values = ", ".join(
            f"({kind})a[{i}]" if kind.endswith("*") else f"*({kind}*)a[{i}]" for i, (kind, _) in enumerate(takes)
        )
        parts.append(
            f'extern "C" void run_{name}(const unsigned* grid, const unsigned* block, void** arguments) {{\n'
            f"    shim::run(grid, block, {waits}, [](void* given) {{ void** a = (void**)given; {name}({values}); }}, "
            "arguments);\n}"
        )
    return "\n".join(parts)


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="cupy_stand_in.")


@functools.cache
def library(code: str, options: tuple[str, ...]) -> ctypes.CDLL:
    """The compiled source, kept in the folder that ``CUPY_STAND_IN_CACHE`` names for other processes that need it.

    Raises:
        RuntimeError: it does not compile without warnings; the message is the compiler's.
    """
    source = host_source(code)
    folder = Path(os.environ.get("CUPY_STAND_IN_CACHE") or _scratch().name)
    everything = source + SHIM.read_text("utf-8") + str((compiler(), options))
    path = folder / hashlib.sha256(everything.encode()).hexdigest()
    if path.with_suffix(".so").exists():
        return ctypes.CDLL(f"{path}.so")
    own = f"{path}.{os.getpid()}"  # other processes may compile the same just now
    Path(f"{own}.cpp").write_text(source, encoding="utf-8")
    run = subprocess.run(
        [
            str(compiler()), *options, "-O1", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror",
            "-Wno-unknown-pragmas", "-o", f"{own}.so", f"{own}.cpp",
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    if run.returncode:
        raise RuntimeError(f"the kernels do not compile:\n{run.stderr}")
    os.replace(f"{own}.so", f"{path}.so")
    return ctypes.CDLL(f"{path}.so")


class RawModule:
    """The source of some kernels."""

    def __init__(self, code: str | None = None, *, options: tuple = (), backend: str = "nvrtc", **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"the stand-in knows no {', '.join(kwargs)}")
        self.code, self.options, self.backend = code or "", tuple(options), backend

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code, name, self.options)


class RawKernel:
    """One kernel of a module."""

    def __init__(self, code: str, name: str, options: tuple = (), backend: str = "nvrtc") -> None:
        self.code, self.name, self.options = code, name, tuple(options)
        self.real = next((o.partition("=")[2] for o in self.options if o.startswith("-DREAL=")), "float")
        self.takes = [(kind.replace("REAL", self.real), label) for kind, label in parameters(code, name)]
        self.constants = constants(code, name)

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0) -> None:
        if len(args) != len(self.takes):
            raise TypeError(f"{self.name}: {len(args)} arguments for {len(self.takes)} parameters")
        if not all(isinstance(n, int) and n > 0 for n in (*grid, *block)):
            raise ValueError(f"{self.name}: the grid {grid} of blocks {block} is none")
        args = tuple([self._unless_null(label, kind, a) for (kind, label), a in zip(self.takes, args)])
        traffic.note(self.name, self.takes, self.constants, self.real, args)
        if not runtime.machine["runs_kernels"]:
            return
        function = getattr(library(self.code, self.options), f"run_{self.name}")
        guarded: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        passed = [self._passed(label, kind, value, guarded) for (kind, label), value in zip(self.takes, args)]
        pointers = (ctypes.c_void_p * len(passed))(*[p if isinstance(p, int) else p.ctypes.data for p in passed])
        sizes = [(ctypes.c_uint * 3)(*(*shape, 1, 1)[:3]) for shape in (grid, block)]
        function(*sizes, pointers)
        for memory, copy in guarded.values():
            inside = copy[GUARD:-GUARD]
            if (copy[:GUARD] != 0xA5).any() or (copy[-GUARD:] != 0xA5).any():
                raise AssertionError(f"{self.name} wrote outside an array of {memory.dtype}{memory.shape}")
            here = memory.reshape(-1).view(np.uint8)
            if here.flags.writeable:
                here[...] = inside
            elif (here != inside).any():  # NumPy's broadcast views are read-only, CuPy's are not
                raise AssertionError(f"{self.name} wrote into an array that several elements share")

    def _unless_null(self, label: str, kind: str, value: Any) -> Any:
        """``None`` for a null pointer, which an unsigned 0 of eight bytes is."""
        if value is None:
            raise TypeError(
                f"{self.name}: argument '{label}' is None, for which CuPy 13 passes an address that is not null"
            )
        return None if kind.endswith("*") and type(value) is np.uint64 and value == 0 else value

    def _passed(self, label: str, kind: str, value: Any, guarded: dict) -> Any:
        """An address for a pointer, a NumPy array of one element for what is passed by value."""
        where = f"{self.name}: argument '{label}' ({kind})"
        if kind.endswith("*"):
            return self._pointer(where, kind[:-1].strip(), value, guarded)
        if kind in SCALARS:
            if type(value) is not SCALARS[kind]:
                raise TypeError(f"{where} must be {SCALARS[kind].__name__}, not {type(value).__name__}: {value!r}")
            return np.array(value)
        if not isinstance(value, np.ndarray) or value.size != 1 or value.dtype.fields is None:
            raise TypeError(f"{where} must be a NumPy array of one structure, not {type(value).__name__}")
        return value

    def _pointer(self, where: str, kind: str, value: Any, guarded: dict) -> int:
        if value is None:
            return 0
        if not isinstance(value, ndarray):
            raise TypeError(f"{where} must be a device array, not {type(value).__name__}")
        if value._device != runtime.current():
            raise ValueError(f"{where} is on GPU {value._device}, the kernel runs on {runtime.current()}")
        wanted = np.dtype(SCALARS[kind])
        if value.dtype != wanted and not (wanted == np.uint8 and value.dtype == bool):
            raise TypeError(f"{where} has elements of type {value.dtype}")
        if not value.flags.c_contiguous:
            raise ValueError(f"{where} is not contiguous: shape {value.shape}, strides {value.strides}")
        memory = value._host
        if memory.ctypes.data not in guarded or guarded[memory.ctypes.data][0].nbytes < memory.nbytes:
            copy = np.full(memory.nbytes + 2 * GUARD, 0xA5, np.uint8)
            copy[GUARD:-GUARD] = memory.reshape(-1).view(np.uint8)
            guarded[memory.ctypes.data] = memory, copy
        return guarded[memory.ctypes.data][1].ctypes.data + GUARD
