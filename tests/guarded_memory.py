"""A pytest plugin: every NumPy array, and every array inside a kernel, lies against memory that must not be touched.

``python -m pytest -p guarded_memory`` with ``tests`` in ``PYTHONPATH``.  ``MINITORCH_GUARD`` in the environment says
how:

``end``, ``start``
    the array ends (begins) where a page begins (ends) that the system lets nobody read or write, so that one element
    too far is a segmentation fault.  A second such page is on the other side.
``canary``
    for systems without ``mprotect``: bytes on both sides that read as NaN, and that must be the same when the array
    goes.

NumPy takes an allocator for the data of its arrays (NEP 49), and kernels take theirs from a symbol that is looked up
when they are loaded.  ``MINITORCH_GUARD_STATUS`` names a file that has the primitive and the test under way, for
whoever reads it after a fault, and ``MINITORCH_GUARD_REPORT`` one for the primitives whose replacement has computed.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import json
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODES = ("end", "start", "canary")
MODE = os.environ.get("MINITORCH_GUARD", "canary")
PAGE = mmap.PAGESIZE
ROOM = 64  # bytes of a canary, and of what stands before it
NAN_BYTE = 0xFF  # four or eight of them are a NaN

_damaged = ctypes.c_uint64(0)
_pattern = ctypes.create_string_buffer(bytes([NAN_BYTE]) * ROOM, ROOM)
_kept: list[Any] = []  # what NumPy and Numba hold pointers to


def protectable() -> bool:
    """Whether pages can be protected here."""
    return os.name == "posix"


def _allocators() -> tuple[Any, ...]:
    """Compiled ``malloc``, ``calloc``, ``realloc`` and ``free`` for NumPy, and an allocator for kernels.

    Compiled, because arrays are freed while an exception is on its way, where Python code must not run.
    """
    import numba
    from llvmlite import ir
    from numba.core import types
    from numba.core.runtime import _nrt_python
    from numba.extending import intrinsic

    word = types.uint64

    @intrinsic
    def load(typing, address):
        def generate(context, builder, signature, args):
            return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

        return word(word), generate

    @intrinsic
    def store(typing, address, value):
        def generate(context, builder, signature, args):
            builder.store(args[1], builder.inttoptr(args[0], ir.IntType(64).as_pointer()))
            return context.get_dummy_value()

        return types.void(word, word), generate

    c = ctypes.CDLL(None) if os.name == "posix" else ctypes.cdll.msvcrt

    def of_c(name: str, result: Any, *arguments: Any) -> Any:
        return ctypes.CFUNCTYPE(result, *arguments)(ctypes.cast(getattr(c, name), ctypes.c_void_p).value)

    size_t, integer = ctypes.c_uint64, ctypes.c_int32
    memcpy, memset = of_c("memcpy", size_t, size_t, size_t, size_t), of_c("memset", size_t, size_t, integer, size_t)

    if MODE == "canary":
        system_malloc, system_free = of_c("malloc", size_t, size_t), of_c("free", None, size_t)
        memcmp = of_c("memcmp", integer, size_t, size_t, size_t)
        damaged, pattern = ctypes.addressof(_damaged), ctypes.addressof(_pattern)

        @numba.njit
        def take(size):
            base = word(system_malloc(word(size + 3 * ROOM)))
            if base == 0:
                return word(0)
            store(base, size)
            memset(word(base + ROOM), NAN_BYTE, word(ROOM))
            memset(word(base + 2 * ROOM), 0, size)
            memset(word(base + 2 * ROOM + size), NAN_BYTE, word(ROOM))
            return word(base + 2 * ROOM)

        @numba.njit
        def size_of(address):
            return load(word(address - 2 * ROOM))

        @numba.njit
        def give_back(address):
            before, after = word(address - ROOM), word(address + size_of(address))
            if memcmp(before, word(pattern), word(ROOM)) != 0 or memcmp(after, word(pattern), word(ROOM)) != 0:
                store(word(damaged), word(load(word(damaged)) + 1))
            system_free(word(address - 2 * ROOM))
    else:
        system_mmap = of_c("mmap", size_t, size_t, size_t, integer, integer, integer, ctypes.c_int64)
        mprotect, munmap = of_c("mprotect", integer, size_t, size_t, integer), of_c("munmap", integer, size_t, size_t)
        readable, private = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        at_end = MODE == "end"

        # Pages: a forbidden one, those of the data, a forbidden one.  The size stands before data that end with a page,
        # and in a page of its own, with a forbidden one behind it, where they begin with one.
        front = 8 if at_end else 0
        pages = 2 * PAGE if at_end else 3 * PAGE

        @numba.njit
        def room_for(size):
            return word((size + front + PAGE - 1) // PAGE * PAGE)

        @numba.njit
        def take(size):
            room = room_for(size)
            base = word(system_mmap(word(0), word(room + pages), 0, private, -1, 0))
            if base == word(0xFFFFFFFFFFFFFFFF):
                return word(0)
            data = word(base + pages - PAGE)
            if mprotect(data, room, readable) != 0:
                return word(0)
            if at_end:
                address = word(data + room - size)
                store(word(address - 8), size)
                return address
            if mprotect(base, word(PAGE), readable) != 0:
                return word(0)
            store(base, size)
            return data

        @numba.njit
        def size_of(address):
            return load(word(address - 8 if at_end else address - 2 * PAGE))

        @numba.njit
        def give_back(address):
            room = room_for(size_of(address))
            base = address + size_of(address) - room - PAGE if at_end else address - 2 * PAGE
            munmap(word(base), word(room + pages))

    @numba.cfunc(word(word, word))
    def malloc(context, size):
        return take(word(max(size, word(1))))

    @numba.cfunc(word(word, word, word))
    def calloc(context, count, size):
        return take(word(max(word(count * size), word(1))))  # zeros: fresh pages, and canaries see to it

    @numba.cfunc(types.void(word, word, word))
    def free(context, address, size):
        if address != 0:
            give_back(address)

    @numba.cfunc(word(word, word, word))
    def realloc(context, address, size):
        new = take(word(max(size, word(1))))
        if address != 0 and new != 0:
            memcpy(new, address, word(min(size, size_of(address))))
            give_back(address)
        return new

    # The third function of Numba's interface makes its handle of memory and of what frees it.
    get_api = ctypes.CFUNCTYPE(ctypes.c_void_p)(_nrt_python.c_helpers["get_api"])
    manage = ctypes.CFUNCTYPE(size_t, size_t, size_t)((ctypes.c_void_p * 3).from_address(get_api())[2])

    @numba.cfunc(types.void(word))
    def free_of_kernel(address):
        give_back(address)

    frees = free_of_kernel.address

    @numba.cfunc(word(word, types.uint32))
    def of_kernel(size, alignment):
        return word(manage(take(word(max(size, word(1)))), word(frees)))

    _kept.extend([malloc, calloc, realloc, free, free_of_kernel, of_kernel, manage])
    return malloc, calloc, realloc, free, of_kernel


class _Handler(ctypes.Structure):
    """``PyDataMem_Handler`` of NumPy's C interface."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        *[(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")],
    ]


