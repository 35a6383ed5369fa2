"""The programs that are timed.

A workload is a function ``(torch, device) -> step``, where ``torch`` is minitorch or PyTorch: it builds what it needs
from fixed seeds and returns the call to be timed.  An early result of that call is compared between the libraries:
equal programs on equal numbers, or the time says nothing.  Libraries with another API have a twin (see ``twins``).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..libraries import LIBRARIES

Step = Callable[[], Any]
Build = Callable[[ModuleType, str], Step]

#: how a workload is measured -> the unit of what comes out
KINDS = {
    "call": "s",  # a call, timed again and again in a worker that stays alive
    "import": "s",  # the import, in a fresh process
    "first": "s",  # from the import to the end of the first call, in a fresh process
    "first-cold": "s",  # the same, with nothing that was compiled before
    "memory": "MiB",  # the highest resident size after a few calls, in a fresh process
    "memory-step": "MiB",  # what of it came after the library had loaded what a small step needs
}


@dataclass
class Workload:
    """A named program.

    ``headline`` rows go into README's table.  ``items`` is how many images or samples one call handles, where that is
    worth saying.  ``threads``, where it is not 0, is instead of what the run was started with.
    """

    name: str
    title: str
    build: Build | None
    kind: str = "call"
    headline: bool = False
    items: int = 0
    rtol: float = 1e-3
    threads: int = 0
    twins: dict[str, Build] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        return KINDS[self.kind]

    def serves(self, library: str) -> bool:
        if self.kind == "first-cold":
            return library == "minitorch"  # the others have nothing that Numba compiles
        return LIBRARIES[library].torch_like or library in self.twins or self.kind == "import"

    def build_for(self, library: str) -> Build:
        build = self.twins.get(library, self.build)
        assert build is not None, f"{self.name} has no program for {library}"
        return build


WORKLOADS: dict[str, Workload] = {}
#: groups that are run only when they are named
HIDDEN = ("selftest/", "peak/")


def add(name: str, title: str, build: Build | None, **options: Any) -> Workload:
    """Enter a workload into the table; names are ``group/program/variant``."""
    if name in WORKLOADS:
        raise ValueError(f"workload {name!r} is defined twice")
    WORKLOADS[name] = Workload(name, title, build, **options)
    return WORKLOADS[name]


def select(pattern: str | None) -> list[Workload]:
    """Workloads whose name begins with one of the comma-separated parts of ``pattern``, or matches it as a glob."""
    found = list(WORKLOADS.values())
    if not pattern:
        return [w for w in found if not w.name.startswith(HIDDEN)]
    parts = [part.strip() for part in pattern.split(",") if part.strip()]
    return [w for w in found if any(w.name.startswith(part) or fnmatch.fnmatch(w.name, part) for part in parts)]


# Each fills the table.
from . import engine, inference, operations, process, scaling, training, twins  # noqa: E402
