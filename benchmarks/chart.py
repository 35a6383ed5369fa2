"""Pictures of a run: bars of the ratios, and the scaling with batch and threads where that was measured."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .libraries import title

_SCALING = re.compile(r"scaling/(\w+)/threads-(\d+)/batch-(\d+)")


def draw(path: Path, about: dict[str, Any], results: list[dict[str, Any]], subject: str) -> None:
    """Write the chart to ``path`` (.png, .svg); nothing where nothing was compared.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError('a chart needs matplotlib: pip install "minitorch-nd[plot]"') from error
    matplotlib.use("Agg")
    # Text stays text, and a chart of the same numbers is the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "benchmarks"})
    import matplotlib.pyplot as plt

    compared = [r for r in results if r["ratios"] and not _SCALING.match(r["name"])]
    bars = [r for r in compared if r["headline"]] or compared
    curves = [r for r in results if _SCALING.match(r["name"]) and subject in r["libraries"]]
    libraries = [library for library in about["libraries"] if any(library in r["ratios"] for r in bars)]
    panels = [size for size, wanted in ((0.9 + 0.42 * len(bars), bars), (3.6, curves)) if wanted]
    if not panels:
        return
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(9, sum(panels)), layout="constrained", squeeze=False, height_ratios=panels
    )
    rest = [row[0] for row in axes]
    if bars:
        _bars(rest.pop(0), bars, libraries, subject)
    if curves:
        _curves(rest.pop(0), curves)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _bars(axes: Any, rows: list[dict[str, Any]], libraries: list[str], subject: str) -> None:
    """Ratios other/subject on a logarithmic axis; lines show the least and the greatest turn."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    height = 0.84 / len(libraries)
    for k, library in enumerate(libraries):
        shown = [(i, r["ratios"][library]) for i, r in enumerate(rows) if library in r["ratios"]]
        centres = [i + (k - (len(libraries) - 1) / 2) * height for i, _ in shown]
        middles = [entry["median"] for _, entry in shown]
        # A bar grows from 1 to either side: right of it our library needs less, left of it more.
        axes.barh(centres, [m - 1 for m in middles], height, left=1, label=title(library), alpha=0.85)
        reach = [[e["median"] - e["min"] for _, e in shown], [e["max"] - e["median"] for _, e in shown]]
        axes.errorbar(middles, centres, xerr=reach, fmt="none", ecolor="0.25", elinewidth=0.8)
        if k == 0:  # numbers for the first, the others would be too close
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
    axes.set_xlabel(f"other library / {title(subject)}   (right of 1: {title(subject)} needs less time or memory)")
    axes.legend(loc="best", fontsize=8)


def _curves(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Images a second over the batch, a line for each library and number of threads."""
    points: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for row in rows:
        _, threads, batch = _SCALING.match(row["name"]).groups()  # type: ignore[union-attr]
        for library, entry in row["libraries"].items():
            points.setdefault((library, int(threads)), []).append((int(batch), int(batch) / entry["median"]))
    colours = {library: f"C{i}" for i, library in enumerate(dict.fromkeys(library for library, _ in points))}
    for (library, threads), line in points.items():
        label = f"{title(library)}, {threads} thread{'s' * (threads > 1)}"
        style = "o-" if threads > 1 else "o--"
        axes.plot(*zip(*sorted(line)), style, color=colours[library], label=label, markersize=3)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    batches = sorted({batch for line in points.values() for batch, _ in line})
    axes.set_xticks(batches, map(str, batches))
    axes.set_xlabel("LeNet 3x32x32, training: batch")
    axes.set_ylabel("images a second")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
