"""``python -m benchmarks.roofline``: bytes and arithmetic of training steps on a GPU, and the least time they take.

The stand-in for CuPy in ``tests/`` notes each launch: the bytes that its operands and results take, and its arithmetic.
No GPU is needed, and no kernel is run.  A launch takes at least the longer of (bytes / bandwidth) and (operations /
peak); the host starts one launch after the other, each in ``--launch-us`` microseconds, and the GPU begins one when it
has been started and the one before has ended.  Where there is a GPU, the step is run on it and timed, too.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from .harness import ROOT
from .report import rewrite
from .workloads.models import fill, images, labels, lenet, resnet20

DOCS = ROOT / "docs" / "cuda.md"
MARKS = "<!-- roofline -->", "<!-- /roofline -->"


class Card(NamedTuple):
    """Bytes and float32 operations a second, as NVIDIA's data sheets have them (no tensor cores), rounded."""

    name: str
    bandwidth: float
    peak: float


CARDS = Card("H100", 3.0e12, 67e12), Card("T4", 0.3e12, 8e12)
#: (title, network, batch)
STEPS: list[tuple[str, Callable[[ModuleType], Any], int]] = [
    ("LeNet, batch 4", lenet, 4),
    ("LeNet, batch 64", lenet, 64),
    ("LeNet, batch 256", lenet, 256),
    ("ResNet-20, batch 32", resnet20, 32),
]


class Estimate(NamedTuple):
    """Seconds: the GPU's own work, and the whole step with what it waits for launches."""

    work: float
    step: float

    @property
    def waiting(self) -> float:
        """The share of the step in which the GPU waits for the next launch."""
        return 1 - self.work / self.step


def training_step(
    torch: ModuleType, net: Callable[[ModuleType], Any], batch: int, device: str, **options: Any
) -> Callable[[], Any]:
    """One step of SGD with momentum on 3x32x32 images; the batch is copied to the GPU in the step."""
    model, criterion = fill(torch, net(torch)).to(device), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **options)
    pictures, classes = torch.from_numpy(images(batch)), torch.from_numpy(labels(batch))

    def step() -> Any:
        x, y = pictures.to(device), classes.to(device)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@contextlib.contextmanager
def stand_in() -> Iterator[ModuleType]:
    """CuPy's stand-in in its place, with kernels that are noted and not run."""
    folder = str(ROOT / "tests")
    sys.path.insert(0, folder)
    try:
        import cupy_stand_in
    finally:
        sys.path.remove(folder)
    cupy_stand_in.machine["runs_kernels"] = False
    try:
        with cupy_stand_in.installed():
            yield cupy_stand_in
    finally:
        cupy_stand_in.machine["runs_kernels"] = True


def count(net: Callable[[ModuleType], Any], batch: int) -> list[Any]:
    """The launches of one step, the third: the first ones make momentum buffers and tables."""
    import minitorch

    with stand_in() as cupy:
        step = training_step(minitorch, net, batch, "cuda")
        step()
        step()
        with cupy.counted() as counts:
            step()
    return counts.each


def estimate(launches: list[Any], card: Card, launch_seconds: float) -> Estimate:
    """What the launches take on ``card`` at least."""
    started = free = work = 0.0
    for launch in launches:
        each = max(launch.moved / card.bandwidth, launch.operations / card.peak) / launch.times
        for _ in range(launch.times):
            started += launch_seconds
            free = max(free, started) + each
            work += each
    return Estimate(work, free)


def measure(net: Callable[[ModuleType], Any], batch: int) -> tuple[str, float]:
    """The name of the GPU at hand and the seconds that a step takes on it: the median of several turns."""
    import minitorch

    from .measure import Timer

    step = training_step(minitorch, net, batch, "cuda")
    return minitorch.cuda.get_device_name(), Timer(step, minitorch.cuda.synchronize, 0.5).turn()["value"]


