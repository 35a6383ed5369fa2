"""PyDyNet: linear maps keep weights as (in, out); there is neither a bias of convolutions nor a 2-d batch norm."""

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


def functions(pydynet: ModuleType) -> Any:
    from pydynet.nn import functional as f

    def conv(x: Any, w: Any, b: Any = None, stride: int = 1, padding: int = 0) -> Any:
        x = f.conv2d(x, w, padding, stride)
        return x if b is None else x + b

    def batch_norm(x: Any, scale: Any, shift: Any) -> Any:
        """As ``pydynet.nn.BatchNorm1d`` has it, over images and pixels."""
        centred = x - x.mean((0, 2, 3), True)
        variance = pydynet.mean(pydynet.square(centred), (0, 2, 3), True)
        return centred / pydynet.sqrt(variance + 1e-5) * scale + shift

    return SimpleNamespace(
        conv=conv,
        relu=f.relu,
        max_pool=lambda x: f.max_pool2d(x, 2, 2),
        flatten=lambda x: x.reshape(x.shape[0], -1),
        linear=f.linear,
        batch_norm=batch_norm,
        mean=lambda x: x.mean((2, 3)),
    )


def _weights(pydynet: ModuleType, net: Net) -> list[Any]:
    from pydynet.nn import Parameter

    parameters, of_images = [], False
    for value in net.weights():
        if value.ndim > 1:
            of_images = value.ndim == 4
            value = value if of_images else np.ascontiguousarray(value.T)
        elif of_images:
            value = value.reshape(1, -1, 1, 1)
        parameters.append(Parameter(pydynet.Tensor(value)))
    return parameters


def training(net: Net, optimizer: str, batch: int) -> Build:
    def build(pydynet: ModuleType, device: str) -> Step:
        from pydynet import optim
        from pydynet.nn import functional

        f, parameters = functions(pydynet), _weights(pydynet, net)
        if optimizer == "adam":
            update = optim.Adam(parameters, lr=0.001)
        else:
            update = optim.SGD(parameters, lr=0.001, momentum=0.9, nesterov=False)
        endless = itertools.cycle([(pydynet.Tensor(x), pydynet.Tensor(y)) for x, y in net.batches(batch)])

        def step() -> Any:
            x, y = next(endless)
            update.zero_grad()
            loss = functional.cross_entropy_loss(net.forward(f, parameters, x), y, reduction="mean")
            value = loss.numpy().copy()
            loss.backward()
            update.step()
            return value

        return step

    return build


def inference(net: Net, batch: int) -> Build:
    def build(pydynet: ModuleType, device: str) -> Step:
        f, parameters, x = functions(pydynet), _weights(pydynet, net), pydynet.Tensor(images(batch))

        def step() -> Any:
            with pydynet.no_grad():
                return net.forward(f, parameters, x).sum().numpy()

        return step

    return build


def two_layer(pydynet: ModuleType, device: str) -> Step:
    from pydynet.nn import functional

    arrays = two_layer_numbers()
    x, y, w1, w2 = (pydynet.Tensor(array, requires_grad=i > 1) for i, array in enumerate(arrays))

    def step() -> Any:
        difference = functional.relu(x @ w1) @ w2 - y
        loss = (difference * difference).sum()
        value = loss.numpy().copy()
        loss.backward()
        for w in (w1, w2):
            w.data -= TWO_LAYER_RATE * w.grad
            w.zero_grad()
        return value

    return step


def engine(chain: Callable[..., Any], gradients: bool) -> Build:
    def build(pydynet: ModuleType, device: str) -> Step:
        from pydynet.nn import functional

        x, a, b = (pydynet.Tensor(array, requires_grad=gradients and not i) for i, array in enumerate(numbers()))
        spelling = SimpleNamespace(
            tanh=pydynet.tanh, relu=functional.relu, ones_like=lambda v: pydynet.Tensor(np.ones_like(v.data))
        )

        def step() -> Any:
            if not gradients:
                with pydynet.no_grad():
                    return chain(spelling, x, a, b).sum().numpy()
            x.zero_grad()
            chain(spelling, x, a, b).sum().backward()
            return x.grad.sum()

        return step

    return build
