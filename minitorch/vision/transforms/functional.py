"""Image transforms as functions without state.

They take PIL images, tensors (..., C, H, W) and uint8 arrays (H, W) or (H, W, C), and return the kind they got.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.core.tensor import Tensor
from minitorch.vision.transforms.color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    autocontrast,
    equalize,
    invert,
    posterize,
    rgb_to_grayscale,
    solarize,
    to_grayscale,
)
from minitorch.vision.transforms.conversion import (
    convert_image_dtype,
    normalize,
    pil_to_tensor,
    to_pil_image,
    to_tensor,
)
from minitorch.vision.transforms.images import (
    check_image,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
    image_axes,
    is_pil,
    like,
    no_gradient,
)
from minitorch.vision.transforms.padding import pad, pil_fill
from minitorch.vision.transforms.resampling import resize_array
from minitorch.vision.transforms.rotation import rotate_array


class InterpolationMode(Enum):
    """How new pixels are made from old ones.  HAMMING, BOX and LANCZOS need antialiasing."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PIL_NUMBER = {"nearest": 0, "nearest-exact": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
_BY_NUMBER = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def interpolation_mode(value: Any) -> InterpolationMode:
    """An ``InterpolationMode`` from one or from Pillow's number for it.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, InterpolationMode):
        return value
    if isinstance(value, int) and int(value) in _BY_NUMBER:
        return InterpolationMode(_BY_NUMBER[int(value)])
    raise TypeError(f"interpolation should be an InterpolationMode or a Pillow integer constant, got {value!r}")


def output_size(size: Any, image_size: tuple[int, int], max_size: int | None = None) -> tuple[int, int]:
    """(height, width) of a resized image: both as given, or, of one number, the shorter edge with the aspect kept."""
    if not isinstance(size, int) and len(size) == 2:
        return int(size[0]), int(size[1])
    wanted = size if isinstance(size, int) else int(size[0])
    height, width = image_size
    short, long = sorted((height, width))
    new_short, new_long = wanted, int(wanted * long / short)
    if max_size is not None:
        if max_size <= wanted:
            raise ValueError(f"resize: max_size = {max_size} must be strictly greater than the requested size {wanted}")
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image at another size.

    Args:
        size: (height, width), or one number for the shorter edge; the aspect ratio then stays.
        max_size: with one number: the longer edge is no longer than this.
        antialias: average over what a new pixel covers when shrinking; PIL images always do.

    Raises:
        TypeError, ValueError: no image, no such size or interpolation.
    """
    check_image(img, "resize")
    mode = interpolation_mode(interpolation)
    if isinstance(size, Sequence) and len(size) not in (1, 2):
        raise ValueError(f"resize: size should be an int or have 1 or 2 values, got {size}")
    if max_size is not None and not isinstance(size, int) and len(size) != 1:
        raise ValueError("resize: max_size should only be passed if size is one number")
    _, height, width = get_dimensions(img)
    new_height, new_width = output_size(size, (height, width), max_size)
    if new_height < 1 or new_width < 1:
        raise ValueError(f"resize: the image would have size ({new_height}, {new_width}); both must be at least 1")
    if (new_height, new_width) == (height, width):
        return img
    if is_pil(img):
        return img.resize((new_width, new_height), _PIL_NUMBER[mode.value])
    no_gradient(img, "resize")
    array, rows, columns = image_axes(img)
    method, smooth = mode.value, bool(antialias)
    if not isinstance(img, Tensor):  # array images behave as PIL images do
        method, smooth = "nearest-exact" if method == "nearest" else method, True
    return like(img, resize_array(array, new_height, new_width, rows, columns, method, smooth))


def hflip(img: Any) -> Any:
    """The mirror image, left and right exchanged."""
    return _flip(img, horizontal=True)


def vflip(img: Any) -> Any:
    """The image upside down."""
    return _flip(img, horizontal=False)


