"""LeNet-5, the network with which convolutions began."""

from __future__ import annotations

import minitorch.nn as nn
import minitorch.nn.functional as F
from minitorch.core.tensor import Tensor


class LeNet(nn.Module):
    """Two convolutions with pooling and three linear layers, for images of 32x32 pixels.

    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition" (1998), section II.B,
    in the form that it is taught in: ReLU in place of the scaled tanh, max pooling, every map connected with every
    other, and linear scores at the end.  61,706 weights for one channel and ten classes.

    Args:
        in_channels: of the images.
        num_classes: how many scores to give.

    Shape: (N, in_channels, 32, 32) -> (N, num_classes).

    Raises:
        ValueError: images of another size.

    >>> import minitorch as torch
    >>> from minitorch.vision.models import LeNet
    >>> LeNet()(torch.zeros(4, 1, 32, 32)).shape
    torch.Size([4, 10])
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[-2:]) != (32, 32):
            raise ValueError(
                f"LeNet: expected images of 32x32 pixels (N, {self.conv1.in_channels}, 32, 32), got {tuple(x.shape)}; "
                "transforms.Resize(32), or transforms.Pad(2) for images of 28x28, makes them so"
            )
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(-3)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)
