"""What the image data sets share: the transforms, the description, and whole batches at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.core.tensor import Tensor
from minitorch.utils.data.dataset import Columns, Dataset
from minitorch.utils.data.fetch import ANY_STREAM, NOTHING, OWN_STREAM
from minitorch.utils.optional import available
from minitorch.vision.datasets.download import default_root
from minitorch.vision.transforms.batches import batch_plan, draws


class StandardTransform:
    """A transform for the image beside one for the target."""

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        return (
            input if self.transform is None else self.transform(input),
            target if self.target_transform is None else self.target_transform(target),
        )

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for head, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                lines.append(head + repr(transform).replace("\n", "\n" + " " * len(head)))
        return "\n".join(lines)


class VisionDataset(Dataset):
    """Base of the image data sets: subclasses write ``__getitem__`` and ``__len__``.

    Args:
        root: folder of the data; default ``$MINITORCH_DATA``, else ~/.cache/minitorch.
        transforms: called with image and target; excludes the other two.
        transform: called with the image.
        target_transform: called with the target.
    """

    _repr_indent = 4
    root: Any

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.root = os.path.expanduser(os.fspath(default_root() if root is None else root))
        self.transform = transform
        self.target_transform = target_transform
        if transform is not None or target_transform is not None:
            transforms = StandardTransform(transform, target_transform)
        self.transforms = transforms

    def __len__(self) -> int:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """More lines for ``repr``."""
        return ""

    def __repr__(self) -> str:
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if self.transforms is not None:
            body.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *(" " * self._repr_indent + line for line in body)])


class ArrayDataset(VisionDataset):
    """Images that are rows of an array in memory: ``data`` (N, H, W) or (N, H, W, C) in uint8, and ``targets``.

    Single samples are PIL images; where Pillow is not installed they are the arrays themselves, which ``ToTensor``
    and the transforms that only move pixels take as well.  Whole batches need no images at all: if every transform
    has a form for batches (``ToTensor``, ``Normalize``, flips, crops, ``Pad`` ...), the loader gets them by one
    indexing operation and the transforms run on the array.
    """

    data: Any
    targets: Any
    train: bool = True
    _pil: bool | None = None

    def __len__(self) -> int:
        return len(self.data)

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def _pixels(self, array: np.ndarray) -> np.ndarray:
        """Rows of ``data`` as images are to look."""
        return array

    def _rows(self) -> np.ndarray:
        return self.data._data if isinstance(self.data, Tensor) else self.data

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = self._pixels(self._rows()[index])
        target = int(self.targets[index])
        if self._pil is None:
            self._pil = available("PIL")
        if self._pil:
            from PIL import Image

            image = Image.fromarray(image)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def __getitems__(self, indices: Sequence[int]) -> Sequence[Any]:
        plan = batch_plan(self.transform)
        if plan is None:
            return [self[i] for i in indices]
        rows = np.asarray(indices, np.intp)
        images = plan(self._pixels(self._rows().take(rows, axis=0)))
        return Columns([images, self._targets_at(rows)], numbers=(1,) if self.target_transform is None else ())

    def _targets_at(self, rows: np.ndarray) -> Any:
        from minitorch.core.tensor import wrap

        if isinstance(self.targets, Tensor | np.ndarray):
            targets = np.asarray(self.targets)[rows]
        else:
            targets = np.array([self.targets[i] for i in rows.tolist()])
        if self.target_transform is None:
            return wrap(targets.astype(np.int64, copy=False))
        return [self.target_transform(target) for target in targets.tolist()]

    def _batches_draw_from(self) -> int:
        if batch_plan(self.transform) is None or self.target_transform is not None:
            return ANY_STREAM
        return OWN_STREAM if draws(self.transform) else NOTHING
