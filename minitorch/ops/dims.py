"""Dimension arguments: checked and made positive in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def wrap_dim(dim: Any, ndim: int, name: str = "dim") -> int:
    """``dim`` counted from the front.  A 0-d tensor counts as having one dimension, as in PyTorch.

    Raises:
        IndexError: out of range.
        TypeError: not an integer.
    """
    if not isinstance(dim, int) or isinstance(dim, bool):
        try:
            dim = dim.__index__()
        except (AttributeError, TypeError):
            raise TypeError(f"'{name}' must be int, not {type(dim).__name__}") from None
    span = ndim or 1
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim + span if dim < 0 else dim


def reduced_axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The axes that ``dim`` (``None``, an int or a sequence) names; none given means all.

    Raises:
        RuntimeError: a dimension appears twice.
    """
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, Sequence):
        if not dim:
            return tuple(range(ndim))
        axes = tuple(wrap_dim(d, ndim) for d in dim)
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"dim {list(dim)} appears multiple times in the list of dims")
    else:
        axes = (wrap_dim(dim, ndim),)
    return axes if ndim else ()


def shape_arguments(sizes: tuple) -> tuple[int, ...]:
    """Sizes given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size)``."""
    if len(sizes) == 1 and not isinstance(sizes[0], int) and isinstance(sizes[0], Sequence):
        sizes = tuple(sizes[0])
    try:
        return tuple(n.__index__() for n in sizes)
    except (AttributeError, TypeError):
        raise TypeError(f"sizes must be integers, got {sizes!r:.80}") from None
