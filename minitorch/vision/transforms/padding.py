"""Borders around images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.core.tensor import Tensor
from minitorch.vision.transforms.images import (
    check_image,
    get_dimensions,
    image_axes,
    is_pil,
    like,
    no_gradient,
    pil,
)


def four_paddings(padding: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) from one number, (sides, ends) or all four."""
    if isinstance(padding, int | np.integer):
        return (int(padding),) * 4
    if not isinstance(padding, tuple | list):
        raise TypeError(f"pad: got inappropriate padding arg: {padding!r}")
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            f"pad: padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple"
        )
    left, top, right, bottom = (list(padding) * 4)[:4]
    return left, top, right, bottom


_NUMPY_MODE = {"constant": "constant", "edge": "edge", "reflect": "reflect", "symmetric": "symmetric"}


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a border.

    Args:
        padding: one number for all sides, (left and right, top and bottom), or (left, top, right, bottom).
        fill: value of the border with "constant": a number, or for images with channels one per channel.
        padding_mode: "constant", "edge" (repeat the last row), "reflect" (mirror without repeating the edge),
            "symmetric" (mirror with it).

    Raises:
        TypeError, ValueError: another mode, or paddings of another number.
    """
    check_image(img, "pad")
    left, top, right, bottom = four_paddings(padding)
    if padding_mode not in _NUMPY_MODE:
        raise ValueError(
            f"pad: padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}"
        )
    if is_pil(img):
        return _pad_pil(img, (left, top, right, bottom), fill, padding_mode)
    no_gradient(img, "pad")
    if min(left, top, right, bottom) < 0:
        from minitorch.vision.transforms.functional import crop  # which pads itself

        img = crop(img, max(-top, 0), max(-left, 0), *_after(img, left, top, right, bottom))
        left, top, right, bottom = (max(side, 0) for side in (left, top, right, bottom))
    array, rows, columns = image_axes(img)
    if padding_mode == "constant" and isinstance(fill, Sequence) and len(fill) > 1:
        return like(img, _pad_channels(array, (left, top, right, bottom), fill, isinstance(img, Tensor)))
    widths = [(0, 0)] * array.ndim
    widths[rows], widths[columns] = (top, bottom), (left, right)
    value = fill[0] if isinstance(fill, Sequence) else fill
    options = {"constant_values": value} if padding_mode == "constant" else {}
    return like(img, array_module(array).pad(array, widths, mode=padding_mode, **options))


def _after(img: Any, left: int, top: int, right: int, bottom: int) -> tuple[int, int]:
    """Height and width that negative paddings leave."""
    _, height, width = get_dimensions(img)
    return height + min(top, 0) + min(bottom, 0), width + min(left, 0) + min(right, 0)


def _pad_channels(array: Any, sides: tuple[int, int, int, int], fill: Sequence, first: bool) -> Any:
    left, top, right, bottom = sides
    channels = array.shape[-3 if first else 2]
    if len(fill) != channels:
        raise ValueError(f"pad: fill has {len(fill)} values, the image has {channels} channels")
    xp = array_module(array)
    height, width = array.shape[-2:] if first else array.shape[:2]
    size = (top + height + bottom, left + width + right)
    out = xp.empty((*array.shape[:-2], *size) if first else (*size, channels), array.dtype)
    value = xp.asarray(fill, dtype=array.dtype)
    out[...] = value[:, None, None] if first else value
    out[(..., slice(top, top + height), slice(left, left + width), *([] if first else [slice(None)]))] = array
    return out


def _pad_pil(img: Any, sides: tuple[int, int, int, int], fill: Any, mode: str) -> Any:
    if not isinstance(fill, int | float | str | tuple | list):
        raise TypeError(f"pad: got inappropriate fill arg: {fill!r}")
    left, top, right, bottom = sides
    image = pil()
    if mode == "constant":
        out = image.new(img.mode, (img.width + left + right, img.height + top + bottom), pil_fill(img, fill, "pad"))
        if img.mode == "P":
            out.putpalette(img.getpalette())
        out.paste(img, (left, top))
        return out
    array = np.asarray(img)
    widths = [(top, bottom), (left, right)] + [(0, 0)] * (array.ndim - 2)
    if min(sides) < 0:
        array = array[max(-top, 0) : array.shape[0] - max(-bottom, 0), max(-left, 0) : array.shape[1] - max(-right, 0)]
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    out = image.fromarray(np.pad(array, widths, mode=mode))  # type: ignore[call-overload]
    if img.mode == "P":
        out = out.convert("L") if out.mode != "L" else out
        palette = img.getpalette()
        out = out.copy()
        out.putpalette(palette)
    return out


def pil_fill(img: Any, fill: Any, op: str) -> Any:
    """A colour for a PIL image of its mode: one value per band, whole numbers unless the mode is "F"."""
    bands = len(img.getbands())
    if isinstance(fill, str):
        return fill
    values = [fill] * bands if isinstance(fill, int | float) else list(fill)
    if len(values) == 1:
        values *= bands
    if len(values) != bands:
        raise ValueError(
            f"{op}: the number of elements in 'fill' does not match the number of channels of the image "
            f"({len(values)} != {bands})"
        )
    if img.mode != "F":
        values = [int(value) for value in values]
    return values[0] if bands == 1 else tuple(values)
