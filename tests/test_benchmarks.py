"""The benchmark harness end to end on a tiny workload, and its arithmetic."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import minitorch
from benchmarks import chart, harness, measure, report, summary
from benchmarks.instruments import Instruments
from benchmarks.libraries import LIBRARIES
from benchmarks.workloads import KINDS, WORKLOADS, models, select
from benchmarks.workloads.nets import NETS

ROOT = Path(__file__).resolve().parent.parent


def reply(value, check=(1.0, 0.5)):
    return {"value": value, "check": list(check)}


def about(*libraries):
    hello = {"version": "1.0", "numpy": "2.0", "python": "3.11"}
    run = {"turns": 2, "threads": 2, "processor": "P", "cores": 2, "date": "2026-01-02", "peak": 2e11}
    return {"libraries": dict.fromkeys(libraries, hello), **run}


def test_a_run_writes_times_and_ratios(tmp_path):
    target = tmp_path / "run.json"
    command = [sys.executable, "-m", "benchmarks", "--only", "selftest/chain", "--turns", "2", "--seconds", "0.01"]
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
    assert not any(w.name.startswith(("selftest", "peak")) for w in select(None))


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
    result = summary.summary(workload, "minitorch", turns, {})
    assert result["ratios"]["torch"] == {"median": 2.0, "min": 1.0, "max": 3.0, "turns": [2.0, 3.0, 1.0]}
    assert result["disagree"] == []


@pytest.mark.parametrize("theirs", [(1.0, 0.51), (1.01, 0.5), (float("nan"), 0.5)])
def test_different_results_are_told(theirs):
    workload = WORKLOADS["selftest/chain"]
    result = summary.summary(workload, "minitorch", {"minitorch": [reply(1.0)], "torch": [reply(1.0, theirs)]}, {})
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
    result = summary.summary(WORKLOADS["train/lenet/batch-4"], "minitorch", turns, {})
    table = report.markdown(about("minitorch", "torch"), [result], "minitorch")
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\nafter\n")
    report.rewrite(readme, table)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith(f"{report.MARKS[1]}\nafter\n")
    assert "old" not in text
    assert "| 1.00 ms | 2.50 ms | 2.50x (2.00..3.00) |" in text
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="no <!-- benchmarks -->"):
        report.rewrite(readme, table)
    assert readme.read_text() == "no marks"


def test_the_table_of_several_libraries():
    turns = {
        "minitorch": [reply(0.001), reply(0.001)],
        "torch": [reply(0.002), reply(0.003)],
        "minitorch-numpy": [reply(0.002), reply(0.002)],
        "chainer": [reply(0.01)],
    }
    result = summary.summary(WORKLOADS["train/lenet/batch-64"], "minitorch", turns, {}) | {"share": 0.25}
    table = report.markdown(about(*turns, "jax"), [result], "minitorch", "docs/benchmarks.svg")
    header, _, row, *rest = table.splitlines()
    assert header.endswith("| of GEMM peak | minitorch with NumPy alone | Chainer | JAX |")
    assert row.endswith("| 2.50x (2.00..3.00) | 25% | 2.00 ms (PyTorch 1.25x) | 10.0 ms, 10.0x | – |")
    assert "![The ratios as bars](docs/benchmarks.svg)" in rest
    assert "200 GFLOP/s" in rest[-1]
    assert rest[-1].count("minitorch 1.0") == 1
    assert "2026-01-02" in rest[-1]


def test_more_memory_is_told():
    turns = {"minitorch": [reply(30.0)], "torch": [reply(20.0)]}
    results = [
        summary.summary(WORKLOADS[name], "minitorch", turns, {})
        for name in ("memory/vgg/batch-32/step", "train/vgg/batch-32")
    ]
    assert report.more_memory(results, "minitorch", "torch") == ["memory/vgg/batch-32/step (0.67x)"]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_chart_is_drawn(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    turns = {"minitorch": [reply(0.001), reply(0.001)], "torch": [reply(0.002), reply(0.0005)]}
    names = ["train/lenet/batch-4", *(f"scaling/lenet/threads-{t}/batch-{n}" for t in (1, 2) for n in (4, 64))]
    results = [summary.summary(WORKLOADS[name], "minitorch", turns, {}) for name in names]
    files = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for path in files:
        chart.draw(path, about("minitorch", "torch"), results, "minitorch")
    drawn = files[0].read_bytes()
    assert drawn == files[1].read_bytes()
    if suffix == "svg":
        assert b"batch 4" in drawn and b"PyTorch, 2 threads" in drawn
    else:
        assert drawn.startswith(b"\x89PNG")


# ---- the harness, with workers that only pretend


class Pretended:
    hello: dict = {}

    def __init__(self, asked, library, value=1.0):
        self.asked, self.library, self.value = asked, library, value

    def ask(self, **message):
        self.asked.append((self.library, message))
        return {"value": self.value, "check": [1.0, 0.5]}

    def close(self):
        pass


@pytest.fixture
def pretended(monkeypatch):
    """A harness of two libraries; ``started`` has the threads and the variables of the processes."""
    started, asked = [], []

    def worker(library, python, threads, device, seconds, variables=None):
        started.append((library, threads, variables))
        return Pretended(asked, library)

    monkeypatch.setattr(harness, "WorkerProcess", worker)
    monkeypatch.setattr(harness, "PAUSE", 0)
    options = {"turns": 3, "threads": 2, "device": "cpu", "seconds": 0.1, "pythons": {}, "log": print}
    made = harness.Harness("minitorch", ["torch"], **options)
    made.started, made.asked = started, asked
    return made


def test_a_workload_may_have_its_own_number_of_threads(pretended):
    pretended.run(WORKLOADS["scaling/lenet/threads-1/batch-4"])
    assert pretended.started[2:] == [("minitorch", 1, None), ("torch", 1, None)]
    assert len(pretended.asked) == 6


def test_a_cold_start_finds_an_empty_cache(pretended):
    pretended.run(WORKLOADS["start/lenet/cold"])
    folders = [variables["NUMBA_CACHE_DIR"] for _, _, variables in pretended.started[2:]]
    assert len(set(folders)) == 3
    assert not any(Path(folder).exists() for folder in folders)
    pretended.started.clear()
    pretended.run(WORKLOADS["start/lenet/warm"])
    assert [library for library, _, _ in pretended.started] == ["minitorch"] + ["minitorch", "torch"] * 3


def test_a_slow_library_takes_two_turns(pretended, monkeypatch):
    monkeypatch.setattr(harness.time, "perf_counter", iter(range(0, 1000, 6)).__next__)  # each turn takes 6 seconds
    result = pretended.run(WORKLOADS["selftest/chain"])
    assert len(result["libraries"]["torch"]["turns"]) == 2
    monkeypatch.setattr(harness, "PATIENCE", 1.0)
    result = pretended.run(WORKLOADS["selftest/chain"])
    assert len(result["libraries"]["torch"]["turns"]) == 1


def test_libraries_beside_the_first_other_take_fewer_turns(pretended):
    pretended.libraries.append("jax")
    pretended.turns = 5
    result = pretended.run(WORKLOADS["train/lenet/batch-4"])
    assert [len(entry["turns"]) for entry in result["libraries"].values()] == [5, 5, 2]
    assert len(result["ratios"]["jax"]["turns"]) == 2


def test_numpy_alone_is_a_library_with_a_switch():
    assert harness.environment("minitorch-numpy", 2)["MINITORCH_NUMBA"] == "0"
    assert harness.environment("minitorch", 2)["OMP_NUM_THREADS"] == "2"
    command = [sys.executable, "-m", "benchmarks", "--only", "selftest/chain", "--turns", "1", "--seconds", "0.01"]
    command += ["--numba", "off", "--against", "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "minitorch with NumPy alone" in done.stdout


# ---- the programs


def test_every_workload_says_how_it_is_measured():
    for workload in WORKLOADS.values():
        assert workload.kind in KINDS
        assert set(workload.twins) <= set(LIBRARIES)


@pytest.mark.parametrize("name", NETS)
def test_nets_for_other_libraries_are_those_of_ours(name):
    functional = minitorch.nn.functional
    spelling = SimpleNamespace(
        conv=lambda x, w, b=None, stride=1, padding=0: functional.conv2d(x, w, b, stride, padding),
        relu=functional.relu,
        max_pool=lambda x: functional.max_pool2d(x, 2),
        flatten=lambda x: minitorch.flatten(x, 1),
        linear=functional.linear,
        batch_norm=lambda x, scale, shift: functional.batch_norm(x, None, None, scale, shift, training=True),
        mean=lambda x: x.mean((2, 3)),
    )
    model = models.fill(minitorch, getattr(models, name)(minitorch))
    net = NETS[name]
    weights = [minitorch.from_numpy(value) for value in net.weights()]
    for ours, parameter in zip(weights, model.parameters(), strict=True):
        assert minitorch.equal(ours, parameter)
    x = minitorch.randn(2, *net.input)
    with minitorch.no_grad():
        minitorch.testing.assert_close(net.forward(spelling, weights, x), model(x))


# ---- what minitorch does, watched


def training_step(torch, net, batch=2):
    model = models.fill(torch, net(torch))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    shape = (784,) if net is models.mlp else (3, 32, 32)
    x, y = torch.ones(batch, *shape), torch.zeros(batch, dtype=torch.int64)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def test_instruments_name_what_runs_and_leave_nothing_behind():
    from minitorch.core import calls

    before, step = calls.quietly, training_step(minitorch, models.lenet)
    step()
    with Instruments() as seen:
        step()
    assert seen.backward["ConvolutionBackward0"].calls == 2
    assert seen.backward["AddmmBackward0"].calls == 3
    assert seen.forward["relu"].calls == 4
    assert seen.optimizer["step"].calls == seen.optimizer["zero_grad"].calls == 1
    assert seen.kernels["conv_forward"].calls == 2
    assert all(entry.seconds > 0 for entry in seen.kernels.values())
    assert calls.quietly is before
    step()
    assert seen.backward["ConvolutionBackward0"].calls == seen.kernels["conv_forward"].calls == 2


@pytest.mark.parametrize("name", NETS)
def test_operations_are_those_that_pytorch_counts(name):
    torch = pytest.importorskip("torch")
    counter = pytest.importorskip("torch.utils.flop_counter")
    with Instruments() as seen:
        training_step(minitorch, getattr(models, name))()
    with counter.FlopCounterMode(display=False) as theirs:
        training_step(torch, getattr(models, name))()
    assert sum(kernel.operations for kernel in seen.kernels.values()) == theirs.get_total_flops()


@pytest.mark.slow
def test_a_profile_can_be_read():
    command = [sys.executable, "-m", "benchmarks", "--profile", "--only", "train/lenet/batch-4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for words in ("GEMM peak", "ConvolutionBackward0", "optimizer  step", "between them", "kernel     conv_forward"):
        assert words in done.stdout
