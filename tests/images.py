"""One image as an array, as a tensor and as a PIL image, and whether a transform gives the same for all three."""

import numpy as np
import pytest

import minitorch as torch
from minitorch.vision.transforms import images

RNG = np.random.default_rng(7)
PIXELS = RNG.integers(0, 256, (13, 18, 3), np.uint8)


def pillow():
    return pytest.importorskip("PIL.Image")


def kinds(pixels=PIXELS, with_pil=True):
    """The same image as an array, as a tensor, and as a PIL image."""
    made = {"array": pixels, "tensor": torch.from_numpy(first(pixels).copy())}
    if with_pil:
        made["pil"] = pillow().fromarray(pixels)
    return made


def first(pixels):
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def last(image):
    """The pixels (H, W, C) or (H, W) of an image of any kind."""
    if isinstance(image, torch.Tensor):
        array = image.numpy()
        return array[0] if array.shape[0] == 1 else array.transpose(1, 2, 0)
    return np.asarray(image)


def agree(results, expected=None, tolerance=0):
    """All results have the same pixels and are of the kind they were asked for in."""
    for kind, result in results.items():
        assert images.is_pil(result) == (kind == "pil") and isinstance(result, torch.Tensor) == (kind == "tensor")
    expected = last(next(iter(results.values()))) if expected is None else expected
    for kind, result in results.items():
        pixels = last(result)
        assert pixels.shape == expected.shape and pixels.dtype == expected.dtype, kind
        assert np.abs(pixels.astype(float) - expected.astype(float)).max(initial=0) <= tolerance, kind


def each(function, pixels=PIXELS):
    return {kind: function(image) for kind, image in kinds(pixels).items()}
