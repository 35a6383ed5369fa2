"""All that is compared, by name, and what was recorded of it."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conformance.known import known

RECORDED = Path(__file__).with_name("recorded.json")


def recorded() -> dict[str, list[str]]:
    """Every name that is compared, with the checks that failed when the table was written."""
    return json.loads(RECORDED.read_text())


@functools.cache
def runners() -> dict[str, Callable]:
    """For each name a function of the greatest number of samples; gives a ``Report``."""
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


def _run(task: tuple) -> Any:
    import torch

    torch.set_num_threads(1)
    name, count = task
    return runners()[name](count)


def run_all(names: list[str], count: int | None, processes: int) -> list:
    """The reports of all names, in their order."""
    tasks = [(name, count) for name in names]
    if processes == 1 or len(tasks) < 8:
        return [_run(task) for task in tasks]
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.map(_run, tasks, chunksize=4)
