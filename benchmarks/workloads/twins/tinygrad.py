"""tinygrad: lazy tensors, a whole step recorded by ``TinyJit`` and compiled by clang."""

from __future__ import annotations

import itertools
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from .. import Build, Step
from ..models import images
from ..nets import Net
from ..training import TWO_LAYER_RATE, two_layer_numbers

FUNCTIONS = SimpleNamespace(
    conv=lambda x, w, b=None, stride=1, padding=0: x.conv2d(w, b, stride=stride, padding=padding),
    relu=lambda x: x.relu(),
    max_pool=lambda x: x.max_pool2d(),
    flatten=lambda x: x.flatten(1),
    linear=lambda x, w, b: x.linear(w.T, b),
)


def _tensors(tinygrad: ModuleType, arrays: Any) -> list[Any]:
    return [tinygrad.Tensor(array).contiguous().realize() for array in arrays]


def training(net: Net, optimizer: str, batch: int) -> Build:
    def build(tinygrad: ModuleType, device: str) -> Step:
        from tinygrad.nn.optim import SGD, Adam

        parameters = _tensors(tinygrad, net.weights())
        rule = Adam(parameters, lr=0.001) if optimizer == "adam" else SGD(parameters, lr=0.001, momentum=0.9)
        pairs = [_tensors(tinygrad, (x, y.astype(np.int32))) for x, y in net.batches(batch)]
        endless = itertools.cycle(pairs)

        @tinygrad.TinyJit
        def update(x: Any, y: Any) -> Any:
            rule.zero_grad()
            loss = net.forward(FUNCTIONS, parameters, x).sparse_categorical_crossentropy(y).backward()
            return loss.realize(*rule.schedule_step())

        def step() -> Any:
            with tinygrad.Context(TRAINING=1):
                return update(*next(endless)).numpy()

        return step

    return build


def inference(net: Net, batch: int) -> Build:
    def build(tinygrad: ModuleType, device: str) -> Step:
        parameters = _tensors(tinygrad, net.weights())
        (x,) = _tensors(tinygrad, [images(batch)])
        forward = tinygrad.TinyJit(lambda x: net.forward(FUNCTIONS, parameters, x).sum().realize())
        return lambda: forward(x).numpy()

    return build


def two_layer(tinygrad: ModuleType, device: str) -> Step:
    x, y, *weights = _tensors(tinygrad, two_layer_numbers())

    @tinygrad.TinyJit
    def update(x: Any, y: Any) -> Any:
        for w in weights:
            w.grad = None
        loss = (((x @ weights[0]).relu() @ weights[1] - y) ** 2).sum().backward()
        return loss.realize(*[w.assign(w - TWO_LAYER_RATE * w.grad) for w in weights])

    return lambda: update(x, y).numpy()
