"""Changes of colour and light.  Pillow works on PIL images; tensors (..., C, H, W) are computed on directly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, to_host
from minitorch.core.tensor import wrap
from minitorch.utils.optional import require
from minitorch.vision.transforms.conversion import channels_first
from minitorch.vision.transforms.images import check_image, is_array_image, is_pil, no_gradient, pil


def _on_pil(module: str) -> Any:
    return require(f"PIL.{module}", extra="vision", why="to change colours")


def _by_kind(op: str, img: Any, of_pil: Callable, of_array: Callable) -> Any:
    """``of_pil`` of a PIL image, ``of_array`` of arrays (..., C, H, W)."""
    check_image(img, op)
    if is_pil(img):
        return of_pil(img)
    no_gradient(img, op)
    array = channels_first(img) if is_array_image(img) else img._data
    if array.ndim < 3 or array.shape[-3] not in (1, 3):
        raise TypeError(f"{op}: input image should have 1 or 3 channels, got shape {tuple(img.shape)}")
    out = of_array(array)
    if is_array_image(img):
        return np.ascontiguousarray(out[0] if img.ndim == 2 and len(out) == 1 else out.transpose(1, 2, 0))
    return wrap(out)


def _top(array: Any) -> float:
    """The value that stands for full light."""
    return 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)


def _blend(one: Any, other: Any, ratio: float, like: Any) -> Any:
    """``ratio * one + (1 - ratio) * other`` inside the range of ``like``'s element type."""
    xp = array_module(like)
    return xp.clip(ratio * _floats(one) + (1.0 - ratio) * _floats(other), 0, _top(like)).astype(like.dtype)


def _floats(value: Any) -> Any:
    """An array in the type that colours are computed in: float32, or float64 for images of it."""
    return value if isinstance(value, int) or value.dtype == np.float64 else value.astype(np.float32, copy=False)


def _gray(array: Any) -> Any:
    """Luma of ITU-R BT.601, the channel axis kept at length 1."""
    if array.shape[-3] == 1:
        return array
    red, green, blue = (_floats(array[..., i, :, :]) for i in range(3))
    return (0.2989 * red + 0.587 * green + 0.114 * blue).astype(array.dtype)[..., None, :, :]


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The image without colour, in 1 channel or in 3 equal ones.

    Raises:
        ValueError: another number of channels is asked for.
    """
    if num_output_channels not in (1, 3):
        raise ValueError(f"rgb_to_grayscale: num_output_channels should be either 1 or 3, got {num_output_channels}")

    def of_pil(image: Any) -> Any:
        gray = image.convert("L")
        return gray if num_output_channels == 1 else pil().merge("RGB", [gray] * 3)

    def of_array(array: Any) -> Any:
        gray = _gray(array)
        return gray.copy() if num_output_channels == 1 else array_module(array).repeat(gray, 3, axis=-3)

    return _by_kind("rgb_to_grayscale", img, of_pil, of_array)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """``rgb_to_grayscale`` of a PIL image."""
    if not is_pil(img):
        raise TypeError(f"to_grayscale: input should be PIL Image, got {type(img).__name__}; use rgb_to_grayscale")
    return rgb_to_grayscale(img, num_output_channels)


def _factor(name: str, value: float) -> float:
    if value < 0:
        raise ValueError(f"{name} ({value}) is not non-negative.")
    return float(value)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """0 gives black, 1 the image, 2 twice the light."""
    factor = _factor("brightness_factor", brightness_factor)
    return _by_kind(
        "adjust_brightness",
        img,
        lambda image: _on_pil("ImageEnhance").Brightness(image).enhance(factor),
        lambda array: _blend(array, 0, factor, array),
    )


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """0 gives an even gray, 1 the image, 2 twice the contrast."""
    factor = _factor("contrast_factor", contrast_factor)

    def of_array(array: Any) -> Any:
        mean = _floats(_gray(array)).mean(axis=(-3, -2, -1), keepdims=True)
        return _blend(array, mean, factor, array)

    return _by_kind(
        "adjust_contrast", img, lambda image: _on_pil("ImageEnhance").Contrast(image).enhance(factor), of_array
    )


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """0 gives a gray image, 1 the image, 2 twice the colour."""
    factor = _factor("saturation_factor", saturation_factor)
    return _by_kind(
        "adjust_saturation",
        img,
        lambda image: _on_pil("ImageEnhance").Color(image).enhance(factor),
        lambda array: array.copy() if array.shape[-3] == 1 else _blend(array, _gray(array), factor, array),
    )


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turns the colour circle: 0 gives the image, 0.5 and -0.5 the opposite colours.

    Raises:
        ValueError: the factor is outside [-0.5, 0.5].
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")

    def of_pil(image: Any) -> Any:
        if image.mode in ("L", "1", "I", "F"):
            return image
        hue, saturation, value = image.convert("HSV").split()
        turned = (np.asarray(hue, np.int16) + int(hue_factor * 255)) % 256
        parts = (pil().fromarray(turned.astype(np.uint8)), saturation, value)
        return pil().merge("HSV", parts).convert(image.mode)

    def of_array(array: Any) -> Any:
        return array.copy() if array.shape[-3] == 1 else _turn_hue(array, hue_factor)

    return _by_kind("adjust_hue", img, of_pil, of_array)


def _turn_hue(array: Any, amount: float) -> Any:
    xp = array_module(array)
    top = _top(array)
    rgb = _floats(array) / top
    red, green, blue = (rgb[..., i, :, :] for i in range(3))
    most, least = rgb.max(axis=-3), rgb.min(axis=-3)
    span = most - least
    safe = xp.where(span == 0, 1, span)
    sector = xp.where(
        most == red,
        (green - blue) / safe,
        xp.where(most == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = (sector / 6 + amount) % 1.0
    # each channel of an RGB triple is the value less the part of the span that its distance in hue takes away
    channels = []
    for offset in (5.0, 3.0, 1.0):
        k = (offset + hue * 6) % 6
        channels.append(most - span * xp.clip(xp.minimum(k, 4 - k), 0, 1))
    out = xp.stack(channels, axis=-3)
    return _to_range(out, array.dtype)


def _to_range(values: Any, dtype: Any) -> Any:
    """Floats from 0 to 1 over all that ``dtype`` holds; each integer stands for an interval of equal length."""
    return (
        values.astype(dtype) if dtype.kind == "f" else (values * (float(np.iinfo(dtype).max) + 1 - 1e-3)).astype(dtype)
    )


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``top * gain * (value / top) ** gamma``: above 1 shadows get darker, below 1 lighter."""
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")

    def of_pil(image: Any) -> Any:
        table = [int((255 + 1 - 1e-3) * gain * (value / 255.0) ** gamma) for value in range(256)]
        table = [min(max(value, 0), 255) for value in table]
        plain = image.convert("RGB")
        return plain.point(table * 3).convert(image.mode)

    def of_array(array: Any) -> Any:
        values = gain * (_floats(array) / _top(array)) ** gamma
        return _to_range(values.clip(0, 1), array.dtype)

    return _by_kind("adjust_gamma", img, of_pil, of_array)


