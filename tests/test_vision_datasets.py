"""Image data sets from files that this test writes: what they hold, how they print, what damaged files do."""

import gzip
import os
import pickle
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import DataLoader, Subset
from minitorch.vision import datasets, transforms
from minitorch.vision.datasets.mnist import DataFileError, read_idx

RNG = np.random.default_rng(11)
HAS_PIL = find_spec("PIL") is not None


def idx(array, code=8):
    head = bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.tobytes()


def write_mnist(root, name="MNIST", packed=False, n=(6, 4)):
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    made = {}
    for part, count in zip(("train", "t10k"), n):
        images = RNG.integers(0, 256, (count, 28, 28), np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            content = idx(array)
            path = folder / f"{part}-{kind}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)
        made[part] = images, labels
    return made


def write_cifar(root, cls, n=3, protocol=2, **changes):
    folder = root / cls.base_folder
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for name in (*cls.train_list, *cls.test_list):
        rows = RNG.integers(0, 256, (n, 3072), np.uint8)
        labels = RNG.integers(0, cls._num_classes, n).tolist()
        made[name] = rows, labels
        batch = {"data": rows, cls._labels: labels, "filenames": ["x.png"] * n} | changes
        (folder / name).write_bytes(pickle.dumps(batch, protocol))
    names = [f"kind {i}" for i in range(cls._num_classes)]
    (folder / cls.meta[0]).write_bytes(pickle.dumps({cls.meta[1]: names}, protocol))
    return made


# ---- MNIST and its kin


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("cls", [datasets.MNIST, datasets.FashionMNIST, datasets.KMNIST])
def test_mnist(tmp_path, cls, packed):
    made = write_mnist(tmp_path, cls.__name__, packed)
    for train, part in ((True, "train"), (False, "t10k")):
        data = cls(tmp_path, train=train)
        images, labels = made[part]
        assert len(data) == len(images) and data.train == train
        assert data.data.dtype is torch.uint8 and np.array_equal(data.data.numpy(), images)
        assert data.targets.dtype is torch.int64 and data.targets.tolist() == labels.tolist()
        image, label = data[1]
        assert np.array_equal(np.asarray(image), images[1]) and label == 1 and type(label) is int
        assert len(data.classes) == 10 and data.class_to_idx[data.classes[3]] == 3
        data.data += 1  # memory of its own, that may be written to


def test_samples_are_pil_images_or_arrays(tmp_path, monkeypatch):
    write_mnist(tmp_path)
    data = datasets.MNIST(tmp_path)
    if HAS_PIL:
        image = data[0][0]
        assert image.mode == "L" and image.size == (28, 28)
    monkeypatch.setitem(sys.modules, "PIL", None)
    bare = datasets.MNIST(tmp_path, transform=None)[0][0]
    assert isinstance(bare, np.ndarray) and bare.shape == (28, 28)
    tensor = datasets.MNIST(tmp_path, transform=transforms.ToTensor())[0][0]
    assert tensor.shape == (1, 28, 28) and np.array_equal((tensor.numpy() * 255).round(), bare[None])


def test_transforms_of_image_and_target(tmp_path):
    write_mnist(tmp_path)
    data = datasets.MNIST(tmp_path, transform=transforms.ToTensor(), target_transform=lambda t: -t)
    image, target = data[2]
    assert image.shape == (1, 28, 28) and target == -2
    assert data.transforms(np.zeros((2, 2), np.uint8), 4)[1] == -4
    assert datasets.vision.StandardTransform()("image", 4) == ("image", 4)
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VisionDataset(tmp_path, transforms=len, transform=len)
    with pytest.raises(NotImplementedError):
        len(datasets.VisionDataset(tmp_path))


def test_root_is_found(tmp_path, monkeypatch):
    made = write_mnist(tmp_path)
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path))
    assert len(datasets.MNIST()) == len(made["train"][0])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert len(datasets.MNIST("~")) == 6


def test_repr(tmp_path):
    write_mnist(tmp_path)
    data = datasets.MNIST(tmp_path, train=False, transform=transforms.Compose([transforms.ToTensor()]))
    lines = [
        "Dataset MNIST",
        "    Number of datapoints: 4",
        f"    Root location: {tmp_path}",
        "    Split: Test",
        "    StandardTransform",
        "Transform: Compose(",
        "               ToTensor()",
        "           )",
    ]
    assert repr(data).splitlines() == lines


