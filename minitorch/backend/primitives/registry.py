"""How a primitive finds a faster replacement of itself, and the rule that the portable version always remains.

A primitive is a function on arrays written in array calls that NumPy and CuPy share.  A backend may replace it for
the arrays of one library: :mod:`minitorch.backend.cpu` does so with Numba where that is installed.  A replacement that
does not accept its arguments returns ``NotImplemented``; then the portable body runs.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

# Where the replacements for each library's arrays live: a module with `find(name) -> function or None`.  It is imported
# when a primitive first meets such an array, never by `import minitorch`.
_SOURCES = {"numpy": "minitorch.backend.cpu", "cupy": "minitorch.backend.cuda"}
_found: dict[tuple[str, str], Callable[..., Any] | None] = {}


def _find(library: str, name: str) -> Callable[..., Any] | None:
    source = _SOURCES.get(library)
    replacement = importlib.import_module(source).find(name) if source is not None else None
    _found[library, name] = replacement
    return replacement


def forget_replacements() -> None:
    """Look for replacements anew at the next call of each primitive, for when a switch has changed."""
    _found.clear()


def primitive(function: F) -> F:
    """Let backends replace ``function``; its first argument tells which library's arrays it is called with.

    The portable body stays reachable as ``function.portable``: that is what replacements are tested against.
    """
    name = function.__name__

    @functools.wraps(function)
    def call(array: Any, *args: Any, **kwargs: Any) -> Any:
        library = "numpy" if type(array) is np.ndarray else type(array).__module__.partition(".")[0]
        try:
            replacement = _found[library, name]
        except KeyError:
            replacement = _find(library, name)
        if replacement is not None:
            result = replacement(array, *args, **kwargs)
            if result is not NotImplemented:
                return result
        return function(array, *args, **kwargs)

    call.portable = function  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]
