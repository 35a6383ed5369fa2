"""The main workloads once more, for libraries whose API is not PyTorch's: Chainer and PyDyNet.

Equal shapes, equal numbers, the same update; only the spelling differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import WORKLOADS, Build, Step
from .engine import ELEMENTS, OPS
from .models import labels, weights
from .training import BATCHES

LENET = {
    "conv1.weight": (6, 3, 5, 5),
    "conv1.bias": (6,),
    "conv2.weight": (16, 6, 5, 5),
    "conv2.bias": (16,),
    "fc1.weight": (120, 400),
    "fc1.bias": (120,),
    "fc2.weight": (84, 120),
    "fc2.bias": (84,),
    "fc3.weight": (10, 84),
    "fc3.bias": (10,),
}
MLP = {
    "0.weight": (512, 784),
    "0.bias": (512,),
    "2.weight": (512, 512),
    "2.bias": (512,),
    "4.weight": (10, 512),
    "4.bias": (10,),
}


def batches(batch: int, shape: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    inputs = np.random.default_rng(1).standard_normal((BATCHES, batch, *shape), dtype=np.float32)
    return list(zip(inputs, labels(BATCHES * batch).reshape(BATCHES, batch)))


def chainer_net(chainer: ModuleType, shapes: dict[str, tuple[int, ...]]) -> Any:
    """LeNet or the MLP, by the dimensions of ``shapes``: a chain of links that knows its forward pass."""
    functions, links = chainer.functions, chainer.links
    values = weights(shapes)

    class Net(chainer.Chain):
        def __init__(self) -> None:
            super().__init__()
            self.path = []
            with self.init_scope():
                for i, (weight, bias) in enumerate(zip(values[::2], values[1::2])):
                    if weight.ndim == 4:
                        out, into, side = weight.shape[:3]
                        link = links.Convolution2D(into, out, side, initialW=weight, initial_bias=bias)
                    else:
                        link = links.Linear(weight.shape[1], weight.shape[0], initialW=weight, initial_bias=bias)
                    setattr(self, f"link{i}", link)
                    self.path.append((link, weight.ndim == 4))

        def forward(self, x: Any) -> Any:
            for i, (link, convolution) in enumerate(self.path):
                x = link(x)
                if i + 1 < len(self.path):
                    x = functions.relu(x)
                if convolution:
                    x = functions.max_pooling_2d(x, 2, 2)
            return x

    return Net()


def chainer_training(
    shapes: dict[str, tuple[int, ...]], batch: int, shape: tuple[int, ...], optimizer: Callable[[ModuleType], Any]
) -> Build:
    def build(chainer: ModuleType, device: str) -> Step:
        net = chainer_net(chainer, shapes)
        update = optimizer(chainer)
        update.setup(net)
        endless = itertools.cycle([(x, y.astype(np.int32)) for x, y in batches(batch, shape)])

        def step() -> Any:
            x, y = next(endless)
            net.cleargrads()
            loss = chainer.functions.softmax_cross_entropy(net(x), y)
            loss.backward()
            update.update()
            return loss.array

        return step

    return build


def chainer_engine(chainer: ModuleType, device: str) -> Step:
    rng = np.random.default_rng(0)
    functions = chainer.functions
    x, a, b = (chainer.Variable(rng.uniform(0.9, 1.1, ELEMENTS).astype(np.float32)) for _ in range(3))

    def step() -> Any:
        x.cleargrad()
        y = x
        for _ in range(OPS // 4):
            y = functions.tanh(functions.relu(y * a.array + b.array))
        functions.sum(y).backward()
        return x.grad.sum()

    return step


def pydynet_training(
    shapes: dict[str, tuple[int, ...]], batch: int, shape: tuple[int, ...], optimizer: Callable[[Any, Any], Any]
) -> Build:
    """Written with PyDyNet's functions: its Linear keeps weights as (in, out), its conv bias as (1, C, 1, 1)."""

    def build(pydynet: ModuleType, device: str) -> Step:
        from pydynet import optim
        from pydynet.nn import Parameter, functional

        values = weights(shapes)
        parameters = []
        for weight, bias in zip(values[::2], values[1::2]):
            convolution = weight.ndim == 4
            parameters.append(Parameter(pydynet.Tensor(weight if convolution else np.ascontiguousarray(weight.T))))
            parameters.append(Parameter(pydynet.Tensor(bias.reshape(1, -1, 1, 1) if convolution else bias)))
        update = optimizer(optim, parameters)
        endless = itertools.cycle([(pydynet.Tensor(x), pydynet.Tensor(y)) for x, y in batches(batch, shape)])

        def forward(x: Any) -> Any:
            for i in range(0, len(parameters), 2):
                weight, bias = parameters[i], parameters[i + 1]
                if weight.ndim == 4:
                    x = functional.max_pool2d(functional.relu(functional.conv2d(x, weight) + bias), 2, 2)
                    continue
                if x.ndim == 4:
                    x = x.reshape(x.shape[0], -1)
                x = functional.linear(x, weight, bias)
                if i + 2 < len(parameters):
                    x = functional.relu(x)
            return x

        def step() -> Any:
            x, y = next(endless)
            update.zero_grad()
            loss = functional.cross_entropy_loss(forward(x), y, reduction="mean")
            value = loss.numpy().copy()
            loss.backward()
            update.step()
            return value

        return step

    return build


def pydynet_engine(pydynet: ModuleType, device: str) -> Step:
    from pydynet.nn import functional

    rng = np.random.default_rng(0)
    x, a, b = (
        pydynet.Tensor(rng.uniform(0.9, 1.1, ELEMENTS).astype(np.float32), requires_grad=leaf)
        for leaf in (True, False, False)
    )

    def step() -> Any:
        x.zero_grad()
        y = x
        for _ in range(OPS // 4):
            y = pydynet.tanh(functional.relu(y * a + b))
        y.sum().backward()
        return x.grad.sum()

    return step


for _batch in (4, 64, 256):
    WORKLOADS[f"train/lenet/batch-{_batch}"].twins.update(
        chainer=chainer_training(
            LENET, _batch, (3, 32, 32), lambda chainer: chainer.optimizers.MomentumSGD(lr=0.001, momentum=0.9)
        ),
        pydynet=pydynet_training(
            LENET, _batch, (3, 32, 32), lambda optim, p: optim.SGD(p, lr=0.001, momentum=0.9, nesterov=False)
        ),
    )
WORKLOADS["train/mlp/batch-128"].twins.update(
    chainer=chainer_training(MLP, 128, (784,), lambda chainer: chainer.optimizers.Adam(alpha=0.001)),
    pydynet=pydynet_training(MLP, 128, (784,), lambda optim, p: optim.Adam(p, lr=0.001)),
)
WORKLOADS["engine/mixed/backward"].twins.update(chainer=chainer_engine, pydynet=pydynet_engine)