def invert(img: Any) -> Any:
    """The negative."""
    return _by_kind(
        "invert", img, lambda image: _on_pil("ImageOps").invert(image), lambda a: (_top(a) - a).astype(a.dtype)
    )


def solarize(img: Any, threshold: float) -> Any:
    """The negative of all values at or above ``threshold``."""

    def of_array(array: Any) -> Any:
        return array_module(array).where(array >= threshold, (_top(array) - array).astype(array.dtype), array)

    return _by_kind("solarize", img, lambda image: _on_pil("ImageOps").solarize(image, threshold), of_array)


def posterize(img: Any, bits: int) -> Any:
    """Keeps the ``bits`` highest bits of each 8-bit value."""
    if not 0 <= bits <= 8:
        raise ValueError(f"posterize: the number of bits should be between 0 and 8. Got {bits}")

    def of_array(array: Any) -> Any:
        if array.dtype != np.uint8:
            raise TypeError(f"posterize: only uint8 image tensors are supported, got {array.dtype}")
        return array & np.uint8(256 - (1 << (8 - bits)))

    return _by_kind("posterize", img, lambda image: _on_pil("ImageOps").posterize(image, bits), of_array)


def autocontrast(img: Any) -> Any:
    """Stretches each channel so that its darkest value is black and its lightest full."""

    def of_array(array: Any) -> Any:
        xp, top = array_module(array), _top(array)
        values = _floats(array)
        low, high = (f(axis=(-2, -1), keepdims=True) for f in (values.min, values.max))
        flat = high == low
        out = (values - xp.where(flat, 0, low)) * xp.where(flat, 1, top / xp.where(flat, 1, high - low))
        return xp.clip(out, 0, top).astype(array.dtype)

    return _by_kind("autocontrast", img, lambda image: _on_pil("ImageOps").autocontrast(image), of_array)


def equalize(img: Any) -> Any:
    """Spreads the values of each channel so that all are about equally frequent.  uint8 only."""

    def of_pil(image: Any) -> Any:
        return _on_pil("ImageOps").equalize(image)

    def of_array(array: Any) -> Any:
        if array.dtype != np.uint8:
            raise TypeError(f"equalize: only uint8 image tensors are supported, got {array.dtype}")
        planes = to_host(array).reshape(-1, *array.shape[-2:])
        out = np.stack([np.asarray(of_pil(pil().fromarray(plane))) for plane in planes]).reshape(array.shape)
        return array_module(array).asarray(out)

    return _by_kind("equalize", img, of_pil, of_array)
