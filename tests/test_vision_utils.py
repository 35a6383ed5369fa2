"""Grids of images, and images in files."""

import io
import os

import numpy as np
import pytest

import minitorch as torch
import minitorch.vision as torchvision
from minitorch.vision.io import ImageReadMode
from minitorch.vision.utils import make_grid, save_image

RNG = np.random.default_rng(2)


def pillow():
    return pytest.importorskip("PIL.Image")


# ---- make_grid


@pytest.mark.parametrize(
    ("count", "nrow", "padding", "rows", "columns"),
    [(10, 8, 2, 2, 8), (10, 5, 0, 2, 5), (3, 8, 1, 1, 3), (4, 2, 3, 2, 2), (5, 1, 1, 5, 1)],
)
def test_make_grid(count, nrow, padding, rows, columns):
    images = torch.from_numpy(RNG.random((count, 3, 4, 6), np.float32))
    grid = make_grid(images, nrow, padding, pad_value=0.25)
    assert grid.shape == (3, rows * (4 + padding) + padding, columns * (6 + padding) + padding)
    left = grid.numpy().copy()
    for k in range(count):
        y, x = (k // columns) * (4 + padding) + padding, (k % columns) * (6 + padding) + padding
        assert np.array_equal(left[:, y : y + 4, x : x + 6], images[k].numpy())
        left[:, y : y + 4, x : x + 6] = 0.25
    assert (left == 0.25).all()
    assert torch.equal(make_grid(list(images.unbind(0)), nrow, padding, pad_value=0.25), grid)


def test_make_grid_of_one_and_of_gray_images():
    image = torch.rand(3, 4, 5)
    assert torch.equal(make_grid(image), image) and torch.equal(make_grid(image[None]), image)
    plane = torch.rand(4, 5)
    assert torch.equal(make_grid(plane), torch.stack([plane] * 3))
    assert make_grid(torch.zeros(9, 1, 2, 2)).shape == (3, 10, 34)
    assert make_grid(torch.zeros(2, 4, 2, 2)).shape == (4, 6, 10)
    assert make_grid(torch.zeros(2, 1, 2, 2, dtype=torch.uint8)).dtype is torch.uint8


def test_make_grid_normalizes():
    images = torch.tensor([[[[0.0, 2.0]]], [[[4.0, 6.0]]]])
    whole = make_grid(images, padding=0, normalize=True)
    np.testing.assert_allclose(whole[0].numpy(), [[0, 1 / 3, 2 / 3, 1]], rtol=1e-6)
    each = make_grid(images, padding=0, normalize=True, scale_each=True)
    np.testing.assert_allclose(each[0].numpy(), [[0, 1, 0, 1]], rtol=1e-6)
    cut = make_grid(images, padding=0, normalize=True, value_range=(1, 5))
    np.testing.assert_allclose(cut[0].numpy(), [[0, 0.25, 0.75, 1]], rtol=1e-6)
    flat = make_grid(torch.full((2, 1, 1, 1), 3.0), padding=0, normalize=True)
    assert flat.tolist() == [[[0, 0]]] * 3
    assert images[0, 0, 0, 1].item() == 2, "the images are left alone"
    assert make_grid(images.int(), normalize=True).dtype is torch.float32


def test_make_grid_refuses():
    for bad, error, text in (
        (3, TypeError, "tensor or list of tensors expected"),
        ([1, 2], TypeError, "tensor or list of tensors expected"),
        ([torch.zeros(1, 2, 2), torch.zeros(1, 2, 3)], ValueError, "one size"),
        (torch.zeros(3), ValueError, r"\(N, C, H, W\)"),
        (torch.zeros(0, 3, 2, 2), ValueError, "0 images"),
        ([], (ValueError, TypeError), "images|tensors"),
    ):
        with pytest.raises(error, match=text):
            make_grid(bad)
    with pytest.raises(ValueError, match="nrow=0"):
        make_grid(torch.zeros(2, 1, 2, 2), nrow=0)
    with pytest.raises(TypeError, match="tuple"):
        make_grid(torch.zeros(2, 1, 2, 2), normalize=True, value_range=1)


# ---- save_image


def test_save_image(tmp_path):
    Image = pillow()
    images = torch.rand(6, 3, 5, 4)
    path = tmp_path / "grid.png"
    save_image(images, path, nrow=3, padding=1)
    with Image.open(path) as saved:
        expected = np.floor(np.clip(make_grid(images, 3, 1).numpy() * 255 + 0.5, 0, 255))
        assert np.array_equal(np.asarray(saved).transpose(2, 0, 1), expected)
    memory = io.BytesIO()
    save_image(torch.tensor([[[-1.0, 2.0]]]), memory, format="bmp")
    memory.seek(0)
    with Image.open(memory) as saved:
        assert saved.format == "BMP" and np.asarray(saved)[0, :, 0].tolist() == [0, 255]
    learned = torch.rand(1, 3, 4, 4, requires_grad=True)
    save_image(learned, str(path))
    save_image(torch.rand(2, 4, 3, 3), path)
    with Image.open(path) as saved:
        assert saved.mode == "RGBA"


def test_save_image_refuses(tmp_path):
    path = tmp_path / "x.png"
    for bad, error, text in (
        (torch.zeros(2, 2, 3, 3), ValueError, "1, 3 or 4 channels, got 2"),
        (torch.zeros(2, 3, 3, 3, dtype=torch.uint8), TypeError, "floats from 0 to 1, got torch.uint8"),
    ):
        with pytest.raises(error, match=text):
            save_image(bad, path)
    assert not path.exists()


# ---- files


@pytest.mark.parametrize("channels", [1, 3])
def test_png_and_jpeg(tmp_path, channels):
    pillow()
    source = torch.from_numpy(np.linspace(0, 255, channels * 48).astype(np.uint8).reshape(channels, 6, 8))
    path, image = tmp_path / "x.png", source.cpu()  # files are read to the CPU
    torchvision.io.write_png(source, path)
    assert torch.equal(torchvision.io.read_image(path), image)
    assert torch.equal(torchvision.io.read_image(str(path)), image)
    content = torchvision.io.read_file(path)
    assert content.dtype is torch.uint8 and content.shape == (os.path.getsize(path),)
    assert torch.equal(torchvision.io.decode_image(content), image)
    assert torch.equal(torchvision.io.decode_png(torchvision.io.encode_png(image, 0)), image)
    torchvision.io.write_jpeg(image, path, quality=100)
    again = torchvision.io.read_image(path)
    assert again.shape == image.shape and np.abs(again.numpy().astype(int) - image.numpy()).max() < 12
    assert torch.equal(torchvision.io.decode_jpeg(torchvision.io.encode_jpeg(image, 100)), again)
    small, large = (len(torchvision.io.encode_jpeg(image, quality)) for quality in (5, 95))
    assert small < large


def test_read_modes(tmp_path):
    Image = pillow()
    pixels = RNG.integers(0, 256, (4, 5, 4), np.uint8)
    source = Image.fromarray(pixels)
    for mode, shape in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("1", 1)):
        path = tmp_path / f"{mode}.png"
        source.convert("RGB").convert(mode).save(path) if mode == "P" else source.convert(mode).save(path)
        assert torchvision.io.read_image(path).shape == (shape, 4, 5), mode
        for wanted, channels in (("GRAY", 1), ("GRAY_ALPHA", 2), ("RGB", 3), ("RGB_ALPHA", 4)):
            image = torchvision.io.read_image(path, ImageReadMode[wanted])
            assert image.shape == (channels, 4, 5) and image.dtype is torch.uint8
            assert torch.equal(torchvision.io.read_image(path, wanted.lower()), image)
    assert np.array_equal(torchvision.io.read_image(tmp_path / "RGBA.png").numpy(), pixels.transpose(2, 0, 1))
    assert torchvision.io.image.ImageReadMode is ImageReadMode


