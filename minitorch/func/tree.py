"""Nested tuples, lists and dicts of values: taking the values out, and putting others in their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """The values of a tree, in order.

    >>> leaves({"a": (1, [2]), "b": 3})
    [1, 2, 3]
    """
    if isinstance(tree, (tuple, list)):
        return [leaf for part in tree for leaf in leaves(part)]
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves(part)]
    return [tree]


def rebuilt(tree: Any, values: Any) -> Any:
    """A tree of the same structure with other values.

    >>> rebuilt({"a": (1, [2]), "b": 3}, "xyz")
    {'a': ('x', ['y']), 'b': 'z'}
    """
    rest = iter(values)
    return mapped(lambda _: next(rest), tree)


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """``function`` of each value, in the same structure."""
    if isinstance(tree, (tuple, list)):
        parts = [mapped(function, part) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return type(tree)((key, mapped(function, part)) for key, part in tree.items())
    return function(tree)


def spread(prefix: Any, tree: Any) -> list[Any] | None:
    """For each value of ``tree``, what ``prefix`` says: a tree of the same structure, or of its upper part.

    ``None`` if it is neither.

    >>> spread((0, None), ([1, 2], 3))
    [0, 0, None]
    """
    if isinstance(prefix, (tuple, list)):
        if not isinstance(tree, type(prefix)) or len(tree) != len(prefix):
            return None
        parts = [spread(a, b) for a, b in zip(prefix, tree)]
    elif isinstance(prefix, dict):
        if not isinstance(tree, dict) or list(tree) != list(prefix):
            return None
        parts = [spread(prefix[key], part) for key, part in tree.items()]
    else:
        return [prefix] * len(leaves(tree))
    return None if any(part is None for part in parts) else [one for part in parts for one in part or ()]
