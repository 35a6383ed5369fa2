"""``python -m benchmarks``: time minitorch and other libraries by turns, print and keep the figures."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import chart, report
from .harness import ROOT, Harness, Missing, environment
from .libraries import LIBRARIES, title
from .workloads import WORKLOADS, select


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--only", metavar="PATTERN", help="names that begin with it or match it as a glob; several with commas"
    )
    parser.add_argument(
        "--against",
        default="torch",
        metavar="LIST",
        help=f"some of {', '.join(LIBRARIES)} (default torch), or none",
    )
    parser.add_argument("--turns", type=int, default=5, help="turns of each library on each workload (default 5)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each library (default 2)")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a turn (default 0.3)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="default, for a run of all: benchmarks/results/DEVICE.json"
    )
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the ratios (.png, .svg); needs matplotlib")
    parser.add_argument("--peak", action="store_true", help="tell the share of the machine's GEMM peak")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md; runs its rows alone")
    parser.add_argument("--profile", action="store_true", help="tell where minitorch's time goes")
    parser.add_argument("--list", action="store_true", help="name the workloads and stop")
    parser.add_argument(
        "--python", action="append", default=[], metavar="LIBRARY=PATH", help="interpreter that has the library"
    )
    parser.add_argument("--subject", default="minitorch", choices=sorted(LIBRARIES), help=argparse.SUPPRESS)
    parser.add_argument("--numba", choices=("on", "off"), default="on", help="off: minitorch with NumPy alone")
    options = parser.parse_args(arguments)
    if options.numba == "off":
        options.subject = "minitorch-numpy"
    options.against = [name for name in options.against.split(",") if name not in ("", "none")]
    unknown = [name for name in options.against if name not in LIBRARIES]
    if unknown:
        parser.error(f"--against knows {', '.join(LIBRARIES)}; got {', '.join(unknown)}")
    if options.turns < 1 or options.threads < 1 or options.seconds <= 0:
        parser.error("--turns and --threads must be at least 1, --seconds above 0")
    pythons = [entry.partition("=") for entry in options.python]
    for library, _, path in pythons:
        if library not in LIBRARIES or not path:
            parser.error(f"--python takes LIBRARY=PATH with LIBRARY one of {', '.join(LIBRARIES)}")
    options.pythons = {library: path for library, _, path in pythons}
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    chosen = select(options.only)
    if options.list:
        print("\n".join(f"{w.name:<38} {w.title}" for w in WORKLOADS.values()))
        return 0
    if not chosen:
        print(f"no workload is named like {options.only!r}; --list shows them", file=sys.stderr)
        return 2
    if options.profile:
        command = [sys.executable, "-m", "benchmarks.profiling", *(w.name for w in chosen)]
        return subprocess.run(command, cwd=ROOT, env=environment(options.subject, options.threads)).returncode
    if options.device != "cpu":
        chosen = [workload for workload in chosen if workload.kind == "call"]
    if options.readme and not options.only:
        chosen = [workload for workload in chosen if workload.headline]

    began = time.perf_counter()
    results: list[dict[str, Any]] = []
    try:
        harness = Harness(
            options.subject,
            options.against,
            turns=options.turns,
            threads=options.threads,
            device=options.device,
            seconds=options.seconds,
            pythons=options.pythons,
            log=print,
        )
    except Missing as reason:
        print(f"{title(options.subject)} cannot be measured: {reason}", file=sys.stderr)
        return 2
    with harness:
        about = report.environment(
            harness.hellos,
            {name: getattr(options, name) for name in ("device", "turns", "threads", "seconds")}
            | {"date": time.strftime("%Y-%m-%d")},
        )
        print(f"{about['processor']}, {about['cores']} cores; {options.turns} turns, {options.threads} threads each")
        print("; ".join(f"{title(k)} {v['version']} (NumPy {v['numpy']})" for k, v in harness.hellos.items()))
        if options.peak:
            about["peak"] = harness.peak()
            print(f"GEMM peak: {about['peak'] / 1e9:.0f} GFLOP/s")
        for workload in chosen:
            results.append(harness.run(workload))
            if options.peak and options.subject in results[-1]["libraries"]:
                seconds = results[-1]["libraries"][options.subject]["median"]
                results[-1]["share"] = harness.operations(workload) / seconds / about["peak"]
            print(report.line(results[-1], options.subject), flush=True)

    path = options.json or (ROOT / "benchmarks" / "results" / f"{options.device}.json" if not options.only else None)
    if path:
        report.write_json(path, about, results)
    if options.chart:
        chart.draw(options.chart, about, results, options.subject)
    if options.readme:
        picture = options.chart.as_posix() if options.chart and not options.chart.is_absolute() else ""
        report.rewrite(ROOT / "README.md", report.markdown(about, results, options.subject, picture))
    for other in about["libraries"]:
        if other == "torch" and (above := report.more_memory(results, options.subject, other)):
            print(f"more memory than {title(other)}: {', '.join(above)}")
    failed = [r["name"] for r in results if r["errors"]]
    differing = [r["name"] for r in results if r["disagree"]]
    print(f"{len(results)} workloads in {time.perf_counter() - began:.0f} s")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    if differing:
        print(f"results differ between libraries: {', '.join(differing)}", file=sys.stderr)
    return 1 if failed or differing else 0


if __name__ == "__main__":
    sys.exit(main())
