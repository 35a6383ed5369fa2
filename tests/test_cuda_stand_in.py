"""``minitorch.cuda`` and tensors on several GPUs, on the stand-in for CuPy, which has two."""

from __future__ import annotations

import copy
import pickle
import runpy
from pathlib import Path
from typing import Any

import cupy_stand_in
import numpy as np
import pytest
from cupy_stand_in import counted

import minitorch
from minitorch import cuda, nn
from minitorch.utils.optional import available


@pytest.fixture(autouse=True)
def two_gpus(stand_in: Any) -> Any:
    before = minitorch.get_default_device()
    minitorch.set_default_device("cpu")
    yield stand_in
    minitorch.set_default_device(before)


# ---- devices


def test_what_there_is() -> None:
    assert cuda.is_available() and cuda.is_initialized() and cuda.why_unavailable() is None
    assert cuda.device_count() == 2
    assert cuda.get_device_name(1) == cuda.get_device_name("cuda:0") == "Stand-in"
    assert cuda.get_device_capability() == (8, 0)
    assert cuda.get_device_properties(0).total_memory == cupy_stand_in.machine["memory"]
    assert cuda.is_bf16_supported() == available("ml_dtypes")


def test_current_device() -> None:
    assert cuda.current_device() == 0
    cuda.set_device(1)
    assert cuda.current_device() == 1
    assert str(minitorch.zeros(1, device="cuda").device) == "cuda:1"
    cuda.set_device("cuda:0")
    cuda.set_device(-1)
    assert cuda.current_device() == 0
    with cuda.device(1):
        assert str(minitorch.tensor(1.0).cuda().device) == "cuda:1"
        with cuda.device(None), cuda.device(-1):
            assert cuda.current_device() == 1
    assert cuda.current_device() == 0
    with cuda.device_of(minitorch.zeros(1, device="cuda:1")):
        assert cuda.current_device() == 1
    with pytest.raises(ValueError, match="Expected a cuda device"):
        cuda.set_device("cpu")


def test_creation_where_it_is_asked_for() -> None:
    with minitorch.device("cuda:1"):
        made = [
            minitorch.zeros(2), minitorch.ones(2), minitorch.full((2,), 3.0), minitorch.arange(3), minitorch.rand(2),
            minitorch.tensor([1.0]), minitorch.empty(2), minitorch.eye(2), minitorch.linspace(0, 1, 3),
        ]  # fmt: skip
    assert {str(t.device) for t in made} == {"cuda:1"}
    assert cuda.current_device() == 0
    assert {str(minitorch.zeros_like(t).device) for t in made} == {"cuda:1"}
    assert str(made[0].new_zeros(3).device) == "cuda:1"


def test_moves() -> None:
    x = minitorch.arange(4.0)
    y = x.cuda()
    assert y.is_cuda and str(y.device) == "cuda:0" and y.cuda() is y and y.cpu().tolist() == [0, 1, 2, 3]
    z = y.to("cuda:1")
    assert str(z.device) == "cuda:1" and z.to(y).device == y.device and z.tolist() == x.tolist()
    assert str(z.double().device) == "cuda:1"
    w = x.clone().requires_grad_()
    (w.cuda(1) * 2).sum().backward()
    assert str(w.grad.device) == "cpu" and w.grad.tolist() == [2, 2, 2, 2]
    assert x.pin_memory().tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="cannot pin"):
        y.pin_memory()
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
        y.numpy()


def test_devices_do_not_mix() -> None:
    a, b, c = minitorch.ones(2), minitorch.ones(2, device="cuda"), minitorch.ones(2, device="cuda:1")
    for x, y, names in ((a, b, "cpu and cuda:0"), (b, a, "cuda:0 and cpu"), (b, c, "cuda:0 and cuda:1")):
        for function in (minitorch.add, minitorch.dot, lambda p, q: minitorch.cat([p, q]), lambda p, q: p @ q):
            with pytest.raises(RuntimeError, match=f"Expected all tensors to be on the same device.*{names}"):
                function(x, y)
    assert (b + minitorch.tensor(1.0)).tolist() == [2, 2]  # numbers in 0-d tensors may
    with pytest.raises(RuntimeError, match="cuda:1"):
        nn.Linear(2, 2).to("cuda:1")(b)


