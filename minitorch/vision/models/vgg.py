"""Deep stacks of 3x3 convolutions: Simonyan and Zisserman, "Very deep convolutional networks" (2015)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import minitorch.nn as nn
from minitorch.core.tensor import Tensor
from minitorch.vision.models.weights import WeightsEnum, refuse_weights


class VGG(nn.Module):
    """Convolutions, a grid of 7x7 means, and three linear layers.

    Args:
        features: the convolutions, with 512 channels at their end: see :func:`make_layers`.
        num_classes: how many scores to give.
        init_weights: He's initialisation of the convolutions, a small normal one of the linear layers.
        dropout: between the linear layers.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of 32 or more.
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self._start()

    def _start(self) -> None:
        for module in self.modules():
            layer: Any = module  # what the type checker is to take it for
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(layer.weight)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)
            else:
                continue
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


#: the paper's table 1: how many convolutions of 64, 128, 256, 512 and 512 channels stand before each pooling
_COUNTS = {"11": (1, 1, 2, 2, 2), "13": (2, 2, 2, 2, 2), "16": (2, 2, 3, 3, 3), "19": (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)


def make_layers(cfg: Sequence[int | str], batch_norm: bool = False) -> nn.Sequential:
    """The convolutional part: a number stands for a convolution with so many channels, ``"M"`` for max pooling."""
    layers: list[nn.Module] = []
    channels = 3
    for step in cfg:
        if isinstance(step, str):
            layers.append(nn.MaxPool2d(2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, step, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(step))
        layers.append(nn.ReLU(inplace=True))
        channels = step
    return nn.Sequential(*layers)


def _config(depth: str) -> list[int | str]:
    steps: list[int | str] = []
    for channels, count in zip(_CHANNELS, _COUNTS[depth]):
        steps += [channels] * count + ["M"]
    return steps


class VGG11_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg11-8a719046.pth"
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg11_bn-6002323d.pth"
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg13-19584684.pth"
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg13_bn-abd245e5.pth"
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg16-397923af.pth"
    IMAGENET1K_FEATURES = "vgg16_features-amdegroot-88682ab5.pth"
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg16_bn-6c64b313.pth"
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg19-dcbb9e9d.pth"
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = "vgg19_bn-c79401a0.pth"
    DEFAULT = IMAGENET1K_V1


def _make(name: str, known: type[WeightsEnum], weights: Any, options: Any) -> VGG:
    refuse_weights(name, known, weights, options)
    return VGG(make_layers(_config(name[3:5]), batch_norm=name.endswith("_bn")), **options)


def vgg11(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 11 layers that have weights (column A of the paper's table 1).

    Args:
        weights: ``None``; published weights are loaded from their file, as the error for anything else says.
        progress: taken for compatibility.
        kwargs: for :class:`VGG`.
    """
    return _make("vgg11", VGG11_Weights, weights, kwargs)


def vgg11_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 11 layers and batch normalisation; arguments as of :func:`vgg11`."""
    return _make("vgg11_bn", VGG11_BN_Weights, weights, kwargs)


def vgg13(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 13 layers (column B); arguments as of :func:`vgg11`."""
    return _make("vgg13", VGG13_Weights, weights, kwargs)


def vgg13_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 13 layers and batch normalisation; arguments as of :func:`vgg11`."""
    return _make("vgg13_bn", VGG13_BN_Weights, weights, kwargs)


def vgg16(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 16 layers (column D); arguments as of :func:`vgg11`."""
    return _make("vgg16", VGG16_Weights, weights, kwargs)


def vgg16_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 16 layers and batch normalisation; arguments as of :func:`vgg11`."""
    return _make("vgg16_bn", VGG16_BN_Weights, weights, kwargs)


def vgg19(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 19 layers (column E); arguments as of :func:`vgg11`."""
    return _make("vgg19", VGG19_Weights, weights, kwargs)


def vgg19_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG with 19 layers and batch normalisation; arguments as of :func:`vgg11`."""
    return _make("vgg19_bn", VGG19_BN_Weights, weights, kwargs)
