"""From turns to medians and ratios, and whether libraries computed the same."""

from __future__ import annotations

import math
import statistics
from typing import Any

from .workloads import Workload


def ratio(above: list[float], below: list[float]) -> dict[str, Any]:
    """Of each turn; a library that stopped early has fewer."""
    ratios = [a / b for a, b in zip(above, below)]
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios), "turns": ratios}


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
        result["ratios"][library] = ratio(theirs["turns"], ours["turns"])
        if ours["check"] and not agree(ours["check"], theirs["check"], workload.rtol):
            result["disagree"].append(library)
    return result


def agree(ours: list[float], theirs: list[float], rtol: float) -> bool:
    """Fingerprints agree when they differ by less than ``rtol`` of the norm; not-a-number never agrees."""
    scale = max(abs(theirs[0]), 1e-12)
    return all(math.isfinite(a) and abs(a - b) <= rtol * scale for a, b in zip(ours, theirs))
