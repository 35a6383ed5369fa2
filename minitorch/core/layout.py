"""Layouts and memory formats: values that scripts pass and compare.  Tensors are strided, whatever the format."""

from __future__ import annotations

from typing import Any


class _Named:
    """One value of a kind; there is one object a name, so ``is`` and ``==`` agree."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return (_named, (self.name,))


class Layout(_Named):
    """How the elements of a tensor are kept.

    >>> import minitorch as torch
    >>> torch.ones(2).layout
    torch.strided
    """

    __slots__ = ()


class MemoryFormat(_Named):
    """In which order the dimensions of a tensor lie in memory.

    Functions that have a ``memory_format`` take these values; results lie in the order of their dimensions even so.
    """

    __slots__ = ()


strided = Layout("strided")
contiguous_format = MemoryFormat("contiguous_format")
preserve_format = MemoryFormat("preserve_format")
channels_last = MemoryFormat("channels_last")
channels_last_3d = MemoryFormat("channels_last_3d")

_ALL = {value.name: value for value in (strided, contiguous_format, preserve_format, channels_last, channels_last_3d)}


def _named(name: str) -> _Named:
    return _ALL[name]
