"""The parent process: starts one worker per library and lets them take turns, A B A B ..."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import libraries
from .workloads import Workload

ROOT = Path(__file__).resolve().parent.parent
# A thread pool spins for a while after its last job; the next library's turn begins when it has gone to sleep.
PAUSE = 0.1


class Missing(Exception):
    """The library cannot be imported by its worker."""


class WorkerProcess:
    """One library in a process of its own."""

    def __init__(self, library: str, python: str, threads: int, device: str, seconds: float):
        self.library = library
        environment = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONWARNINGS="ignore")
        environment.update(dict.fromkeys(libraries.THREAD_VARIABLES, str(threads)))
        command = [python, "-m", "benchmarks.worker", "--library", library]
        command += ["--threads", str(threads), "--device", device, "--seconds", str(seconds)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            self.hello = self._read()
        except BaseException:
            self.close()
            raise
        if "missing" in self.hello:
            self.close()
            raise Missing(self.hello["missing"])

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.library} ended with exit code {self.process.wait()}")
        return json.loads(line)

    def turn(self, workload: Workload) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"workload": workload.name}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the worker: it stops by itself when nothing more can come."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Harness:
    """Runs workloads on ``subject`` and ``others``; libraries that are not installed are dropped with a notice."""

    def __init__(
        self,
        subject: str,
        others: Iterable[str],
        *,
        turns: int,
        threads: int,
        device: str,
        seconds: float,
        pythons: dict[str, str],
        log: Callable[[str], None],
    ):
        self.subject = subject
        self.turns = turns
        self.start: Callable[[str], WorkerProcess] = lambda library: WorkerProcess(
            library, pythons.get(library, sys.executable), threads, device, seconds
        )
        self.workers: dict[str, WorkerProcess] = {}
        for library in (subject, *(other for other in others if other != subject)):
            try:
                self.workers[library] = self.start(library)
            except Missing as reason:
                if library == subject:
                    raise
                log(f"{libraries.TITLES[library]} is left out: {reason}")

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self.workers.values():
            worker.close()

    @property
    def hellos(self) -> dict[str, dict[str, Any]]:
        return {library: worker.hello for library, worker in self.workers.items()}

    def _turn(self, library: str, workload: Workload) -> dict[str, Any]:
        time.sleep(PAUSE)
        if workload.kind == "call":
            return self.workers[library].turn(workload)
        fresh = self.start(library)
        try:
            return fresh.turn(workload)
        finally:
            fresh.close()

    def run(self, workload: Workload) -> dict[str, Any]:
        """All turns of one workload; a library that fails is reported and takes no further turns."""
        serving = [library for library in self.workers if workload.serves(library)]
        turns: dict[str, list[dict[str, Any]]] = {library: [] for library in serving}
        errors: dict[str, str] = {}
        for _ in range(self.turns):
            for library in serving:
                if library in errors:
                    continue
                reply = self._turn(library, workload)
                if "error" in reply:
                    errors[library] = reply["error"]
                    print(reply["traceback"], file=sys.stderr)
                else:
                    turns[library].append(reply)
        return summary(workload, self.subject, {k: v for k, v in turns.items() if k not in errors}, errors)


def summary(
    workload: Workload, subject: str, turns: dict[str, list[dict[str, Any]]], errors: dict[str, str]
) -> dict[str, Any]:
    """What the report needs: medians, the ratios other/subject of each turn, and whether the results agree."""
    result: dict[str, Any] = {
        "name": workload.name,
        "title": workload.title,
        "unit": workload.unit,
        "headline": workload.headline,
        "items": workload.items,
        "libraries": {},
        "ratios": {},
        "errors": errors,
        "disagree": [],
    }
    for library, replies in turns.items():
        values = [reply["value"] for reply in replies]
        result["libraries"][library] = {
            "median": statistics.median(values),
            "turns": values,
            "check": replies[0].get("check"),
        }
    if subject not in turns:
        return result
    ours = result["libraries"][subject]
    for library, theirs in result["libraries"].items():
        if library == subject:
            continue
        ratios = [b / a for a, b in zip(ours["turns"], theirs["turns"])]
        result["ratios"][library] = {
            "median": statistics.median(ratios),
            "min": min(ratios),
            "max": max(ratios),
            "turns": ratios,
        }
        if ours["check"] and not agree(ours["check"], theirs["check"], workload.rtol):
            result["disagree"].append(library)
    return result


def agree(ours: list[float], theirs: list[float], rtol: float) -> bool:
    """Fingerprints agree when they differ by less than ``rtol`` of the norm; not-a-number never agrees."""
    scale = max(abs(theirs[0]), 1e-12)
    return all(math.isfinite(a) and abs(a - b) <= rtol * scale for a, b in zip(ours, theirs))
