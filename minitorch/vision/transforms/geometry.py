"""Transforms that move pixels: sizes, crops, flips, borders, rotations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.data.seeding import numpy_rng
from minitorch.vision.transforms import functional as F
from minitorch.vision.transforms.base import Transform, chance, integer, uniform
from minitorch.vision.transforms.functional import InterpolationMode, interpolation_mode, two_sizes
from minitorch.vision.transforms.padding import four_paddings


class Resize(Transform):
    """Resizes to ``size``: (height, width), or the length of the shorter edge."""

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        if not isinstance(size, int | Sequence) or isinstance(size, str):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = interpolation_mode(interpolation)

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def extra_repr(self) -> str:
        return (
            f"size={self.size}, interpolation={self.interpolation.value}, max_size={self.max_size}, "
            f"antialias={self.antialias}"
        )


class CenterCrop(Transform):
    """The middle of the image, of size (height, width)."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = two_sizes(size, "CenterCrop")

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)

    def extra_repr(self) -> str:
        return f"size={self.size}"


class FiveCrop(Transform):
    """The four corners and the centre, as a tuple."""

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = two_sizes(size, "FiveCrop")

    def forward(self, img: Any) -> Any:
        return F.five_crop(img, self.size)

    def extra_repr(self) -> str:
        return f"size={self.size}"


class TenCrop(FiveCrop):
    """``FiveCrop`` of the image and of its mirror image."""

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> Any:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def extra_repr(self) -> str:
        return f"size={self.size}, vertical_flip={self.vertical_flip}"


class Pad(Transform):
    """A border around the image: see ``functional.pad``."""

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> None:
        four_paddings(padding)
        if not isinstance(fill, int | float | str | tuple | list):
            raise TypeError(f"Got inappropriate fill arg: {fill!r}")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(
                f"Padding mode should be either constant, edge, reflect or symmetric, got {padding_mode!r}"
            )
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, fill={self.fill}, padding_mode={self.padding_mode}"


class RandomCrop(Transform):
    """A part of the given size at a random place.

    Args:
        size: (height, width), or one number for both.
        padding: border to add first, as for ``Pad``.
        pad_if_needed: add a border to images that are too small, instead of an error.
        fill, padding_mode: of the border.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size = two_sizes(size, "RandomCrop")
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: Sequence[int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a random part.

        Raises:
            ValueError: the image is smaller than that.
        """
        _, height, width = F.get_dimensions(img)
        new_height, new_width = output_size
        if height < new_height or width < new_width:
            raise ValueError(
                f"Required crop size {(new_height, new_width)} is larger than input image size {(height, width)}; "
                "RandomCrop(..., pad_if_needed=True) adds a border"
            )
        if (height, width) == (new_height, new_width):
            return 0, 0, height, width
        top = integer(0, height - new_height + 1)
        return top, integer(0, width - new_width + 1), new_height, new_width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, height, width = F.get_dimensions(img)
            if width < self.size[1]:
                img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
            if height < self.size[0]:
                img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def extra_repr(self) -> str:
        return f"size={self.size}, padding={self.padding}"


