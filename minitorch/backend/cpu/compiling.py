"""How kernels are compiled: released from the interpreter lock, kept on disk, and with a word to whoever waits."""

# mypy: ignore-errors

from __future__ import annotations

import contextlib
import functools
import os
import sys

import numba
from numba.core.compiler_lock import global_compiler_lock

_told = False


class Entry:
    """A compiled function that says so, once, on stderr before the process compiles its first kernel anew.

    The dtype of the first array tells which of its versions is asked for: of argument number ``star`` where the
    function takes any number of arguments from there on.
    """

    __slots__ = ("dispatcher", "star", "warm")

    def __init__(self, dispatcher, star: int = 0) -> None:
        self.dispatcher, self.star, self.warm = dispatcher, star, set()

    @property
    def name(self) -> str:
        return self.dispatcher.__name__

    def __call__(self, *args):
        key = args[self.star].dtype
        if key in self.warm:
            return self.dispatcher(*args)
        _say_if_cold(self.dispatcher, (*args[: self.star], args[self.star :]) if self.star else args)
        result = self.dispatcher(*args)
        self.warm.add(key)
        return result


def _say_if_cold(dispatcher, args) -> None:
    global _told
    if _told:
        return
    cache = dispatcher._cache
    signature = tuple(dispatcher.typeof_pyval(a) for a in args)
    known = getattr(cache, "load_overload", None)
    with global_compiler_lock:  # several threads may come here at once
        if _told or (known is not None and cache.load_overload(signature, dispatcher.targetctx) is not None):
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

    Sums keep their order and NaN its meaning, unless ``reorder`` lets sums become sums of several parts.  No other
    licence of fast-math is ever given.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz"} if reorder else False}
    try:
        dispatcher = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep it
        return numba.njit(**options)(function)
    # Numba looks at the file that a kernel is in; kernels are made of functions of several.
    dispatcher._cache._cache_file._source_stamp = _sources()
    save = dispatcher._cache.save_overload

    def save_if_there_is_room(*args):
        with contextlib.suppress(OSError):  # the disk is full, say: the next process compiles anew
            save(*args)

    dispatcher._cache.save_overload = save_if_there_is_room
    return dispatcher


def written_in(function):
    """A part of kernels that stands in their code as if it were written there: it takes less time to compile than one
    that is called and then inlined."""
    return numba.njit(inline="always")(function)
