"""What goes wrong on a GPU, on the stand-in for CuPy: each error names the cause and the remedy."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import cupy_stand_in
import numpy as np
import pytest

import minitorch
from minitorch import cuda, nn
from minitorch.nn import functional


@pytest.fixture(autouse=True)
def two_gpus(stand_in: Any) -> Any:
    before = minitorch.get_default_device()
    minitorch.set_default_device("cpu")
    yield stand_in
    minitorch.set_default_device(before)


# ---- machines without a GPU, or with another CUDA


@pytest.mark.parametrize(
    "machine, words",
    [
        ({"devices": 0}, "CuPy found no GPU; check that nvidia-smi lists one"),
        (
            {"driver_error": "cudaErrorInsufficientDriver: CUDA driver version is insufficient"},
            "insufficient.*nvidia-smi",
        ),
        (
            {"nvrtc_error": "libnvrtc.so.13: cannot open"},
            r"no compiler.*libnvrtc.so.13.*pip install \"cupy-cuda13x\[ctk",
        ),
    ],
    ids=["no GPU", "old driver", "no NVRTC"],
)
def test_why_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch, machine: dict, words: str) -> None:
    for key, value in machine.items():
        monkeypatch.setitem(cupy_stand_in.machine, key, value)
    assert not cuda.is_available() and cuda.device_count() == 0
    with pytest.raises(RuntimeError, match=words):
        minitorch.zeros(1, device="cuda")
    with pytest.raises(RuntimeError, match=words):
        minitorch.zeros(1).cuda()


# ---- GPUs that are not there


@pytest.mark.parametrize("devices, there", [(2, "'cuda:0' to 'cuda:1'"), (1, "'cuda:0' alone")])
def test_an_ordinal_too_large(monkeypatch: pytest.MonkeyPatch, devices: int, there: str) -> None:
    monkeypatch.setitem(cupy_stand_in.machine, "devices", devices)
    for ask in (
        lambda: minitorch.zeros(1, device="cuda:2"),
        lambda: minitorch.tensor([1.0], device="cuda:2"),
        lambda: minitorch.zeros(1).cuda(7),
        lambda: minitorch.zeros(1).to("cuda:2"),
        lambda: nn.Linear(2, 2).to("cuda:2"),
        lambda: cuda.set_device(2),
        lambda: cuda.device(2),
        lambda: cuda.get_device_name(5),
        lambda: cuda.synchronize(2),
        lambda: cuda.memory_allocated(2),
        lambda: cuda.Stream(2),
    ):
        with pytest.raises(RuntimeError, match=rf"invalid device ordinal.*this machine has {there}"):
            ask()


# ---- tensors and arrays in host memory among those of a GPU


def on_gpu(*shape: int) -> Any:
    return minitorch.rand(*shape, device="cuda")


BOTH = "Expected all tensors to be on the same device.*(cuda:0 and cpu|cpu and cuda:0)"
NO_TENSOR = "must be Tensor, not ndarray"
ROW = np.ones(3, np.float32)
#: (what a program does, words of the error): a is a matrix (4, 3) on the GPU, h one on the host, y class numbers there
MIXED: dict[str, tuple[Callable, str]] = {
    "operator": (lambda a, h, y: a + h, BOTH),
    "operator, in place": (lambda a, h, y: a.add_(h), BOTH),
    "NumPy operand": (lambda a, h, y: a * ROW, BOTH),
    "NumPy operand, left": (lambda a, h, y: ROW * a, BOTH),
    "matmul": (lambda a, h, y: a @ h.T, BOTH),
    "matmul, NumPy": (lambda a, h, y: minitorch.matmul(a, ROW), NO_TENSOR),
    "cat": (lambda a, h, y: minitorch.cat([a, h]), BOTH),
    "cat, NumPy": (lambda a, h, y: minitorch.cat([a, ROW]), "expected Tensor as element 1"),
    "where": (lambda a, h, y: minitorch.where(h > 0, a, a), BOTH),
    "out": (lambda a, h, y: minitorch.exp(a, out=h), BOTH),
    "assignment": (lambda a, h, y: a.__setitem__(0, h[0]), "the tensor is on cuda:0, the value on cpu"),
    "gradient": (lambda a, h, y: (a.requires_grad_() * 1).backward(h), BOTH),
    ".grad": (lambda a, h, y: setattr(a, "grad", h), "on cpu, the tensor is .* on cuda:0"),
    "gather": (lambda a, h, y: a.gather(0, y[:, None]), BOTH),
    "index_select": (lambda a, h, y: a.index_select(0, y), BOTH),
    "masked_fill": (lambda a, h, y: a.masked_fill(h > 0, 0), BOTH),
    "searchsorted": (lambda a, h, y: minitorch.searchsorted(a[0], h), BOTH),
    "bucketize": (lambda a, h, y: minitorch.bucketize(h, a[0]), BOTH),
    "bincount": (lambda a, h, y: minitorch.bincount(y.cuda(), weights=h[:, 0]), BOTH),
    "isin": (lambda a, h, y: minitorch.isin(a, h), BOTH),
    "linear": (lambda a, h, y: functional.linear(a, h), BOTH),
    "layer": (lambda a, h, y: nn.Linear(3, 2)(a), r"linear\(\): Expected all tensors to be on the same device"),
    "convolution": (lambda a, h, y: functional.conv1d(a[:, None], h[:1, None]), BOTH),
    "batch norm": (lambda a, h, y: nn.BatchNorm1d(3)(a), BOTH),
    "layer norm": (lambda a, h, y: nn.LayerNorm(3)(a), BOTH),
    "attention": (lambda a, h, y: functional.scaled_dot_product_attention(a, a, h), BOTH),
    "LSTM": (lambda a, h, y: nn.LSTM(3, 2)(a[None]), BOTH),
    "embedding": (lambda a, h, y: functional.embedding(y, a), BOTH),
    "cross-entropy": (lambda a, h, y: functional.cross_entropy(a, y), BOTH),
    "cross-entropy, scores": (lambda a, h, y: functional.cross_entropy(h, y.cuda()), BOTH),
    "cross-entropy, NumPy": (lambda a, h, y: functional.cross_entropy(a, y.numpy()), NO_TENSOR),
    "cross-entropy, weights": (lambda a, h, y: functional.cross_entropy(a, y.cuda(), minitorch.ones(3)), BOTH),
    "nll_loss": (lambda a, h, y: functional.nll_loss(a, y), BOTH),
    "mse_loss": (lambda a, h, y: functional.mse_loss(a, h), BOTH),
    "BCE": (lambda a, h, y: functional.binary_cross_entropy(a, h), BOTH),
    "BCE, weight": (lambda a, h, y: functional.binary_cross_entropy_with_logits(a, a, h), BOTH),
    "margins": (lambda a, h, y: functional.multi_margin_loss(a, y), BOTH),
    "label margins": (lambda a, h, y: functional.multilabel_margin_loss(a, y[:, None].expand(4, 3)), BOTH),
    "grid_sample": (
        lambda a, h, y: functional.grid_sample(a[None, None], minitorch.zeros(1, 2, 2, 2), align_corners=True),
        BOTH,
    ),
    "NumPy function": (lambda a, h, y: np.exp(a), "can't convert cuda:0 device type tensor to numpy"),
}  # fmt: skip


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("name", MIXED)
def test_host_arrays_handed_to_the_gpu(monkeypatch: pytest.MonkeyPatch, name: str, devices: int) -> None:
    monkeypatch.setitem(cupy_stand_in.machine, "devices", devices)
    program, words = MIXED[name]
    a, h, y = on_gpu(4, 3), minitorch.rand(4, 3), minitorch.tensor([0, 1, 2, 0])
    before = a.tolist(), h.tolist(), y.tolist()
    with pytest.raises((RuntimeError, TypeError), match=words) as caught:
        program(a, h, y)
    assert any(remedy in str(caught.value) for remedy in (".to(", ".cpu()", "be Tensor", "expected Tensor", "cuda:0"))
    assert (a.tolist(), h.tolist(), y.tolist()) == before
    assert a.grad is None


def test_what_may_be_mixed() -> None:
    a = on_gpu(4, 3)
    assert (a * minitorch.tensor(2.0)).is_cuda and a[minitorch.tensor([1, 0])].is_cuda and a[np.array([0])].is_cuda
    a.copy_(minitorch.ones(4, 3))
    assert a.sum().item() == 12


def test_kernels_take_no_host_arrays(two_gpus: Any) -> None:
    """CuPy would hand over the array's own bytes where the kernel expects an address."""
    from minitorch.backend.cuda.launching import launch_over

    a = two_gpus.ones(3, np.float32)
    with pytest.raises(TypeError, match=r"where_nonzero: argument 1 is a NumPy array, .*Tensor.cuda"):
        launch_over(3, "pointwise.cu", "where_nonzero", a.dtype, a, np.ones(3, np.float32), a)


