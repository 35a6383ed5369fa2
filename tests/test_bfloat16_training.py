"""Layers, optimizers and networks in bfloat16, beside PyTorch's."""

import numpy as np
import pytest
from precision_rows import leaves

import minitorch

pytest.importorskip("ml_dtypes")

LAYERS = {
    "Linear": (lambda nn: nn.Linear(4, 3), (2, 4)),
    "Bilinear": (lambda nn: nn.Bilinear(4, 4, 3), (2, 4), (2, 4)),
    "Conv1d": (lambda nn: nn.Conv1d(4, 4, 3, groups=2), (2, 4, 6)),
    "Conv2d": (lambda nn: nn.Conv2d(3, 4, 3, padding=1), (2, 3, 6, 6)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(3, 4, 3, 2), (2, 3, 4, 4)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(3).eval(), (4, 3, 5, 5)),
    "PReLU": (lambda nn: nn.PReLU(), (3, 3)),
    "RNN": (lambda nn: nn.RNN(4, 5, 2), (3, 2, 4)),
    "LSTM": (lambda nn: nn.LSTM(4, 5, 2, bidirectional=True), (3, 2, 4)),
    "GRU": (lambda nn: nn.GRU(4, 5), (3, 2, 4)),
    "LSTMCell": (lambda nn: nn.LSTMCell(4, 5), (2, 4)),
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(8, 2), (3, 2, 8), (3, 2, 8), (3, 2, 8)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d(2), (1, 2, 4, 4)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), (1, 2, 4, 4)),
    "net": (
        lambda nn: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)),
        (2, 1, 6, 6),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    torch = pytest.importorskip("torch")
    make, *shapes = LAYERS[name]
    rng, seen = np.random.default_rng(0), []
    inputs = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    torch.manual_seed(0)
    theirs = make(torch.nn)
    ours = make(minitorch.nn)
    ours.load_state_dict({key: minitorch.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    for library, layer in ((minitorch, ours), (torch, theirs)):
        layer.bfloat16()
        xs = [library.tensor(x).bfloat16().requires_grad_() for x in inputs]
        results = [x for x in leaves(layer(*xs)) if x.requires_grad]
        sum((x.float() ** 2).sum() for x in results).backward()
        seen.append([*results, *[x.grad for x in xs], *[p.grad for p in layer.parameters()]])
    for mine, its in zip(*seen):
        assert repr(mine.dtype) == repr(its.dtype) == "torch.bfloat16" and tuple(mine.shape) == tuple(its.shape)
        values = its.detach().double().numpy()
        np.testing.assert_allclose(mine.detach().double().numpy(), values, atol=0.03 * np.abs(values).max() + 1e-3)


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "Adam": {"lr": 0.01},
    "AdamW": {"lr": 0.01},
    "RMSprop": {"lr": 0.01},
    "Adagrad": {"lr": 0.01},
    "Adadelta": {},
    "NAdam": {},
    "Rprop": {},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    torch = pytest.importorskip("torch")
    seen = []
    for library in (minitorch, torch):
        w = library.tensor([1.0, -2.0, 0.5, 3.0]).bfloat16().requires_grad_()
        optimizer = getattr(library.optim, name)([w], **OPTIMIZERS[name])
        for _ in range(5):
            optimizer.zero_grad()
            ((w - 1) ** 2).sum().backward()
            optimizer.step()
        types = [
            repr(x.dtype)
            for state in optimizer.state_dict()["state"].values()
            for x in state.values()
            if hasattr(x, "dtype")
        ]
        seen.append((w.detach().float().tolist(), types))
    np.testing.assert_allclose(seen[0][0], seen[1][0], atol=0.03)
    assert seen[0][1] == seen[1][1]


@pytest.mark.parametrize("name", ["bfloat16", "half"])
def test_a_net_of_16_bits_learns(name):
    minitorch.manual_seed(0)
    net = minitorch.nn.Sequential(minitorch.nn.Linear(2, 16), minitorch.nn.Tanh(), minitorch.nn.Linear(16, 2))
    getattr(net, name)()
    optimizer = minitorch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    x = minitorch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).to(net[0].weight.dtype)
    y = minitorch.tensor([0, 1, 1, 0])
    for _ in range(100):
        optimizer.zero_grad()
        loss = minitorch.nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.dtype is net[0].weight.dtype and loss.item() < 0.05


def test_gradients_are_unscaled():
    w = minitorch.ones(1).bfloat16().requires_grad_()
    optimizer = minitorch.optim.SGD([w], lr=0.5)
    scaler = minitorch.amp.GradScaler(minitorch.get_default_device().type, init_scale=4.0)
    scaler.scale((w * 3).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert w.grad.item() == 3.0 and w.item() == -0.5
    w.grad.fill_(float("inf"))
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == -0.5 and scaler.get_scale() == 2.0
