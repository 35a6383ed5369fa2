"""Images in folders."""

import os
from pathlib import Path

import pytest

from minitorch.utils.data import DataLoader
from minitorch.vision import datasets, transforms


def write_images(root, tree):
    Image = pytest.importorskip("PIL.Image")
    for path, colour in tree.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if colour is None:
            file.write_text("no image")
        else:
            Image.new("RGB", (5, 4), colour).save(file)


def test_image_folder(tmp_path):
    write_images(
        tmp_path,
        {"dog/b.png": "red", "dog/a.JPG": "red", "dog/deep/c.bmp": "red", "cat/x.png": "blue", "cat/notes.txt": None},
    )
    (tmp_path / "readme.txt").write_text("not a class")
    data = datasets.ImageFolder(tmp_path, transform=transforms.PILToTensor(), target_transform=lambda t: t * 10)
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    names = [os.path.relpath(path, tmp_path).replace(os.sep, "/") for path, _ in data.imgs]
    assert names == ["cat/x.png", "dog/a.JPG", "dog/b.png", "dog/deep/c.bmp"]
    assert data.targets == [0, 1, 1, 1] and data.samples is data.imgs and len(data) == 4
    image, target = data[0]
    assert image.shape == (3, 4, 5) and image[:, 0, 0].tolist() == [0, 0, 255] and target == 0
    assert data[3][1] == 10
    batches = list(DataLoader(data, 3))
    assert batches[0][0].shape == (3, 3, 4, 5) and batches[1][1].tolist() == [10]
    assert "Number of datapoints: 4" in repr(data) and f"Root location: {tmp_path}" in repr(data)


def test_image_folder_options(tmp_path):
    write_images(tmp_path, {"a/1.png": "red", "a/2.png": "red", "b/x.txt": None})
    with pytest.raises(FileNotFoundError, match=r"no valid file for the classes b\. Supported extensions are: \.jpg"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 2
    chosen = datasets.ImageFolder(tmp_path, is_valid_file=lambda path: path.endswith(("1.png", "x.txt")))
    assert chosen.targets == [0, 1]
    loaded = datasets.ImageFolder(tmp_path, loader=os.path.basename, allow_empty=True)
    assert loaded[1] == ("2.png", 0)
    with pytest.raises(FileNotFoundError, match="any class folder"):
        datasets.ImageFolder(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        datasets.ImageFolder(tmp_path / "nowhere")


def test_dataset_folder(tmp_path):
    for name, value in (("even/0", 0), ("even/2", 2), ("odd/1", 1)):
        path = tmp_path / f"{name}.num"
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(value))
    data = datasets.DatasetFolder(tmp_path, lambda path: int(Path(path).read_text()), (".num",))
    assert [data[i] for i in range(3)] == [(0, 0), (2, 0), (1, 1)] and data.extensions == (".num",)
    for arguments in ((None, None), ((".num",), len)):
        with pytest.raises(ValueError, match="cannot be None or not None at the same time"):
            datasets.DatasetFolder(tmp_path, len, arguments[0], is_valid_file=arguments[1])
    with pytest.raises(ValueError, match="at least one entry"):
        datasets.DatasetFolder.make_dataset(tmp_path, {}, (".num",))


def test_a_damaged_image_says_which(tmp_path):
    write_images(tmp_path, {"a/1.png": "red", "a/2.png": None, "a/3.png": "blue"})
    cut = tmp_path / "a" / "3.png"
    cut.write_bytes(cut.read_bytes()[:-25])
    data = datasets.ImageFolder(tmp_path)
    assert data[0][0].size == (5, 4)
    for i in (1, 2):
        with pytest.raises(OSError, match=rf"{i + 1}\.png"):
            data[i]
    cut.unlink()
    with pytest.raises(FileNotFoundError, match=r"3\.png"):
        data[2]
