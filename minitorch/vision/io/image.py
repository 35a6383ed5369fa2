"""Image files as tensors; Pillow does the reading and writing."""

from __future__ import annotations

import os
from enum import Enum
from io import BytesIO
from typing import Any

import numpy as np

from minitorch.backend.array_module import to_host
from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.optional import require
from minitorch.vision.transforms.images import pil


class ImageReadMode(Enum):
    """Which channels an image is to have; UNCHANGED: those it has."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4


_PIL_MODE = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}


def _read_mode(mode: Any) -> ImageReadMode:
    if isinstance(mode, str):
        name = mode.upper()
        if name not in ImageReadMode.__members__:
            raise ValueError(f"mode should be one of {', '.join(ImageReadMode.__members__)}, got {mode!r}")
        return ImageReadMode[name]
    return ImageReadMode(mode)


def read_file(path: str | os.PathLike) -> Tensor:
    """The bytes of a file as a uint8 tensor (N,)."""
    return wrap(np.fromfile(path, np.uint8))


def decode_image(
    input: Tensor | str | os.PathLike, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """An image as a uint8 tensor (C, H, W).

    Args:
        input: the bytes of the file as a uint8 tensor (N,), or its name.
        mode: which channels to give.
        apply_exif_orientation: turn the image as the camera was held.

    Raises:
        RuntimeError: it is no image, or a damaged one.
    """
    wanted = _read_mode(mode)
    if isinstance(input, Tensor):
        if input.ndim != 1 or input._data.dtype != np.uint8:
            raise RuntimeError(f"decode_image: expected bytes as a uint8 tensor (N,), got {input.dtype} {input.shape}")
        source: Any = BytesIO(to_host(input._data).tobytes())
    else:
        source = input
    try:
        with pil().open(source) as image:
            image.load()
            if apply_exif_orientation:
                image = require("PIL.ImageOps", extra="vision", why="to turn images").exif_transpose(image)
            if wanted is not ImageReadMode.UNCHANGED:
                image = image.convert(_PIL_MODE[wanted.name])
            elif image.mode not in ("L", "LA", "RGB", "RGBA"):
                image = image.convert("RGB" if image.mode in ("P", "CMYK", "YCbCr") else "L")
            pixels = np.array(image)
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError) as error:  # Pillow's PNG reader raises SyntaxError
        raise RuntimeError(f"decode_image: not an image that can be read, or a damaged one: {error}") from error
    return wrap(np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)))


def read_image(
    path: str | os.PathLike, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """The image in a file as a uint8 tensor (C, H, W).  Arguments and errors as of ``decode_image``."""
    return decode_image(os.fspath(path), mode, apply_exif_orientation)


def decode_png(input: Tensor, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """``decode_image`` under the name of one format; which one it is, the bytes say."""
    return decode_image(input, mode, apply_exif_orientation)


def decode_jpeg(input: Tensor, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """``decode_image`` under the name of one format; which one it is, the bytes say."""
    return decode_image(input, mode, apply_exif_orientation)


def _encode(input: Tensor, format: str, **options: Any) -> Tensor:
    name = f"encode_{format}"
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: expected a uint8 tensor (1 or 3, H, W), got {type(input).__name__}")
    if input._data.dtype != np.uint8 or input.ndim != 3 or input.shape[0] not in (1, 3):
        raise RuntimeError(
            f"{name}: expected a uint8 tensor (1, H, W) or (3, H, W), got {input.dtype} {tuple(input.shape)}; "
            "floats from 0 to 1 become such by transforms.ConvertImageDtype(torch.uint8)"
        )
    pixels = to_host(input._data).transpose(1, 2, 0)
    image = pil().fromarray(np.ascontiguousarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0]))
    target = BytesIO()
    image.save(target, format=format, **options)
    return wrap(np.frombuffer(bytearray(target.getbuffer()), np.uint8))


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file (N,) of a uint8 tensor (1 or 3, H, W).

    >>> import minitorch as torch
    >>> from minitorch.vision.io import decode_image, encode_png
    >>> image = torch.tensor([[[0, 50], [100, 255]]], dtype=torch.uint8)
    >>> torch.equal(decode_image(encode_png(image)), image)
    True
    """
    return _encode(input, "png", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """The bytes of a JPEG file (N,) of a uint8 tensor (1 or 3, H, W)."""
    return _encode(input, "jpeg", quality=quality)


def write_file(filename: str | os.PathLike, data: Tensor) -> None:
    """Writes the bytes of a uint8 tensor (N,) to a file."""
    if not isinstance(data, Tensor) or data._data.dtype != np.uint8 or data.ndim != 1:
        raise RuntimeError("write_file: expected bytes as a uint8 tensor (N,)")
    to_host(data._data).tofile(filename)


def write_png(input: Tensor, filename: str | os.PathLike, compression_level: int = 6) -> None:
    """Writes a uint8 tensor (1 or 3, H, W) as PNG."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike, quality: int = 75) -> None:
    """Writes a uint8 tensor (1 or 3, H, W) as JPEG."""
    write_file(filename, encode_jpeg(input, quality))
