"""Colours: tensors against the formulas, PIL images against Pillow, array images against tensors."""

import colorsys

import numpy as np
import pytest

import minitorch as torch
from minitorch.vision import transforms as T
from minitorch.vision.transforms import functional as F

PIXELS = np.random.default_rng(3).integers(0, 256, (9, 11, 3), np.uint8)
FLOATS = PIXELS.transpose(2, 0, 1).astype(np.float64) / 255


def pillow(name="Image"):
    pytest.importorskip("PIL.Image")
    return pytest.importorskip(f"PIL.{name}")


def gray(x):
    return (0.2989 * x[0] + 0.587 * x[1] + 0.114 * x[2])[None]


def hue(x, amount):
    turned = [colorsys.hsv_to_rgb((h + amount) % 1, s, v) for h, s, v in (colorsys.rgb_to_hsv(*p) for p in pixels(x))]
    return np.array(turned).T.reshape(x.shape)


def pixels(x):
    return x.reshape(3, -1).T.tolist()


def autocontrast(x):
    low, high = x.min((1, 2), keepdims=True), x.max((1, 2), keepdims=True)
    return (x - low) / (high - low)


# function of an image, its formula for values from 0 to 1, what Pillow does, and how far 8-bit values may be off
ROWS = {
    "gray": (F.rgb_to_grayscale, gray, lambda im: im.convert("L"), 1),
    "gray 3": (lambda x: F.rgb_to_grayscale(x, 3), lambda x: np.repeat(gray(x), 3, 0), None, 1),
    "brightness": (
        lambda x: F.adjust_brightness(x, 1.7),
        lambda x: x * 1.7,
        lambda im: pillow("ImageEnhance").Brightness(im).enhance(1.7),
        1,
    ),
    "contrast": (
        lambda x: F.adjust_contrast(x, 0.4),
        lambda x: 0.4 * x + 0.6 * gray(x).mean(),
        lambda im: pillow("ImageEnhance").Contrast(im).enhance(0.4),
        2,
    ),
    "saturation": (
        lambda x: F.adjust_saturation(x, 1.5),
        lambda x: 1.5 * x - 0.5 * gray(x),
        lambda im: pillow("ImageEnhance").Color(im).enhance(1.5),
        2,
    ),
    "hue": (lambda x: F.adjust_hue(x, 0.2), lambda x: hue(x, 0.2), None, 1),
    "hue back": (lambda x: F.adjust_hue(x, -0.45), lambda x: hue(x, -0.45), None, 1),
    "gamma": (lambda x: F.adjust_gamma(x, 1.8, 0.9), lambda x: 0.9 * x**1.8, None, 1),
    "invert": (F.invert, lambda x: 1 - x, lambda im: pillow("ImageOps").invert(im), 0),
    "autocontrast": (F.autocontrast, autocontrast, lambda im: pillow("ImageOps").autocontrast(im), 1),
}


@pytest.mark.parametrize("name", ROWS)
def test_tensors_follow_the_formula(name):
    function, formula, _, tolerance = ROWS[name]
    image = torch.from_numpy(FLOATS.copy())
    expected = np.clip(formula(FLOATS), 0, 1)
    out = function(image)
    assert out.dtype is torch.float64 and np.array_equal(image.numpy(), FLOATS), "the image is left alone"
    np.testing.assert_allclose(out.numpy(), expected, atol=1e-12)
    single = function(image.float())
    assert single.dtype is torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=1e-5)
    stacked = function(torch.stack([image, image]))  # a batch is done image by image
    np.testing.assert_allclose(stacked[1].numpy(), expected, atol=1e-12)
    whole = torch.from_numpy(PIXELS.transpose(2, 0, 1).copy())
    bytes_ = function(whole)
    assert bytes_.dtype is torch.uint8
    assert np.abs(bytes_.numpy() - expected * 255).max() <= tolerance + 1
    array = function(PIXELS)
    assert isinstance(array, np.ndarray) and array.dtype == np.uint8
    assert np.array_equal(array.reshape(9, 11, -1).transpose(2, 0, 1), bytes_.numpy())


