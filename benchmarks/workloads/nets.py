"""The networks of :mod:`.models` for libraries with another API: the same numbers through seven functions.

A net is a function ``(f, weights, x) -> logits``, where ``f`` has what a library calls its own: ``conv(x, w, b,
stride, padding)``, ``relu``, ``max_pool`` (2x2), ``flatten``, ``linear(x, w, b)``, ``batch_norm(x, scale, shift)`` and
``mean`` over the pixels.  The weights come in the order of the parameters in :mod:`.models`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .models import RESNET_BLOCKS, labels, weights

Shapes = dict[str, tuple[int, ...]]
BATCHES = 8  # so many different batches go round


class Net(NamedTuple):
    forward: Callable[[Any, Sequence[Any], Any], Any]
    shapes: Shapes
    input: tuple[int, ...]

    def weights(self) -> list[np.ndarray]:
        return weights(self.shapes)

    def batches(self, batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        return batches(batch, self.input)


def batches(batch: int, shape: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The inputs and the classes that training goes round."""
    inputs = np.random.default_rng(1).standard_normal((BATCHES, batch, *shape), dtype=np.float32)
    return list(zip(inputs, labels(BATCHES * batch).reshape(BATCHES, batch)))


def _layers(*shapes: tuple[int, ...]) -> Shapes:
    """Weights of these shapes, each with its bias."""
    named: Shapes = {}
    for i, shape in enumerate(shapes):
        named |= {f"{i}.weight": shape, f"{i}.bias": shape[:1]}
    return named


def _dense(f: Any, p: Sequence[Any], x: Any) -> Any:
    for i in range(0, len(p), 2):
        x = f.linear(x, p[i], p[i + 1])
        if i + 2 < len(p):
            x = f.relu(x)
    return x


def _lenet(f: Any, p: Sequence[Any], x: Any) -> Any:
    for i in (0, 2):
        x = f.max_pool(f.relu(f.conv(x, p[i], p[i + 1])))
    return _dense(f, p[4:], f.flatten(x))


def _vgg(f: Any, p: Sequence[Any], x: Any) -> Any:
    for i, pooled in enumerate((True, True, False, True)):
        x = f.relu(f.conv(x, p[2 * i], p[2 * i + 1], padding=1))
        if pooled:
            x = f.max_pool(x)
    return f.linear(f.flatten(x), *p[8:])


def _resnet20(f: Any, p: Sequence[Any], x: Any) -> Any:
    rest = iter(p)

    def conv_norm(x: Any, stride: int = 1, padding: int = 1) -> Any:
        return f.batch_norm(f.conv(x, next(rest), None, stride, padding), next(rest), next(rest))

    x = f.relu(conv_norm(x))
    for before, after, stride in RESNET_BLOCKS:
        out = conv_norm(f.relu(conv_norm(x, stride)))
        x = f.relu(out + (x if before == after else conv_norm(x, stride, 0)))
    return f.linear(f.mean(x), next(rest), next(rest))


def _resnet20_shapes() -> Shapes:
    convolutions: list[tuple[int, ...]] = [(16, 3, 3, 3)]
    for before, after, _ in RESNET_BLOCKS:
        convolutions += [(after, before, 3, 3), (after, after, 3, 3)]
        convolutions += [(after, before, 1, 1)] if before != after else []
    named: Shapes = {}
    for i, shape in enumerate(convolutions):
        named |= {f"conv{i}.weight": shape, f"bn{i}.weight": shape[:1], f"bn{i}.bias": shape[:1]}
    return named | {"fc.weight": (10, 64), "fc.bias": (10,)}


NETS = {
    "lenet": Net(_lenet, _layers((6, 3, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)), (3, 32, 32)),
    "mlp": Net(_dense, _layers((512, 784), (512, 512), (10, 512)), (784,)),
    "vgg": Net(
        _vgg, _layers((64, 3, 3, 3), (128, 64, 3, 3), (256, 128, 3, 3), (256, 256, 3, 3), (10, 4096)), (3, 32, 32)
    ),
    "resnet20": Net(_resnet20, _resnet20_shapes(), (3, 32, 32)),
}
