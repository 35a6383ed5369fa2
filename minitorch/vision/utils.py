"""Pictures of many images."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.core.tensor import Tensor, wrap


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images side by side in one image.

    Args:
        tensor: (N, C, H, W), or a list of images of one size; a single image (C, H, W) or (H, W) comes back alone.
            Images of one channel become gray images of three.
        nrow: images in a row.
        padding: pixels between them and around.
        normalize: stretch the values to 0 to 1.
        value_range: (low, high) that become 0 and 1, default those of the images.
        scale_each: take low and high from each image by itself.
        pad_value: value of the pixels between.

    Returns:
        (3, height, width), or (C, height, width) for C other than 1.

    Raises:
        TypeError: no tensor, nor a list of tensors.

    >>> import minitorch as torch
    >>> make_grid(torch.zeros(10, 1, 4, 4), nrow=5).shape
    torch.Size([3, 14, 32])
    """
    if isinstance(tensor, list | tuple) and all(isinstance(t, Tensor) for t in tensor):
        shapes = {tuple(t.shape) for t in tensor}
        if len(shapes) != 1:
            raise ValueError(f"make_grid: images of one size are needed, got {sorted(shapes)}")
        xp = array_module(tensor[0]._data)
        images = xp.stack([t._data for t in tensor])
    elif isinstance(tensor, Tensor):
        images = tensor._data
        xp = array_module(images)
    else:
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if not 2 <= images.ndim <= 4:
        raise ValueError(f"make_grid: expected images (N, C, H, W), (C, H, W) or (H, W), got shape {images.shape}")
    images = images.reshape((1,) * (4 - images.ndim) + images.shape)
    if images.shape[1] == 1:
        images = xp.repeat(images, 3, axis=1)
    if normalize:
        images = _stretched(xp, images, value_range, scale_each)
    count, channels, height, width = images.shape
    if count == 0 or nrow < 1:
        raise ValueError(
            f"make_grid: there must be an image and nrow of at least 1, got {count} images and nrow={nrow}"
        )
    if count == 1:
        return wrap(images[0].copy())
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    step_y, step_x = height + padding, width + padding
    grid = xp.full((channels, rows * step_y + padding, columns * step_x + padding), pad_value, images.dtype)
    for k in range(count):
        y, x = (k // columns) * step_y + padding, (k % columns) * step_x + padding
        grid[:, y : y + height, x : x + width] = images[k]
    return wrap(grid)


def _stretched(xp: Any, images: Any, value_range: tuple[float, float] | None, each: bool) -> Any:
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
    if images.dtype.kind != "f":
        images = images.astype(np.float32)
    if value_range is not None:
        low, high = value_range
    else:
        axes = (1, 2, 3) if each else None
        low, high = images.min(axis=axes, keepdims=True), images.max(axis=axes, keepdims=True)
    return (xp.clip(images, low, high) - low) / xp.maximum(xp.asarray(high - low), 1e-5).astype(images.dtype)


def save_image(
    tensor: Tensor | Sequence[Tensor], fp: str | os.PathLike | BinaryIO, format: str | None = None, **kwargs: Any
) -> None:
    """Writes an image, or a grid of images, to a file.

    Args:
        tensor: as for ``make_grid``, values from 0 to 1.
        fp: name of the file, or a file open for writing.
        format: as Pillow names it; default: by the name's ending.
        kwargs: for ``make_grid``.
    """
    from minitorch.backend.array_module import to_host
    from minitorch.vision.transforms.images import pil

    made = make_grid(tensor, **kwargs)
    if made._data.dtype.kind != "f":
        raise TypeError(
            f"save_image: expected floats from 0 to 1, got {made.dtype}; divide by 255, or use minitorch.vision.io"
        )
    grid = to_host(made._data)
    # the half makes the conversion to whole numbers a rounding
    pixels = np.clip(grid * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    if pixels.shape[2] not in (3, 4):
        raise ValueError(f"save_image: images have 1, 3 or 4 channels, got {pixels.shape[2]}")
    pil().fromarray(np.ascontiguousarray(pixels)).save(fp, format=format)
