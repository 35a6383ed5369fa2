"""Modules in lists and dicts, and the list that is itself a network."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from minitorch.nn.modules.module import Module, bracketed, indented

T = TypeVar("T", bound="_Numbered")


class _Numbered(Module):
    """Children by number: what ``Sequential`` and ``ModuleList`` have in common."""

    def _name(self, index: Any) -> str:
        """The name of the child at ``index``, counted from the end if negative.

        Raises:
            IndexError: there is none.
        """
        index, count = operator.index(index), len(self)
        if not -count <= index < count:
            raise IndexError(f"index {index} is out of range")
        return self._names()[index]

    def _names(self) -> list[str]:
        return list(self._modules)

    def _renew(self, modules: Iterable[Module | None]) -> None:
        """Numbers the children anew."""
        listed = list(modules)
        self._modules.clear()
        for index, module in enumerate(listed):
            self._modules[str(index)] = module

    def _some(self, index: slice) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __getitem__(self, index: Any) -> Any:
        return self._some(index) if isinstance(index, slice) else self._modules[self._name(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = self._names()[index] if isinstance(index, slice) else [self._name(index)]
        for name in names:
            del self._modules[name]
        self._renew(self._modules.values())

    def append(self: T, module: Module) -> T:
        """Adds a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self: T, index: int, module: Module) -> T:
        """Puts a module before the one at ``index``.

        Raises:
            TypeError: it is no module.
            IndexError: the index lies beyond the end.
        """
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}.insert: module should be of type: {Module}, got {type(module)}")
        if not -len(self) <= operator.index(index) <= len(self):
            raise IndexError(f"Index out of range: {index}")
        listed = list(self._modules.values())
        listed.insert(index, module)
        self._renew(listed)
        return self

    def extend(self: T, modules: Iterable[Module]) -> T:
        """Adds modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: Any) -> Any:
        """Takes the module at ``key`` out and returns it."""
        module = self[key]
        del self[key]
        return module


class Sequential(_Numbered):
    """Modules one after the other: each gets what the one before returns.

    Args:
        *args: the modules, or one ``OrderedDict`` of them by name.

    >>> import minitorch as torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> net(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    >>> net[1]
    ReLU()
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named = args[0].items()
        else:
            named = [(str(index), module) for index, module in enumerate(args)]  # type: ignore[assignment]
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def _some(self: Any, index: slice) -> Any:
        return type(self)(OrderedDict(list(self._modules.items())[index]))

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        return Sequential(*list(self) * _times(other))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Sequential:
        for module in list(self) * (_times(other) - 1):
            self.append(module)
        return self


def _times(count: Any) -> int:
    if not isinstance(count, int):
        raise TypeError(f"unsupported operand type(s) for *: {Sequential} and {type(count)}")
    if count <= 0:
        raise ValueError(f"Non-positive multiplication factor {count} for {Sequential}")
    return count


class ModuleList(_Numbered):
    """A list whose modules are parts of the module that has it.

    >>> import minitorch as torch
    >>> torch.nn.ModuleList(torch.nn.Linear(2, 2) for _ in range(3))
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _some(self: Any, index: slice) -> Any:
        return type(self)(list(self._modules.values())[index])

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __contains__(self, module: Any) -> bool:
        return any(module is own for own in self)

    def __repr__(self) -> str:
        texts: list[tuple[int, int, str]] = []  # first, last, what all between look like
        for index, text in enumerate(map(repr, self)):
            if texts and texts[-1][2] == text:
                texts[-1] = (texts[-1][0], index, text)
            else:
                texts.append((index, index, text))
        lines = [
            f"({first}): {indented(text)}"
            if first == last
            else f"({first}-{last}): {last - first + 1} x {indented(text)}"
            for first, last, text in texts
        ]
        return bracketed(self._get_name(), "", lines)


class ModuleDict(Module):
    """A dict whose modules are parts of the module that has it.

    >>> import minitorch as torch
    >>> heads = torch.nn.ModuleDict({"a": torch.nn.Linear(2, 3)})
    >>> heads["a"].out_features
    3
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: Any) -> bool:
        return key in self._modules

    def clear(self) -> None:
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Takes a module out and returns it."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        return self._modules.keys()

    def items(self) -> Any:
        return self._modules.items()

    def values(self) -> Any:
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds the modules of a dict or of pairs; those there under the same names are replaced."""
        for key, module in key_value_pairs(modules, "ModuleDict"):
            self[key] = module


def key_value_pairs(values: Any, name: str) -> list[tuple[Any, Any]]:
    """The items of a dict (or of a module that is one), or the pairs of an iterable.

    Raises:
        TypeError: neither.
        ValueError: an element has not two parts.
    """
    if isinstance(values, (Mapping, Module)) and hasattr(values, "items"):
        return list(values.items())
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got {type(values).__name__}"
        )
    pairs = []
    for index, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{name} update sequence element #{index} should be Iterable; is {type(pair).__name__}")
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(f"{name} update sequence element #{index} has length {len(pair)}; 2 is required")
        pairs.append(pair)
    return pairs