def test_missing_files(tmp_path):
    with pytest.raises(RuntimeError, match=r"Dataset not found: .*raw lacks the training files.*download=True"):
        datasets.MNIST(tmp_path)
    with pytest.raises(RuntimeError, match=r"lacks data_batch_1, .*batches.meta\. You can use download=True"):
        datasets.CIFAR10(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("train-images-idx3-ubyte", b"", "no IDX file: it begins with nothing"),
        ("train-images-idx3-ubyte", b"<html>", "no IDX file"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03\0\0", "cut short in its head"),
        ("train-images-idx3-ubyte", idx(np.zeros((6, 28, 28), np.uint8))[:-1], "cut short"),
        ("train-images-idx3-ubyte", idx(np.zeros((6, 28, 28), np.uint8)) + b"x", "damaged"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03" + b"\xff" * 12, "takes .*cut short"),
        ("train-images-idx3-ubyte", idx(np.zeros((6, 28, 27), np.uint8)), r"\(N, 28, 28\) of bytes"),
        ("train-images-idx3-ubyte", idx(np.zeros((6, 28), np.uint8)), r"\(N, 28, 28\) of bytes"),
        ("train-images-idx3-ubyte", idx(np.zeros((6, 28, 28), ">f4"), 13), "of float32"),
        ("train-images-idx3-ubyte", idx(np.zeros((5, 28, 28), np.uint8)), "5 images, .* has 6 labels"),
        ("train-labels-idx1-ubyte", idx(np.array([1, 2, 3, 4, 5, 10], np.uint8)), "label 10; there are 10 classes"),
        ("train-labels-idx1-ubyte", idx(np.zeros((6, 1), np.uint8)), r"labels \(N,\)"),
    ],
)
def test_damaged_mnist_files(tmp_path, name, content, text):
    write_mnist(tmp_path)
    path = tmp_path / "MNIST" / "raw" / name
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=text) as caught:
        datasets.MNIST(tmp_path)
    assert name in str(caught.value)
    assert path.read_bytes() == content, "nothing is overwritten"
    assert len(datasets.MNIST(tmp_path, train=False)) == 4


def test_damaged_packed_files(tmp_path):
    write_mnist(tmp_path, packed=True)
    path = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-6] ^= 1  # the checksum
    for content in (whole[:-5], whole[:20], b"nonsense", bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="delete it and download it again"):
            datasets.MNIST(tmp_path)


