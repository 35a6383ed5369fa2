"""The networks of the workloads, written once against the API that minitorch and PyTorch share."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np


def weights(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> list[np.ndarray]:
    """The numbers that a network starts from in every library: uniform in ±1/sqrt(fan-in); biases 0, norm scales 1."""
    rng = np.random.default_rng(seed)
    values = []
    for name, shape in shapes.items():
        if len(shape) > 1:
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            values.append(rng.uniform(-bound, bound, shape).astype(np.float32))
        else:
            values.append(np.full(shape, name.endswith("weight"), dtype=np.float32))
    return values


def fill(torch: ModuleType, module: Any) -> Any:
    """Copy ``weights`` into ``module``, in the order of its parameters."""
    parameters = dict(module.named_parameters())
    values = weights({name: tuple(parameter.shape) for name, parameter in parameters.items()})
    with torch.no_grad():
        for parameter, value in zip(parameters.values(), values):
            parameter.copy_(torch.from_numpy(value))
    return module


def images(batch: int, channels: int = 3, side: int = 32, seed: int = 1) -> np.ndarray:
    """Standard normal images, (N, C, H, W), float32."""
    return np.random.default_rng(seed).standard_normal((batch, channels, side, side), dtype=np.float32)


def labels(batch: int, classes: int = 10, seed: int = 2) -> np.ndarray:
    """Class numbers, (N,), int64."""
    return np.random.default_rng(seed).integers(0, classes, batch)


def lenet(torch: ModuleType) -> Any:
    """The classifier of PyTorch's beginners' tour for 3x32x32 images: 62,006 weights."""
    nn, functional = torch.nn, torch.nn.functional

    class LeNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 6, 5)
            self.pool = nn.MaxPool2d(2, 2)
            self.conv2 = nn.Conv2d(6, 16, 5)
            self.fc1 = nn.Linear(16 * 5 * 5, 120)
            self.fc2 = nn.Linear(120, 84)
            self.fc3 = nn.Linear(84, 10)

        def forward(self, x: Any) -> Any:
            x = self.pool(functional.relu(self.conv1(x)))
            x = self.pool(functional.relu(self.conv2(x)))
            x = torch.flatten(x, 1)
            x = functional.relu(self.fc1(x))
            x = functional.relu(self.fc2(x))
            return self.fc3(x)

    return LeNet()


def mlp(torch: ModuleType) -> Any:
    """784-512-512-10 with ReLU."""
    nn = torch.nn
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def vgg(torch: ModuleType) -> Any:
    """Four 3x3 convolutions, 64-128-256-256 channels, on 3x32x32 images."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(128, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256 * 4 * 4, 10),
    )  # fmt: skip


#: channels before and after each block, and its stride
RESNET_BLOCKS = [
    (before if first else after, after, stride if first else 1)
    for before, after, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2))
    for first in (True, False, False)
]


def resnet20(torch: ModuleType) -> Any:
    """The 20-layer residual net for CIFAR of He et al. 2016 (section 4.2), with 1x1 convolutions on the shortcuts."""
    nn, functional = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, before: int, after: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(after)
            self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(after)
            self.shortcut = nn.Sequential()
            if before != after:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
                )

        def forward(self, x: Any) -> Any:
            out = functional.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            return functional.relu(out + self.shortcut(x))

    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        *(Block(*block) for block in RESNET_BLOCKS),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip
