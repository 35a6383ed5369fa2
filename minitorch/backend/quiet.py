"""Calls without NumPy's floating-point warnings, at a tenth of what ``with np.errstate`` costs.

An overflow or a division by zero gives infinity or NaN here, as everywhere in deep learning, and no warning.  NumPy
keeps what it does about them in a context variable, so a function that runs in a context where it is switched off is
quiet, in whatever thread, and nobody's own settings are touched.
"""

from __future__ import annotations

import contextvars

import numpy as np

_loud = contextvars.copy_context()
with np.errstate(all="ignore"):
    _quiet = contextvars.copy_context()
# What NumPy keeps it in, and the value that says nothing is to be done.
_doing, _nothing = next((var, value) for var, value in _quiet.items() if _loud.get(var) is not value)

#: ``quietly().run(function, *arguments)``.  Each call makes a context of its own (they share their contents), because
#: one and the same context can be entered only once at a time.
quietly = _quiet.copy


def hush() -> contextvars.Token:
    """Switches warnings off in this context until :func:`unhush`: around code of others, which sees the context."""
    return _doing.set(_nothing)


unhush = _doing.reset