@pytest.mark.parametrize(("code", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
def test_read_idx_of_all_types(tmp_path, code, dtype):
    array = np.arange(-3, 3).astype(dtype).reshape(2, 3)
    path = tmp_path / "array"
    path.write_bytes(idx(array, code))
    got = read_idx(path)
    assert np.array_equal(got, array) and got.dtype.isnative and got.dtype.name == array.dtype.name
    for head in (b"\0\0\x0a\x01\0\0\0\0", b"\0\0\x08\x00", b"\0\0\x08\x09" + bytes(36), b"\0\x01\x08\x01\0\0\0\0"):
        path.write_bytes(head)
        with pytest.raises(DataFileError, match="no IDX file"):
            read_idx(path)


# ---- CIFAR


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("cls", [datasets.CIFAR10, datasets.CIFAR100])
def test_cifar(tmp_path, cls, protocol):
    made = write_cifar(tmp_path, cls, protocol=protocol)
    for train, names in ((True, cls.train_list), (False, cls.test_list)):
        data = cls(tmp_path, train=train)
        rows = np.concatenate([made[name][0] for name in names])
        assert len(data) == len(rows) and isinstance(data.data, np.ndarray) and data.data.dtype == np.uint8
        assert np.array_equal(data.data, rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        assert data.targets == [label for name in names for label in made[name][1]]
        image, label = data[-1]
        assert np.array_equal(np.asarray(image), data.data[-1]) and label == data.targets[-1]
        assert data.classes[7] == "kind 7" and data.class_to_idx["kind 7"] == 7
    assert "Dataset CIFAR10" in repr(data) and "Split: Test" in repr(data)


class Evil:
    def __reduce__(self):
        return os.system, ("echo evil",)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data": None}, "hold images"),
        ({"data": np.zeros((3, 3071), np.uint8)}, r"\(N, 3072\) of bytes, got \(3, 3071\)"),
        ({"data": np.zeros((3, 3072), np.float32)}, "of float32"),
        ({"data": np.zeros((2, 3072), np.uint8)}, "list of 2 labels"),
        ({"labels": (1, 2, 3)}, "list of 3 labels"),
        ({"labels": [1, 2, 10]}, "whole numbers from 0 to 9"),
        ({"labels": [1, 2, -1]}, "whole numbers from 0 to 9"),
        ({"labels": [1, 2, 3.0]}, "whole numbers from 0 to 9"),
        ({"data": Evil()}, "refused: the pickle holds the global '(posix|nt).system'"),
    ],
)
def test_damaged_and_hostile_batches(tmp_path, capfd, changes, text):
    write_cifar(tmp_path, datasets.CIFAR10, **changes)
    with pytest.raises(RuntimeError, match=text) as caught:
        datasets.CIFAR10(tmp_path)
    assert "data_batch_1" in str(caught.value) and "evil" not in capfd.readouterr().out


def test_other_damage_of_cifar_files(tmp_path):
    write_cifar(tmp_path, datasets.CIFAR10)
    folder = tmp_path / datasets.CIFAR10.base_folder
    batch, meta = folder / "data_batch_3", folder / "batches.meta"
    whole, names = batch.read_bytes(), meta.read_bytes()
    for content in (whole[:-100], whole[:10], b"", b"<html>", pickle.dumps([1]), pickle.dumps({"data": 1})):
        batch.write_bytes(content)
        with pytest.raises(DataFileError, match="data_batch_3"):
            datasets.CIFAR10(tmp_path)
        assert batch.read_bytes() == content
    batch.write_bytes(whole)
    for content in (names[:-5], pickle.dumps({"label_names": ["a"]}), pickle.dumps({"label_names": list(range(10))})):
        meta.write_bytes(content)
        with pytest.raises(DataFileError, match=r"batches\.meta"):
            datasets.CIFAR10(tmp_path)


# ---- images of noise, and the digits


def test_fake_data():
    data = datasets.FakeData(5, (3, 6, 7), num_classes=4, transform=transforms.ToTensor())
    assert len(data) == 5 and data[0][0].shape == (3, 6, 7) and data[0][0].max().item() <= 1
    assert torch.equal(data[3][0], data[3][0]) and not torch.equal(data[3][0], data[4][0])
    assert torch.equal(data[-1][0], data[4][0])
    labels = {datasets.FakeData(200, (1, 1, 1), 4)[i][1] for i in range(200)}
    assert labels == {0, 1, 2, 3} and type(data[0][1]) is int
    other = datasets.FakeData(5, (3, 6, 7), 4, transforms.ToTensor(), random_offset=1)
    assert not torch.equal(other[3][0], data[3][0])
    for index in (5, -6):
        with pytest.raises(IndexError, match="out of range"):
            data[index]
    assert datasets.FakeData(2, (1, 4, 4), target_transform=lambda t: "label")[0][1] == "label"
    assert len(list(data)) == 5 and "FakeData" in repr(data)


def test_digits():
    train, test = datasets.Digits(), datasets.Digits(train=False)
    assert len(train) == 1438 and len(test) == 359
    assert train.data.shape == (1438, 8, 8) and train.data.dtype is torch.uint8 and train.targets.dtype is torch.int64
    assert train.data.max().item() == 16 and test.data.min().item() == 0
    counts = [np.bincount(part.targets.numpy()) for part in (train, test)]
    # published: 178 182 177 183 181 182 181 179 174 180
    assert (counts[0] + counts[1]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (np.abs(counts[1] / counts[0] - 0.25) < 0.01).all()
    both = {image.tobytes() for image in train.data.numpy()} & {image.tobytes() for image in test.data.numpy()}
    assert not both, "no image is in both parts"
    image, label = train[0]
    assert np.array_equal(np.asarray(image), np.rint(train.data[0].numpy() * (255 / 16))) and label == 0
    assert train.classes == [str(i) for i in range(10)] and train.root is None
    assert str(train) == "Dataset Digits\n    Number of datapoints: 1438\n    Split: Train"


def test_digits_can_be_told_apart():
    """Real images: the nearest of the training images has the right label nearly always."""
    train, test = datasets.Digits(), datasets.Digits(train=False)
    a, b = (part.data.numpy().reshape(-1, 64).astype(np.float32) for part in (test, train))
    distances = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    right = train.targets.numpy()[distances.argmin(1)] == test.targets.numpy()
    assert right.mean() > 0.97


# ---- batches


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_gives_the_same_in_batches_and_image_by_image(tmp_path, workers):
    write_mnist(tmp_path)
    write_cifar(tmp_path, datasets.CIFAR10)
    quick = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    slow = transforms.Compose([quick, transforms.Lambda(lambda x: x)])
    for cls in (datasets.MNIST, datasets.CIFAR10):
        for wrapped in (lambda data: data, lambda data: Subset(data, [4, 1, 5])):
            fast, single = (
                list(DataLoader(wrapped(cls(tmp_path, transform=t)), 4, num_workers=workers)) for t in (quick, slow)
            )
            for (images, labels), (expected, targets) in zip(fast, single):
                assert torch.equal(images, expected) and torch.equal(labels, targets)
                assert labels.dtype is torch.int64 and images.is_contiguous()


def test_target_transform_in_batches(tmp_path):
    write_mnist(tmp_path)
    data = datasets.MNIST(tmp_path, transform=transforms.ToTensor(), target_transform=lambda t: float(t) / 2)
    labels = [y for _, y in DataLoader(data, 4)]
    assert labels[0].dtype is torch.float64 and labels[0].tolist() == [0, 0.5, 1, 1.5]


def test_a_subclass_with_its_own_samples_is_asked_for_them(tmp_path):
    write_mnist(tmp_path)

    class Indexed(datasets.MNIST):
        raw_folder = property(lambda self: os.path.join(self.root, "MNIST", "raw"))

        def __getitem__(self, index):
            return *super().__getitem__(index), index

    batch = next(iter(DataLoader(Indexed(tmp_path, transform=transforms.ToTensor()), 3)))
    assert len(batch) == 3 and batch[2].tolist() == [0, 1, 2]


def test_images_without_a_transform_cannot_be_batched(tmp_path):
    pytest.importorskip("PIL")
    write_mnist(tmp_path)
    with pytest.raises(TypeError, match=r"PIL.*transform=transforms\.ToTensor\(\)"):
        next(iter(DataLoader(datasets.MNIST(tmp_path), 2)))