# ---- memory


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many bytes more than now GPU 0 has."""

    def leave(size: int) -> None:
        gc.collect()
        cuda.empty_cache()
        monkeypatch.setitem(cupy_stand_in.machine, "memory", cuda.memory_allocated() + size)

    return leave


def test_out_of_memory(room: Callable) -> None:
    net = nn.Linear(100, 100).cuda()
    room(60_000)
    x = minitorch.ones(100, 100, device="cuda")
    del x  # what is idle is used again
    x = minitorch.ones(100, 100, device="cuda")
    words = r"(?s)out of memory on GPU 0 .*unused memory was given back.*smaller batch.*largest tensors.*Linear.weight"
    for ask in (
        minitorch.exp, net, lambda x: x + 1, lambda x: x.repeat(2, 1), lambda x: x.cpu().cuda(),
        lambda x: minitorch.zeros(100, 200, device="cuda"),
    ):  # fmt: skip
        with pytest.raises(cuda.OutOfMemoryError, match=words):
            ask(x)
    assert x.sum().item() == 10_000
    assert cuda.OutOfMemoryError is minitorch.OutOfMemoryError
    assert issubclass(cuda.OutOfMemoryError, RuntimeError)


def test_garbage_is_collected_and_the_allocation_tried_again(two_gpus: Any) -> None:
    """With a limit on CuPy's pool CuPy frees nothing by itself."""
    pool = two_gpus.get_default_memory_pool()
    gc.collect()
    pool.free_all_blocks()
    pool.set_limit(size=pool.used_bytes() + 60_000)
    gc.disable()  # only the retry collects
    try:
        cycle = [minitorch.ones(100, 100, device="cuda")]
        cycle.append(cycle)
        del cycle
        x = minitorch.ones(100, 100, device="cuda")
        with pytest.raises(cuda.OutOfMemoryError, match=r"limit set to"):
            minitorch.ones(100, 100, device="cuda")
        assert x.sum().item() == 10_000
    finally:
        gc.enable()
        pool.set_limit(size=0)


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.head = nn.Linear(32, 4)
        self.register_buffer("centre", minitorch.zeros(4))

    def forward(self, x: Any) -> Any:
        return self.head(self.body(x)) - self.centre


