"""Detours: a function does something more while that is wanted, and costs nothing while it is not.

Mixed precision has to reach some hundred functions however they are called: as ``torch.matmul``, as ``a @ b``, or by a
name that a program imported long ago.  So the code of the function object itself is exchanged: what it did lives on in
a twin, and the function calls what was put around the twin.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

Around = Callable[[Callable], Callable]

#: what can be put around a function, from the inside to the outside: each has a bit
LAYERS = {"bfloat16": 1, "autocast": 2}

_TARGET = "the function to call"
_lock = threading.RLock()


class _Detour:
    """The twin of a function and what is around it at present."""

    def __init__(self, function: Any) -> None:
        self.own: CodeType = function.__code__
        self.twin = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.twin.__kwdefaults__, self.twin.__qualname__ = function.__kwdefaults__, function.__qualname__
        self.around: dict[int, Around] = {}
        #: the bits of the layers that are there
        self.present = 0
        #: by these bits: regions of autocast come and go with every step of training
        self._codes: dict[int, CodeType] = {0: self.own}
        if not hasattr(function, "__wrapped__"):
            function.__wrapped__ = self.twin  # for inspect.signature

    def code(self) -> CodeType:
        code = self._codes.get(self.present)
        if code is None:
            target: Callable = self.twin
            for bit in LAYERS.values():
                if self.present & bit:
                    target = self.around[bit](target)
            code = self._codes[self.present] = _calling(target, self.own)
        return code


_detours: dict[Any, _Detour] = {}


@functools.cache
def _pattern(free: tuple[str, ...]) -> CodeType:
    """Code that calls a constant.  It has free variables by these names, as many as the function has cells."""
    source = (
        f"def outer({', '.join(free)}):\n"
        "    def call(*args, **kwargs):\n"
        f"        target = {_TARGET!r}\n"
        "        return target(*args, **kwargs)\n"
        f"        {', '.join(free) or None}\n"
        "    return call"
    )
    space: dict[str, Any] = {}
    exec(source, space)
    return space["outer"](*free).__code__


def _calling(target: Callable, own: CodeType) -> CodeType:
    pattern = _pattern(own.co_freevars)
    consts: tuple = tuple([target if const == _TARGET else const for const in pattern.co_consts])
    return pattern.replace(
        co_consts=consts, co_name=own.co_name, co_filename=own.co_filename, co_firstlineno=own.co_firstlineno
    )


def put_around(layer: str, functions: Iterable[tuple[Any, Around]]) -> None:
    """Functions (not builtins, classes or methods) become what ``around(function)`` gives, until they are freed.

    One and the same ``around`` is put around a function each time.
    """
    bit = LAYERS[layer]
    with _lock:
        for function, around in functions:
            detour = _detours.get(function)
            if detour is None:
                detour = _detours[function] = _Detour(function)
            detour.around.setdefault(bit, around)
            detour.present |= bit
            function.__code__ = detour.code()


def free(layer: str, functions: Iterable[Any]) -> None:
    """Takes away what :func:`put_around` put there."""
    bit = LAYERS[layer]
    with _lock:
        for function in functions:
            detour = _detours[function]
            detour.present &= ~bit
            function.__code__ = detour.code()
