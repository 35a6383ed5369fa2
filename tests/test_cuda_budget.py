"""What a training step asks of a GPU: kernels started, copies, waits.  Counted by the stand-in for CuPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cupy_stand_in import counted, raw

import minitorch

pytestmark = pytest.mark.skipif(raw.compiler() is None, reason="no C++ compiler to run kernels with")

BATCH = 8
#: of the library's own; see test_fewer_launches_than_pytorch
LAUNCHES = 45
#: kernels that PyTorch 2 starts on CUDA for one call of an op, with cuDNN, whose own choice of algorithms may add some;
#: views and ops made of others start none.  Counted from its sources' dispatch: a convolution adds its bias apart,
#: cross-entropy is log-softmax and the choice of an entry.
PYTORCH_KERNELS = {
    "aten::mkldnn_convolution": 2,
    "aten::thnn_conv2d": 2,
    "aten::_slow_conv2d_forward": 2,
    "aten::clamp_min": 1,
    "aten::relu": 0,
    "aten::max_pool2d_with_indices": 1,
    "aten::addmm": 1,
    "aten::mm": 1,
    "aten::_log_softmax": 1,
    "aten::nll_loss_forward": 1,
    "aten::nll_loss_backward": 1,
    "aten::_log_softmax_backward_data": 1,
    "aten::threshold_backward": 1,
    "aten::max_pool2d_with_indices_backward": 1,
    "aten::convolution_backward": 2,  # weight and bias; the input's gradient is added below
    "aten::sum": 1,
    "aten::zero_": 1,
    "aten::ones_like": 1,
}


def lenet(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def step_of(torch: Any, device: str) -> Any:
    torch.manual_seed(0)
    net, criterion = lenet(torch).to(device), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.random((BATCH, 1, 28, 28), np.float32))
    labels = torch.from_numpy(rng.integers(0, 10, BATCH))

    def step() -> Any:
        x, y = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

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


def test_fewer_launches_than_pytorch(stand_in: Any, cpu_default: None) -> None:
    """PyTorch's step is traced on the CPU; its ops are the same on CUDA, where each starts so many kernels."""
    torch = pytest.importorskip("torch")
    step = step_of(torch, "cpu")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    calls = {event.key: event.count for event in profile.key_averages()}
    theirs = sum(PYTORCH_KERNELS.get(name, 0) * count for name, count in calls.items())
    theirs += 1  # the second convolution's input needs a gradient
    # On the CPU the optimizer goes through the parameters; on CUDA it does all at once, in three steps.
    theirs += 3
    assert theirs >= 35, calls
    mine = step_of(minitorch, "cuda")
    with counted() as counts:
        mine()
    assert counts.launches < theirs
