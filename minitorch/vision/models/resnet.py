"""Residual networks: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import minitorch.nn as nn
from minitorch.core.tensor import Tensor
from minitorch.vision.models.weights import WeightsEnum, refuse_weights


def conv3x3(inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size but for its stride; a normalisation follows, so it has no bias."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, groups=groups, bias=False)


def conv1x1(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A linear map of the channels of each pixel."""
    return nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a way around them.

    Args:
        inplanes: channels of the input.
        planes: channels of the result, ``expansion`` times over.
        stride: of the first convolution.
        downsample: brings the input to the size of the result, where they differ.
        groups, base_width, dilation: 1, 64 and 1; other values are for ``Bottleneck``.
        norm_layer: makes the normalisations; default ``nn.BatchNorm2d``.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise ValueError(f"BasicBlock only supports groups=1 and base_width=64, got {groups} and {base_width}")
        if dilation > 1:
            raise NotImplementedError(f"BasicBlock has no dilation above 1, got {dilation}; Bottleneck has")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + around)


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 ones that make the channels fewer and more again, and a way around them.

    The stride is in the 3x3 convolution, as in torchvision (the paper has it in the first 1x1).
    Arguments as of ``BasicBlock``; ``groups`` and ``base_width`` make it a block of ResNeXt or of a wide ResNet.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        around = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + around)


class ResNet(nn.Module):
    """A stem, four stages of blocks with 64, 128, 256 and 512 planes, the mean over the image, and a linear layer.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        layers: how many blocks each of the four stages has.
        num_classes: how many scores to give.
        zero_init_residual: let each block begin as its way around (Goyal et al., 2017, section 5.1).
        groups, width_per_group: of the 3x3 convolutions of ``Bottleneck``.
        replace_stride_with_dilation: for each of the last three stages, whether it keeps the size of the image.
        norm_layer: makes the normalisations; default ``nn.BatchNorm2d``.

    Shape: (N, 3, H, W) -> (N, num_classes), for any H and W.

    >>> import minitorch as torch
    >>> from minitorch.vision.models.resnet import BasicBlock, ResNet
    >>> ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5).eval()(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        dilate = (False, False, False) if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._stage(block, 64, layers[0], 1, False)
        self.layer2 = self._stage(block, 128, layers[1], 2, dilate[0])
        self.layer3 = self._stage(block, 256, layers[2], 2, dilate[1])
        self.layer4 = self._stage(block, 512, layers[3], 2, dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._start(zero_init_residual)

    def _stage(self, block: Any, planes: int, count: int, stride: int, dilate: bool) -> nn.Sequential:
        """``count`` blocks, the first of which changes size and channels."""
        first_dilation = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        outputs, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != outputs:
            downsample = nn.Sequential(conv1x1(self.inplanes, outputs, stride), self._norm_layer(outputs))
        rest = (self.groups, self.base_width)
        blocks = [block(self.inplanes, planes, stride, downsample, *rest, first_dilation, self._norm_layer)]
        self.inplanes = outputs
        blocks += [block(outputs, planes, 1, None, *rest, self.dilation, self._norm_layer) for _ in range(1, count)]
        return nn.Sequential(*blocks)

    def _start(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            layer: Any = module  # what the type checker is to take it for
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
                nn.init.ones_(layer.weight)
                nn.init.zeros_(layer.bias)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    last: Any = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class ResNet18_Weights(WeightsEnum):
    IMAGENET1K_V1 = "resnet18-f37072fd.pth"
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    IMAGENET1K_V1 = "resnet34-b627a593.pth"
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    IMAGENET1K_V1 = "resnet50-0676ba61.pth"
    IMAGENET1K_V2 = "resnet50-11ad3fa6.pth"
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    IMAGENET1K_V1 = "resnet101-63fe2227.pth"
    IMAGENET1K_V2 = "resnet101-cd907fc2.pth"
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    IMAGENET1K_V1 = "resnet152-394f9c45.pth"
    IMAGENET1K_V2 = "resnet152-f82ba261.pth"
    DEFAULT = IMAGENET1K_V2


def _make(name: str, known: type[WeightsEnum], block: Any, layers: Sequence[int], weights: Any, options: Any) -> ResNet:
    refuse_weights(name, known, weights, options)
    return ResNet(block, layers, **options)


def resnet18(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet with 18 layers that have weights.

    Args:
        weights: ``None``; published weights are loaded from their file, as the error for anything else says.
        progress: taken for compatibility.
        kwargs: for :class:`ResNet`.
    """
    return _make("resnet18", ResNet18_Weights, BasicBlock, (2, 2, 2, 2), weights, kwargs)


def resnet34(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet with 34 layers; arguments as of :func:`resnet18`."""
    return _make("resnet34", ResNet34_Weights, BasicBlock, (3, 4, 6, 3), weights, kwargs)


def resnet50(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet with 50 layers, in bottlenecks; arguments as of :func:`resnet18`."""
    return _make("resnet50", ResNet50_Weights, Bottleneck, (3, 4, 6, 3), weights, kwargs)


def resnet101(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet with 101 layers, in bottlenecks; arguments as of :func:`resnet18`."""
    return _make("resnet101", ResNet101_Weights, Bottleneck, (3, 4, 23, 3), weights, kwargs)


def resnet152(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet with 152 layers, in bottlenecks; arguments as of :func:`resnet18`."""
    return _make("resnet152", ResNet152_Weights, Bottleneck, (3, 8, 36, 3), weights, kwargs)
