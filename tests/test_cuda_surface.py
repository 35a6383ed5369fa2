"""What scripts say to a GPU, as a user says it: moving, mixing, files, exchange, ``torch.cuda``'s names, switches."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import cupy_stand_in
import numpy as np
import pytest

import minitorch as torch
from minitorch import cuda
from minitorch.nn import functional as F


@pytest.fixture(autouse=True)
def cupy(stand_in: Any) -> Iterator[Any]:
    before = torch.get_default_device(), torch.get_default_dtype()
    torch.set_default_device("cpu")
    yield stand_in
    torch.set_default_device(before[0])
    torch.set_default_dtype(before[1])
    torch.set_float32_matmul_precision("highest")


def where(*tensors: Any) -> list[str]:
    return [str(t.device) for t in tensors]


# ---- moving


def test_every_way_to_say_where() -> None:
    x, on = torch.ones(2, 3), torch.ones(2, 3).cuda()
    first = [
        x.to("cuda"), x.to("cuda:0"), x.to(0), x.to(torch.device("cuda")), x.to(on), x.cuda(), x.cuda(0),
        x.cuda("cuda"), x.to(device="cuda", non_blocking=True), x.cuda(non_blocking=True),
        x.type("torch.cuda.FloatTensor"),
        x.type(cuda.FloatTensor), x.type_as(on), torch.tensor(x, device="cuda"), torch.as_tensor(x, device="cuda"),
    ]  # fmt: skip
    assert where(*first) == ["cuda:0"] * len(first)
    second = [
        x.to("cuda:1"), x.to(1), x.to(torch.device("cuda", 1)), x.cuda(1), x.cuda("cuda:1"), x.cuda(device=1),
        x.to("cuda:1", torch.float64), x.to(device="cuda:1", dtype=torch.half, copy=True), on.to("cuda:1"), on.cuda(1),
    ]  # fmt: skip
    assert where(*second) == ["cuda:1"] * len(second)
    back = [on.cpu(), on.to("cpu"), on.type("torch.FloatTensor"), on.type(torch.FloatTensor), on.type_as(x)]
    assert where(*back) == ["cpu"] * len(back)
    assert all(same is on for same in (on.to("cuda"), on.cuda(), on.cuda(0), on.to(0), on.to(on), on.to("cuda:0")))
    assert (on.get_device(), x.get_device(), x.cuda(1).get_device()) == (0, -1, 1)
    with torch.device("cuda:1"):
        assert where(torch.zeros(1), torch.rand(2), torch.tensor([1])) == ["cuda:1"] * 3
        assert where(*torch.nn.Linear(2, 2).parameters()) == ["cuda:1"] * 2


def test_constructors_of_the_early_days() -> None:
    made = cuda.FloatTensor([1, 2])
    assert made.type() == "torch.cuda.FloatTensor" and made.tolist() == [1, 2]
    assert cuda.LongTensor([3]).dtype is torch.int64 and cuda.ByteTensor(2, 3).shape == (2, 3)
    assert isinstance(made, cuda.FloatTensor) and not isinstance(made, torch.FloatTensor)
    assert not isinstance(made.cpu(), cuda.FloatTensor) and not isinstance(made, cuda.DoubleTensor)
    torch.set_default_tensor_type(cuda.DoubleTensor)
    assert torch.zeros(1).type() == "torch.cuda.DoubleTensor"
    torch.set_default_tensor_type("torch.FloatTensor")
    with pytest.raises(AttributeError, match=r"module 'minitorch\.cuda' has no attribute 'FlotTensor'"):
        cuda.FlotTensor


def test_pinned_memory() -> None:
    data = torch.utils.data.TensorDataset(torch.arange(4.0))
    for options in ({}, {"pin_memory_device": "cuda"}):
        loader = torch.utils.data.DataLoader(data, 2, pin_memory=True, **options)
        assert [b.cuda(non_blocking=True).tolist() for (b,) in loader] == [[0, 1], [2, 3]]
    assert torch.ones(1).pin_memory().tolist() == [1]
    with pytest.raises(RuntimeError, match="cannot pin 'cuda:0' memory"):
        torch.ones(1).cuda().pin_memory()


# ---- mixing


MIXED = {
    "sum": lambda c, x: c + x,
    "in place": lambda c, x: c.add_(x),
    "comparison": lambda c, x: c == x,
    "equal": torch.equal,
    "product": lambda c, x: c @ x.T,
    "products": lambda c, x: torch.bmm(c[None], x.T[None]),
    "einsum": lambda c, x: torch.einsum("ij,ij->i", c, x),
    "cat": lambda c, x: torch.cat([c, x]),
    "stack": lambda c, x: torch.stack([c, x]),
    "where": lambda c, x: torch.where(c > 0, c, x),
    "gather": lambda c, x: c.gather(0, x.long()),
    "index_select": lambda c, x: c.index_select(0, x[0].long()),
    "masked_fill": lambda c, x: c.masked_fill(x > 0, 1.0),
    "linear": lambda c, x: F.linear(c, x),
    "layer": lambda c, x: torch.nn.Linear(3, 2).to(x.device)(c),
    "convolution": lambda c, x: F.conv1d(c[None], x[:, :2, None]),
    "batch norm": lambda c, x: torch.nn.BatchNorm1d(3).to(x.device)(c),
    "layer norm": lambda c, x: F.layer_norm(c, (3,), x[0]),
    "recurrent": lambda c, x: torch.nn.LSTM(3, 4).to(x.device)(c),
    "embedding": lambda c, x: F.embedding(x.long(), c),
    "embedding_bag": lambda c, x: F.embedding_bag(x.long(), c),
    "mse_loss": F.mse_loss,
    "cross_entropy": lambda c, x: F.cross_entropy(c, x[:, 0].long()),
    "soft cross_entropy": lambda c, x: F.cross_entropy(c, x),
    "weights of cross_entropy": lambda c, x: F.cross_entropy(c, c[:, 0].long(), x[0]),
    "nll_loss": lambda c, x: F.nll_loss(c, x[:, 0].long()),
    "binary_cross_entropy": lambda c, x: F.binary_cross_entropy_with_logits(c, x),
    "multi_margin_loss": lambda c, x: F.multi_margin_loss(c, x[:, 0].long()),
    "cdist": torch.cdist,
}


@pytest.mark.parametrize("name", MIXED)
def test_mixing_devices_names_both(name: str) -> None:
    for here, there in (("cuda:0", "cpu"), ("cpu", "cuda:0"), ("cuda:0", "cuda:1")):
        c, x = torch.ones(2, 3, device=here), torch.ones(2, 3, device=there)
        if name in ("gather", "index_select", "embedding", "embedding_bag"):
            x = x - 1
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device") as caught:
            MIXED[name](c, x)
        assert here in str(caught.value) and there in str(caught.value)
        assert c.sum().item() == 6  # nothing has changed


def test_indices_lie_with_the_tensor_or_on_the_cpu() -> None:
    x, index = torch.arange(3.0), torch.tensor([2, 0])
    assert x.cuda()[index].tolist() == x.cuda()[index.cuda()].tolist() == [2, 0]
    assert x.cuda()[x > 0].tolist() == [1, 2]
    for table, at in ((x, index.cuda()), (x.cuda(), index.cuda(1)), (x, x.cuda() > 0)):
        with pytest.raises(RuntimeError, match=rf"either on cpu or on the same device .*\({table.device}\)"):
            table[at]


def test_numbers_in_tensors_may_be_anywhere() -> None:
    c = torch.ones(2, device="cuda")
    for result in (c * torch.tensor(2.0), torch.tensor(2.0) * c, c.mul_(torch.tensor(2.0))):
        assert where(result) == ["cuda:0"] and result.tolist() == [2, 2]


# ---- files

LOCATIONS: list[tuple[Any, list[str]]] = [
    (None, ["cuda:0", "cuda:1", "cpu"]),
    ("cpu", ["cpu"] * 3),
    ("cuda", ["cuda:0"] * 3),
    ("cuda:1", ["cuda:1"] * 3),
    (torch.device("cpu"), ["cpu"] * 3),
    (torch.device("cuda", 1), ["cuda:1"] * 3),
    ({"cuda:0": "cpu"}, ["cpu", "cuda:1", "cpu"]),
    ({"cuda:0": "cuda:1", "cuda:1": "cuda:0", "cpu": "cuda:0"}, ["cuda:1", "cuda:0", "cuda:0"]),
    ({"cuda:1": torch.device("cpu")}, ["cuda:0", "cpu", "cpu"]),
    (lambda storage, location: storage, ["cpu"] * 3),
    (lambda storage, location: None, ["cuda:0", "cuda:1", "cpu"]),
    (lambda storage, location: storage.cuda(1) if location == "cuda:0" else storage, ["cuda:1", "cpu", "cpu"]),
]


@pytest.mark.parametrize("location, expected", LOCATIONS, ids=range(len(LOCATIONS)))
def test_map_location(location: Any, expected: list[str]) -> None:
    kept = [torch.arange(3.0, device=place) for place in ("cuda:0", "cuda:1", "cpu")]
    file = io.BytesIO()
    torch.save(kept, file)
    file.seek(0)
    loaded = torch.load(file, map_location=location)
    assert where(*loaded) == expected and all(t.tolist() == [0, 1, 2] for t in loaded)


def test_a_checkpoint_comes_back_anywhere() -> None:
    net = torch.nn.Linear(2, 2).cuda(1)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 2, device="cuda:1")).sum().backward()
    optimizer.step()
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
    for place in ("cpu", "cuda:0"):
        file.seek(0)
        kept = torch.load(file, map_location=place)
        other = torch.nn.Linear(2, 2).to(place)
        other.load_state_dict(kept["net"])
        restored = torch.optim.Adam(other.parameters())
        restored.load_state_dict(kept["optimizer"])
        assert where(*other.parameters(), restored.state[other.weight]["exp_avg"]) == [place] * 3
        assert other.weight.tolist() == net.weight.tolist()


# ---- exchange


class Foreign:
    """An array of another library that CuPy can look at."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.__cuda_array_interface__ = array.__cuda_array_interface__