_SET_HANDLER = 304  # the place of PyDataMem_SetHandler in the table of NumPy's C interface


def install() -> None:
    """Guard all arrays that are made from now on."""
    import llvmlite.binding
    from numba import njit

    njit(lambda: np.empty(1))()  # Numba enters its own allocator at the first use
    malloc, calloc, realloc, free, of_kernel = _allocators()
    handler = _Handler(b"guarded", 1, None, *[f.address for f in (malloc, calloc, realloc, free)])
    api = ctypes.pythonapi
    api.PyCapsule_New.restype, api.PyCapsule_New.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = ctypes.create_string_buffer(b"mem_handler")
    capsule = api.PyCapsule_New(ctypes.addressof(handler), ctypes.addressof(name), None)
    table = api.PyCapsule_GetPointer(np._core._multiarray_umath._ARRAY_API, None)
    set_handler = (ctypes.c_void_p * (_SET_HANDLER + 1)).from_address(table)[_SET_HANDLER]
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(set_handler)(capsule)
    for symbol in ("NRT_MemInfo_alloc_safe_aligned", "NRT_MemInfo_alloc_aligned"):
        llvmlite.binding.add_symbol(symbol, of_kernel.address)
    _kept.extend([handler, name, capsule])


# ---- pytest

_computed: set[str] = set()
_status: int | None = None


def _tell(line: int, text: str) -> None:
    """One of the two lines of the status file, each 400 bytes long: a fault leaves no time to write."""
    if _status is not None:
        os.pwrite(_status, text.encode()[:399].ljust(399) + b"\n", 400 * line)


def _watched(name: str, function: Any) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        _tell(0, name)
        result = function(*args, **kwargs)
        _tell(0, "")
        if result is not NotImplemented:
            _computed.add(name)
        return result

    return call


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    install()  # before the library is imported: its threads begin with what is set by then


def pytest_configure(config: pytest.Config) -> None:
    global _status
    from minitorch.backend import cpu

    if os.environ.get("MINITORCH_GUARD_STATUS") and hasattr(os, "pwrite"):
        _status = os.open(os.environ["MINITORCH_GUARD_STATUS"], os.O_CREAT | os.O_WRONLY)
        _tell(0, "")
    for name, module_name in cpu._REPLACEMENTS.items():
        module = importlib.import_module(module_name)
        setattr(module, name, _watched(name, getattr(module, name)))


def pytest_runtest_logstart(nodeid: str) -> None:
    _tell(1, nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    _damaged.value = 0
    try:
        return (yield)
    finally:
        if _damaged.value:
            pytest.fail(f"{_damaged.value} arrays have been written beyond their ends", pytrace=False)


def pytest_sessionfinish() -> None:
    if os.environ.get("MINITORCH_GUARD_REPORT"):
        Path(os.environ["MINITORCH_GUARD_REPORT"]).write_text(json.dumps(sorted(_computed)))
