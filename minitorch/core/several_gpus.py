"""Ops where there are several GPUs: CuPy works on its current one only, so each op goes to the one of its arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitorch.backend.array_module import cupy, go_to
from minitorch.backend.quiet import quietly
from minitorch.core import calls
from minitorch.core.out_of_memory import explain_full_memory
from minitorch.core.refusals import same_device


class _OnGpus:
    """In the place of ``quietly()``: runs functions on the GPU that has their arrays."""

    @staticmethod
    def run(function: Callable, *args: Any) -> Any:
        kind, listed = cupy().ndarray, bool(args) and type(args[0]) is list
        arrays = [a for a in (args[0] if listed else args) if isinstance(a, kind)]
        if arrays:
            index = arrays[0].device.id
            if any(a.device.id != index for a in arrays):
                together = same_device(list(args[0] if listed else args), function.__name__.strip("_"))
                args = (together, *args[1:]) if listed else tuple(together)
                index = next(a for a in together if isinstance(a, kind)).device.id
            go_to(index)
        return quietly().run(function, *args)


def prepare(count: int) -> None:
    """Has ops look for the GPU of their arrays from now on, if there are several."""
    calls.quietly = _OnGpus if count > 1 else quietly  # type: ignore[assignment]
    explain_full_memory()
