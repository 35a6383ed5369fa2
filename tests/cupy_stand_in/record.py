"""Writes down which names, arguments and types the installed CuPy has: ``cd tests; python -m cupy_stand_in.record``.

CuPy can be imported without a GPU, so any machine where it is installed can do this.  The stand-in knows no name and
takes no keyword that ``names.txt`` does not have, and a test compares the file with every CuPy that it finds.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("names.txt")
#: the version that names.txt was written with
VERSION = "14.2.0"
SPACES = ("", "linalg.", "fft.", "lib.stride_tricks.", "cuda.", "cuda.memory.", "cuda.runtime.", "cuda.nvrtc.")
CLASSES = (
    "ndarray",
    "cuda.Device",
    "cuda.Stream",
    "cuda.Event",
    "cuda.MemoryPool",
    "cuda.MemoryPointer",
    "cuda.Graph",
    "RawModule",
    "RawKernel",
)
#: of cuBLAS, what is called directly; it can be looked up only where the library itself is installed
CUBLAS = ("CUBLASError", "gemmStridedBatchedEx")
UNKNOWN = "(*args, **kwargs)"
DUNDERS = ("__array__", "__index__", "__contains__", "__imatmul__", "__dlpack__", "__dlpack_device__")


def _parameters(function: Any) -> str:
    """``(a, axis=None)``, from the signature or the first line of the docstring; ``(*args, **kwargs)`` if unknown."""
    try:
        parameters = inspect.signature(function).parameters.values()
        plain = [p.replace(annotation=p.empty) for p in parameters]
        text = str(inspect.Signature(plain))
    except (TypeError, ValueError):
        line = (function.__doc__ or "").partition("\n")[0]
        found = re.search(r"\((.*)\)", line)
        text = f"({found[1]})" if found else UNKNOWN
        # Cython's docstrings carry C types and always name self.
        text = re.sub(
            r"\b(?:int|str|tuple|list|bint|long long|size_t|Py_ssize_t|\w*ndarray\w*|intptr_t|bool) (?=\w)", "", text
        )
    return re.sub(r"<class '(?:numpy\.)?(\w+)'>", r"\1", text)


def _packed(kind: str, names: list[str]) -> list[str]:
    return textwrap.wrap(" ".join(names), 118, initial_indent=f"{kind} ", subsequent_indent=f"{kind} ")


def cublas_lines() -> list[str]:
    """One line for each name of cuBLAS; none where the library cannot be loaded."""
    from cupy import cuda

    try:
        library = cuda.cublas
    except ImportError:
        return []
    found = [(f"cuda.cublas.{name}", getattr(library, name)) for name in CUBLAS]
    return [f"class {path}" if inspect.isclass(x) else f"function {path}{_parameters(x)}" for path, x in found]


def lines() -> list[str]:
    """One line for each name with arguments, and names that need no more than naming side by side."""
    import cupy

    found = []
    plain: dict[str, list[str]] = {"class": [], "value": [], "call": [], "member": []}
    for space in SPACES:
        owner = cupy
        for part in space.split(".")[:-1]:
            owner = getattr(owner, part)
        for name in sorted(vars(owner)):
            value = getattr(owner, name)
            if name.startswith("_") or inspect.ismodule(value) or name == "annotations":
                continue
            if isinstance(value, cupy.ufunc):
                scatter = value._scatter_op or "-"
                found.append(f"ufunc {name} {value.nin} {value.nout} {scatter} {','.join(value.types)}")
            elif inspect.isclass(value):
                plain["class"].append(space + name)
            elif callable(value):
                parameters = _parameters(value)
                if parameters == UNKNOWN:
                    plain["call"].append(space + name)
                else:
                    found.append(f"function {space}{name}{parameters}")
            elif space == "":
                plain["value"].append(space + name)
    for path in CLASSES:
        kind = cupy
        for part in path.split("."):
            kind = getattr(kind, part)
        for name in sorted(dir(kind)):
            if (name.startswith("_") and name not in DUNDERS) or (name == "mdspan"):
                continue
            value = getattr(kind, name)
            parameters = _parameters(value) if callable(value) else UNKNOWN
            if parameters == UNKNOWN:
                plain["member"].append(f"{path}.{name}")
            else:
                found.append(f"method {path}.{name}{parameters}")
    return [*found, *(line for kind, names in plain.items() for line in _packed(kind, names))]


if __name__ == "__main__":
    recorded = [*lines(), *cublas_lines()]
    FILE.write_text("\n".join(recorded) + "\n", encoding="utf-8")
    print(f"{FILE}: {len(recorded)} lines", file=sys.stderr)
