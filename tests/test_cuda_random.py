"""Random numbers on a GPU: the same as on the CPU, and nothing but keys comes from the host."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cupy_stand_in import counted, raw

import minitorch
from minitorch import nn
from minitorch.backend import primitives
from minitorch.backend.cuda.launching import options

SOURCE = Path(__file__).parents[1] / "minitorch/backend/cuda/source/random.cu"
KEY = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
needs_compiler = pytest.mark.skipif(raw.compiler() is None, reason="no C++ compiler to run kernels with")
kernels_or_not = pytest.mark.parametrize("kernels", [pytest.param("1", marks=needs_compiler), "0"])


@pytest.fixture(autouse=True)
def cpu_default(stand_in: Any) -> Any:
    before = minitorch.get_default_device()
    minitorch.set_default_device("cpu")
    yield
    minitorch.set_default_device(before)


def switch(monkeypatch: pytest.MonkeyPatch, kernels: str) -> None:
    monkeypatch.setenv("MINITORCH_CUDA_KERNELS", kernels)
    primitives.forget_replacements()


# ---- kernels, as host C++

FILLS = [
    ("fill_uniform", "float32", (0.0, 1.0)),
    ("fill_uniform", "float64", (-0.3, 0.7)),
    ("fill_normal", "float32", (0.0, 1.0)),
    ("fill_normal", "float32", (0.3, 2.7)),
    ("fill_normal", "float64", (-3, 1e-3)),
    ("fill_integers", "int64", (-3, 7)),
    ("fill_integers", "int64", (-(2**63), 2**63 - 1)),
    ("fill_bernoulli", "bool", (0.3,)),
    ("fill_bernoulli", "bool", (1.0,)),
]


@needs_compiler
@pytest.mark.parametrize(("name", "dtype", "args"), FILLS)
def test_fills_have_the_bits_of_the_cpu(stand_in: Any, name: str, dtype: str, args: tuple) -> None:
    function = getattr(primitives, name)
    for size in (1, 3, 4, 5, 8, 9, 2047, 2049):
        expected = np.empty(size, dtype)
        function.portable(expected, KEY, *args)
        for skipped in (0, 1, 3):  # packs need addresses that they divide
            out = stand_in.empty(size + skipped, dtype)
            with counted() as counts:
                function(out[skipped:], KEY, *args)
            assert counts.launches == 1
            assert counts.uploads == counts.syncs == 0
            assert out[skipped:].get().tobytes() == expected.tobytes()


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 7, 8, 1030])
def test_dropout_is_one_kernel_each_way(stand_in: Any, dtype: str, size: int) -> None:
    x = np.random.default_rng(0).standard_normal(size).astype(dtype)
    x[:1] = np.inf
    told = np.empty(size, bool)
    with np.errstate(invalid="ignore"):
        expected = primitives.dropout.portable(x, told, KEY, 0.7, 1 / 0.7)
    for skipped in (0, 1):
        given, kept = stand_in.asarray(np.r_[x[:skipped], x])[skipped:], stand_in.empty(size, bool)
        with counted() as counts:
            out = primitives.dropout(given, kept, KEY, 0.7, 1 / 0.7)
        assert (counts.launches, counts.uploads, counts.syncs) == (1, 0, 0)
        np.testing.assert_array_equal(out.get(), expected)
        np.testing.assert_array_equal(kept.get(), told)
        with counted() as counts:
            back = primitives.scale_kept(given, kept, 1 / 0.7)
        assert (counts.launches, counts.uploads, counts.syncs) == (1, 0, 0)
        np.testing.assert_array_equal(back.get(), expected)


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc is not installed")
@pytest.mark.parametrize("real", ["float", "double"])
def test_no_steps_are_fused(tmp_path: Path, real: str) -> None:
    """A fused multiply-add rounds once where the CPU rounds twice."""
    out = tmp_path / "random.ptx"
    command = ["nvcc", *options(real), "-arch=compute_90", "-ptx", "-o", out, SOURCE]
    subprocess.run(command, check=True, capture_output=True)
    code = out.read_text(encoding="utf-8")
    assert f"sqrt.rn.f{32 if real == 'float' else 64}" in code
    assert "fma." not in code


# ---- tensors


def layers(device: str) -> list:
    with minitorch.device(device):
        net = nn.ModuleList([
            nn.Conv2d(3, 8, 3), nn.Linear(20, 30), nn.Embedding(10, 4), nn.LSTM(4, 5), nn.MultiheadAttention(8, 2)
        ])  # fmt: skip
    return list(net.parameters())


def empty(device: str, *shape: int, dtype: Any = minitorch.float32) -> Any:
    return minitorch.empty(shape, device=device, dtype=dtype)


def dropped(name: str, *shape: int) -> Callable:
    def draw(device: str) -> list:
        x = (minitorch.arange(1, 1 + int(np.prod(shape)), device=device).float() / 7).reshape(shape).requires_grad_()
        out = getattr(nn.functional, name)(x, 0.4, True)
        (out * out).sum().backward()
        return [out, x.grad]

    return draw


EXACT: dict[str, Callable] = {
    "rand": lambda d: minitorch.rand(7, 9, device=d),
    "rand in double": lambda d: minitorch.rand(33, device=d, dtype=minitorch.float64),
    "rand in half": lambda d: minitorch.rand(3000, device=d, dtype=minitorch.float16),
    "randn": lambda d: minitorch.randn(7, 9, device=d),
    "randn in double": lambda d: minitorch.randn(33, device=d, dtype=minitorch.float64),
    "randn in half": lambda d: minitorch.randn(33, device=d, dtype=minitorch.float16),
    "rand_like": lambda d: minitorch.rand_like(empty(d, 3, 5)),
    "randn_like": lambda d: minitorch.randn_like(empty(d, 3, 5)),
    "randint": lambda d: minitorch.randint(-2, 50, (40,), device=d),
    "randint_like": lambda d: minitorch.randint_like(empty(d, 3, 5), 9),
    "normal": lambda d: minitorch.normal(2.0, 3.0, (20,), device=d),
    "uniform_": lambda d: empty(d, 5, 4).uniform_(-2, 3),
    "uniform_ with gaps": lambda d: empty(d, 5, 4).t().uniform_(-2, 3),
    "normal_": lambda d: empty(d, 5, 4).normal_(2, 3),
    "random_": lambda d: empty(d, 50, dtype=minitorch.int32).random_(10),
    "random_ of the type's size": lambda d: empty(d, 50).random_(),
    "bernoulli_": lambda d: empty(d, 50).bernoulli_(0.3),
    "bernoulli with p": lambda d: minitorch.bernoulli(empty(d, 50), 0.3),
    "layers": layers,
    "xavier_uniform_": lambda d: nn.init.xavier_uniform_(empty(d, 5, 4)),
    "xavier_normal_": lambda d: nn.init.xavier_normal_(empty(d, 5, 4)),
    "kaiming_uniform_": lambda d: nn.init.kaiming_uniform_(empty(d, 5, 4)),
    "kaiming_normal_": lambda d: nn.init.kaiming_normal_(empty(d, 5, 4)),
    "sparse_": lambda d: nn.init.sparse_(empty(d, 10, 4), 0.3),
    "eye_": lambda d: nn.init.eye_(empty(d, 10, 4)),
    "dirac_": lambda d: nn.init.dirac_(empty(d, 4, 2, 3, 3), 2),
    "dropout": dropped("dropout", 7, 9),
    "dropout1d": dropped("dropout1d", 3, 4, 5),
    "dropout2d": dropped("dropout2d", 2, 3, 4, 5),
    "dropout3d": dropped("dropout3d", 2, 3, 2, 2, 2),
    "rrelu": lambda d: nn.functional.rrelu(minitorch.arange(-20, 20, device=d).float(), training=True),
    "alpha_dropout": dropped("alpha_dropout", 7, 9),
    "feature_alpha_dropout": dropped("feature_alpha_dropout", 7, 9, 2),
}
#: through logarithms and the like of the device's own, whose last digits are its affair
NEARLY: dict[str, Callable] = {
    "exponential_": lambda d: empty(d, 20).exponential_(2.0),
    "log_normal_": lambda d: empty(d, 20).log_normal_(),
    "cauchy_": lambda d: empty(d, 20).cauchy_(),
    "geometric_": lambda d: empty(d, 20).geometric_(0.3),
    "gumbel_softmax": lambda d: nn.functional.gumbel_softmax(empty(d, 5, 4).fill_(1)),
    "trunc_normal_": lambda d: nn.init.trunc_normal_(empty(d, 5, 4)),
    "orthogonal_": lambda d: nn.init.orthogonal_(empty(d, 5, 4)),
    "orthogonal_, wide": lambda d: nn.init.orthogonal_(empty(d, 2, 3, 4)),
}


@kernels_or_not
@pytest.mark.parametrize("name", [*EXACT, *NEARLY])
def test_a_seed_gives_the_same_numbers_on_every_device(
    stand_in: Any, name: str, kernels: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(monkeypatch, kernels)
    draw = EXACT.get(name) or NEARLY[name]
    found, places = {}, {}
    for device in ("cpu", "cuda:0", "cuda:1"):
        minitorch.manual_seed(11)
        with counted() as counts:
            result = draw(device)
        found[device] = result if isinstance(result, list) else [result]
        places[device] = minitorch.get_rng_state().tolist()
        assert all(t.device == minitorch.device(device) for t in found[device])
        assert counts.uploads == 0 or kernels == "0", counts
    assert places["cpu"] == places["cuda:0"] == places["cuda:1"]
    for device in ("cuda:0", "cuda:1"):
        for ours, theirs in zip(found[device], found["cpu"]):
            a, b = ours.detach().cpu().numpy(), theirs.detach().numpy()
            assert a.shape == b.shape
            if name in EXACT:
                assert a.tobytes() == b.tobytes()
            else:
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def step_of(device: str) -> Callable:
    minitorch.manual_seed(5)
    with minitorch.device(device):
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.Dropout2d(0.3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.4), nn.Linear(144, 10)
        )
        x, y = minitorch.ones(6, 1, 8, 8), minitorch.arange(6)
    criterion, optimizer = nn.CrossEntropyLoss(), minitorch.optim.SGD(net.parameters(), lr=0.1)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


@needs_compiler
@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_a_training_step_with_dropout_copies_nothing(device: str) -> None:
    with counted() as counts:
        step = step_of(device)
    assert counts.uploads == counts.downloads == counts.syncs == 0, counts
    losses = [step().item()]
    with counted() as counts:
        loss = step()
    assert counts.uploads == counts.downloads == counts.syncs == 0, counts
    kernels = {name: n for name, n in counts.by_name.items() if "bernoulli" in name or "dropout" in name}
    assert kernels == {
        "kernel fill_bernoulli": 1, "kernel dropout_forward": 1, "kernel dropout_backward": 1
    }, counts  # fmt: skip
    on_cpu = step_of("cpu")
    np.testing.assert_allclose([*losses, loss.item()], [on_cpu().item(), on_cpu().item()], rtol=1e-5)


@needs_compiler
def test_dropout_keeps_a_byte_an_element(stand_in: Any) -> None:
    x = minitorch.ones(1024, 64, device="cuda", requires_grad=True)
    out = nn.functional.dropout(x)
    before = minitorch.cuda.memory_allocated()
    del out
    freed = before - minitorch.cuda.memory_allocated()
    assert freed == (4 + 1) * x.numel()


@kernels_or_not
def test_states_go_from_device_to_device(kernels: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    switch(monkeypatch, kernels)

    def masks(device: str) -> list:
        return [nn.functional.dropout(minitorch.ones(9, device=device)).tolist() for _ in range(3)]

    minitorch.manual_seed(3)
    minitorch.randn(5, device="cuda")
    state, on_gpu = minitorch.get_rng_state(), minitorch.cuda.get_rng_state()
    assert state.tolist() == on_gpu.tolist()
    minitorch.save({"rng": state}, tmp_path / "checkpoint.pt")
    expected = masks("cuda")
    minitorch.manual_seed(99)
    minitorch.set_rng_state(minitorch.load(tmp_path / "checkpoint.pt")["rng"])
    assert masks("cpu") == expected
    minitorch.cuda.set_rng_state(minitorch.load(tmp_path / "checkpoint.pt", map_location="cuda")["rng"])
    assert masks("cuda:1") == expected
    minitorch.cuda.set_rng_state_all([state] * minitorch.cuda.device_count())
    with minitorch.random.fork_rng():
        masks("cuda")
    assert masks("cuda") == expected
    minitorch.cuda.manual_seed_all(3)
    minitorch.randn(5)
    assert masks("cuda") == expected


@kernels_or_not
def test_generators_have_a_device_and_a_stream_of_their_own(kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    switch(monkeypatch, kernels)
    on_gpu, on_cpu = (minitorch.Generator(device).manual_seed(4) for device in ("cuda:1", "cpu"))
    before = minitorch.get_rng_state().tolist()
    drawn = minitorch.randn(10, generator=on_gpu)
    assert drawn.device == minitorch.device("cuda:1")
    assert drawn.tolist() == minitorch.randn(10, generator=on_cpu).tolist()
    there = minitorch.empty(10, device="cuda").uniform_(generator=on_gpu)
    assert there.tolist() == minitorch.empty(10).uniform_(generator=on_cpu).tolist()
    assert minitorch.get_rng_state().tolist() == before
    assert on_gpu.get_state().tolist() == on_cpu.get_state().tolist()


@needs_compiler
def test_bernoulli_waits_for_the_check_of_probabilities_only() -> None:
    p = minitorch.full((50,), 0.3, device="cuda")
    for draw in (lambda: minitorch.bernoulli(p), lambda: minitorch.empty_like(p).bernoulli_(p)):
        with counted() as counts:
            draw()
        assert counts.uploads == 0
        assert counts.syncs == 1
    with pytest.raises(RuntimeError, match="probabilities are in"):
        minitorch.bernoulli(p * 4)
    minitorch.manual_seed(1)
    on_gpu = minitorch.bernoulli(p).tolist()
    minitorch.manual_seed(1)
    assert minitorch.bernoulli(p.cpu()).tolist() == on_gpu
