"""All that is compared, by name, and what was recorded of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conformance.known import known

RECORDED = Path(__file__).with_name("recorded.json")


def recorded() -> dict[str, list[str]]:
    """Every name that is compared, with the checks that failed when the table was written."""
    return json.loads(RECORDED.read_text())


def runners() -> dict[str, Callable]:
    """For each name a function of the greatest number of samples; gives a ``Report``."""
    import functools

    from tests.conformance import modules, operations, optimizers

    found: dict[str, Callable] = {}
    for name, info in operations.operations().items():
        found[name] = functools.partial(operations.run, info)
    for name, info in modules.modules().items():
        found[name] = functools.partial(modules.run, name, info)
    for name, info in optimizers.optimizers().items():
        found[f"optim.{name}"] = functools.partial(optimizers.run, info)
    return found


def regressions(name: str, failures: dict[str, str], allowed: list[str]) -> dict[str, str]:
    """The failures that are neither meant nor recorded."""
    return {check: what for check, what in failures.items() if check not in allowed and known(name, check) is None}
