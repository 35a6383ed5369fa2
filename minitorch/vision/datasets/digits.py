"""The handwritten digits that come with the package."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minitorch.core.tensor import wrap
from minitorch.vision.datasets.vision import ArrayDataset

_FILE = Path(__file__).parent / "files" / "digits.npz"
# 0..16 spread over 0..255, so that an image is not almost black and ToTensor gives 0 to 1
_BRIGHTNESS = np.rint(np.arange(17) * (255 / 16)).astype(np.uint8)


class Digits(ArrayDataset):
    """1,797 real handwritten digits of 8x8 pixels; no download, no files elsewhere.

    E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (1998), UCI Machine Learning Repository,
    DOI 10.24432/C50P49, licence CC BY 4.0.

    The split is fixed: of the images of each class, in the order of publication, the third of every five is a test
    image.  That makes 1,438 training and 359 test images with the classes in equal shares.

    Args:
        root: not used; taken so that the data sets are called alike.
        train: the training images or the test images.
        transform: called with each image (PIL, or a uint8 array without Pillow), whose values go from 0 to 255.
        target_transform: called with each label.
        download: not used.

    ``data`` is a uint8 tensor (N, 8, 8) with the published values 0 to 16, ``targets`` an int64 tensor (N,).

    >>> from minitorch.vision import datasets, transforms
    >>> digits = datasets.Digits(train=False, transform=transforms.ToTensor())
    >>> image, label = digits[0]
    >>> len(digits), image.shape, label
    (359, torch.Size([1, 8, 8]), 0)
    """

    classes = [str(digit) for digit in range(10)]

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.root = None
        self.train = train
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        with np.load(_FILE, allow_pickle=False) as stored:
            images, labels = stored["images"], stored["labels"]
        chosen = is_test(labels) != train
        self.data, self.targets = wrap(images[chosen]), wrap(labels[chosen].astype(np.int64))

    def _pixels(self, array: np.ndarray) -> np.ndarray:
        return _BRIGHTNESS[array]


def is_test(labels: np.ndarray) -> np.ndarray:
    """Which samples belong to the test part."""
    place = np.empty(len(labels), np.intp)  # of a sample among those of its class
    for label in range(10):
        mine = np.flatnonzero(labels == label)
        place[mine] = np.arange(len(mine))
    return place % 5 == 2