def test_training_on_the_second_gpu() -> None:
    def losses(device: str) -> list[float]:
        minitorch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.LayerNorm(36),
            nn.Linear(36, 8), nn.GELU(), nn.Linear(8, 3),
        ).to(device)  # fmt: skip
        optimizer = minitorch.optim.AdamW(net.parameters(), lr=0.01)
        schedule = minitorch.optim.lr_scheduler.StepLR(optimizer, 3)
        x, y = minitorch.rand(6, 1, 8, 8).to(device), (minitorch.arange(6) % 3).to(device)
        found = []
        for _ in range(6):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y) + net[0].weight.square().mean()
            loss.backward()
            optimizer.step()
            schedule.step()
            found.append(loss.item())
        return found

    on_cpu = losses("cpu")
    np.testing.assert_allclose(losses("cuda:0"), on_cpu, rtol=1e-3)
    np.testing.assert_allclose(losses("cuda:1"), on_cpu, rtol=1e-3)
    assert cuda.current_device() == 0


def test_the_accelerator_is_cuda() -> None:
    accelerator = minitorch.accelerator
    assert accelerator.is_available() and accelerator.device_count() == 2
    assert str(accelerator.current_accelerator()) == "cuda"
    accelerator.set_device_index(1)
    assert accelerator.current_device_index() == cuda.current_device() == 1
    with accelerator.device_index(0):
        assert cuda.current_device() == 0
    accelerator.synchronize()
    assert accelerator.current_stream() == cuda.current_stream()


def test_switches_that_scripts_set() -> None:
    backends = minitorch.backends
    backends.cudnn.benchmark = backends.cudnn.deterministic = True
    backends.cudnn.benchmark = backends.cudnn.deterministic = False
    assert backends.cuda.is_built() and not backends.cudnn.is_available() and backends.cudnn.version() is None
    assert not backends.mps.is_available() and not backends.mps.is_built()
    assert backends.cuda.matmul.allow_tf32 is False
    backends.cuda.matmul.allow_tf32 = True
    assert backends.cuda.matmul.allow_tf32 is True
    backends.cuda.matmul.allow_tf32 = False


# ---- what is kept: files, copies


def test_files_and_copies(tmp_path: Path) -> None:
    state = {
        "w": minitorch.arange(3.0, device="cuda"),
        "v": minitorch.ones(2, device="cuda:1"),
        "c": minitorch.zeros(1),
    }
    minitorch.save(state, tmp_path / "state.pt")
    as_saved = minitorch.load(tmp_path / "state.pt")
    assert [str(t.device) for t in as_saved.values()] == ["cuda:0", "cuda:1", "cpu"]
    for location, devices in (
        ("cpu", ["cpu"] * 3),
        ("cuda:1", ["cuda:1"] * 3),
        (minitorch.device("cuda"), ["cuda:0"] * 3),
        ({"cuda:1": "cuda:0"}, ["cuda:0", "cuda:0", "cpu"]),
        (lambda storage, place: storage.cuda(1), ["cuda:1"] * 3),
    ):
        loaded = minitorch.load(tmp_path / "state.pt", map_location=location)
        assert [str(t.device) for t in loaded.values()] == devices, location
        assert [t.tolist() for t in loaded.values()] == [[0, 1, 2], [1, 1], [0]]
    with pytest.raises(RuntimeError, match=r"invalid device ordinal|cannot be put on 'cuda:3'"):
        minitorch.load(tmp_path / "state.pt", map_location="cuda:3")
    w = state["v"].clone().requires_grad_()
    for other in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert str(other.device) == "cuda:1" and other.requires_grad and other.tolist() == [1, 1]


def test_loaders_with_pinned_memory() -> None:
    data = minitorch.utils.data.TensorDataset(minitorch.arange(6.0), minitorch.arange(6))
    for x, y in minitorch.utils.data.DataLoader(data, batch_size=3, pin_memory=True):
        assert x.cuda(non_blocking=True).sum().item() == float(y.sum())


def test_modules_move_with_hooks_and_buffers() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    seen: list[Any] = []
    net.register_forward_hook(lambda module, given, out: seen.append((given[0].device, out.device)))
    net.cuda(1)
    assert {str(t.device) for t in (*net.parameters(), *net.buffers())} == {"cuda:1"}
    net(minitorch.rand(4, 2, device="cuda:1")).sum().backward()
    assert [str(d) for d in seen[0]] == ["cuda:1", "cuda:1"]
    net.cpu()
    assert {str(p.grad.device) for p in net.parameters()} == {"cpu"}