@pytest.mark.parametrize("name", ROWS)
def test_pil_images_are_pillows(name):
    function, formula, of_pil, tolerance = ROWS[name]
    image = pillow().fromarray(PIXELS)
    out = function(image)
    pixels = np.atleast_3d(np.asarray(out)).transpose(2, 0, 1)
    if of_pil is not None:
        assert np.array_equal(np.asarray(out), np.asarray(of_pil(image)))
    # Pillow's hue has 256 steps
    assert np.abs(pixels - np.clip(formula(FLOATS), 0, 1) * 255).max() <= (12 if "hue" in name else tolerance + 1)


def test_images_without_colour():
    plane = PIXELS[:, :, 0]
    tensor = torch.from_numpy(plane[None].copy())
    for function in (
        lambda x: F.adjust_saturation(x, 3.0),
        lambda x: F.adjust_hue(x, 0.3),
        F.rgb_to_grayscale,
    ):
        assert torch.equal(function(tensor), tensor) and function(tensor) is not tensor
        assert np.array_equal(function(plane), plane)
        assert np.array_equal(np.asarray(function(pillow().fromarray(plane))), plane)
    assert F.rgb_to_grayscale(tensor, 3).shape == (3, 9, 11)
    assert F.adjust_hue(pillow().fromarray(plane).convert("I"), 0.1).mode == "I"


def test_solarize_posterize_equalize():
    image = torch.from_numpy(PIXELS.transpose(2, 0, 1).copy())
    source = pillow().fromarray(PIXELS)
    for function, ops in (
        (lambda x: F.solarize(x, 100), lambda im: pillow("ImageOps").solarize(im, 100)),
        (lambda x: F.posterize(x, 3), lambda im: pillow("ImageOps").posterize(im, 3)),
        (F.equalize, lambda im: pillow("ImageOps").equalize(im)),
    ):
        expected = np.asarray(ops(source))
        assert np.array_equal(function(image).numpy().transpose(1, 2, 0), expected)
        assert np.array_equal(function(PIXELS), expected) and np.array_equal(np.asarray(function(source)), expected)
    for function in (lambda x: F.posterize(x, 3), F.equalize):
        with pytest.raises(TypeError, match="only uint8"):
            function(torch.rand(3, 4, 4))


def test_to_grayscale_is_for_pil_images():
    image = pillow().fromarray(PIXELS)
    assert np.array_equal(np.asarray(F.to_grayscale(image)), np.asarray(image.convert("L")))
    assert T.Grayscale(3)(image).mode == "RGB"
    with pytest.raises(TypeError, match="rgb_to_grayscale"):
        F.to_grayscale(torch.rand(3, 4, 4))


def test_what_is_refused():
    image = torch.rand(3, 4, 4)
    for call, error, text in (
        (lambda: F.adjust_brightness(image, -1), ValueError, "not non-negative"),
        (lambda: F.adjust_hue(image, 0.6), ValueError, r"not in \[-0.5, 0.5\]"),
        (lambda: F.adjust_gamma(image, -1), ValueError, "non-negative real"),
        (lambda: F.posterize(image, 9), ValueError, "between 0 and 8"),
        (lambda: F.rgb_to_grayscale(image, 2), ValueError, "either 1 or 3"),
        (lambda: F.invert(torch.rand(2, 4, 4)), TypeError, "1 or 3 channels"),
        (lambda: F.invert(torch.rand(4, 4)), TypeError, "1 or 3 channels"),
        (lambda: F.invert(image.clone().requires_grad_()), RuntimeError, "does not record gradients"),
        (lambda: T.ColorJitter(brightness=-1), ValueError, "non negative"),
        (lambda: T.ColorJitter(hue=0.6), ValueError, "between"),
        (lambda: T.ColorJitter(contrast=(2, 1)), ValueError, "between"),
        (lambda: T.ColorJitter(saturation="x"), TypeError, "single number or a list"),
    ):
        with pytest.raises(error, match=text):
            call()