def test_device_arrays_become_tensors_where_they_are(cupy: Any) -> None:
    array = cupy.arange(3, dtype=np.float32)
    for make in (torch.as_tensor, torch.asarray, torch.from_dlpack):
        tensor = make(array)
        tensor[0] = 7
        assert where(tensor) == ["cuda:0"] and int(array[0]) == 7
        array[0] = 0
    copied = torch.tensor(array)
    copied[0] = 7
    assert where(copied) == ["cuda:0"] and int(array[0]) == 0
    assert where(torch.as_tensor(array, device="cpu"), torch.tensor(array, device="cuda:1")) == ["cpu", "cuda:1"]
    assert torch.as_tensor(array, dtype=torch.float64).dtype is torch.float64


def test_what_offers_its_memory_on_a_gpu_is_taken(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asarray = cupy.asarray
    monkeypatch.setattr(cupy, "asarray", lambda a, *more: asarray(a.array if isinstance(a, Foreign) else a, *more))
    array = cupy.ones(3, np.float32)
    tensor = torch.as_tensor(Foreign(array))
    tensor[0] = 5
    assert where(tensor) == ["cuda:0"] and float(array[0]) == 5


def test_the_cuda_array_interface() -> None:
    tensor = torch.arange(6.0, device="cuda").view(2, 3).T
    offered = tensor.__cuda_array_interface__
    assert offered["shape"] == (3, 2) and offered["typestr"] == "<f4" and offered["strides"] == (4, 12)
    assert offered["data"][0] == tensor.data_ptr()
    assert not hasattr(torch.ones(1), "__cuda_array_interface__")
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, device="cuda", requires_grad=True).__cuda_array_interface__


