"""Which of PyTorch's public names there are: ``minitorch.coverage()``, and a page of it.

``python -m minitorch.covered --write docs/coverage.md`` writes the page; PyTorch has to be installed.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from minitorch.core.tensor import Tensor
from minitorch.missing import reason_for
from minitorch.utils.optional import require

#: modules of PyTorch, and a class, whose names are compared
PLACES = (
    "torch",
    "torch.Tensor",
    "torch.amp",
    "torch.autograd",
    "torch.autograd.functional",
    "torch.cuda",
    "torch.distributions",
    "torch.func",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.init",
    "torch.nn.utils",
    "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize",
    "torch.nn.utils.rnn",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.random",
    "torch.special",
    "torch.utils.checkpoint",
    "torch.utils.data",
)


class Place(NamedTuple):
    """The public names of one module of PyTorch."""

    #: those that minitorch has
    present: list[str]
    #: those left out, with the reason
    left_out: dict[str, str]
    #: the rest
    missing: list[str]

    @property
    def share(self) -> float:
        """How many of the names are there, of those that are not left out; 1 is all."""
        wanted = len(self.present) + len(self.missing)
        return len(self.present) / wanted if wanted else 1.0


def coverage() -> dict[str, Place]:
    """For each part of PyTorch, which of its public names minitorch has; compared with the PyTorch that is installed.

    Raises:
        ImportError: PyTorch is not installed.
    """
    torch = require("torch", extra="test", why="to compare names with it (pip install torch)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old names of PyTorch warn when they are looked at
        return {place: _compared(torch, place) for place in PLACES}


def _compared(torch: ModuleType, place: str) -> Place:
    theirs, ours = _find(place), _find(place.replace("torch", "minitorch", 1))
    result = Place([], {}, [])
    for name in _public(theirs):
        reason = reason_for(name)
        if place == "torch" and name.endswith("_") and hasattr(Tensor, name):
            reason = "what works in place is a method"
        if ours is not None and hasattr(ours, name):
            result.present.append(name)
        elif reason is not None:
            result.left_out[name] = reason
        else:
            result.missing.append(name)
    return result


def _find(path: str) -> Any:
    try:
        return import_module(path)
    except ImportError:
        module, _, name = path.rpartition(".")
        return getattr(import_module(module), name, None)


def _public(place: Any) -> list[str]:
    """The names that a module of PyTorch shows; without ``__all__`` those that it does not have from elsewhere."""
    listed = getattr(place, "__all__", None)
    if listed is None:
        listed = [name for name in dir(place) if isinstance(place, type) or _is_own(getattr(place, name, None))]
    return sorted(name for name in set(listed) if name[0] != "_" and not _is_internal(getattr(place, name, None)))


def _is_own(value: Any) -> bool:
    return callable(value) and (getattr(value, "__module__", None) or "torch").startswith("torch")


def _is_internal(value: Any) -> bool:
    """Modules are compared themselves, and classes written in C++ are the compiler's."""
    return isinstance(value, ModuleType) or type(value).__name__ == "pybind11_type"


def page() -> str:
    """The table and the lists as Markdown."""
    places = coverage()
    version = import_module("torch").__version__.partition("+")[0]
    lines = [
        "# What there is of PyTorch",
        "",
        f"Public names, compared with PyTorch {version}. Written by `python -m minitorch.covered --write <file>`.",
        "",
        "| Part | There | Left out, with a reason | Missing |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, place in places.items():
        lines.append(f"| `{name}` | {len(place.present)} | {len(place.left_out)} | {len(place.missing)} |")
    reasons: dict[str, set[str]] = {}
    for place in places.values():
        for name, reason in place.left_out.items():
            reasons.setdefault(reason, set()).add(name)
    lines += ["", "## Left out", ""]
    lines += [
        f"- {reason[0].upper()}{reason[1:]}: {_quoted(sorted(names))}" for reason, names in sorted(reasons.items())
    ]
    lines += ["", "## Missing", ""]
    lines += [f"- `{name}`: {_quoted(place.missing)}" for name, place in places.items() if place.missing]
    return "\n".join([*lines, ""])


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m minitorch.covered", description="Which of PyTorch's names there are."
    )
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the page there instead of showing it")
    options = parser.parse_args(arguments)
    if options.write is None:
        sys.stdout.write(page())
    else:
        options.write.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
