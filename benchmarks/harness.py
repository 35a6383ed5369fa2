"""The parent process: starts one worker per library and lets them take turns, A B A B ..."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from . import libraries
from .summary import summary
from .workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
# A thread pool spins for a while after its last job; the next library's turn begins when it has gone to sleep.
PAUSE = 0.1
# A library whose turns of a workload have taken so many seconds has shown what it needs, if there were two;
# after thrice as long one is enough.
PATIENCE = 4.0
# The most turns of a call, and of a fresh process: of the subject and the first other, and of the rest.
MOST_TURNS = {True: (1000, 2), False: (3, 1)}


class Missing(Exception):
    """The worker cannot import the library, or cannot use the device with it."""


def environment(library: str, threads: int) -> dict[str, str]:
    """The environment variables of a process that runs ``library``."""
    variables = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONWARNINGS="ignore")
    variables.update(dict.fromkeys(libraries.THREAD_VARIABLES, str(threads)))
    return variables | libraries.LIBRARIES[library].environment


class WorkerProcess:
    """One library in a process of its own."""

    def __init__(
        self,
        library: str,
        python: str,
        threads: int,
        device: str,
        seconds: float,
        variables: dict[str, str] | None = None,
    ):
        self.library = library
        command = [python, "-m", "benchmarks.worker", "--library", library]
        command += ["--threads", str(threads), "--device", device, "--seconds", str(seconds)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(library, threads) | (variables or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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

    def ask(self, **message: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
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
        self.subject, self.turns, self.threads = subject, turns, threads

        def start(library: str, threads: int = threads, variables: dict[str, str] | None = None) -> WorkerProcess:
            return WorkerProcess(library, pythons.get(library, sys.executable), threads, device, seconds, variables)

        self.start = start
        self.workers: dict[tuple[str, int], WorkerProcess] = {}
        self.libraries: list[str] = []
        for library in (subject, *(other for other in others if other != subject)):
            try:
                self._worker(library, threads)
                self.libraries.append(library)
            except Missing as reason:
                if library == subject:
                    raise
                log(f"{libraries.title(library)} is left out: {reason}")

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self.workers.values():
            worker.close()

    def _worker(self, library: str, threads: int) -> WorkerProcess:
        if (library, threads) not in self.workers:
            self.workers[library, threads] = self.start(library, threads)
        return self.workers[library, threads]

    @property
    def hellos(self) -> dict[str, dict[str, Any]]:
        return {library: self.workers[library, self.threads].hello for library in self.libraries}

    def _turn(self, library: str, workload: Workload) -> dict[str, Any]:
        time.sleep(PAUSE)
        if workload.kind == "call":
            return self._worker(library, workload.threads or self.threads).ask(workload=workload.name)
        with tempfile.TemporaryDirectory() as empty:
            cold = {"NUMBA_CACHE_DIR": empty} if workload.kind == "first-cold" else None
            fresh = self.start(library, variables=cold)
            try:
                return fresh.ask(workload=workload.name)
            finally:
                fresh.close()

    def run(self, workload: Workload) -> dict[str, Any]:
        """All turns of one workload; a library that fails is reported and takes no further turns."""
        serving = [library for library in self.libraries if workload.serves(library)]
        turns: dict[str, list[dict[str, Any]]] = {library: [] for library in serving}
        spent = dict.fromkeys(serving, 0.0)
        errors: dict[str, str] = {}
        if workload.kind in ("first", "memory", "memory-step"):
            self._turn(self.subject, workload)  # what is to be compiled is, and kept
        for number in range(self.turns):
            for library in serving:
                if library in errors or (number and spent[library] > PATIENCE * (3 if number == 1 else 1)):
                    continue
                if number >= MOST_TURNS[workload.kind == "call"][library not in self.libraries[:2]]:
                    continue
                start = time.perf_counter()
                reply = self._turn(library, workload)
                spent[library] += time.perf_counter() - start
                if "error" in reply:
                    errors[library] = reply["error"]
                    print(reply["traceback"], file=sys.stderr)
                else:
                    turns[library].append(reply)
        return summary(workload, self.subject, {k: v for k, v in turns.items() if k not in errors}, errors)

    def peak(self) -> float:
        """Operations a second of a large matrix product: the best that a library with BLAS reaches here."""
        gemm = WORKLOADS["peak/gemm"]
        seconds = [
            self._turn(library, gemm)["value"]
            for library in self.libraries
            if libraries.LIBRARIES[library].torch_like
            for _ in range(2)
        ]
        return self.operations(gemm) / min(seconds)

    def operations(self, workload: Workload) -> int:
        """Multiplications and additions of convolutions and matrix products in one call, by their definition."""
        if workload.unit != "s" or workload.kind != "call":
            return 0
        return self.workers["minitorch", self.threads].ask(count=workload.name).get("operations", 0)
