"""Images to tensors and back, and between element types."""

import numpy as np
import pytest

import minitorch as torch
from minitorch.vision import transforms as T
from minitorch.vision.transforms import functional as F
from tests.images import PIXELS, RNG, first, pillow


def test_to_tensor():
    for pixels in (PIXELS, PIXELS[:, :, 0], PIXELS[:, :, :1]):
        tensor = T.ToTensor()(pixels)
        assert tensor.dtype is torch.float32 and tensor.is_contiguous()
        np.testing.assert_array_equal(tensor.numpy(), first(pixels) / np.float32(255))
    assert T.ToTensor()(PIXELS.astype(np.float64)).dtype is torch.float64
    assert T.ToTensor()(np.ones((2, 2), np.int32)).tolist() == [[[1, 1], [1, 1]]]
    own = PIXELS.copy()
    tensor = T.PILToTensor()(own)
    own[:] = 0
    assert tensor.dtype is torch.uint8 and np.array_equal(tensor.numpy(), first(PIXELS)), "memory of its own"


@pytest.mark.parametrize(
    ("mode", "dtype"),
    [("L", "uint8"), ("LA", "uint8"), ("RGB", "uint8"), ("RGBA", "uint8"), ("CMYK", "uint8"), ("1", "bool"),
     ("I", "int32"), ("F", "float32"), ("I;16", "int32")],
)  # fmt: skip
def test_pil_modes(mode, dtype):
    source = pillow().fromarray(PIXELS)
    image = source.convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        image = pillow().fromarray(np.arange(6, dtype=np.uint16).reshape(2, 3) * 7000)
    pixels = np.array(image)
    raw = T.PILToTensor()(image)
    assert raw.numpy().dtype == dtype and np.array_equal(raw.numpy(), first(pixels))
    scaled = T.ToTensor()(image)
    if mode in ("I", "F", "I;16"):
        kind = {"I": torch.int32, "F": torch.float32, "I;16": torch.int16}[mode]
        assert scaled.dtype is kind and np.array_equal(scaled.numpy(), first(pixels).astype(scaled.numpy().dtype))
    else:
        np.testing.assert_allclose(scaled.numpy(), first(pixels) / (1 if mode == "1" else 255), rtol=1e-6)
    assert F.get_dimensions(image) == [scaled.shape[0], image.height, image.width]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_to_pil_image_and_back(channels):
    pillow()
    pixels = RNG.integers(0, 256, (5, 4, channels), np.uint8)
    tensor = torch.from_numpy(first(pixels).copy())
    for source in (pixels, tensor, T.ToTensor()(pixels)):
        image = T.ToPILImage()(source)
        assert image.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels] and image.size == (4, 5)
        assert torch.equal(T.PILToTensor()(image), tensor.cpu())


def test_to_pil_image_of_other_kinds():
    pillow()
    for dtype, mode in (("int16", "I;16"), ("int32", "I"), ("float32", "F")):
        plane = np.arange(6, dtype=dtype).reshape(2, 3)
        image = F.to_pil_image(plane, "F" if mode == "F" else None)
        assert image.mode == mode and np.array_equal(np.array(image), plane)
    assert F.to_pil_image(torch.rand(4, 4)).mode == "L"
    assert T.ToPILImage("CMYK")(torch.rand(4, 2, 2)).mode == "CMYK"
    for bad, error, text in (
        (torch.rand(1, 2, 3, 4), ValueError, "2/3 dimensional"),
        (np.zeros((2, 2, 5), np.uint8), ValueError, "> 4 channels"),
        (np.zeros((2, 2, 3), np.int32), TypeError, "only uint8"),
        (np.zeros((2, 2), np.int64), TypeError, "one channel"),
        ("a string", TypeError, "Tensor or ndarray"),
    ):
        with pytest.raises(error, match=text):
            F.to_pil_image(bad)
    with pytest.raises(ValueError, match="LA"):
        F.to_pil_image(PIXELS, "LA")
    with pytest.raises(ValueError, match="incorrect mode"):
        F.to_pil_image(PIXELS[:, :, 0], "RGB")


def test_what_is_no_image():
    for bad in (3, "x", [1], torch.zeros(3)):
        for transform in (T.Resize(3), T.CenterCrop(1), T.RandomHorizontalFlip(1), T.Pad(1), T.Grayscale()):
            with pytest.raises(TypeError, match=r"image|tensor"):
                transform(bad)
    with pytest.raises(TypeError, match="PIL Image or ndarray"):
        T.ToTensor()(torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="2/3 dimensional"):
        T.ToTensor()(np.zeros(3))


def test_normalize():
    image = T.ToTensor()(PIXELS)
    out = T.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))(image)
    expected = (first(PIXELS) / 255 - np.reshape([0.1, 0.2, 0.3], (3, 1, 1))) / np.reshape([0.5, 0.6, 0.7], (3, 1, 1))
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5, atol=1e-6)
    batch = T.Normalize([0.5], [0.5])(torch.stack([image, image]))
    np.testing.assert_allclose(batch[1].numpy(), image.numpy() * 2 - 1, rtol=1e-5, atol=1e-6)
    assert image.min() >= 0, "the input is left alone"
    version = image._version
    assert T.Normalize(0.5, 0.5, inplace=True)(image) is image and image._version > version and image.min() < 0
    learned = torch.ones(3, 2, 2, requires_grad=True)
    F.normalize(learned, [0.5] * 3, [0.25, 0.5, 1.0]).sum().backward()
    assert learned.grad[:, 0, 0].tolist() == [4, 2, 1]


def test_normalize_refuses():
    image = torch.ones(3, 2, 2)
    for args, error, text in (
        ((image.to(torch.uint8), [0.5] * 3, [0.5] * 3), TypeError, "float tensor"),
        ((PIXELS, [0.5], [0.5]), TypeError, "ToTensor"),
        ((image[0], [0.5], [0.5]), ValueError, r"\(\.\.\., C, H, W\)"),
        ((image, [0.5] * 3, [0.5, 0.5, 0.0]), ValueError, "division by zero"),
        ((image, [0.5] * 2, [0.5] * 3), RuntimeError, "mean has 2 values, the image has 3"),
    ):
        with pytest.raises(error, match=text):
            F.normalize(*args, inplace=True)
    assert image.tolist() == torch.ones(3, 2, 2).tolist()


def test_convert_image_dtype():
    bytes_ = torch.tensor([[[0, 1, 128, 255]]], dtype=torch.uint8)
    assert F.convert_image_dtype(bytes_).dtype is torch.float32
    assert F.convert_image_dtype(bytes_).tolist()[0][0][3] == 1.0
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(F.convert_image_dtype(F.convert_image_dtype(bytes_, dtype), torch.uint8), bytes_)
    assert F.convert_image_dtype(bytes_, torch.int16).tolist() == [[[0, 128, 128 * 128, 255 * 128]]]
    assert torch.equal(F.convert_image_dtype(F.convert_image_dtype(bytes_, torch.int32), torch.uint8), bytes_)
    assert T.ConvertImageDtype(torch.uint8)(bytes_) is bytes_
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(torch.rand(1, 2, 2), torch.int32)
    with pytest.raises(TypeError, match="Tensor Image"):
        F.convert_image_dtype(PIXELS)