def _flip(img: Any, horizontal: bool) -> Any:
    check_image(img, "hflip" if horizontal else "vflip")
    if is_pil(img):
        return img.transpose(0 if horizontal else 1)  # FLIP_LEFT_RIGHT, FLIP_TOP_BOTTOM
    array, rows, columns = image_axes(img)
    if isinstance(img, Tensor) and img.requires_grad:
        return img.flip(columns if horizontal else rows)
    return like(img, array_module(array).flip(array, columns if horizontal else rows))


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of the image whose upper left corner is (top, left); what lies outside the image is 0."""
    check_image(img, "crop")
    if is_pil(img):
        return img.crop((left, top, left + width, top + height))
    _, image_height, image_width = get_dimensions(img)
    around = (max(-left, 0), max(-top, 0), max(left + width - image_width, 0), max(top + height - image_height, 0))
    if any(around):
        img = pad(img, list(around))
        top, left = max(top, 0), max(left, 0)
    if isinstance(img, Tensor):
        return img[..., top : top + height, left : left + width]
    return img[top : top + height, left : left + width]


def two_sizes(size: Any, op: str) -> tuple[int, int]:
    """(height, width) from one number or a sequence of one or two."""
    if isinstance(size, int | np.integer):
        return int(size), int(size)
    if not isinstance(size, Sequence) or len(size) not in (1, 2):
        raise ValueError(f"{op}: please provide only two dimensions (h, w) for size, got {size!r}")
    return int(size[0]), int(size[-1])


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of the image; a smaller image is surrounded by zeros first."""
    new_height, new_width = two_sizes(output_size, "center_crop")
    _, height, width = get_dimensions(img)
    if new_width > width or new_height > height:
        wide, high = max(new_width - width, 0), max(new_height - height, 0)
        img = pad(img, [wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2])
        _, height, width = get_dimensions(img)
    top, left = round((height - new_height) / 2.0), round((width - new_width) / 2.0)
    return crop(img, top, left, new_height, new_width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """``crop`` followed by ``resize``."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: Any) -> tuple[Any, Any, Any, Any, Any]:
    """The four corners and the centre: top left, top right, bottom left, bottom right, centre."""
    h, w = two_sizes(size, "five_crop")
    _, height, width = get_dimensions(img)
    if w > width or h > height:
        raise ValueError(f"five_crop: requested crop size {(h, w)} is bigger than input size {(height, width)}")
    corners = [crop(img, top, left, h, w) for top in (0, height - h) for left in (0, width - w)]
    return (corners[0], corners[1], corners[2], corners[3], center_crop(img, (h, w)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple:
    """``five_crop`` of the image and of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """The image turned counter-clockwise by ``angle`` degrees.

    Args:
        interpolation: NEAREST, BILINEAR or BICUBIC.
        expand: make the result large enough for all of the image.
        center: (x, y) to turn around, default the middle.
        fill: what comes in from outside, default 0.
    """
    check_image(img, "rotate")
    mode = interpolation_mode(interpolation)
    if mode.value not in ("nearest", "bilinear", "bicubic"):
        raise ValueError(f"rotate: interpolation should be nearest, bilinear or bicubic, got {mode.value}")
    if center is not None and len(center) != 2:
        raise ValueError(f"rotate: center needs to be a sequence of length 2, got {center}")
    if is_pil(img):
        return img.rotate(
            angle,
            _PIL_NUMBER[mode.value],
            expand,
            center,
            fillcolor=pil_fill(img, 0 if fill is None else fill, "rotate"),
        )
    no_gradient(img, "rotate")
    array, rows, columns = image_axes(img)
    if array.ndim == 2 or not isinstance(fill, Sequence) or len(fill) == 1:
        value = (fill[0] if isinstance(fill, Sequence) else fill) or 0
    else:
        value = np.asarray(fill)[:, None, None]  # the channels then stand before rows and columns
        if len(value) != get_image_num_channels(img):
            raise ValueError(
                f"rotate: fill has {len(fill)} values, the image has {get_image_num_channels(img)} channels"
            )
    return like(img, rotate_array(array, rows, columns, angle, mode.value, expand, center, value))


def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """A tensor image whose part at (i, j) of size (h, w) is replaced by ``v``.

    Raises:
        TypeError: it is no tensor.
    """
    if not isinstance(img, Tensor):
        raise TypeError(
            f"erase: expected a tensor image, got {type(img).__name__}; put ToTensor() before RandomErasing"
        )
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out


__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation",
    "autocontrast", "center_crop", "convert_image_dtype", "crop", "equalize", "erase", "five_crop", "get_dimensions",
    "get_image_num_channels", "get_image_size", "hflip", "invert", "normalize", "pad", "pil_to_tensor", "posterize",
    "resize", "resized_crop", "rgb_to_grayscale", "rotate", "solarize", "ten_crop", "to_grayscale", "to_pil_image",
    "to_tensor", "vflip",
]  # fmt: skip
