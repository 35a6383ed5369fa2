"""``python -m tests.conformance [NAME ...]``: compares with PyTorch's database and prints what is different.

``--write docs/conformance.md`` runs everything, writes the table there and the failures beside this file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tests.conformance.known import KNOWN, known
from tests.conformance.scope import OUT_OF_SCOPE
from tests.conformance.suite import RECORDED, run_all, runners


def _group(name: str) -> str:
    for prefix, title in (
        ("nn.functional.", "Functions of nn.functional"),
        ("optim.", "Optimizers: 50 steps"),
        ("nn.", "Layers"),
        ("linalg.", "Linear algebra: linalg"),
    ):
        if name.startswith(prefix):
            return title
    return "Functions and methods of tensors"


def table(reports: list) -> str:
    """The page of the documentation."""
    import torch

    lines = [
        "# Conformance with PyTorch",
        "",
        f"Written by `python -m tests.conformance --write docs/conformance.md`, against the test database in PyTorch "
        f"{torch.__version__.split('+')[0]} (`torch.testing._internal`: `op_db`, `module_db`, `optim_db`).",
        "",
        "A sample passes if everything about it is as in PyTorch: values, dtype and shape of the results, as a "
        "function and as a method; the in-place variant; the gradients; for layers `repr` and `state_dict`; for "
        "optimizers the parameters after each step and the state. Second gradients are compared in float64. An error "
        "input passes if the exception is of the same class. Of random results only shape and dtype are compared, "
        "and vectors of decompositions up to their signs; a float32 result beyond PyTorch's tolerance passes if it is "
        "at most three times as far from the float64 result as PyTorch's own. Types: float64, float32, int64, int32, "
        "uint8, bool, where PyTorch has the operation for them.",
        "",
        "|  | names | samples | second gradients | error inputs |",
        "|---|---|---|---|---|",
    ]
    groups: dict[str, list] = {}
    for report in reports:
        groups.setdefault(_group(report.name), []).append(report)
    for title, members in [*groups.items(), ("**All**", reports)]:
        lines.append(f"| {title} | {len(members)} | {_ratios(members, percent=True)} |")
    lines += ["", "## Meant to differ", ""]
    counts: dict[str, int] = {}
    for report in reports:
        for check in report.failures:
            reason = known(report.name, check)
            if reason:
                counts[reason] = counts.get(reason, 0) + 1
    lines += [
        f"- {', '.join(f'`{n}`' for n in names.split())}: {reason} ({counts.get(reason, 0)} checks)."
        for names, _, reason in KNOWN
    ]
    lines += ["", "## Left out", ""]
    for reason, patterns in OUT_OF_SCOPE.items():
        lines.append(f"- {reason}: {', '.join(f'`{p}`' for p in patterns.split())}")
    for title, members in groups.items():
        lines += ["", f"## {title}", "", "| name | samples | second gradients | error inputs |", "|---|---|---|---|"]
        for report in sorted(members, key=lambda r: r.name):
            lines.append(f"| {report.name} | {_ratios([report])} |")
    return "\n".join(lines) + "\n"


def _ratios(members: list, percent: bool = False) -> str:
    cells = []
    for passed, total in (("passed", "total"), ("second_passed", "second_total"), ("errors_passed", "errors_total")):
        good, count = (sum(getattr(m, field) for m in members) for field in (passed, total))
        cells.append(
            f"{good}/{count}" + (f" ({100 * good / count:.2f} %)" if percent and count else "") if count else "–"
        )
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these operations")
    parser.add_argument("--write", type=Path, help="write the table there, and record what fails")
    parser.add_argument("--count", type=int, help="at most so many samples of each type")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    names = options.names or list(runners())
    if options.write and (options.names or options.count):
        parser.error("--write runs everything")
    reports = run_all(names, options.count, options.processes)
    for report in reports:
        if report.failures or options.names:
            print(f"{report.name}: {_ratios([report])}")
        for check, what in report.failures.items():
            print(f"    {check}: {what}" + (" (meant)" if known(report.name, check) else ""))
    print(f"All {len(reports)}: {_ratios(reports, percent=True)}")
    if options.write:
        options.write.write_text(table(reports))
        failing = {r.name: [c for c in r.failures if known(r.name, c) is None] for r in reports}
        lines = [f"  {json.dumps(name)}: {json.dumps(checks)}" for name, checks in sorted(failing.items())]
        RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
