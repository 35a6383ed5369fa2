"""Compiling kernels for an element type and starting them."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.backend.array_module import beside, cupy

_SOURCES = Path(__file__).with_name("source")
_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"$', re.MULTILINE)
#: element types of kernels, by the name that ``REAL`` stands for in their source
REALS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
#: threads of a block
BLOCK = 256
# What CuPy 13 makes of None is another address (its issue 9046).
_NULL = np.uint64(0)
LIMIT = 2**31 - 1024  # so that numbering threads in whole blocks stays inside an int


def options(real: str) -> tuple[str, ...]:
    """The compiler's options for one element type: the ones that the tests compile with too."""
    return ("-std=c++17", f"-DREAL={real}")


def code_of(file: str) -> str:
    """A source with what it includes in place: CuPy keeps compiled kernels by their text, which must be all of it."""
    text = (_SOURCES / file).read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda found: (_SOURCES / found[1]).read_text(encoding="utf-8"), text)


@functools.cache
def _module(library: Any, file: str, real: str) -> Any:
    return library.RawModule(code=code_of(file), options=options(real), backend="nvrtc")


@functools.cache
def _kernel(library: Any, file: str, name: str, real: str) -> Any:
    return _module(library, file, real).get_function(name)


def accepts(*arrays: Any) -> bool:
    """Whether kernels work with these arrays: all of one type that there are kernels for, none too large."""
    first = arrays[0].dtype
    return first in REALS and all(a.dtype == first and a.size < LIMIT for a in arrays)


def contiguous(array: Any) -> Any:
    """``array`` if it has no gaps, otherwise a copy."""
    return array if array.flags.c_contiguous else cupy().ascontiguousarray(array)


def _passed(value: Any, real: type) -> Any:
    if type(value) in (int, bool):
        return np.int32(value)
    if type(value) is float:
        return real(value)
    return _NULL if value is None else value


def launch(file: str, name: str, dtype: Any, grid: Any, block: int, *args: Any, beside_array: Any = None) -> None:
    """Starts a kernel of ``file``; Python ints are passed as C's ``int``, floats as the element type, ``None`` as null.

    ``grid``: the number of blocks (a tuple for more than one dimension).  The GPU is that of ``beside_array``,
    or of the first array among the arguments.

    Raises:
        TypeError: an argument is an array in host memory.
    """
    kernel = _kernel(cupy(), file, name, REALS[dtype])
    passed = tuple([_passed(a, dtype.type) for a in args])
    for position, a in enumerate(args):
        # CuPy would pass the elements themselves, as it does with structures, and the kernel take them for an address.
        if type(a) is np.ndarray and a.dtype.names is None:
            raise TypeError(
                f"{name}: argument {position} is a NumPy array, {a.dtype} of shape {a.shape}: kernels take arrays on a "
                "GPU. Move it there with Tensor.cuda() or .to()"
            )
    if beside_array is None:
        beside_array = next(a for a in args if hasattr(a, "__cuda_array_interface__"))
    with beside(beside_array):
        kernel(grid if type(grid) is tuple else (grid,), (block,), passed)


def launch_over(count: int, file: str, name: str, dtype: Any, *args: Any) -> None:
    """Starts a kernel with a thread for each of ``count`` elements; their number is its last argument."""
    if count:
        launch(file, name, dtype, -(-count // BLOCK), BLOCK, *args, count)
