"""How kernels are compiled: released from the interpreter lock, kept on disk, and with a word to whoever waits."""

# mypy: ignore-errors

from __future__ import annotations

import contextlib
import functools
import os
import sys

import numba
from numba.core import cgutils, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import compile_internal
from numba.core.compiler_lock import global_compiler_lock
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic

_told = False


def _say_once() -> None:
    global _told
    with global_compiler_lock:  # several threads may come here at once
        if _told:
            return
        _told = True
    print("minitorch: compiling kernels for this machine, once (a few seconds) ...", file=sys.stderr, flush=True)


@functools.lru_cache(maxsize=1)
def _sources():
    """What changes when one of the files here does."""
    files = [entry.stat() for entry in os.scandir(os.path.dirname(__file__)) if entry.name.endswith(".py")]
    return max(f.st_mtime for f in files), sum(f.st_size for f in files)


def kernel(function, *, reorder=False):
    """Compile ``function`` without the interpreter lock; kept on disk where Numba finds a directory it may write to.

    The first kernel that a process compiles anew is announced on stderr.

    Sums keep their order and NaN its meaning, unless ``reorder`` lets sums become sums of several parts.  No other
    licence of fast-math is ever given.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"} if reorder else False}
    try:
        dispatcher = numba.njit(cache=True, **options)(function)
        # Numba looks at the file that a kernel is in; kernels are made of functions of several.
        dispatcher._cache._cache_file._source_stamp = _sources()
    except RuntimeError:  # nowhere to keep it
        dispatcher = numba.njit(**options)(function)
    # Numba asks its cache before it compiles anything: a call of what is compiled comes past no function of ours.
    cache = dispatcher._cache
    load, save = cache.load_overload, cache.save_overload

    def load_or_say(*args):
        known = load(*args)
        if known is None:
            _say_once()
        return known

    def save_if_there_is_room(*args):
        with contextlib.suppress(OSError):  # the disk is full, say: the next process compiles anew
            save(*args)

    cache.load_overload, cache.save_overload = load_or_say, save_if_there_is_room
    return dispatcher


class _Part(JITCodeLibrary):
    """Code to be linked into a kernel: by itself it is neither optimised nor loaded.

    (Where it is loaded, a call that is not inlined may go to it instead of what has been optimised with the kernel.)
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


def compiled_into(context, function, signature):
    """Compile ``function`` for the code that is being compiled, with the same flags, and optimised with it alone.

    Its library has to be linked to that of the caller.  A kernel that is called by another one is optimised twice, and
    has an entry made for calls from Python.
    """
    flags = ConfigStack().top().copy()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    library = _Part(context.codegen(), function.__name__)
    return compile_internal(
        context.typing_context, context, library, function, signature.args, signature.return_type, flags, locals={}
    )


def routine(function):
    """A part of kernels that returns nothing and is called by them alone: see :func:`compiled_into`."""

    known = {}

    @intrinsic
    def call(typing, *arguments):
        kinds = tuple(types.unliteral(kind) for kind in arguments)

        def generate(context, builder, signature, given):
            values = cgutils.unpack_tuple(builder, given[0], len(kinds))
            values = [context.cast(builder, v, a, b) for v, a, b in zip(values, signature.args[0], kinds)]
            inner = types.void(*kinds)
            compiled = known.get(inner)
            if compiled is None:
                compiled = known[inner] = compiled_into(context, function, inner)
            context.active_code_library.add_linking_library(compiled.library)
            context.call_internal(builder, compiled.fndesc, inner, values)
            return context.get_dummy_value()

        return types.void(types.StarArgTuple.from_types(arguments)), generate

    return call


def written_in(function):
    """A part of kernels that stands in their code as if it were written there: it takes less time to compile than one
    that is called and then inlined."""
    return numba.njit(inline="always")(function)
