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

F = TypeVar("F", bound=Callable[..., Any])

# Where the replacements for each library's arrays live: a module with `find(name) -> function or None`, and perhaps
# `unusable(error) -> bool`, which tells an error of a replacement from one of who called it.  It is imported when a
# primitive first meets such an array, never by `import minitorch`.
_SOURCES = {"numpy": "minitorch.backend.cpu", "cupy": "minitorch.backend.cuda"}
# Of each primitive, by the type of arrays.
_found: dict[str, dict[type, Callable[..., Any] | None]] = {}


def _kind(array: Any) -> type:
    return type(array[0] if type(array) is list else array)


def _source(kind: type) -> Any:
    source = _SOURCES.get(kind.__module__.partition(".")[0])
    return None if source is None else importlib.import_module(source)


def _find(kind: type, name: str) -> Callable[..., Any] | None:
    source = _source(kind)
    replacement = None if source is None else source.find(name)
    _found[name][kind] = replacement
    return replacement


def _replacement(array: Any, name: str) -> Callable[..., Any] | None:
    kind, known = _kind(array), _found[name]
    return known[kind] if kind in known else _find(kind, name)


def _given_up(array: Any, error: Exception) -> bool:
    """Whether ``error`` says that there are no replacements after all; nobody gets one from then on."""
    unusable = getattr(_source(_kind(array)), "unusable", None)
    if unusable is None or not unusable(error):
        return False
    forget_replacements()
    return True


def forget_replacements() -> None:
    """Look for replacements anew at the next call of each primitive, for when a switch has changed."""
    for found in _found.values():
        found.clear()


def primitive(function: F) -> F:
    """Let backends replace ``function``; its first argument, an array or a list of them, tells of which library.

    The portable body stays reachable as ``function.portable``: that is what replacements are tested against.
    """
    name = function.__name__
    found = _found.setdefault(name, {})

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            replacement = found[type(args[0])]
        except KeyError:
            replacement = _replacement(args[0], name)
        if replacement is not None:
            try:
                result = replacement(*args, **kwargs)
            except Exception as error:
                if not _given_up(args[0], error):
                    raise
            else:
                if result is not NotImplemented:
                    return result
        return function(*args, **kwargs)

    call.portable = function  # type: ignore[attr-defined]
    return call  # type: ignore[return-value]
