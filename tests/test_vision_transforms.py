"""Transforms without chance: against Pillow, against formulas, and the three kinds of image against each other."""

import sys

import numpy as np
import pytest

import minitorch as torch
from minitorch.vision import transforms as T
from minitorch.vision.transforms import functional as F
from tests.images import PIXELS, RNG, agree, each, last, pillow

MODES = [mode for mode in T.InterpolationMode if not mode.value.startswith("nearest")]


# ---- sizes


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [5, (7, 9), (9, 7), [16], (30, 8)])
def test_resize_as_pillow_does(mode, size):
    # cubic and Lanczos curves leave the range: Pillow cuts that off between its two passes, tensors after them
    gray = PIXELS // 2 + 64 if mode.value in ("bicubic", "lanczos") else PIXELS
    results = each(lambda image: T.Resize(size, mode)(image), gray)
    agree(results, np.asarray(results["pil"]), tolerance=1)


@pytest.mark.parametrize("size", [5, (7, 9), 26, (30, 8)])
def test_resize_to_the_nearest_pixel(size):
    agree(each(lambda image: F.resize(image, size, T.InterpolationMode.NEAREST_EXACT)))
    arrays = each(lambda image: F.resize(image, size, T.InterpolationMode.NEAREST))
    del arrays["tensor"]  # PyTorch's "nearest" takes another pixel than Pillow's
    agree(arrays)


@pytest.mark.parametrize(
    ("mode", "antialias"),
    [("nearest", None), ("nearest-exact", None), *((m, a) for m in ("bilinear", "bicubic") for a in (False, True))],
)
@pytest.mark.parametrize("size", [(5, 7), (26, 40), (13, 5)])
def test_resize_of_tensors_is_pytorchs_interpolation(mode, antialias, size):
    reference = pytest.importorskip("torch")
    image = RNG.standard_normal((2, 3, 13, 18)).astype(np.float32)
    ours = F.resize(torch.from_numpy(image), size, T.InterpolationMode(mode), antialias=antialias)
    options = {} if antialias is None else {"align_corners": False, "antialias": antialias}
    theirs = reference.nn.functional.interpolate(reference.from_numpy(image), size=size, mode=mode, **options)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5)


def test_resize_of_numbers_rounds():
    ramp = torch.arange(8, dtype=torch.uint8).reshape(1, 1, 8) * 3
    assert F.resize(ramp, (1, 4)).dtype is torch.uint8
    exact = F.resize(ramp.double(), (1, 4))
    assert F.resize(ramp, (1, 4)).tolist() == exact.round().tolist()


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [(10, None, (10, 13)), (26, None, (26, 36)), ([10], None, (10, 13)), (10, 11, (8, 11)), ((3, 4), None, (3, 4))],
)
def test_resize_sizes(size, max_size, expected):
    image = torch.zeros(1, 13, 18)
    assert T.Resize(size, max_size=max_size)(image).shape[1:] == expected
    assert T.Resize(size, max_size=max_size)(image.mT.contiguous()).shape[1:] == (
        expected if isinstance(size, tuple) else expected[::-1]
    )
    assert F.resize(image, (13, 18)) is image


def test_resize_refuses():
    image = torch.zeros(1, 13, 18)
    for error, text, args in (
        (ValueError, "1 or 2 values", ([1, 2, 3],)),
        (ValueError, "strictly greater", (10, T.InterpolationMode.BILINEAR, 10)),
        (ValueError, "only be passed if size is one number", ((5, 5), T.InterpolationMode.BILINEAR, 10)),
        (ValueError, "at least 1", ((0, 5),)),
        (TypeError, "InterpolationMode", (5, "bilinear")),
        (ValueError, "antialias=True", (5, T.InterpolationMode.LANCZOS, None, False)),
    ):
        with pytest.raises(error, match=text):
            F.resize(image, *args)
    with pytest.raises(RuntimeError, match="does not record gradients"):
        F.resize(torch.zeros(1, 4, 4, requires_grad=True), 2)
    with pytest.raises(TypeError, match="Size should be int"):
        T.Resize("8")
    assert T.Resize(4, 3).interpolation is T.InterpolationMode.BICUBIC  # Pillow's number for it


# ---- moves


def test_flips():
    agree(each(F.hflip), PIXELS[:, ::-1])
    agree(each(F.vflip), PIXELS[::-1])
    x = torch.rand(1, 2, 3, requires_grad=True)
    F.hflip(x)[..., 0].sum().backward()
    assert x.grad[0, 0].tolist() == [0, 0, 1]


