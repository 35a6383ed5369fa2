"""Images of noise, for trying a program out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.utils.optional import available
from minitorch.vision.datasets.vision import VisionDataset


class FakeData(VisionDataset):
    """Random images with random labels, the same for each index every time.

    Args:
        size: how many.
        image_size: (channels, height, width).
        num_classes: labels go from 0 to this.
        transform, target_transform: called with the image (PIL, or a uint8 array without Pillow) and the label.
        random_offset: another number gives other images.

    >>> from minitorch.vision import datasets, transforms
    >>> data = datasets.FakeData(size=3, image_size=(3, 8, 8), transform=transforms.ToTensor())
    >>> len(data), data[0][0].shape
    (3, torch.Size([3, 8, 8]))
    """

    root: Any

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ) -> None:
        super().__init__(transform=transform, target_transform=target_transform)
        self.root = None
        self.size = size
        self.image_size = image_size
        self.num_classes = num_classes
        self.random_offset = random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -self.size <= index < self.size:
            raise IndexError(f"FakeData index out of range: {index} for {self.size} images")
        index %= self.size
        rng = np.random.default_rng([self.random_offset, index])
        channels, height, width = self.image_size
        pixels = rng.integers(0, 256, (height, width, channels), np.uint8)
        target: Any = int(rng.integers(self.num_classes))
        image: Any = pixels[:, :, 0] if channels == 1 else pixels
        if available("PIL"):
            from minitorch.vision.transforms.functional import to_pil_image

            image = to_pil_image(image)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __len__(self) -> int:
        return self.size