def least_bytes(batch: int) -> tuple[int, int]:
    """The least bytes that LeNet's step on 3x32x32 images moves between a GPU's memory and its cores.

    First: op by op, where every op and every op's gradient reads each of its operands once and writes each of its
    results once, views and flags being free; the element that won in a pooling window takes one byte.
    Second: what no fusion can do without, because it is there before and after the step: the batch and its labels, the
    weights and their momentum read, both written, and the loss.
    """
    moved = 0.0  # elements of four bytes
    weights = 0
    # Elements of an image before and after the layer, of its weight, of its bias.
    layers = ((3072, 4704, 450, 6), (1176, 1600, 2400, 16), (400, 120, 48000, 120), (120, 84, 10080, 84),
              (84, 10, 840, 10))  # fmt: skip
    for number, (x, y, weight, bias) in enumerate(layers):
        weights += weight + bias
        moved += batch * x + weight + bias + batch * y
        moved += batch * y + batch * x + weight + bias
        if number:  # nobody asks for the gradient of the images
            moved += weight + batch * x
    for size in (4704, 1600, 120, 84):  # ReLU
        moved += batch * (2 + 3) * size
    for x, y in ((4704, 1176), (1600, 400)):  # pooling
        moved += 2 * batch * (x + y + y / 4)
    # Cross-entropy: scores, labels of eight bytes, a logarithm of a sum for each image, the loss and its gradient.
    moved += batch * (10 + 2 + 1) + 1 + 1 + batch * (10 + 2 + 1 + 10) + 1
    moved += 5 * weights  # SGD
    bare = batch * (3072 + 2) + 4 * weights + 1
    return int(4 * moved), 4 * bare


def row(title: str, net: Callable[[ModuleType], Any], batch: int, launch_seconds: float) -> list[str]:
    launches = count(net, batch)
    moved = sum(launch.moved for launch in launches)
    ratios = [f"{moved / least:.2f}" for least in least_bytes(batch)] if net is lenet else ["", ""]
    cells = [title, str(sum(launch.times for launch in launches)), f"{moved / 2**20:.1f} MiB", *ratios]
    cells.append(f"{sum(launch.operations for launch in launches) / 1e9:.2f} G")
    for card in CARDS:
        found = estimate(launches, card, launch_seconds)
        cells += [f"{found.work * 1e6:.0f} µs", f"{found.step * 1e6:.0f} µs", f"{found.waiting:.0%}"]
    return cells


def table(launch_seconds: float, measured: bool) -> str:
    """Markdown; a column of measured times where there is a GPU."""
    head = ["step", "launches", "moved", "of the least, op by op", "of what no fusion saves", "operations"]
    for card in CARDS:
        head += [f"{card.name}: work", "step", "waiting"]
    rows = [row(*step, launch_seconds) for step in STEPS]
    if measured:
        for cells, (_, net, batch) in zip(rows, STEPS):
            name, seconds = measure(net, batch)
            cells.append(f"{seconds * 1e6:.0f} µs")
        head.append(f"measured on {name}")
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.roofline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--launch-us", type=float, default=5.0, help="host time of a launch, microseconds (default 5)")
    parser.add_argument("--each", metavar="STEP", help="list the launches of one step, for example 'LeNet, batch 4'")
    parser.add_argument("--docs", action="store_true", help=f"write the table into {DOCS.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    if options.each:
        chosen = {title: (net, batch) for title, net, batch in STEPS}
        if options.each not in chosen:
            parser.error(f"--each takes one of {', '.join(map(repr, chosen))}")
        for launch in count(*chosen[options.each]):
            print(f"{launch.name:<32} {launch.times} {launch.read:>12,} read {launch.written:>12,} written "
                  f"{launch.operations:>14,} operations")  # fmt: skip
        return 0
    import minitorch

    reason = minitorch.cuda.why_unavailable()
    if reason is not None:
        print(f"Nothing is timed: {reason}", file=sys.stderr)
    text = table(options.launch_us * 1e-6, measured=reason is None)
    print(text)
    if options.docs:
        rewrite(DOCS, text, MARKS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