@pytest.mark.parametrize("place", [(2, 3, 5, 7), (-2, -3, 5, 7), (10, 12, 8, 9), (-1, -1, 15, 20)])
def test_crop_and_what_lies_outside(place):
    top, left, height, width = place
    wide = np.pad(PIXELS, ((20, 20), (20, 20), (0, 0)))
    agree(each(lambda image: F.crop(image, *place)), wide[top + 20 : top + 20 + height, left + 20 : left + 20 + width])


@pytest.mark.parametrize("size", [5, (4, 7), (13, 18), (20, 8), 21, [6]])
def test_center_crop(size):
    results = each(T.CenterCrop(size))
    agree(results)
    height, width = (size[0], size[-1]) if not isinstance(size, int) else (size, size)
    assert last(results["array"]).shape == (height, width, 3)
    if height <= 13 and width <= 18:
        top, left = round((13 - height) / 2), round((18 - width) / 2)
        agree(results, PIXELS[top : top + height, left : left + width])


def test_five_and_ten_crops():
    for transform, count in ((T.FiveCrop(4), 5), (T.TenCrop((4, 6)), 10), (T.TenCrop(4, vertical_flip=True), 10)):
        results = each(transform)
        for i in range(count):
            agree({kind: crops[i] for kind, crops in results.items()})
    corners = T.FiveCrop(4)(PIXELS)
    assert np.array_equal(corners[0], PIXELS[:4, :4]) and np.array_equal(corners[3], PIXELS[-4:, -4:])
    assert np.array_equal(T.TenCrop(4)(PIXELS)[5], PIXELS[:4, ::-1][:, :4])
    with pytest.raises(ValueError, match="bigger than input size"):
        T.FiveCrop(14)(PIXELS)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [2, (1, 3), [1, 2, 3, 4], (0, 0, 0, 5)])
def test_pad(mode, padding):
    left, top, right, bottom = (list(padding) * 4)[:4] if not isinstance(padding, int) else [padding] * 4
    expected = np.pad(PIXELS, ((top, bottom), (left, right), (0, 0)), mode=mode)
    agree(each(T.Pad(padding, padding_mode=mode)), expected)


def test_pad_with_colours_and_negative_sides():
    agree(each(lambda image: F.pad(image, 1, fill=7)), np.pad(PIXELS, ((1, 1), (1, 1), (0, 0)), constant_values=7))
    results = each(lambda image: F.pad(image, (2, 1), fill=(1, 2, 3)))
    agree(results)
    assert last(results["tensor"])[0, 0].tolist() == [1, 2, 3]
    for mode in ("constant", "edge", "reflect"):
        agree(each(lambda image, mode=mode: F.pad(image, (-1, -2, -3, -4), 0, mode)), PIXELS[2:-4, 1:-3])
        mixed = np.pad(PIXELS[2:, :-1], ((0, 3), (4, 0), (0, 0)), mode=mode)
        agree(each(lambda image, mode=mode: F.pad(image, (4, -2, -1, 3), 0, mode)), mixed)


def test_pad_of_a_palette_keeps_its_colours():
    image = pillow().fromarray(PIXELS).convert("P", palette=1, colors=8)
    before = np.asarray(image.convert("RGB"))
    for mode in ("edge", "reflect", "constant"):
        padded = F.pad(image, 2, padding_mode=mode)
        assert padded.mode == "P" and np.array_equal(np.asarray(padded.convert("RGB"))[2:-2, 2:-2], before)


def test_pad_refuses():
    for error, text, args in (
        (TypeError, "inappropriate padding", ("2",)),
        (ValueError, "1, 2, or 4 element", ((1, 2, 3),)),
        (ValueError, "constant, edge, reflect or symmetric", (1, 0, "wrap")),
        (ValueError, "fill has 2 values, the image has 3", (1, (1, 2))),
    ):
        with pytest.raises(error, match=text):
            F.pad(torch.zeros(3, 4, 4), *args)
    for arguments in (("2",), ((1, 2, 3),), (1, {}), (1, 0, "wrap")):
        with pytest.raises((TypeError, ValueError)):
            T.Pad(*arguments)
    with pytest.raises(ValueError, match=r"number of channels of the image \(2 != 3\)"):
        F.pad(pillow().fromarray(PIXELS), 1, (1, 2))


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(("expand", "center"), [(False, None), (True, None), (False, (2, 5.5))])
@pytest.mark.parametrize("angle", [0, 17.3, 90, 180, 270, -130, 725])
def test_rotate_turns_as_pillow_does(mode, expand, center, angle):
    how = (angle, T.InterpolationMode(mode), expand, center)
    results = each(lambda image: F.rotate(image, *how))
    # Pillow cuts fractions off where tensors round
    agree(results, np.asarray(results["pil"]), tolerance=0 if mode == "nearest" else 1)


