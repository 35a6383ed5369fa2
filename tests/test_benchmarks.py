"""The benchmark harness end to end on a tiny workload, and its arithmetic."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import harness, measure, report
from benchmarks.workloads import WORKLOADS, select

ROOT = Path(__file__).resolve().parent.parent


def reply(value, check=(1.0, 0.5)):
    return {"value": value, "check": list(check)}


def about(*libraries):
    hello = {"version": "1.0", "numpy": "2.0", "python": "3.11"}
    return {"libraries": dict.fromkeys(libraries, hello), "turns": 2, "threads": 2, "processor": "P", "cores": 2}


def test_a_run_writes_times_and_ratios(tmp_path):
    target = tmp_path / "run.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "selftest", "--turns", "2", "--seconds", "0.01"]
    done = subprocess.run(command + ["--json", str(target)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads(target.read_text())["results"]
    assert result["name"] == "selftest/chain"
    assert len(result["libraries"]["minitorch"]["turns"]) == 2
    assert all(seconds > 0 for seconds in result["libraries"]["minitorch"]["turns"])
    if "torch" in result["libraries"]:
        assert len(result["ratios"]["torch"]["turns"]) == 2
        assert result["disagree"] == []
    else:
        assert "PyTorch is left out" in done.stdout


def test_unknown_names_are_refused():
    command = [sys.executable, "-m", "benchmarks", "--only", "no-such-workload"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--list" in done.stderr


def test_selection():
    assert [w.name for w in select("train/lenet")] == [f"train/lenet/batch-{n}" for n in (4, 64, 256)]
    assert {w.name for w in select("op/*/train")} == {
        n for n in WORKLOADS if n.startswith("op/") and n.endswith("/train")
    }
    assert not any(w.name.startswith("selftest") for w in select(None))


def test_timer_takes_the_median_per_call():
    calls = []
    timer = measure.Timer(lambda: calls.append(1), lambda: None, seconds=0.002)
    turn = timer.turn()
    assert turn["samples"] >= 3
    assert turn["calls"] == turn["samples"] * timer.calls_per_sample
    assert len(calls) > turn["calls"]  # warm-up and calibration came before
    assert 0 < turn["best"] <= turn["value"] < 0.002


def test_ratios_are_taken_turn_by_turn():
    workload = WORKLOADS["selftest/chain"]
    turns = {"minitorch": [reply(1.0), reply(2.0), reply(1.0)], "torch": [reply(2.0), reply(6.0), reply(1.0)]}
    result = harness.summary(workload, "minitorch", turns, {})
    assert result["ratios"]["torch"] == {"median": 2.0, "min": 1.0, "max": 3.0, "turns": [2.0, 3.0, 1.0]}
    assert result["disagree"] == []


@pytest.mark.parametrize("theirs", [(1.0, 0.51), (1.01, 0.5), (float("nan"), 0.5)])
def test_different_results_are_told(theirs):
    workload = WORKLOADS["selftest/chain"]
    result = harness.summary(workload, "minitorch", {"minitorch": [reply(1.0)], "torch": [reply(1.0, theirs)]}, {})
    assert result["disagree"] == ["torch"]
    assert "RESULTS DIFFER" in report.line(result, "minitorch")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(1.5, "s", "1.50 s"), (0.01234, "s", "12.3 ms"), (4.2e-6, "s", "4.20 µs"), (384.4, "MiB", "384 MiB")],
)
def test_quantities(value, unit, text):
    assert report.quantity(value, unit) == text


def test_the_table_replaces_only_what_is_between_the_marks(tmp_path):
    turns = {"minitorch": [reply(0.001), reply(0.001)], "torch": [reply(0.002), reply(0.003)]}
    result = harness.summary(WORKLOADS["train/lenet/batch-4"], "minitorch", turns, {})
    table = report.markdown(about("minitorch", "torch"), [result], "minitorch")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.rewrite(readme, table)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old" not in text
    assert "| 1.00 ms | 2.50 ms | 2.50x (2.00..3.00) |" in text
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="no <!-- benchmarks -->"):
        report.rewrite(readme, table)
    assert readme.read_text() == "no marks"


def test_the_chart_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    turns = {"minitorch": [reply(0.001), reply(0.001)], "torch": [reply(0.002), reply(0.0005)]}
    result = harness.summary(WORKLOADS["train/lenet/batch-4"], "minitorch", turns, {})
    report.chart(tmp_path / "chart.png", about("minitorch", "torch"), [result], "minitorch")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
