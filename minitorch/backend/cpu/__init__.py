"""Numba replacements for primitives on NumPy arrays: the extra ``fast``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def find(name: str) -> Callable[..., Any] | None:
    """The compiled replacement of the primitive ``name``, ``None`` if there is none."""
    return None
