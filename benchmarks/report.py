"""What a run leaves behind: lines on the screen, JSON, a Markdown table, a chart."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

from .libraries import TITLES

BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"


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
        parts.append(f"{TITLES[library]} {quantity(entry['median'], result['unit']):>9}")
        if library in result["ratios"]:
            parts.append(f"= {ratio(result['ratios'][library])}")
        if library in result["disagree"]:
            parts.append("RESULTS DIFFER")
    parts += [f"{TITLES[library]} FAILED: {error}" for library, error in result["errors"].items()]
    return "  ".join(parts)


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


def markdown(about: dict[str, Any], results: list[dict[str, Any]], subject: str) -> str:
    """The table for README: headline rows, other libraries' times beside ours."""
    libraries = [library for library in about["libraries"] if library != subject]
    rows = [result for result in results if result["headline"] and subject in result["libraries"]]
    columns = [TITLES[subject]]
    for library in libraries:
        columns += [TITLES[library], f"{TITLES[library]} / {TITLES[subject]}"]
    lines = [
        "| | " + " | ".join(columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for result in rows:
        cells = [result["title"], quantity(result["libraries"][subject]["median"], result["unit"])]
        for library in libraries:
            entry = result["libraries"].get(library)
            cells.append(quantity(entry["median"], result["unit"]) if entry else "–")
            cells.append(ratio(result["ratios"][library]) if entry else "–")
        lines.append("| " + " | ".join(cells) + " |")
    versions = ", ".join(f"{TITLES[name]} {hello['version']}" for name, hello in about["libraries"].items())
    hello = about["libraries"][subject]
    lines += [
        "",
        f"Medians of {about['turns']} turns taken by turns, each library in its own process with {about['threads']} "
        f"threads; in brackets the least and the greatest ratio of a turn (above 1: {TITLES[subject]} needs less). "
        f"{about['processor']}, {about['cores']} cores; {versions}; NumPy {hello['numpy']}, Python {hello['python']}.",
    ]
    return "\n".join(lines)


def rewrite(path: Path, table: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    """Put ``table`` between the marks in the file at ``path``; everything else stays as it is."""
    text = path.read_text(encoding="utf-8")
    begin, end = map(text.find, marks)
    if begin < 0 or end < begin:
        raise ValueError(f"{path} has no {' ... '.join(marks)} to write the table into")
    path.write_text(text[: begin + len(marks[0])] + "\n" + table + "\n" + text[end:], encoding="utf-8")


def chart(path: Path, about: dict[str, Any], results: list[dict[str, Any]], subject: str) -> None:
    """Bars of the ratios other/subject on a logarithmic axis; lines show the least and the greatest turn."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, NullFormatter

    rows = [r for r in results if r["ratios"] and r["headline"]] or [r for r in results if r["ratios"]]
    libraries = [library for library in about["libraries"] if any(library in r["ratios"] for r in rows)]
    if not rows:
        return
    inches = 0.9 + 0.34 * len(rows) * max(1, 0.7 * len(libraries))
    figure, axes = plt.subplots(figsize=(9, inches), layout="constrained")
    height = 0.8 / len(libraries)
    for k, library in enumerate(libraries):
        shown = [(i, r["ratios"][library]) for i, r in enumerate(rows) if library in r["ratios"]]
        centres = [i + (k - (len(libraries) - 1) / 2) * height for i, _ in shown]
        middles = [entry["median"] for _, entry in shown]
        # A bar grows from 1 to either side: right of it our library needs less, left of it more.
        axes.barh(centres, [m - 1 for m in middles], height, left=1, label=TITLES[library], alpha=0.85)
        reach = [[e["median"] - e["min"] for _, e in shown], [e["max"] - e["median"] for _, e in shown]]
        axes.errorbar(middles, centres, xerr=reach, fmt="none", ecolor="0.25", elinewidth=1, capsize=2)
        for centre, (_, entry) in zip(centres, shown):
            axes.annotate(
                f"{entry['median']:.2f}", (max(entry["max"], 1.0), centre), (4, 0),
                textcoords="offset points", va="center", fontsize=7,
            )  # fmt: skip
    axes.axvline(1, color="0.2", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.08)
    axes.set_yticks(range(len(rows)), [r["title"] for r in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"other library / {TITLES[subject]}   (right of 1: {TITLES[subject]} needs less time or memory)")
    axes.legend(loc="best", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