class RandomHorizontalFlip(Transform):
    """The mirror image with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if chance(self.p) else img

    def extra_repr(self) -> str:
        return f"p={self.p}"


class RandomVerticalFlip(RandomHorizontalFlip):
    """Upside down with probability ``p``."""

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if chance(self.p) else img


class RandomResizedCrop(Transform):
    """A part of random area and aspect ratio, resized to ``size`` (Szegedy et al., 2015, section 6).

    Args:
        size: (height, width) of the result, or one number for both.
        scale: bounds of the part's share of the area.
        ratio: bounds of its width over its height.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        self.size = two_sizes(size, "RandomResizedCrop")
        for name, bounds in (("scale", scale), ("ratio", ratio)):
            if not isinstance(bounds, Sequence):
                raise TypeError(f"{name.capitalize()} should be a sequence")
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                raise ValueError(f"{name} should be of kind (min, max), got {bounds}")
        self.scale, self.ratio, self.antialias = scale, ratio, antialias
        self.interpolation = interpolation_mode(interpolation)

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a random part; after ten failures the largest central part of allowed ratio."""
        _, height, width = F.get_dimensions(img)
        for _ in range(10):
            area = height * width * uniform(scale[0], scale[1])
            aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        w, h = width, height
        if width / height < min(ratio):
            h = round(w / min(ratio))
        elif width / height > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Any:
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, self.antialias)

    def extra_repr(self) -> str:
        scale, ratio = (tuple(round(value, 4) for value in bounds) for bounds in (self.scale, self.ratio))
        return (
            f"size={self.size}, scale={scale}, ratio={ratio}, interpolation={self.interpolation.value}, "
            f"antialias={self.antialias}"
        )


class RandomRotation(Transform):
    """Turns the image by an angle from ``degrees``: (min, max), or a number d for (-d, d)."""

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        if isinstance(degrees, int | float):
            if degrees < 0:
                raise ValueError("If degrees is a single number, it must be positive.")
            degrees = (-degrees, degrees)
        if len(degrees) != 2:
            raise ValueError("degrees should be a sequence of length 2.")
        if center is not None and len(center) != 2:
            raise ValueError("center should be a sequence of length 2.")
        self.degrees = [float(d) for d in degrees]
        self.interpolation = interpolation_mode(interpolation)
        self.expand, self.center, self.fill = expand, center, fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, self.fill)

    def extra_repr(self) -> str:
        center = f", center={self.center}" if self.center is not None else ""
        fill = f", fill={self.fill}" if self.fill is not None else ""
        return f"degrees={self.degrees}, interpolation={self.interpolation.value}, expand={self.expand}{center}{fill}"


class RandomErasing(Transform):
    """Overwrites a random rectangle of a tensor image (Zhong et al., 2017, "Random Erasing Data Augmentation").

    Args:
        p: probability that it happens.
        scale: bounds of the rectangle's share of the area.
        ratio: bounds of its height over its width.
        value: what to write: a number, one per channel, or "random" for normal noise.
        inplace: change the tensor itself.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        if not isinstance(value, int | float | str | tuple | list):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        for name, bounds in (("scale", scale), ("ratio", ratio)):
            if not isinstance(bounds, tuple | list):
                raise TypeError(f"{name.capitalize()} should be a sequence")
            if len(bounds) != 2 or bounds[0] > bounds[1]:
                raise ValueError(f"{name} should be of kind (min, max), got {bounds}")
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if p < 0 or p > 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Any]:
        """(top, left, height, width, what to write); the whole image unchanged if ten rectangles did not fit."""
        from minitorch import tensor

        channels, height, width = F.get_dimensions(img)
        for _ in range(10):
            area = height * width * uniform(scale[0], scale[1])
            aspect = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if not (h < height and w < width):
                continue
            if value is None:
                v = wrap(numpy_rng().standard_normal((channels, h, w)).astype(img._data.dtype)).to(img.device)
            else:
                v = tensor(value, dtype=img.dtype, device=img.device).reshape(-1, 1, 1)
            return integer(0, height - h + 1), integer(0, width - w + 1), h, w, v
        return 0, 0, height, width, img

    def forward(self, img: Any) -> Any:
        if not isinstance(img, Tensor):
            raise TypeError(
                f"RandomErasing: expected a tensor image, got {type(img).__name__}; put ToTensor() before it"
            )
        if not chance(self.p):
            return img
        value: list[float] | None = None  # noise
        if not isinstance(self.value, str):
            value = [float(v) for v in (self.value if isinstance(self.value, tuple | list) else [self.value])]
        channels = F.get_image_num_channels(img)
        if value is not None and len(value) not in (1, channels):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{channels} (number of input channels), got {len(value)}"
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, scale={self.scale}, ratio={self.ratio}, value={self.value}, inplace={self.inplace}"
