"""The three kinds of image that transforms take, and how one becomes another.

* a **PIL image** (Pillow does the work on it),
* a **tensor** of shape (..., C, H, W) or (H, W),
* an **array image**, a NumPy array of shape (H, W) or (H, W, C): what data sets hand out when Pillow is not installed.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.optional import require


def pil() -> Any:
    """``PIL.Image``, or an ImportError that names the extra."""
    return require("PIL.Image", extra="vision", why="to work on images")


def is_pil(image: Any) -> bool:
    # no PIL image exists as long as nobody has imported PIL
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def is_array_image(image: Any) -> bool:
    return isinstance(image, np.ndarray) and image.ndim in (2, 3)


def check_image(image: Any, op: str) -> None:
    """Raises TypeError unless ``image`` is one of the three kinds."""
    if is_pil(image) or is_array_image(image):
        return
    if isinstance(image, Tensor):
        if image.ndim < 2:
            raise TypeError(
                f"{op}: tensor is not a torch image: expected (..., C, H, W), got shape {tuple(image.shape)}"
            )
        return
    raise TypeError(
        f"{op}: img should be a PIL image, a tensor (..., C, H, W) or an array (H, W, C), got {type(image).__name__}"
    )


def get_dimensions(img: Any) -> list[int]:
    """``[channels, height, width]`` of an image of any kind."""
    check_image(img, "get_dimensions")
    if is_pil(img):
        return [len(img.getbands()), img.height, img.width]
    if isinstance(img, Tensor):
        shape = img.shape
        return [shape[-3] if len(shape) > 2 else 1, shape[-2], shape[-1]]
    return [img.shape[2] if img.ndim == 3 else 1, img.shape[0], img.shape[1]]


def get_image_size(img: Any) -> list[int]:
    """``[width, height]`` of an image of any kind."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """How many channels an image of any kind has."""
    return get_dimensions(img)[0]


def image_axes(img: Any) -> tuple[Any, int, int]:
    """The array of a tensor or array image, and which of its axes are height and width."""
    return (img._data, -2, -1) if isinstance(img, Tensor) else (img, 0, 1)


def like(img: Any, array: Any) -> Any:
    """``array`` as the kind of image that ``img`` is, in memory of its own order."""
    contiguous = array if array.flags.c_contiguous else array.copy()
    return wrap(contiguous) if isinstance(img, Tensor) else contiguous


def pil_array(image: Any) -> np.ndarray:
    """A copy of the pixels of a PIL image as (H, W) or (H, W, C), with their values."""
    pixels = np.array(image)
    return pixels.astype(np.int32) if pixels.dtype == np.uint16 else pixels  # tensors have no uint16


def no_gradient(img: Any, op: str) -> None:
    """Refuses tensors whose gradient this operation would lose."""
    if isinstance(img, Tensor) and img.requires_grad:
        raise RuntimeError(f"{op} does not record gradients, and the tensor requires grad: detach() it first")
