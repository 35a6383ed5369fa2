"""How kernels are compiled: released from the interpreter lock, kept on disk, and with a word to whoever waits."""

# mypy: ignore-errors

from __future__ import annotations

import contextlib
import sys

import numba
from numba.core.compiler_lock import global_compiler_lock

_told = False


class _Kernel:
    """A compiled function that says so, once, on stderr before the process compiles its first kernel anew."""

    __slots__ = ("dispatcher", "warm")

    def __init__(self, dispatcher) -> None:
        self.dispatcher, self.warm = dispatcher, set()

    def __call__(self, *args):
        key = args[0].dtype
        if key in self.warm:
            return self.dispatcher(*args)
        _say_if_cold(self.dispatcher, args)
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
    save = dispatcher._cache.save_overload

    def save_if_there_is_room(*args):
        with contextlib.suppress(OSError):  # the disk is full, say: the next process compiles anew
            save(*args)

    dispatcher._cache.save_overload = save_if_there_is_room
    return dispatcher


def entry(function):
    """A :func:`kernel` that is called from Python."""
    return _Kernel(kernel(function))
