"""What a run leaves behind: lines on the screen, JSON, a Markdown table.  The chart is :mod:`.chart`'s."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from .libraries import LIBRARIES, title
from .summary import ratio as ratio_of

MARKS = "<!-- benchmarks -->", "<!-- /benchmarks -->"


def quantity(value: float, unit: str) -> str:
    """Three digits in a fitting unit: ``1.23 ms``, ``85.0 MiB``."""
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
            if value * factor >= 0.9995 or name == "µs":
                value, unit = value * factor, name
                break
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {unit}"


def ratio(entry: dict[str, Any]) -> str:
    """``1.52x (1.43..1.60)``: the median of the turns' ratios, the least and the greatest."""
    return f"{entry['median']:.2f}x ({entry['min']:.2f}..{entry['max']:.2f})"


def line(result: dict[str, Any], subject: str) -> str:
    """One workload on the screen."""
    parts = [f"{result['name']:<38}"]
    for library, entry in result["libraries"].items():
        parts.append(f"{title(library)} {quantity(entry['median'], result['unit']):>9}")
        if library in result["ratios"]:
            parts.append(f"= {ratio(result['ratios'][library])}")
        if library in result["disagree"]:
            parts.append("RESULTS DIFFER")
    if result.get("share"):
        parts.append(f"{result['share']:.0%} of the GEMM peak")
    parts += [f"{title(library)} FAILED: {error}" for library, error in result["errors"].items()]
    return "  ".join(parts)


def more_memory(results: list[dict[str, Any]], subject: str, other: str) -> list[str]:
    """The workloads whose peak memory is above the other library's."""
    return [
        f"{r['name']} ({r['ratios'][other]['median']:.2f}x)"
        for r in results
        if r["unit"] == "MiB" and other in r["ratios"] and r["ratios"][other]["median"] < 1
    ]


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for entry in Path("/proc/cpuinfo").read_text().splitlines():
            if entry.startswith("model name"):
                return entry.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def environment(hellos: dict[str, dict[str, Any]], options: dict[str, Any]) -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "libraries": hellos,
        **options,
    }


def write_json(path: Path, about: dict[str, Any], results: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"about": about, "results": results}, indent=1)
    aside = path.with_name(path.name + ".new")
    aside.write_text(text + "\n")
    aside.replace(path)


def _cell(result: dict[str, Any], library: str, reference: str) -> str:
    """The library's time, and how many of ours it is; of our own variant, how many of it the reference takes."""
    entry = result["libraries"].get(library)
    if entry is None:
        return "–"
    time = quantity(entry["median"], result["unit"])
    if not LIBRARIES[library].torch_like:
        return f"{time}, {result['ratios'][library]['median']:.1f}x"
    if reference not in result["libraries"]:
        return time
    against = ratio_of(result["libraries"][reference]["turns"], entry["turns"])["median"]
    return f"{time} ({title(reference)} {against:.2f}x)"


def markdown(about: dict[str, Any], results: list[dict[str, Any]], subject: str, chart: str = "") -> str:
    """The table for README: headline rows; of the first other library the times and the ratios, of the rest both in
    one."""
    reference, *rest = [library for library in about["libraries"] if library != subject] or [""]
    rows = [result for result in results if result["headline"] and subject in result["libraries"]]
    shares = any(row.get("share") for row in rows)
    columns = [title(subject)]
    if reference:
        columns += [title(reference), f"{title(reference)} / {title(subject)}"]
    columns += (["of GEMM peak"] if shares else []) + [title(library) for library in rest]
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for result in rows:
        unit = result["unit"]
        cells = [result["title"], quantity(result["libraries"][subject]["median"], unit)]
        if reference:
            entry = result["libraries"].get(reference)
            cells += [quantity(entry["median"], unit), ratio(result["ratios"][reference])] if entry else ["–", "–"]
        if shares:
            cells.append(f"{result['share']:.0%}" if result.get("share") else "–")
        cells += [_cell(result, library, reference) for library in rest]
        lines.append("| " + " | ".join(cells) + " |")
    if chart:
        lines += ["", f"![The ratios as bars]({chart})"]
    return "\n".join([*lines, "", _explanation(about, subject, shares, rest)])


def _explanation(about: dict[str, Any], subject: str, shares: bool, rest: list[str]) -> str:
    versions = ", ".join(
        f"{title(name)} {hello['version']}"
        for name, hello in about["libraries"].items()
        if name == subject or LIBRARIES[name].module != LIBRARIES[subject].module
    )
    hello = about["libraries"][subject]
    text = (
        f"Medians of {about['turns']} turns taken by turns, each library in its own process with {about['threads']} "
        f"threads; in brackets the least and the greatest ratio of a turn (above 1: {title(subject)} needs less). "
    )
    if any(not LIBRARIES[library].torch_like for library in rest):
        text += f"Other libraries' times are followed by how many of {title(subject)}'s they are. "
    if shares:
        text += (
            "The share is that of convolutions and matrix products, counted by their definition, in what the largest "
            f"matrix product of this run reached: {about['peak'] / 1e9:.0f} GFLOP/s. "
        )
    return text + (
        f"{about['date']}; {about['processor']}, {about['cores']} cores; {versions}; NumPy {hello['numpy']}, "
        f"Python {hello['python']}."
    )


def rewrite(path: Path, table: str, marks: tuple[str, str] = MARKS) -> None:
    """Put ``table`` between the marks in the file at ``path``; everything else stays as it is."""
    text = path.read_text(encoding="utf-8")
    begin, end = map(text.find, marks)
    if begin < 0 or end < begin:
        raise ValueError(f"{path} has no {' ... '.join(marks)} to write the table into")
    path.write_text(text[: begin + len(marks[0])] + "\n" + table + "\n" + text[end:], encoding="utf-8")