# ---- random numbers


def test_one_stream_for_all_devices() -> None:
    for seed in (minitorch.manual_seed, cuda.manual_seed, cuda.manual_seed_all):
        drawn = []
        for device in ("cpu", "cuda", "cuda:1"):
            seed(3)
            x = minitorch.randn(5, device=device)
            kept = nn.functional.dropout(minitorch.ones(20, device=device), 0.5)
            drawn.append((x.tolist(), kept.tolist()))
        assert drawn[0] == drawn[1] == drawn[2]
    place = cuda.get_rng_state()
    first = minitorch.rand(2, device="cuda").tolist()
    cuda.set_rng_state(place)
    assert minitorch.rand(2).tolist() == first
    cuda.set_rng_state_all([place] * 2)
    assert len(cuda.get_rng_state_all()) == 2
    assert minitorch.rand(2).tolist() == first
    assert cuda.initial_seed() == 3


# ---- streams


def test_streams_and_events() -> None:
    work, begin, end = cuda.Stream(), cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    assert cuda.current_stream() == cuda.default_stream()
    with cuda.stream(work), cuda.stream(None):
        assert cuda.current_stream() == work
        begin.record()
        minitorch.ones(3, device="cuda").sum()
        end.record()
    cuda.current_stream().wait_stream(work)
    end.synchronize()
    assert begin.elapsed_time(end) >= 0 and end.query() and work.query()
    work.synchronize()
    cuda.synchronize()
    with pytest.raises(RuntimeError, match="enable_timing"):
        begin.elapsed_time(cuda.Event())
    assert str(cuda.Stream("cuda:1").device) == "cuda:1"


def test_graphs_are_refused_with_the_reason_and_the_remedy() -> None:
    net, x = nn.Linear(2, 2), minitorch.zeros(1, 2)
    for use in (
        lambda: cuda.CUDAGraph(),
        lambda: cuda.graph(None, stream=cuda.Stream()),
        lambda: cuda.make_graphed_callables(net, (x,)),
        lambda: cuda.graph_pool_handle(),
    ):
        with pytest.raises(NotImplementedError, match=r"CUDA graphs .* takes new memory .* call the model or the step"):
            use()
    assert not cuda.is_current_stream_capturing()


def test_synchronize_reports_wrong_indices() -> None:
    table = minitorch.rand(3, 2, device="cuda:1")
    nn.functional.embedding(minitorch.tensor([0, 5], device="cuda:1"), table)
    with pytest.raises(IndexError, match="index out of range: 5; the table has 3 rows"):
        cuda.synchronize()
    cuda.synchronize()
    with counted() as counts:
        table[minitorch.tensor([0, 2], device="cuda:1")]
        nn.functional.embedding(minitorch.tensor([0, 2], device="cuda:1"), table)
    assert counts.syncs == 0


# ---- memory


def test_memory_in_use() -> None:
    before = cuda.memory_allocated()
    cuda.reset_peak_memory_stats()
    x = minitorch.zeros(1000, device="cuda")
    assert cuda.memory_allocated() == before + 4096
    y = x + 1
    del x, y
    assert cuda.memory_allocated() == before
    assert cuda.max_memory_allocated() == before + 2 * 4096
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    assert cuda.max_memory_reserved() == cuda.memory_reserved()
    cuda.empty_cache()
    assert cuda.memory_reserved() == before
    z = minitorch.zeros(1000, device="cuda:1")
    assert cuda.memory_allocated("cuda:1") >= 4096 and z.is_cuda
    free, total = cuda.mem_get_info()
    assert 0 < free <= total
    lazy = nn.LazyLinear(3)  # without memory as yet
    net = nn.Linear(50, 60).cuda()
    assert lazy.has_uninitialized_params()
    assert "Linear.weight of shape [60, 50], float32" in cuda.memory_summary() and net.weight.is_cuda


# ---- a script


def test_the_lenet_example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    monkeypatch.setenv("MINITORCH_CUDA_KERNELS", "0")  # on the host they are slow
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["lenet.py", "--short", "--device", "cuda"])
    runpy.run_path(str(Path(__file__).parents[1] / "examples" / "lenet.py"), run_name="__main__")
    assert "Test accuracy" in capsys.readouterr().out
