"""Packages that need not be there: imported when first used, missed with a message that names the remedy."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

DISTRIBUTION = "minitorch-nd"


def require(module: str, *, extra: str, why: str) -> ModuleType:
    """Imports ``module`` or says what it is needed for and how to get it.

    Args:
        module: what to import, dots allowed (``"PIL.Image"``).
        extra: the extra of this distribution that brings it.
        why: what it is needed for, as in "Pillow is needed *to decode images*".

    Raises:
        ImportError: it is not installed, or it is and its own import fails (then the cause is named).

    >>> from minitorch.utils.optional import require
    >>> require("json", extra="vision", why="to show how this works").dumps([1])
    '[1]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        remedy = f'pip install "{DISTRIBUTION}[{extra}]"'
        if isinstance(error, ModuleNotFoundError) and error.name == top:
            message = f"the package {top!r} is needed {why}, and it is not installed: {remedy}"
        else:
            message = f"the package {top!r} is needed {why}, and importing it failed ({error}); try: {remedy}"
        raise ImportError(message, name=module) from error


def available(module: str) -> bool:
    """Whether ``module`` is installed, found out without importing it (of a dotted name: its first part)."""
    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):  # a module in sys.modules that has no spec, or is blocked by None
        return False
