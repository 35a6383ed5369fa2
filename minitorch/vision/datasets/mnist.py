"""MNIST and the sets of the same form: 28x28 gray images in IDX files."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.core.tensor import wrap
from minitorch.vision.datasets.download import Resource, download, unpack_gzip
from minitorch.vision.datasets.vision import ArrayDataset

_IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


class DataFileError(RuntimeError):
    """A data file is cut short, or is not what its name says."""


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array in an IDX file, packed by gzip or not.

    Raises:
        DataFileError: it is no IDX file, cut short, or longer than its head says.
    """
    opener = gzip.open if str(path).endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            raw = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataFileError(f"{path} is damaged or was cut short ({error}); delete it and download it again") from error
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES or not 1 <= raw[3] <= 8:
        raise DataFileError(f"{path} is no IDX file: it begins with {raw[:4].hex(' ') or 'nothing'}")
    dtype, ndim = np.dtype(_IDX_TYPES[raw[2]]), raw[3]
    head = 4 + 4 * ndim
    if len(raw) < head:
        raise DataFileError(f"{path} was cut short in its head; delete it and download it again")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", ndim, 4))
    expected = head + dtype.itemsize * int(np.prod(shape, dtype=object))
    if len(raw) != expected:
        raise DataFileError(
            f"{path} has {len(raw)} bytes, but an array of shape {shape} takes {expected}: it is damaged or was "
            "cut short; delete it and download it again"
        )
    array = np.frombuffer(bytearray(raw), dtype, offset=head).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


class MNIST(ArrayDataset):
    """Handwritten digits: 60,000 training and 10,000 test images (LeCun, Bottou, Bengio and Haffner, 1998).

    Args:
        root: holds ``MNIST/raw/`` with the IDX files, packed or not; default ``$MINITORCH_DATA``, else
            ~/.cache/minitorch.
        train: the training images or the test images.
        transform: called with each image (PIL, or a uint8 array without Pillow).
        target_transform: called with each label.
        download: get what is missing.

    ``data`` is a uint8 tensor (N, 28, 28), ``targets`` an int64 tensor (N,).

    Raises:
        RuntimeError: files are missing and ``download`` is off, or they are damaged.
    """

    mirrors: Sequence[str] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    #: train images, train labels, test images, test labels
    resources: Sequence[tuple[str, Sequence[str]]] = (
        ("train-images-idx3-ubyte.gz", ("md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",)),
        ("train-labels-idx1-ubyte.gz", ("md5:d53e105ee54ea40749a09fcbcd1e9432",)),
        ("t10k-images-idx3-ubyte.gz", ("md5:9fb629c4189551a2d022fa330f9573f3",)),
        ("t10k-labels-idx1-ubyte.gz", ("md5:ec29112dd5afa0611ce80d1b7f02629c",)),
    )
    classes = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four",
        "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

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
        if not self._check_exists():
            raise RuntimeError(
                f"Dataset not found: {self.raw_folder} lacks the {'training' if train else 'test'} files. "
                "You can use download=True to download it"
            )
        self.data, self.targets = self._load_data()

    @property
    def raw_folder(self) -> str:
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def _names(self) -> tuple[str, str]:
        images, labels = self.resources[:2] if self.train else self.resources[2:]
        return images[0], labels[0]

    def _path(self, name: str) -> Path | None:
        """The unpacked file, else the packed one, else ``None``."""
        folder = Path(self.raw_folder)
        for candidate in (folder / name.removesuffix(".gz"), folder / name):
            if candidate.is_file():
                return candidate
        return None

    def _check_exists(self) -> bool:
        return all(self._path(name) is not None for name in self._names())

    def download(self) -> None:
        """Gets those of the four files that are missing or damaged, and unpacks them."""
        for name, checksums in self.resources:
            if self._is_whole(name):
                continue
            resource = Resource(name, [mirror + name for mirror in self.mirrors], checksums)
            archive = download(resource, self.raw_folder)
            unpack_gzip(archive, archive.with_suffix(""))

    def _is_whole(self, name: str) -> bool:
        path = self._path(name)
        if path is None:
            return False
        try:
            self._checked(path)
        except RuntimeError:
            return False
        return True

    def _checked(self, path: Path) -> np.ndarray:
        """The array in a file of images or of labels."""
        array = read_idx(path)
        if "images" in path.name:
            if array.ndim != 3 or array.dtype != np.uint8 or array.shape[1:] != (28, 28):
                what = f"{array.shape} of {array.dtype}"
                raise DataFileError(f"{path} should hold images (N, 28, 28) of bytes, got {what}")
        elif array.ndim != 1 or array.dtype != np.uint8:
            raise DataFileError(f"{path} should hold labels (N,) of bytes, got {array.shape} of {array.dtype}")
        elif array.size and array.max() >= len(self.classes):
            raise DataFileError(f"{path} has the label {array.max()}; there are {len(self.classes)} classes")
        return array

    def _load_data(self) -> tuple[Any, Any]:
        paths = [path for path in map(self._path, self._names()) if path is not None]
        images, labels = (self._checked(path) for path in paths)
        if len(images) != len(labels):
            raise DataFileError(f"{paths[0]} has {len(images)} images, {paths[1]} has {len(labels)} labels")
        return wrap(images), wrap(labels.astype(np.int64))


class FashionMNIST(MNIST):
    """Clothing in the form of MNIST (Xiao, Rasul and Vollgraf, 2017).  Arguments and attributes as there."""

    mirrors = (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    )
    resources = (
        (
            "train-images-idx3-ubyte.gz",
            (
                "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
        ),
        (
            "train-labels-idx1-ubyte.gz",
            (
                "md5:25c81989df183df01b3e8a0aad5dffbe",
                "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            (
                "md5:bef4ecab320f06d8554ea6380940ec79",
                "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            (
                "md5:bb300cfdad3c16e7a12a480ee83cd310",
                "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    )
    classes = [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip


class KMNIST(MNIST):
    """Cursive Japanese characters in the form of MNIST (Clanuwat et al., 2018).  Arguments and attributes as there."""

    mirrors = ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/")
    resources = (
        ("train-images-idx3-ubyte.gz", ("md5:bdb82020997e1d708af4cf47b453dcf7",)),
        ("train-labels-idx1-ubyte.gz", ("md5:e144d726b3acfaa3e44228e80efcd344",)),
        ("t10k-images-idx3-ubyte.gz", ("md5:5c965bf0a639b31b8f53240b1b52f4d7",)),
        ("t10k-labels-idx1-ubyte.gz", ("md5:7320c461ea6c1c855c0b718fb2a4b134",)),
    )
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
