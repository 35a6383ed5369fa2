"""Where the time of a step goes: ``python -m benchmarks --profile train/lenet/batch-64``.

Ops, backward nodes and the optimizer follow one another; what is left is the interpreter between them: the program
itself, the calls, the graph.  The kernels inside are listed beside the share of the machine's GEMM peak they reach.
"""

from __future__ import annotations

import argparse
import time

import minitorch
import minitorch.nn.functional
import minitorch.optim

from .instruments import Entry, Instruments
from .measure import Timer
from .report import quantity
from .workloads import WORKLOADS

SECONDS = 1.0


def _seconds_per_call(name: str) -> float:
    call = WORKLOADS[name].build_for("minitorch")(minitorch, "cpu")
    return Timer(call, lambda: None, SECONDS).turn()["value"]


def rows(group: str, entries: dict[str, Entry], steps: int, whole: float) -> list[str]:
    """The entries of a group, longest first."""
    lines = []
    for name, entry in sorted(entries.items(), key=lambda item: -item[1].seconds):
        took = entry.seconds / steps
        calls = f"{entry.calls / steps:g}"
        lines.append(f"{group:<10} {name:<28} {calls:>6} {quantity(took, 's'):>9} {took / whole:>7.1%}")
    return lines


def profile(name: str) -> str:
    """A table for one step of the workload ``name``."""
    peak = WORKLOADS["peak/gemm"]
    plain = _seconds_per_call(name)
    gemm_seconds = _seconds_per_call(peak.name)
    with Instruments() as seen:
        peak.build_for("minitorch")(minitorch, "cpu")()
        speed = sum(kernel.operations for kernel in seen.kernels.values()) / gemm_seconds
        call = WORKLOADS[name].build_for("minitorch")(minitorch, "cpu")
        for _ in range(3):
            call()
        seen.reset()
        steps, start = 0, time.perf_counter()
        while steps < 3 or time.perf_counter() - start < SECONDS:
            call()
            steps += 1
        whole = (time.perf_counter() - start) / steps
    groups = {"forward": seen.forward, "backward": seen.backward, "optimizer": seen.optimizer}
    named = sum(entry.seconds for group in groups.values() for entry in group.values()) / steps
    operations = sum(kernel.operations for kernel in seen.kernels.values()) / steps
    lines = [
        f"{WORKLOADS[name].title}: {quantity(plain, 's')} a step, {quantity(whole, 's')} while watched",
        f"convolutions and products: {operations / 1e9:.3g} GFLOP, {operations / plain / speed:.0%} of the GEMM peak "
        f"of {speed / 1e9:.0f} GFLOP/s",
        "",
        f"{'':<10} {'':<28} {'calls':>6} {'a step':>9} {'share':>7}",
    ]
    for group, entries in groups.items():
        lines += rows(group, entries, steps, whole)
    lines.append(f"{'':<10} {'between them':<28} {'':>6} {quantity(whole - named, 's'):>9} {1 - named / whole:>7.1%}")
    if seen.kernels:
        lines += ["", f"{'':<10} {'':<28} {'calls':>6} {'a step':>9} {'share':>7} {'GFLOP/s':>8} {'of peak':>8}"]
    for name, row in zip(_ordered(seen.kernels), rows("kernel", seen.kernels, steps, whole)):
        kernel = seen.kernels[name]
        reached = kernel.operations / kernel.seconds
        lines.append(row + (f" {reached / 1e9:>8.1f} {reached / speed:>8.0%}" if reached else ""))
    return "\n".join(lines)


def _ordered(entries: dict[str, Entry]) -> list[str]:
    return sorted(entries, key=lambda name: -entries[name].seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    for name in parser.parse_args().names:
        print(profile(name), flush=True)


if __name__ == "__main__":
    main()
