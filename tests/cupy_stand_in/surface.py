"""Which names CuPy has and which arguments they take, as :mod:`.record` wrote them down."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class UfuncFacts(NamedTuple):
    nin: int
    nout: int
    scatter: str | None
    #: characters of the argument types and of the result types
    types: list[tuple[str, str]]


functions: dict[str, inspect.Signature] = {}
methods: dict[str, inspect.Signature] = {}
ufuncs: dict[str, UfuncFacts] = {}
names: set[str] = set()  # classes, values, and functions of which no signature is known
members: set[str] = set()


def _signature(text: str) -> inspect.Signature:
    space: dict[str, Any] = {"float64": np.float64, "nan": np.nan}
    exec(f"def f{text}: pass", space)
    return inspect.signature(space["f"])


def _read() -> None:
    for line in Path(__file__).with_name("names.txt").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "ufunc":
            name, nin, nout, scatter, types = rest.split()
            pairs = [(t.partition("->")[0], t.partition("->")[2]) for t in types.split(",")]
            ufuncs[name] = UfuncFacts(int(nin), int(nout), None if scatter == "-" else scatter, pairs)
        elif kind in ("function", "method"):
            name, _, parameters = rest.partition("(")
            try:
                (functions if kind == "function" else methods)[name] = _signature(f"({parameters}")
            except (SyntaxError, NameError):  # C types or constants, in something that arrays never need
                names.add(name)
        elif kind == "member":
            members.update(rest.split())
        else:
            names.update(rest.split())


_read()


def known(path: str) -> bool:
    """Whether CuPy has ``cupy.<path>``."""
    return path in functions or path in methods or path in ufuncs or path in names or path in members


def bind(path: str, args: tuple, kwargs: dict) -> dict[str, Any]:
    """The arguments by CuPy's own names.

    Raises:
        TypeError: CuPy does not take them so.
    """
    signature = functions.get(path) or methods[path]
    try:
        return dict(signature.bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise TypeError(f"cupy.{path}{signature}: {error}") from None