def test_who_holds_memory(room: Callable) -> None:
    net = Classifier().cuda()
    optimizer = minitorch.optim.Adam(net.parameters())
    net(on_gpu(8, 64)).sum().backward()
    optimizer.step()
    loss = net(on_gpu(512, 64)).exp().sum()
    spare = on_gpu(1000, 10)[:, :5]
    room(0)
    with pytest.raises(cuda.OutOfMemoryError) as caught:
        on_gpu(1000, 1000)
    lines = str(caught.value).splitlines()
    first = lines.index("  128.00 KiB: an array that AddmmBackward0 keeps of shape [512, 64], float32")
    assert lines[first + 1] == "  64.00 KiB: an array that ReluBackward0 keeps of shape [512, 32], float32"
    assert lines[first + 2] == "  39.06 KiB: a tensor of shape [1000, 5], float32"  # all that its view keeps alive
    assert lines[-1].startswith("  in all: parameters 8.")
    for purpose in ("gradients 8.", "optimizer state 17.", "kept for backward 2", "other "):
        assert purpose in lines[-1]
    assert loss is not None and spare is not None


def test_each_owner_has_its_name() -> None:
    from minitorch.core.out_of_memory import holders

    net = Classifier().cuda()
    optimizer = minitorch.optim.Adam(net.parameters())
    net(on_gpu(8, 64)).sum().backward()
    optimizer.step()
    owners = {held.owner: held for held in holders(0)}
    for name, size in (
        ("Classifier.body.0.weight", 64 * 32 * 4),
        ("Classifier.head.bias.grad", 4 * 4),
        ("Classifier.centre", 4 * 4),
        ("Adam's exp_avg of Classifier.body.0.weight", 64 * 32 * 4),
        ("Adam's exp_avg_sq of Classifier.head.bias", 4 * 4),
    ):
        assert owners[name].size == size, sorted(owners)
    assert owners["Classifier.centre"].purpose == "parameters"
    assert not any("Classifier" in held.owner for held in holders(1))


def test_names_of_modules_that_contain_each_other() -> None:
    from minitorch.core.out_of_memory import holders

    first, second = nn.Linear(7, 7).cuda(), nn.Linear(5, 5).cuda()
    first.other, second.other = second, first
    assert {"Linear.weight", "Linear.bias"} <= {held.owner for held in holders(0)}
    del first.other


def test_unfinished_modules_do_not_hide_the_error(room: Callable) -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            on_gpu(1000, 1000)
            super().__init__()

    room(0)
    with pytest.raises(cuda.OutOfMemoryError, match="out of memory on GPU 0"):
        Early()
