"""Transforms that change values: conversions, normalisation, colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.utils.data.seeding import numpy_rng
from minitorch.vision.transforms import functional as F
from minitorch.vision.transforms.base import Transform, chance, uniform


class ToTensor(Transform):
    """PIL image or array (H, W, C) with values 0 to 255 -> float tensor (C, H, W) from 0 to 1.

    >>> import numpy as np
    >>> from minitorch.vision import transforms
    >>> transforms.ToTensor()(np.full((2, 3, 1), 255, np.uint8)).shape
    torch.Size([1, 2, 3])
    """

    def forward(self, img: Any) -> Any:
        return F.to_tensor(img)


class PILToTensor(Transform):
    """PIL image -> tensor (C, H, W) of the same values."""

    def forward(self, img: Any) -> Any:
        return F.pil_to_tensor(img)


class ConvertImageDtype(Transform):
    """Tensor image in another element type, its values scaled to that type's range."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype

    def forward(self, img: Any) -> Any:
        return F.convert_image_dtype(img, self.dtype)


class ToPILImage(Transform):
    """Tensor (C, H, W) or array (H, W, C) -> PIL image."""

    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def forward(self, img: Any) -> Any:
        return F.to_pil_image(img, self.mode)

    def extra_repr(self) -> str:
        return "" if self.mode is None else f"mode={self.mode}"


class Normalize(Transform):
    """``(tensor - mean) / std`` per channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, img: Any) -> Any:
        return F.normalize(img, self.mean, self.std, self.inplace)

    def extra_repr(self) -> str:
        return f"mean={self.mean}, std={self.std}"


class Grayscale(Transform):
    """The image without colour, in 1 channel or in 3 equal ones."""

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def extra_repr(self) -> str:
        return f"num_output_channels={self.num_output_channels}"


class RandomGrayscale(Transform):
    """With probability ``p`` without colour; the number of channels stays."""

    def __init__(self, p: float = 0.1) -> None:
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, F.get_image_num_channels(img)) if chance(self.p) else img

    def extra_repr(self) -> str:
        return f"p={self.p}"


def _bounds(value: Any, name: str, center: float = 1.0, low: float = 0.0, high: float = float("inf")) -> Any:
    """(min, max) of a factor, or ``None`` if it never changes anything."""
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        pair = (center - value, center + value)
        if low == 0.0:
            pair = (max(pair[0], 0.0), pair[1])
    elif isinstance(value, tuple | list) and len(value) == 2:
        pair = (float(value[0]), float(value[1]))
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not low <= pair[0] <= pair[1] <= high:
        raise ValueError(f"{name} values should be between ({low}, {high}), but got {pair}.")
    return None if pair[0] == pair[1] == center else pair


class ColorJitter(Transform):
    """Changes brightness, contrast, saturation and hue by random amounts, in random order.

    Args:
        brightness, contrast, saturation: a number d draws the factor from [max(0, 1 - d), 1 + d]; a pair is the range.
        hue: a number d from 0 to 0.5 draws from [-d, d]; a pair is the range.
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        self.brightness = _bounds(brightness, "brightness")
        self.contrast = _bounds(contrast, "contrast")
        self.saturation = _bounds(saturation, "saturation")
        self.hue = _bounds(hue, "hue", center=0.0, low=-0.5, high=0.5)

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple:
        """The order of the four changes, and their factors (``None``: no change)."""
        order = numpy_rng().permutation(4).tolist()
        return (order, *(None if b is None else uniform(b[0], b[1]) for b in (brightness, contrast, saturation, hue)))

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order:
            if factors[i] is not None:
                img = changes[i](img, factors[i])
        return img

    def extra_repr(self) -> str:
        return f"brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, hue={self.hue}"
