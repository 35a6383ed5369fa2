"""What a training step asks of a GPU: kernels, bytes moved, copies, waits.  Counted by the stand-in for CuPy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cupy_stand_in
import numpy as np
import pytest
from cupy_stand_in import counted, counting, raw, traffic

import minitorch
from benchmarks import pytorch_launches, roofline
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.models import lenet
from minitorch.backend.cuda import launching

pytestmark = pytest.mark.skipif(raw.compiler() is None, reason="no C++ compiler to run kernels with")

SOURCES = Path(launching.__file__).with_name("source")
BATCH = 4
#: of the library's own; see test_fewer_launches_than_pytorch
LAUNCHES = 45
#: bytes moved, as a multiple of the least that ops which are not fused can do with
TRAFFIC = 1.3


def step_of(torch: Any, device: str) -> Any:
    """LeNet's training step on 3x32x32 images by SGD with momentum, after two steps."""
    step = roofline.training_step(torch, lenet, BATCH, device)
    step()
    step()
    return step


@pytest.fixture
def cpu_default() -> Any:
    """The counts are of tensors that the step itself moves."""
    before = minitorch.get_default_device()
    minitorch.set_default_device("cpu")
    yield
    minitorch.set_default_device(before)


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_lenet_step(stand_in: Any, cpu_default: None, device: str) -> None:
    step = step_of(minitorch, device)
    with counted() as counts:
        loss = step()
    assert counts.launches <= LAUNCHES, counts
    assert counts.uploads == 2, "only the batch goes up"
    assert counts.syncs == counts.downloads == 0, counts
    with counted() as counts:
        loss.item()
    assert counts.launches == counts.uploads == 0
    assert counts.syncs <= 2, "the number itself, and the flags of the checks that wait"


def test_the_same_losses_as_on_the_cpu(stand_in: Any, cpu_default: None) -> None:
    on_gpu, on_cpu = step_of(minitorch, "cuda"), step_of(minitorch, "cpu")
    losses = [(on_gpu().item(), on_cpu().item()) for _ in range(5)]
    np.testing.assert_allclose(*zip(*losses), rtol=1e-4)
    assert losses[-1][0] < losses[0][0]


def test_a_wrong_label_is_reported_when_the_loss_is_read(stand_in: Any, cpu_default: None) -> None:
    scores = minitorch.zeros(3, 4, device="cuda", requires_grad=True)
    loss = minitorch.nn.functional.cross_entropy(scores, minitorch.tensor([0, 7, 3]).cuda())
    loss.backward()
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        loss.item()
    assert loss.item() > 0  # said once


def test_a_wrong_label_is_reported_at_once_if_asked(
    stand_in: Any, cpu_default: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        minitorch.nn.functional.cross_entropy(
            minitorch.zeros(3, 4, device="cuda"), minitorch.tensor([0, 7, 3], device="cuda")
        )


@pytest.mark.parametrize("batch", [4, 64, 256])
def test_bytes_moved(cpu_default: None, batch: int) -> None:
    launches = roofline.count(lenet, batch)
    moved = sum(launch.moved for launch in launches)
    op_by_op, unavoidable = roofline.least_bytes(batch)
    assert unavoidable < op_by_op <= moved <= TRAFFIC * op_by_op, [(launch.name, launch.moved) for launch in launches]


def test_kernels_that_are_not_run_count_the_same(stand_in: Any, cpu_default: None) -> None:
    step = step_of(minitorch, "cuda")
    with counted() as counts:
        step()
    assert counts.each == roofline.count(lenet, BATCH)
    assert sum(launch.times for launch in counts.each) == counts.launches


def test_kernels_that_read_what_they_write_are_known() -> None:
    """A kernel's signature does not tell; its source does."""
    found = set()
    for file in sorted(SOURCES.glob("*.cu")):
        code = launching.code_of(file.name)
        for part in code.split('extern "C" __global__')[1:]:
            name = re.search(r"(\w+)\(\s*(?:const|REAL|int|long|unsigned|Table)", part)[1]
            takes, constants = raw.parameters(code, name), raw.constants(code, name)
            written = {label for kind, label in takes if kind.endswith("*")} - constants - {traffic.FLAGS}
            for label in written:
                uses = re.findall(rf"\b{label}\[(?:[^\[\]]|\[[^\]]*\])*\]\s*(\S\S?)", part)
                if any(not after.startswith("=") or after == "==" for after in uses):
                    found.add((name, label))
    assert found == traffic.UPDATED, "tests/cupy_stand_in/traffic.py lists the parameters that are read and written"


def test_least_bytes() -> None:
    """Against the network itself: the arrays that its layers take and give."""
    net, batch = lenet(minitorch).cpu(), 3
    relu, pool = minitorch.relu, net.pool
    moved = 0

    def layer(module: Any, x: Any, gradients: int = 2) -> Any:
        nonlocal moved
        y = module(x)
        weight, bias = module.weight.nbytes, module.bias.nbytes
        moved += x.nbytes + weight + bias + y.nbytes  # forward
        moved += y.nbytes + x.nbytes + weight + bias  # gradients of weight and bias
        moved += weight + x.nbytes if gradients == 2 else 0  # of the input
        moved += 5 * (weight + bias)  # the optimizer
        moved += 5 * y.nbytes if y.shape[1] != 10 else 0  # ReLU: in, out; gradient, out, gradient
        return relu(y)

    def pooled(x: Any) -> Any:
        nonlocal moved
        y = pool(x)
        moved += 2 * (x.nbytes + y.nbytes + y.numel())
        return y

    x = minitorch.zeros(batch, 3, 32, 32, device="cpu")
    with minitorch.no_grad():
        y = pooled(layer(net.conv2, pooled(layer(net.conv1, x, 1))))
        y = layer(net.fc3, layer(net.fc2, layer(net.fc1, y.flatten(1))))
    labels, log_sums = batch * 8, batch * 4
    moved += y.nbytes + labels + log_sums + 4  # cross-entropy
    moved += 4 + (4 + y.nbytes + labels + log_sums + y.nbytes)  # its gradient, from that of the loss
    weights = sum(p.nbytes for p in net.parameters())
    assert roofline.least_bytes(batch) == (moved, x.nbytes + labels + 4 * weights + 4)


def test_fewer_launches_than_pytorch(stand_in: Any, cpu_default: None) -> None:
    pytest.importorskip("torch")
    calls = pytorch_launches.calls(BATCH)
    assert calls["aten::convolution"] == 2 and calls["aten::addmm"] == 3 and calls["aten::convolution_backward"] == 2
    theirs = pytorch_launches.launches(calls)
    assert 40 <= theirs <= 50, calls
    mine = step_of(minitorch, "cuda")
    with counted() as counts:
        mine()
    assert counts.launches < theirs


# ---- what is timed where there is a GPU: python -m benchmarks --device cuda

#: the rest are the same programs at sizes that take long on a host
TIMED = [
    name
    for name, workload in WORKLOADS.items()
    if workload.kind == "call"
    and name.startswith(("train/", "infer/", "op/", "engine/scalars"))
    and not any(part in name for part in ("vgg", "mlp", "/1024/", "batch-64", "batch-256"))
]


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMED)
def test_benchmarks_neither_wait_nor_copy(cpu_default: None, name: str) -> None:
    with roofline.stand_in() as cupy:
        step = WORKLOADS[name].build_for("minitorch")(minitorch, "cuda")
        step()
        with cupy.counted() as counts:
            step()
    assert counts.launches > 0
    assert counts.syncs == counts.uploads == counts.downloads == 0, counts.by_name