def test_rotate_fills_what_comes_in():
    for fill in (9, (1, 2, 3)):
        results = each(lambda image, fill=fill: F.rotate(image, 45, fill=fill))
        agree(results)
        assert last(results["array"])[0, 0].tolist() == (list(fill) if isinstance(fill, tuple) else [fill] * 3)
    gray = each(lambda image: F.rotate(image, 30, fill=5), PIXELS[:, :, 0])
    agree(gray)
    square = torch.arange(9.0).reshape(1, 3, 3)
    assert torch.equal(F.rotate(square, 90), square.transpose(1, 2).flip(1))
    assert torch.equal(F.rotate(torch.arange(16).reshape(1, 4, 4), 180), torch.arange(16).flip(0).reshape(1, 4, 4))
    for error, text, args in (
        (ValueError, "nearest, bilinear or bicubic", (3, T.InterpolationMode.BOX)),
        (ValueError, "length 2", (3, T.InterpolationMode.NEAREST, False, (1, 2, 3))),
        (ValueError, "fill has 2 values", (3, T.InterpolationMode.NEAREST, False, None, (1, 2))),
    ):
        with pytest.raises(error, match=text):
            F.rotate(torch.zeros(3, 4, 4), *args)


# ---- as a whole


def test_reprs_are_torchvisions():
    assert str(T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,))])) == (
        "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n)"
    )
    for made, text in (
        (T.Resize(32), "Resize(size=32, interpolation=bilinear, max_size=None, antialias=True)"),
        (T.CenterCrop(10), "CenterCrop(size=(10, 10))"),
        (T.RandomCrop(32, padding=4), "RandomCrop(size=(32, 32), padding=4)"),
        (T.RandomHorizontalFlip(), "RandomHorizontalFlip(p=0.5)"),
        (T.RandomVerticalFlip(0.2), "RandomVerticalFlip(p=0.2)"),
        (T.Pad(4), "Pad(padding=4, fill=0, padding_mode=constant)"),
        (T.Grayscale(), "Grayscale(num_output_channels=1)"),
        (T.RandomRotation(10), "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)"),
        (T.ToPILImage(), "ToPILImage()"),
        (T.Lambda(len), "Lambda()"),
        (
            T.RandomResizedCrop(224),
            "RandomResizedCrop(size=(224, 224), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, "
            "antialias=True)",
        ),
        (T.RandomErasing(), "RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False)"),
        (
            T.ColorJitter(brightness=0.5, hue=0.1),
            "ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=(-0.1, 0.1))",
        ),
        (
            T.RandomApply([T.Pad(1)], p=0.3),
            "RandomApply(\n    p=0.3\n    Pad(padding=1, fill=0, padding_mode=constant)\n)",
        ),
    ):
        assert repr(made) == text


def test_compose_and_lambda():
    both = T.Compose([T.Lambda(lambda x: x + 1), lambda x: x * 2])
    assert both(3) == 8
    with pytest.raises(TypeError, match="callable"):
        T.Lambda(3)
    with pytest.raises(NotImplementedError, match="without forward"):
        T.Transform()(3)


def test_array_images_need_no_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    every = T.Compose(
        [T.Resize(16), T.RandomCrop(14, 1), T.RandomHorizontalFlip(), T.RandomVerticalFlip(), T.RandomRotation(20),
         T.Pad(1), T.RandomResizedCrop(12), T.ColorJitter(0.2, 0.2, 0.2, 0.1), T.CenterCrop(10), T.Grayscale(3),
         T.ToTensor(), T.RandomErasing(1), T.Normalize(0.5, 0.5)]
    )  # fmt: skip
    assert every(PIXELS).shape == (3, 10, 10)
    with pytest.raises(ImportError, match=r"PIL.*minitorch-nd\[vision\]"):
        T.ToPILImage()(PIXELS)
