"""The programs that are timed.

A workload is a function ``(torch, device) -> step``, where ``torch`` is minitorch or PyTorch: it builds what it needs
from fixed seeds and returns the call to be timed.  An early result of that call is compared between the libraries:
equal programs on equal numbers, or the time says nothing.  Libraries with another API have a twin (see ``twins``).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from types import ModuleType
from typing import Any

Step = Callable[[], Any]
Build = Callable[[ModuleType, str], Step]


class Workload:
    """A named program.

    ``kind`` is how it is measured: ``"call"`` times a call in a worker that stays alive, ``"import"`` times the import
    in a fresh process, ``"memory"`` reads the peak memory of a few calls in a fresh process and ``"memory-step"`` what
    of it came after the bare import.  ``headline`` rows go into README's table.  ``items`` is how many images or
    samples one call handles, where that is worth saying.
    """

    def __init__(
        self, name: str, title: str, build: Build | None, kind: str, headline: bool, items: int = 0, rtol: float = 1e-3
    ):
        self.name = name
        self.title = title
        self.build = build
        self.kind = kind
        self.headline = headline
        self.items = items
        self.rtol = rtol
        self.twins: dict[str, Build] = {}

    @property
    def unit(self) -> str:
        return "MiB" if self.kind.startswith("memory") else "s"

    def serves(self, library: str) -> bool:
        return library in ("minitorch", "torch") or library in self.twins or self.kind == "import"

    def build_for(self, library: str) -> Build:
        build = self.twins.get(library, self.build)
        assert build is not None, f"{self.name} has no program for {library}"
        return build


WORKLOADS: dict[str, Workload] = {}


def add(
    name: str,
    title: str,
    build: Build | None,
    *,
    kind: str = "call",
    headline: bool = False,
    items: int = 0,
    rtol: float = 1e-3,
) -> Workload:
    """Enter a workload into the table; names are ``group/program/variant``."""
    if name in WORKLOADS:
        raise ValueError(f"workload {name!r} is defined twice")
    WORKLOADS[name] = Workload(name, title, build, kind, headline, items, rtol)
    return WORKLOADS[name]


def select(pattern: str | None) -> list[Workload]:
    """Workloads whose name begins with one of the comma-separated parts of ``pattern``, or matches it as a glob."""
    found = list(WORKLOADS.values())
    if not pattern:
        return [w for w in found if not w.name.startswith("selftest/")]
    parts = [part.strip() for part in pattern.split(",") if part.strip()]
    return [w for w in found if any(w.name.startswith(part) or fnmatch.fnmatch(w.name, part) for part in parts)]


from . import engine, inference, operations, process, training, twins  # noqa: E402  (each fills the table)