# ---- the command that writes these figures into the docs


def test_estimates() -> None:
    card = roofline.Card("a card", bandwidth=1e6, peak=1e9)
    moves, computes = counting.Launch("moves", 1, 6, 4, 5), counting.Launch("computes", 2, 0, 8, 40_000)
    work, step = roofline.estimate([moves, computes], card, launch_seconds=15e-6)
    assert work == pytest.approx(10e-6 + 2 * 20e-6)
    assert step == pytest.approx(15e-6 + 15e-6 + 2 * 20e-6)  # the second is started when the first has long ended
    assert roofline.Estimate(work, step).waiting == pytest.approx(2 / 7)


def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, no_cupy: None, capsys: Any) -> None:
    page = tmp_path / "cuda.md"
    page.write_text("before\n" + "\n".join(roofline.MARKS) + "\nafter\n")
    monkeypatch.setattr(roofline, "DOCS", page)
    monkeypatch.setattr(roofline, "ROOT", tmp_path.parent)
    monkeypatch.setattr(roofline, "STEPS", roofline.STEPS[:1])
    monkeypatch.setattr(roofline, "count", lambda net, batch: [counting.Launch("add", 1, 2 << 20, 1 << 20, 7)])
    assert roofline.main(["--docs"]) == 0
    printed = capsys.readouterr()
    assert "Nothing is timed: device 'cuda' is not available" in printed.err
    head, _, row = printed.out.splitlines()
    assert row.startswith("| LeNet, batch 4 | 1 | 3.0 MiB |") and "measured" not in head
    assert page.read_text() == f"before\n{roofline.MARKS[0]}\n{printed.out}{roofline.MARKS[1]}\nafter\n"
    assert roofline.main(["--each", "LeNet, batch 4"]) == 0
    assert capsys.readouterr().out.split()[:4] == ["add", "1", "2,097,152", "read"]
    with pytest.raises(SystemExit):
        roofline.main(["--each", "LeNet, batch 5"])


def test_a_gpu_is_timed(stand_in: Any, cpu_default: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "STEPS", roofline.STEPS[:1])
    monkeypatch.setitem(cupy_stand_in.machine, "runs_kernels", False)
    head, _, row = roofline.table(5e-6, measured=True).splitlines()
    assert head.endswith("| measured on Stand-in |") and row.endswith(" µs |")


def test_docs_have_the_table() -> None:
    text = (Path(__file__).parents[1] / "docs" / "cuda.md").read_text(encoding="utf-8")
    begin, end = map(text.index, roofline.MARKS)
    assert all(f"| {title} |" in text[begin:end] for title, _, _ in roofline.STEPS)
