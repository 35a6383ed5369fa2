"""The process that runs one library's share: ``python -m benchmarks.worker --library torch``.

It says hello with one line of JSON, then waits.  Each line that it reads, ``{"workload": NAME}``, is one turn, answered
by one line; ``{"count": NAME}`` asks for the operations of one call instead.  While it waits it does nothing, so that
the other libraries' turns have the processor to themselves.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import platform
import sys
import time
import traceback
from types import ModuleType
from typing import Any

from . import libraries

CHECKED_CALL = 3


def resident_mib(field: str) -> float:
    """``VmRSS`` (resident now) or ``VmHWM`` (its highest) of this process."""
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows tells neither without help
        return float("nan")
    # Elsewhere only the highest is known; macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def forget_highest() -> None:
    """Begin ``VmHWM`` anew, where the system lets us (proc(5), ``clear_refs``)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as references:
        references.write("5")


def fingerprint(result: Any) -> list[float]:
    """Two numbers that tell whether two libraries computed the same array: its norm, and a sum with mixed signs."""
    import numpy as np

    if hasattr(result, "detach"):
        result = result.detach().cpu().numpy()
    elif hasattr(result, "get"):
        result = result.get()
    flat = np.asarray(result, dtype=np.float64).ravel()
    return [float(np.linalg.norm(flat)), float(flat @ np.cos(np.arange(flat.size)))]


class Worker:
    def __init__(self, library: str, threads: int, device: str, seconds: float):
        self.library = library
        self.device = device
        self.seconds = seconds
        start = time.perf_counter()
        self.module: ModuleType = libraries.load(library, threads)
        self.import_seconds = time.perf_counter() - start
        self.synchronize = libraries.synchronizer(library, self.module, device)
        self.current = ""
        self.timer: Any = None
        self.check: list[float] = []

    def hello(self) -> dict[str, Any]:
        import numpy as np

        return {
            "library": self.library,
            "version": libraries.version(self.library, self.module),
            "numpy": np.__version__,
            "python": platform.python_version(),
        }

    def _start(self, name: str) -> Any:
        from . import workloads

        self.timer, self.current = None, ""  # the last workload's arrays go before the next ones come
        return workloads.WORKLOADS[name].build_for(self.library)(self.module, self.device)

    def _memory(self, name: str, kind: str) -> dict[str, Any]:
        """The highest resident size of a few calls; ``memory-step``: above that of the library with what it loads at
        its first step, which is code."""
        loaded = 0.0
        if kind == "memory-step":
            for _ in range(CHECKED_CALL):
                self._start("selftest/step")()
            gc.collect()
            forget_highest()
            loaded = resident_mib("VmRSS")
        call = self._start(name)
        check = fingerprint([call() for _ in range(CHECKED_CALL)][-1])
        self.synchronize()
        return {"value": resident_mib("VmHWM") - loaded, "samples": 1, "calls": CHECKED_CALL, "check": check}

    def turn(self, name: str) -> dict[str, Any]:
        from . import measure, workloads

        kind = workloads.WORKLOADS[name].kind
        if kind == "import":
            return {"value": self.import_seconds, "samples": 1, "calls": 1}
        if kind.startswith("first"):
            start = time.perf_counter()
            result = self._start(name)()
            self.synchronize()
            return {"value": time.perf_counter() - start, "samples": 1, "calls": 1, "check": fingerprint(result)}
        if kind.startswith("memory"):
            return self._memory(name, kind)
        if self.current != name:
            call = self._start(name)
            # The third result, so that in training the updates are compared and not only the first forward pass.
            for _ in range(CHECKED_CALL):
                start = time.perf_counter()
                result = call()
            self.check = fingerprint(result)
            slow = time.perf_counter() - start > self.seconds
            self.timer = measure.Timer(call, self.synchronize, self.seconds, slow)
            self.current = name
        return {**self.timer.turn(), "check": self.check}

    def count(self, name: str) -> dict[str, Any]:
        """The multiplications and additions of one call (minitorch alone counts them)."""
        from .instruments import Instruments

        call = self._start(name)
        call()
        with Instruments() as seen:
            call()
        return {"operations": sum(kernel.operations for kernel in seen.kernels.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", required=True, choices=sorted(libraries.LIBRARIES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()

    # Replies own the pipe; whatever a library prints goes to the error stream.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        worker = Worker(options.library, options.threads, options.device, options.seconds)
    except (ImportError, libraries.NoDevice) as error:
        reply({"missing": str(error)})
        return
    reply(worker.hello())
    for line in sys.stdin:
        wanted = json.loads(line)
        try:
            reply(worker.count(wanted["count"]) if "count" in wanted else worker.turn(wanted["workload"]))
        except Exception as error:
            reply({"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})


if __name__ == "__main__":
    main()
