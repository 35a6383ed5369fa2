"""Whole training steps: zero the gradients, forward, loss, backward, update.  Batches change from call to call."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import Build, Step, add
from .models import fill, lenet, mlp, resnet20, vgg
from .nets import batches


def training(
    net: Callable[[ModuleType], Any], optimizer: Callable[[ModuleType, Any], Any], batch: int, shape: tuple[int, ...]
) -> Build:
    """A classifier of ten classes, trained on ``batch`` samples of ``shape`` a step.  The step returns the loss."""

    def build(torch: ModuleType, device: str) -> Step:
        model = fill(torch, net(torch)).to(device)
        criterion = torch.nn.CrossEntropyLoss()
        update = optimizer(torch, model.parameters())
        moved = [tuple(torch.from_numpy(a).to(device) for a in pair) for pair in batches(batch, shape)]
        endless = itertools.cycle(moved)

        def step() -> Any:
            x, y = next(endless)
            update.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            update.step()
            return loss

        return step

    return build


def momentum(torch: ModuleType, parameters: Any) -> Any:
    return torch.optim.SGD(parameters, lr=0.001, momentum=0.9)


def adam(torch: ModuleType, parameters: Any) -> Any:
    return torch.optim.Adam(parameters, lr=0.001)


TWO_LAYER_RATE = 1e-6


def two_layer_numbers() -> list[np.ndarray]:
    """Inputs, targets and the two weights: 1000-100-10 on 64 samples."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in ((64, 1000), (64, 10), (1000, 100), (100, 10))]


def two_layer(torch: ModuleType, device: str) -> Step:
    """A 1000-100-10 network with ReLU and squared error, its weights updated by hand: no nn, no optim."""
    x, y, w1, w2 = (torch.from_numpy(array).to(device) for array in two_layer_numbers())
    w1.requires_grad_()
    w2.requires_grad_()

    def step() -> Any:
        prediction = x.mm(w1).clamp(min=0).mm(w2)
        loss = (prediction - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            for w in (w1, w2):
                w -= TWO_LAYER_RATE * w.grad
                w.grad = None
        return loss

    return step


add("selftest/step", "LeNet 3x32x32, SGD with momentum, batch 1", training(lenet, momentum, 1, (3, 32, 32)))
lenet_64 = training(lenet, momentum, 64, (3, 32, 32))
for _batch in (4, 64, 256):
    add(
        f"train/lenet/batch-{_batch}",
        f"LeNet 3x32x32, SGD with momentum, batch {_batch}",
        lenet_64 if _batch == 64 else training(lenet, momentum, _batch, (3, 32, 32)),
        headline=True,
        items=_batch,
    )
add(
    "train/mlp/batch-128",
    "MLP 784-512-512-10, Adam, batch 128",
    training(mlp, adam, 128, (784,)),
    headline=True,
    items=128,
)
add(
    "train/resnet20/batch-32",
    "ResNet-20 3x32x32, SGD with momentum, batch 32",
    training(resnet20, momentum, 32, (3, 32, 32)),
    headline=True,
    items=32,
)
add(
    "train/vgg/batch-32",
    "VGG-like 64-128-256-256 3x32x32, SGD with momentum, batch 32",
    training(vgg, momentum, 32, (3, 32, 32)),
    headline=True,
    items=32,
)
add("train/two-layer/n-64", "Two-layer net 1000-100-10 by hand, N = 64", two_layer, headline=True, items=64)