def test_exif_orientation(tmp_path):
    Image = pillow()
    image = Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40)
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was held upright
    path = tmp_path / "x.png"
    image.save(path, exif=exif)
    assert torchvision.io.read_image(path).shape == (1, 2, 3)
    turned = torchvision.io.read_image(path, apply_exif_orientation=True)
    assert turned.tolist() == [[[120, 0], [160, 40], [200, 80]]]


def test_what_is_no_image(tmp_path):
    pillow()
    path = tmp_path / "x.png"
    torchvision.io.write_png(torch.zeros(3, 40, 40, dtype=torch.uint8), path)
    whole = path.read_bytes()
    for content in (b"", b"<html>", whole[:20], whole[:60], whole[:-30]):
        path.write_bytes(content)
        with pytest.raises(RuntimeError, match="not an image"):
            torchvision.io.read_image(path)
        with pytest.raises(RuntimeError, match="not an image"):
            torchvision.io.decode_image(torch.tensor(list(content), dtype=torch.uint8))
    with pytest.raises(FileNotFoundError):
        torchvision.io.read_image(tmp_path / "none.png")
    with pytest.raises(ValueError, match="UNCHANGED, GRAY"):
        torchvision.io.read_image(path, "COLOUR")
    for bad in (torch.zeros(3), torch.zeros(2, 2, dtype=torch.uint8)):
        with pytest.raises(RuntimeError, match="bytes as a uint8 tensor"):
            torchvision.io.decode_image(bad)
    for write in (torchvision.io.write_png, torchvision.io.write_jpeg):
        for bad, error in (
            (torch.zeros(3, 2, 2), RuntimeError),
            (torch.zeros(2, 2, 2, dtype=torch.uint8), RuntimeError),
            (torch.zeros(2, 2, dtype=torch.uint8), RuntimeError),
            (np.zeros((3, 2, 2), np.uint8), TypeError),
        ):
            with pytest.raises(error, match="uint8 tensor"):
                write(bad, tmp_path / "new.png")
    with pytest.raises(RuntimeError, match="bytes"):
        torchvision.io.write_file(tmp_path / "new.png", torch.zeros(3))
    assert sorted(os.listdir(tmp_path)) == ["x.png"]


def test_the_package_is_laid_out_as_torchvision():
    assert torchvision.__version__ == torch.__version__
    for name in ("datasets", "io", "models", "transforms", "utils"):
        assert getattr(torchvision, name).__name__ == f"minitorch.vision.{name}"
    assert torchvision.transforms.functional.crop and torchvision.models.resnet.Bottleneck
    assert torchvision.datasets.mnist.MNIST is torchvision.datasets.MNIST
    assert torchvision.datasets.folder.ImageFolder is torchvision.datasets.ImageFolder
