"""Transforms on a whole batch of equally large images at once.

The rules are exact: a batch has the values that the transform gives for each image by itself.  Random transforms draw
for each image, one kind of number for all images at a time.  A rule belongs to one class: a subclass may do something
else and has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.core.tensor import Tensor, wrap
from minitorch.utils.data.seeding import numpy_rng
from minitorch.vision.transforms import base, geometry, values
from minitorch.vision.transforms.conversion import check_normalize, normalize_array, unit_range
from minitorch.vision.transforms.padding import four_paddings

#: from a batch of images to one.  A batch is an array (N, H, W) or (N, H, W, C), or a tensor (N, C, H, W)
Rule = Callable[[Any, Any], Any]


def _array_of(batch: Any) -> tuple[Any, int, int]:
    """The array of a batch and its axes of height and width."""
    return (batch._data, 2, 3) if isinstance(batch, Tensor) else (batch, 1, 2)


def _same_kind(batch: Any, array: Any) -> Any:
    return wrap(array) if isinstance(batch, Tensor) else array


def _to_tensor(transform: Any, batch: Any) -> Any:
    if isinstance(batch, Tensor):
        raise TypeError(f"to_tensor: pic should be PIL Image or ndarray. Got {type(batch)}")
    first = batch[:, None] if batch.ndim == 3 else batch.transpose(0, 3, 1, 2)
    return wrap(unit_range(first) if type(transform) is values.ToTensor else first.copy())


def _normalize(transform: Any, batch: Any) -> Any:
    check_normalize(batch, transform.mean, transform.std)
    # the batch was made on the way here: nobody else looks at it
    return wrap(normalize_array(batch._data, transform.mean, transform.std, out=batch._data))


def _convert(transform: Any, batch: Any) -> Any:
    return values.F.convert_image_dtype(batch, transform.dtype)


def _flip(axis: int) -> Rule:
    def rule(transform: Any, batch: Any) -> Any:
        array, *axes = _array_of(batch)
        chosen = np.flatnonzero(numpy_rng().random(len(array)) < transform.p)
        array[chosen] = np.flip(array[chosen], axes[axis])
        return batch

    return rule


def _padded(batch: Any, padding: Any, fill: Any, mode: str) -> Any:
    array, rows, columns = _array_of(batch)
    left, top, right, bottom = four_paddings(padding)
    widths = [(0, 0)] * array.ndim
    widths[rows], widths[columns] = (top, bottom), (left, right)
    options = {"constant_values": fill} if mode == "constant" else {}
    return _same_kind(batch, np.pad(array, widths, mode=mode, **options))  # type: ignore[call-overload]


def _pad(transform: Any, batch: Any) -> Any:
    return _padded(batch, transform.padding, transform.fill, transform.padding_mode)


def _center_crop(transform: Any, batch: Any) -> Any:
    array, rows, columns = _array_of(batch)
    (height, width), (new_height, new_width) = (array.shape[rows], array.shape[columns]), transform.size
    if new_height > height or new_width > width:
        wide, high = max(new_width - width, 0), max(new_height - height, 0)
        batch = _padded(batch, [wide // 2, high // 2, (wide + 1) // 2, (high + 1) // 2], 0, "constant")
        array, height, width = _array_of(batch)[0], max(height, new_height), max(width, new_width)
    top, left = round((height - new_height) / 2.0), round((width - new_width) / 2.0)
    part = [slice(None)] * array.ndim
    part[rows], part[columns] = slice(top, top + new_height), slice(left, left + new_width)
    return _same_kind(batch, array[tuple(part)])


def _random_crop(transform: Any, batch: Any) -> Any:
    if transform.padding is not None:
        batch = _padded(batch, transform.padding, transform.fill, transform.padding_mode)
    array, rows, columns = _array_of(batch)
    new_height, new_width = transform.size
    if transform.pad_if_needed:
        wide, high = max(new_width - array.shape[columns], 0), max(new_height - array.shape[rows], 0)
        if wide or high:
            batch = _padded(batch, [wide, high], transform.fill, transform.padding_mode)
            array = _array_of(batch)[0]
    height, width = array.shape[rows], array.shape[columns]
    if height < new_height or width < new_width:
        geometry.RandomCrop.get_params(array[0], transform.size)  # raises, with the sizes
    n, rng = len(array), numpy_rng()
    tops = rng.integers(0, height - new_height + 1, n).tolist()
    lefts = rng.integers(0, width - new_width + 1, n).tolist()
    shape = list(array.shape)
    shape[rows], shape[columns] = new_height, new_width
    out = np.empty(shape, array.dtype)
    for i, (top, left) in enumerate(zip(tops, lefts)):
        image = array[i]
        if rows == 1:
            out[i] = image[top : top + new_height, left : left + new_width]
        else:
            out[i] = image[:, top : top + new_height, left : left + new_width]
    return _same_kind(batch, out)


_RULES: dict[type, Rule] = {
    values.ToTensor: _to_tensor,
    values.PILToTensor: _to_tensor,
    values.ConvertImageDtype: _convert,
    values.Normalize: _normalize,
    geometry.RandomHorizontalFlip: _flip(1),
    geometry.RandomVerticalFlip: _flip(0),
    geometry.RandomCrop: _random_crop,
    geometry.CenterCrop: _center_crop,
    geometry.Pad: _pad,
}

_RANDOM = (geometry.RandomHorizontalFlip, geometry.RandomVerticalFlip, geometry.RandomCrop)


def _has_rule(transform: Any) -> bool:
    if isinstance(transform, geometry.Pad | geometry.RandomCrop):
        # a border in colour, or one that cuts, is made image by image
        sides = 0 if transform.padding is None else transform.padding
        if not isinstance(transform.fill, int | float) or min(four_paddings(sides)) < 0:
            return False
    return type(transform) in _RULES and "forward" not in vars(transform)


def _flat(transform: Any) -> list | None:
    """The transforms in a (nested) Compose, or ``None`` if one of them may do anything."""
    if type(transform) is not base.Compose:
        return [transform]
    steps = []
    for step in transform.transforms:
        inner = _flat(step)
        if inner is None:
            return None
        steps += inner
    return steps


def draws(transform: Any) -> bool:
    """Whether a transform that has a plan draws random numbers."""
    return any(type(step) in _RANDOM for step in _flat(transform) or ())


def batch_plan(transform: Any) -> Callable[[np.ndarray], Tensor] | None:
    """A function from a batch of images, which it may change, to a tensor; ``None`` if a step has no rule."""
    steps = _flat(transform) if transform is not None else None
    if steps is None or not all(_has_rule(step) for step in steps):
        return None
    if sum(type(step) in (values.ToTensor, values.PILToTensor) for step in steps) != 1:
        return None

    def run(images: np.ndarray) -> Tensor:
        batch: Any = images
        for step in steps:
            batch = _RULES[type(step)](step, batch)
        return batch

    return run
