"""Mixed precision: the scaler's numbers beside PyTorch's, and networks that learn."""

import copy
import pickle

import numpy as np
import pytest

import minitorch
from minitorch.backend.primitives.finite import scale_and_check

INF, NAN = float("inf"), float("nan")


def kind():
    """The type of device that tests put tensors on."""
    return minitorch.get_default_device().type


# ---- GradScaler


def scaled_run(library, device, gradients, clip):
    """Weights, scales and counts over steps with given gradients."""
    w = library.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = library.tensor([[4.0]], requires_grad=True)
    optimizer = library.optim.SGD([w, v, library.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
    scaler = library.amp.GradScaler(device, init_scale=8.0, growth_interval=3, growth_factor=4.0)
    seen = []
    for gradient in gradients:
        optimizer.zero_grad()
        loss = (w * library.tensor(gradient)).sum() + v.sum()
        scaler.scale(loss).backward()
        if clip:
            scaler.unscale_(optimizer)
            seen.append(w.grad.tolist())
            library.nn.utils.clip_grad_norm_([w, v], 1.0)
        scaler.step(optimizer)
        scaler.update()
        state = scaler.state_dict()
        seen.append([*w.tolist(), *v.tolist()[0], scaler.get_scale(), state["_growth_tracker"]])
    return seen, state


GRADIENTS = [[1.0, -2.0, 0.5]] * 2 + [[INF, 0.0, 0.0]] + [[0.1, 0.2, 0.3]] * 7 + [[NAN, 1.0, 1.0], [-INF, INF, 0.0]]


@pytest.mark.parametrize("clip", [False, True])
def test_numbers_are_pytorchs(clip):
    torch = pytest.importorskip("torch")
    gradients = [g for g in GRADIENTS if np.isfinite(g).all()] if clip else GRADIENTS
    ours, state = scaled_run(minitorch, kind(), gradients, clip)
    theirs, expected = scaled_run(torch, "cpu", gradients, clip)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert state == expected


def test_the_scale_stays_finite():
    w = minitorch.ones(1, requires_grad=True)
    optimizer = minitorch.optim.SGD([w], lr=0.0)
    scaler = minitorch.amp.GradScaler(kind(), init_scale=2.0**127, growth_interval=1)
    w.grad = minitorch.ones(1)
    scaler.scale(minitorch.ones(1))
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == 2.0**127


def test_outputs_may_be_nested():
    scaler = minitorch.amp.GradScaler(kind(), init_scale=4.0)
    a, b = minitorch.ones(1), minitorch.full((1,), 2.0)
    first, (second,) = scaler.scale([a, (b,)])
    assert isinstance(scaler.scale((a,)), tuple)
    assert (first.item(), second.item()) == (4.0, 8.0)
    assert [x.item() for x in scaler.scale(x for x in (a, b))] == [4.0, 8.0]
    with pytest.raises(ValueError, match="a Tensor or an iterable of Tensors"):
        scaler.scale(3.0)


def test_a_scale_can_be_given():
    w = minitorch.ones(1, requires_grad=True)
    scaler = minitorch.amp.GradScaler(kind())
    scaler.scale(w.sum())
    scaler.update(16.0)
    assert scaler.get_scale() == 16.0
    scaler.update(minitorch.tensor(32.0))
    assert scaler.get_scale() == 32.0
    with pytest.raises(AssertionError, match="new_scale should be"):
        scaler.update(minitorch.ones(2))
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(7)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.25, 7)


def test_disabled_it_passes_everything_through():
    w = minitorch.ones(1, requires_grad=True)
    optimizer = minitorch.optim.SGD([w], lr=0.5)
    scaler = minitorch.amp.GradScaler(kind(), enabled=False)
    loss = w.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == 0.5 and scaler.get_scale() == 1.0
    assert scaler.state_dict() == {} and not scaler.is_enabled()
    scaler.load_state_dict({})


@pytest.mark.usefixtures("no_cupy")
def test_on_a_gpu_that_is_not_there_it_is_disabled():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not minitorch.amp.GradScaler().is_enabled()
    with pytest.warns(FutureWarning, match=r"minitorch\.amp\.GradScaler\('cuda'"), pytest.warns(UserWarning):
        assert not minitorch.cuda.amp.GradScaler().is_enabled()
    assert not minitorch.amp.GradScaler(enabled=False).is_enabled()


def test_state_goes_to_pytorch_and_back(tmp_path):
    torch = pytest.importorskip("torch")
    for source, target in ((minitorch, torch), (torch, minitorch)):
        device = kind() if target is minitorch else "cpu"
        scaler = source.amp.GradScaler(kind() if source is minitorch else "cpu", init_scale=32.0, growth_interval=5)
        source.save(scaler.state_dict(), tmp_path / "scaler.pt")
        other = target.amp.GradScaler(device)
        other.scale(target.ones(1))
        other.load_state_dict(target.load(tmp_path / "scaler.pt"))
        assert other.state_dict() == scaler.state_dict() and other.get_scale() == 32.0
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        minitorch.amp.GradScaler(kind()).load_state_dict({})


def test_copies():
    scaler = minitorch.amp.GradScaler(kind(), init_scale=4.0)
    scaler.scale(minitorch.ones(1))
    for twin in (copy.deepcopy(scaler), pickle.loads(pickle.dumps(scaler))):
        assert twin.state_dict() == scaler.state_dict()
    w = minitorch.ones(1, requires_grad=True)
    w.grad = minitorch.ones(1)
    scaler.unscale_(minitorch.optim.SGD([w], lr=0.1))
    with pytest.raises(AssertionError, match="only be pickled"):
        pickle.dumps(scaler)


def test_what_is_refused():
    w = minitorch.ones(1, requires_grad=True)
    optimizer = minitorch.optim.SGD([w], lr=0.5)
    scaler = minitorch.amp.GradScaler(kind(), init_scale=2.0)
    for use in (lambda: scaler.unscale_(optimizer), lambda: scaler.step(optimizer), scaler.update):
        with pytest.raises(AssertionError, match="_scale is None"):
            use()
    scaler.scale(w.sum()).backward()
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(optimizer, closure=lambda: None)
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaler.update()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called"):
        scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"being called after step\(\)"):
        scaler.unscale_(optimizer)
    scaler.update()
    optimizer.zero_grad()
    with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
        scaler.step(optimizer)
    half = minitorch.ones(1, dtype=minitorch.float16, requires_grad=True)
    half.grad = minitorch.ones(1, dtype=minitorch.float16)
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(minitorch.optim.SGD([half], lr=0.1))
    assert half.grad.item() == 1.0
    with pytest.raises(AssertionError, match="growth factor"):
        minitorch.amp.GradScaler(kind(), growth_factor=1.0)
    with pytest.raises(AssertionError, match="backoff factor"):
        minitorch.amp.GradScaler(kind(), backoff_factor=1.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_infinities_are_found_wherever_they_are(dtype):
    largest = np.finfo(dtype).max
    for values, expected in [
        ([1.0, 2.0], False),
        ([], False),
        ([INF, -INF], True),
        ([1.0, NAN], True),
        ([largest] * 8, False),  # whose sum would be infinite
        ([-largest, -largest, largest], False),
    ]:
        array = np.array(values, dtype)
        assert bool(scale_and_check(array, 0.5)) is expected
        np.testing.assert_array_equal(array, np.array(values, dtype) * dtype(0.5))
    array = np.array(3.0, dtype)
    assert not scale_and_check(array, 2.0) and array == 6.0


# ---- training


class Net(minitorch.nn.Module):
    """LeNet's kind, for images of 8x8 pixels, with a normalisation."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm = minitorch.nn.Conv2d(1, 8, 3, padding=1), minitorch.nn.BatchNorm2d(8)
        self.conv2 = minitorch.nn.Conv2d(8, 16, 3)
        self.fc1, self.fc2 = minitorch.nn.Linear(64, 32), minitorch.nn.Linear(32, 10)

    def forward(self, x):
        x = minitorch.nn.functional.max_pool2d(self.norm(self.conv1(x)).relu(), 2)
        x = self.conv2(x).relu().flatten(1)
        return self.fc2(self.fc1(x).relu())


def digits(train):
    from minitorch.vision.datasets import Digits

    data = Digits(train=train)
    return data.data.reshape(-1, 1, 8, 8).to(kind()).float() / 16, data.targets.to(kind())


def accuracy_after_training(dtype, epochs, scaled):
    """On the test part of the digits; and what the last step's loss and scores were."""
    minitorch.manual_seed(0)
    net = Net()
    images, labels = digits(True)
    optimizer = minitorch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    scaler = minitorch.amp.GradScaler(kind(), enabled=scaled)
    mixed = dtype is not minitorch.float32
    for _ in range(epochs):
        for batch in minitorch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            with minitorch.autocast(kind(), dtype if mixed else None, enabled=mixed):
                scores = net(images[batch])
                loss = minitorch.nn.functional.cross_entropy(scores, labels[batch])
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    assert scores.dtype is dtype and loss.dtype is minitorch.float32
    assert all(p.dtype is p.grad.dtype is minitorch.float32 for p in net.parameters())
    net.eval()
    images, labels = digits(False)
    with minitorch.no_grad(), minitorch.autocast(kind(), dtype if mixed else None, enabled=mixed):
        return (net(images).argmax(1) == labels).float().mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_digits_are_learnt_as_well_as_in_float32(name):
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    full = accuracy_after_training(minitorch.float32, 3, scaled=False)
    mixed = accuracy_after_training(getattr(minitorch, name), 3, scaled=name == "float16")
    assert full > 0.9 and mixed > full - 0.03


def test_gradients_too_small_for_float16_survive_by_scaling():
    gradients = []
    for scaled in (False, True):
        w = minitorch.ones(4, 4, requires_grad=True)
        optimizer = minitorch.optim.SGD([w], lr=0.0)
        scaler = minitorch.amp.GradScaler(kind(), init_scale=2.0**14, enabled=scaled)
        with minitorch.autocast(kind(), minitorch.float16):
            out = minitorch.full((4, 4), 1e-4) @ w
            loss = out.float().mul(1e-5).sum()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        gradients.append(w.grad[0, 0].item())
    # 4 · 1e-4 · 1e-5, of which float16 has nothing: its least number is 6e-8
    assert gradients[0] == 0.0 and gradients[1] == pytest.approx(4e-9, rel=2e-3)