def test_dlpack_both_ways(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's memory is not a GPU's, so that a list stands for the capsule."""
    asked: dict[str, Any] = {}

    def export(self: Any, **options: Any) -> list:
        asked.update(options)
        return [self]

    monkeypatch.setattr(cupy.ndarray, "__dlpack__", export)
    monkeypatch.setattr(cupy, "from_dlpack", lambda exporter: exporter.__dlpack__(stream=3)[0])
    tensor = torch.zeros(2, device="cuda:1")
    assert tensor.__dlpack_device__() == (2, 1) and torch.zeros(2).__dlpack_device__()[0] == 1
    other = torch.from_dlpack(tensor)
    other[0] = 4
    assert asked == {"stream": 3} and where(other) == ["cuda:1"] and tensor.tolist() == [4, 0]
    assert torch.utils.dlpack.to_dlpack(tensor)[0] is tensor._data
    with pytest.raises(BufferError, match="detach"):
        torch.from_dlpack(tensor.requires_grad_())


def test_capsules() -> None:
    reference = pytest.importorskip("torch")
    from torch.utils import dlpack as theirs

    from minitorch.utils import dlpack as mine

    x = torch.zeros(3)
    y = theirs.from_dlpack(mine.to_dlpack(x))
    y[0] = 1
    z = mine.from_dlpack(theirs.to_dlpack(y))
    z[1] = 2
    assert x.tolist() == y.tolist() == z.tolist() == [1, 2, 0]
    assert mine.from_dlpack(reference.ones(2)).tolist() == [1, 1]
    capsule = mine.to_dlpack(x)
    mine.from_dlpack(capsule)
    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        mine.from_dlpack(capsule)


# ---- torch.cuda


def test_every_name_of_cuda_is_pytorchs() -> None:
    reference = pytest.importorskip("torch")
    names = set(cuda.__all__)
    assert names - set(dir(reference.cuda)) == {"why_unavailable"}
    assert all(hasattr(cuda, name) for name in names)


def test_statistics_of_memory() -> None:
    cuda.reset_peak_memory_stats()
    before = cuda.memory_stats()
    x = torch.zeros(1000, device="cuda")
    during = cuda.memory_stats()
    assert during["allocated_bytes.all.current"] == before["allocated_bytes.all.current"] + 4096
    del x
    after = cuda.memory_stats("cuda:0")
    assert after["allocated_bytes.all.current"] == before["allocated_bytes.all.current"]
    assert after["allocated_bytes.all.peak"] == during["allocated_bytes.all.current"] == cuda.max_memory_allocated()
    assert after["reserved_bytes.all.current"] == cuda.memory_reserved()
    assert torch.accelerator.memory_stats() == after
    assert torch.accelerator.get_memory_info() == cuda.mem_get_info()
    for old, new in ((cuda.memory_cached, cuda.memory_reserved), (cuda.max_memory_cached, cuda.max_memory_reserved)):
        with pytest.warns(FutureWarning, match=f"renamed to `minitorch.cuda.{new.__name__}`"):
            assert old() == new()


def test_what_has_nothing_to_do() -> None:
    assert cuda.ipc_collect() is None and not cuda.is_current_stream_capturing()
    assert cuda.get_arch_list() == ["sm_80"] and cuda.is_tf32_supported()
    assert torch.version.cuda == "13.0" and torch.version.hip is None
    with cuda.StreamContext(cuda.Stream()):
        pass
    cuda.random.manual_seed_all(3)
    first = torch.rand(1, device="cuda").item()
    cuda.manual_seed_all(3)
    assert torch.rand(1).item() == first
    for refused in (cuda.CUDAGraph, cuda.graph, cuda.graph_pool_handle, lambda: cuda.make_graphed_callables(abs, ())):
        with pytest.raises(NotImplementedError, match="CUDA graphs are not supported"):
            refused()


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cupy_stand_in.machine, "devices", 0)
    assert cuda.memory_stats()["allocated_bytes.all.current"] == 0
    assert cuda.get_arch_list() == [] and not cuda.is_tf32_supported() and torch.version.cuda is None
    for ask in (torch.accelerator.memory_stats, torch.accelerator.get_memory_info):
        with pytest.raises(RuntimeError, match="none is available"):
            ask()


# ---- switches


def test_words_for_precision() -> None:
    backends = torch.backends
    assert (backends.fp32_precision, backends.cudnn.conv.fp32_precision, backends.cudnn.rnn.fp32_precision) == (
        "none", "tf32", "tf32",
    )  # fmt: skip
    backends.cuda.matmul.fp32_precision = "tf32"
    assert backends.cuda.matmul.allow_tf32 and torch.get_float32_matmul_precision() == "high"
    backends.fp32_precision = "ieee"
    assert not backends.cuda.matmul.allow_tf32 and backends.cudnn.conv.fp32_precision == "ieee"
    for switch in (backends, backends.cuda.matmul, backends.cudnn.conv):
        with pytest.raises(RuntimeError, match="Unknown precision"):
            switch.fp32_precision = "tf23"
    backends.fp32_precision = "none"
    backends.cudnn.conv.fp32_precision = backends.cudnn.rnn.fp32_precision = "tf32"


def test_blocks_with_other_switches() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.set_flags(_benchmark=True, _deterministic=True)
    assert (cudnn.benchmark, cudnn.deterministic, cudnn.enabled) == (True, True, True)
    assert before == (True, False, None, False, True)
    cudnn.set_flags(*before)
    with torch.backends.mkldnn.flags(enabled=True, allow_tf32=False):
        assert torch.backends.mkldnn.enabled and not torch.backends.mkldnn.allow_tf32
    assert not torch.backends.mkldnn.enabled and torch.backends.mkldnn.allow_tf32
    with torch.backends.cuda.sdp_kernel(enable_flash=False), torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
        assert not torch.backends.cuda.flash_sdp_enabled() and torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    attention = torch.nn.attention
    with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION]):
        pass
    with pytest.raises(ValueError, match="SDPBackend"), attention.sdpa_kernel("math"):
        pass


def test_libraries_that_are_asked_for() -> None:
    backends = torch.backends
    assert not backends.nnpack.is_available() and not backends.mps.is_macos13_or_newer()
    assert not backends.mps.is_macos_or_newer(14, 0)
    assert backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
    assert backends.cuda.preferred_linalg_library() == "default"
    assert backends.cuda.preferred_linalg_library("cusolver") == backends.cuda.preferred_linalg_library() == "cusolver"
    assert backends.cuda.preferred_linalg_library("default") == backends.cuda.preferred_blas_library() == "default"
    with pytest.raises(RuntimeError, match="Choose from"):
        backends.cuda.preferred_linalg_library("lapack")


def test_every_switch_is_pytorchs() -> None:
    reference = pytest.importorskip("torch")
    for name in torch.backends.__all__:
        mine, theirs = getattr(torch.backends, name), getattr(reference.backends, name)
        own = {k for k, v in vars(mine).items() if getattr(v, "__module__", "") == mine.__name__ and k[0] != "_"}
        assert own <= set(dir(theirs)) | set(dir(getattr(theirs, "m", None))), name
