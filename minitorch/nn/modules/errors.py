"""Where in a network an error happened: the path of the layer goes in front of the message."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

#: the classes that the library raises for bad input; subclasses have messages of their own making
PLACED = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)
_OWN = tuple(os.path.dirname(path) + os.sep for path in (os.path.dirname(os.path.dirname(__file__)), np.__file__))


def place(error: Exception, module: Any) -> None:
    """Notes that ``error`` passed through ``module`` on its way out and renews the path in its message.

    Each level prepends the name that it knows the level below by; the outermost adds its class:
    ``Net.features.0: Conv2d ...``.  Errors that the user's own code raised, and those whose arguments are not one
    string, stay as they are.
    """
    if type(error) not in PLACED:
        return
    passed = error.__dict__.get("_passed")
    if passed is None:
        if len(error.args) == 1 and type(error.args[0]) is str and _raised_by_library(error):
            error._passed = (module, "", error.args[0])  # type: ignore[attr-defined]
        return
    below, path, message = passed
    if below is not module:
        name = next((name for name, child in module.named_modules() if child is below), type(below).__name__)
        path = f"{name}.{path}" if path else name
        error._passed = (module, path, message)  # type: ignore[attr-defined]
    error.args = (f"{type(module).__name__}.{path}: {message}" if path else message,)


def _raised_by_library(error: Exception) -> bool:
    """Whether the innermost Python code at work was minitorch's (or NumPy's on its behalf)."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename.startswith(_OWN)
