"""Chainer 7: define-by-run on NumPy, its functions and its optimizers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from .. import Build, Step
from ..engine import numbers
from ..models import images
from ..nets import Net
from ..training import TWO_LAYER_RATE, two_layer_numbers


def functions(chainer: ModuleType) -> Any:
    f = chainer.functions
    return SimpleNamespace(
        conv=lambda x, w, b=None, stride=1, padding=0: f.convolution_2d(x, w, b, stride, padding),
        relu=f.relu,
        max_pool=lambda x: f.max_pooling_2d(x, 2, 2),
        flatten=lambda x: f.reshape(x, (len(x), -1)),
        linear=f.linear,
        batch_norm=lambda x, scale, shift: f.batch_normalization(x, scale, shift, eps=1e-5),
        mean=lambda x: f.mean(x, axis=(2, 3)),
    )


def _weights(chainer: ModuleType, net: Net) -> tuple[Any, list[Any]]:
    """A link that has the weights, for the optimizer, and the weights."""
    link, parameters = chainer.Link(), [chainer.Parameter(value) for value in net.weights()]
    with link.init_scope():
        for i, parameter in enumerate(parameters):
            setattr(link, f"p{i}", parameter)
    return link, parameters


def training(net: Net, optimizer: str, batch: int) -> Build:
    def build(chainer: ModuleType, device: str) -> Step:
        f = functions(chainer)
        link, parameters = _weights(chainer, net)
        optimizers = chainer.optimizers
        update = optimizers.Adam(0.001) if optimizer == "adam" else optimizers.MomentumSGD(0.001, 0.9)
        update.setup(link)
        endless = itertools.cycle([(x, y.astype(np.int32)) for x, y in net.batches(batch)])

        def step() -> Any:
            x, y = next(endless)
            link.cleargrads()
            loss = chainer.functions.softmax_cross_entropy(net.forward(f, parameters, x), y)
            loss.backward()
            update.update()
            return loss.array

        return step

    return build


def inference(net: Net, batch: int) -> Build:
    def build(chainer: ModuleType, device: str) -> Step:
        f, x = functions(chainer), images(batch)
        _, parameters = _weights(chainer, net)

        def step() -> Any:
            with chainer.using_config("train", False), chainer.no_backprop_mode():
                return chainer.functions.sum(net.forward(f, parameters, x)).array

        return step

    return build


def two_layer(chainer: ModuleType, device: str) -> Step:
    f = chainer.functions
    x, y, *weights = two_layer_numbers()
    w1, w2 = map(chainer.Parameter, weights)

    def step() -> Any:
        loss = f.sum((f.matmul(f.relu(f.matmul(x, w1)), w2) - y) ** 2)
        loss.backward()
        for w in (w1, w2):
            w.array -= TWO_LAYER_RATE * w.grad
            w.cleargrad()
        return loss.array

    return step


def engine(chain: Callable[..., Any], gradients: bool) -> Build:
    def build(chainer: ModuleType, device: str) -> Step:
        f = chainer.functions
        x, a, b = map(chainer.Variable, numbers())
        spelling = SimpleNamespace(
            tanh=f.tanh, relu=f.relu, ones_like=lambda v: chainer.Variable(np.ones_like(v.array))
        )

        def step() -> Any:
            if not gradients:
                with chainer.no_backprop_mode():
                    return f.sum(chain(spelling, x, a, b)).array
            x.cleargrad()
            f.sum(chain(spelling, x, a, b)).backward()
            return x.grad.sum()

        return step

    return build
