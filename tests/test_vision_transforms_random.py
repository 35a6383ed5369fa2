"""Random transforms: what they may give, how often, that a seed repeats it; transforms of whole batches."""

import copy

import numpy as np
import pytest

import minitorch as torch
from minitorch.utils.data import DataLoader
from minitorch.vision import datasets
from minitorch.vision import transforms as T
from minitorch.vision.transforms import functional as F
from minitorch.vision.transforms.batches import batch_plan

IMAGE = np.random.default_rng(5).integers(0, 256, (12, 16, 3), np.uint8)
TENSOR = torch.from_numpy(IMAGE.transpose(2, 0, 1).copy())

RANDOM = {
    "crop": T.RandomCrop(7, padding=2),
    "flip": T.RandomHorizontalFlip(),
    "vertical flip": T.RandomVerticalFlip(),
    "resized crop": T.RandomResizedCrop(8),
    "rotation": T.RandomRotation(40),
    "erasing": T.RandomErasing(0.9, value="random"),
    "jitter": T.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "grayscale": T.RandomGrayscale(0.5),
    "apply": T.RandomApply([T.Pad(1), T.CenterCrop(10)], 0.5),
    "choice": T.RandomChoice([T.Pad(1), T.CenterCrop(10), T.Resize(4)]),
    "order": T.RandomOrder([T.Pad(2), T.CenterCrop(14), T.Resize(9)]),
}


def seeded(seed, function):
    torch.manual_seed(seed)
    return function()


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("kind", ["tensor", "array", "pil"])
def test_a_seed_repeats_what_is_drawn(name, kind):
    transform, image = RANDOM[name], {"tensor": TENSOR.float() / 255, "array": IMAGE}.get(kind)
    if name == "erasing" and kind != "tensor":
        pytest.skip("erases tensors only")
    if image is None:
        image = pytest.importorskip("PIL.Image").fromarray(IMAGE)

    def draw():
        return [np.asarray(transform(image)).tobytes() for _ in range(12)]

    first = seeded(3, draw)
    assert seeded(3, draw) == first and len(set(first)) > 1
    assert seeded(4, draw) != first
    after = seeded(3, lambda: (draw(), torch.rand(1).item())[1])
    assert after == seeded(3, lambda: (draw(), torch.rand(1).item())[1])


@pytest.mark.parametrize("cls", [T.RandomHorizontalFlip, T.RandomVerticalFlip, T.RandomGrayscale])
def test_probabilities(cls):
    torch.manual_seed(0)
    always, never, sometimes = cls(1.0), cls(0.0), cls(0.25)
    assert not torch.equal(always(TENSOR), TENSOR) and torch.equal(never(TENSOR), TENSOR)
    changed = sum(not torch.equal(sometimes(TENSOR), TENSOR) for _ in range(400))
    assert 60 < changed < 140  # 100 expected, the standard deviation is 8.7


def test_random_crop_visits_every_place():
    torch.manual_seed(0)
    where = torch.arange(20).reshape(1, 4, 5)
    corners = {T.RandomCrop((3, 2))(where)[0, 0, 0].item() for _ in range(300)}
    assert corners == {0, 1, 2, 3, 5, 6, 7, 8}
    assert T.RandomCrop.get_params(where, (4, 5)) == (0, 0, 4, 5)
    with pytest.raises(ValueError, match=r"\(5, 5\) is larger than input image size \(4, 5\); .*pad_if_needed"):
        T.RandomCrop(5)(where)
    wide = T.RandomCrop(9, pad_if_needed=True, fill=-1)(where)
    assert wide.shape == (1, 9, 9) and wide.max().item() == 19


def test_random_resized_crop_keeps_its_bounds():
    torch.manual_seed(0)
    for _ in range(100):
        top, left, height, width = T.RandomResizedCrop.get_params(TENSOR, (0.2, 0.5), (0.5, 2.0))
        assert 0 <= top <= 12 - height and 0 <= left <= 16 - width
        assert 0.15 < height * width / 192 < 0.6 and 0.4 < width / height < 2.5
    # no part fits: the middle, of a ratio as near as can be
    narrow = torch.zeros(1, 100, 2)
    assert T.RandomResizedCrop.get_params(narrow, (0.9, 1.0), (1.0, 1.0)) == (49, 0, 2, 2)
    assert T.RandomResizedCrop.get_params(narrow.mT, (0.9, 1.0), (1.0, 1.0)) == (0, 49, 2, 2)
    assert T.RandomResizedCrop((3, 5))(TENSOR).shape == (3, 3, 5)
    for kwargs, error in (
        ({"scale": (1, 0.5)}, ValueError),
        ({"ratio": (2, 1)}, ValueError),
        ({"scale": 1}, TypeError),
    ):
        with pytest.raises(error):
            T.RandomResizedCrop(3, **kwargs)
    with pytest.raises(ValueError, match="two dimensions"):
        T.RandomResizedCrop((1, 2, 3))


def test_random_rotation():
    torch.manual_seed(0)
    angles = [T.RandomRotation.get_params([-30.0, 10.0]) for _ in range(300)]
    assert -30 <= min(angles) < -28 and 8 < max(angles) <= 10
    assert T.RandomRotation((5, 6)).degrees == [5.0, 6.0]
    assert torch.equal(T.RandomRotation((90, 90), expand=True)(TENSOR), F.rotate(TENSOR, 90, expand=True))
    for args, text in (((-1,), "must be positive"), (((1, 2, 3),), "length 2"), ((3, 0, False, (1,)), "length 2")):
        with pytest.raises(ValueError, match=text):
            T.RandomRotation(*args)


def test_random_erasing():
    torch.manual_seed(0)
    image = torch.ones(3, 20, 20)
    for value, expected in ((0, [0, 0, 0]), (0.5, [0.5] * 3), ((0.1, 0.2, 0.3), [0.1, 0.2, 0.3])):
        out = T.RandomErasing(1.0, scale=(0.1, 0.3), value=value)(image)
        gone = (out != 1).numpy()
        assert gone[0].any() and (gone == gone[0]).all()
        rows, columns = np.flatnonzero(gone[0].any(1)), np.flatnonzero(gone[0].any(0))
        assert gone[0].sum() == len(rows) * len(columns), "a rectangle"
        assert 0.05 < gone[0].mean() < 0.4
        np.testing.assert_allclose(out.numpy()[:, rows[0], columns[0]], expected, rtol=1e-6)
    assert torch.equal(image, torch.ones(3, 20, 20))
    noisy = T.RandomErasing(1.0, value="random")(image).numpy()
    assert len(np.unique(noisy)) > 10
    changed = image.clone()
    assert T.RandomErasing(1.0, inplace=True)(changed) is changed and changed.min().item() == 0
    unfit = torch.ones(1, 1, 1)
    assert torch.equal(T.RandomErasing(1.0)(unfit), unfit)
    for kwargs, error in (
        ({"value": {}}, TypeError),
        ({"value": "noise"}, ValueError),
        ({"scale": (0.5, 0.1)}, ValueError),
        ({"scale": (0.5, 2)}, ValueError),
        ({"ratio": 1}, TypeError),
        ({"p": 2}, ValueError),
    ):
        with pytest.raises(error):
            T.RandomErasing(**kwargs)
    with pytest.raises(ValueError, match=r"3 \(number of input channels\), got 2"):
        T.RandomErasing(1.0, value=(1, 2))(image)
    for p in (0.0, 1.0):
        with pytest.raises(TypeError, match=r"put ToTensor\(\) before"):
            T.RandomErasing(p)(IMAGE)


def test_color_jitter_draws_each_factor_and_the_order():
    torch.manual_seed(0)
    jitter = T.ColorJitter(0.5, (0.9, 1.3), 0, 0.1)
    drawn = [
        T.ColorJitter.get_params(jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue) for _ in range(200)
    ]
    assert len({tuple(order) for order, *_ in drawn}) == 24
    brightness, contrast, saturation, hue = zip(*(factors for _, *factors in drawn))
    assert 0.5 <= min(brightness) < 0.55 and 1.45 < max(brightness) <= 1.5
    assert min(contrast) >= 0.9 and max(contrast) <= 1.3 and set(saturation) == {None}
    assert -0.1 <= min(hue) < 0 < max(hue) <= 0.1
    assert torch.equal(T.ColorJitter()(TENSOR), TENSOR)


def test_choices():
    torch.manual_seed(0)
    steps = [lambda x: x + "a", lambda x: x + "b", lambda x: x + "c"]
    assert {T.RandomChoice(steps)("") for _ in range(60)} == {"a", "b", "c"}
    assert {T.RandomChoice(steps, p=[1, 0, 3])("") for _ in range(60)} == {"a", "c"}
    assert {T.RandomOrder(steps)("") for _ in range(120)} == {"abc", "acb", "bac", "bca", "cab", "cba"}
    assert {T.RandomApply(steps, p=0.5)("") for _ in range(60)} == {"", "abc"}
    assert {T.RandomApply(steps, p=1)("") for _ in range(60)} == {"abc"}
    for p, error in (([1, 2], ValueError), ([0, 0, 0], ValueError), ([1, -1, 1], ValueError), (3, TypeError)):
        with pytest.raises(error):
            T.RandomChoice(steps, p=p)
    with pytest.raises(TypeError, match="sequence"):
        T.RandomOrder(3)
    assert "p=[1, 0, 3]" in repr(T.RandomChoice([T.Pad(1)] * 3, p=[1, 0, 3]))


# ---- whole batches at once

EXACT = {
    "to tensor": T.ToTensor(),
    "same bytes": T.PILToTensor(),
    "normalize": T.Compose([T.ToTensor(), T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))]),
    "in place": T.Compose([T.ToTensor(), T.Normalize(0.5, 0.2, inplace=True)]),
    "nested": T.Compose([T.Compose([T.CenterCrop(10)]), T.Compose([T.ToTensor(), T.Compose([T.Pad(2, 1)])])]),
    "cut": T.Compose([T.CenterCrop((20, 9)), T.ToTensor(), T.CenterCrop(5)]),
    "border": T.Compose([T.Pad((1, 2), padding_mode="reflect"), T.ToTensor(), T.Pad(1, padding_mode="edge")]),
    "dtype": T.Compose([T.PILToTensor(), T.ConvertImageDtype(torch.float64)]),
    "always flipped": T.Compose([T.RandomHorizontalFlip(1.0), T.ToTensor(), T.RandomVerticalFlip(1.0)]),
    "never flipped": T.Compose([T.RandomHorizontalFlip(0.0), T.ToTensor()]),
    "whole crop": T.Compose([T.RandomCrop((12, 16)), T.ToTensor()]),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("colour", [True, False])
def test_a_batch_is_what_single_images_are(name, colour):
    transform = EXACT[name]
    if not colour and "normalize" in name:
        transform = T.Compose([T.ToTensor(), T.Normalize(0.5, 0.2)])
    batch = np.random.default_rng(0).integers(0, 256, (6, 12, 16, *([3] if colour else [])), np.uint8)
    expected = torch.stack([transform(image) for image in batch.copy()])
    got = batch_plan(transform)(batch)
    assert got.dtype is expected.dtype and torch.equal(got, expected)


def test_random_batches_draw_for_each_image():
    torch.manual_seed(0)
    batch = np.broadcast_to(np.arange(30 * 40, dtype=np.int32).reshape(1, 30, 40), (200, 30, 40)).copy()
    single = T.Compose([T.RandomCrop((20, 20), padding=1), T.PILToTensor(), T.RandomHorizontalFlip()])
    out = batch_plan(single)(batch).numpy()[:, 0]
    assert out.shape == (200, 20, 20) and len({image.tobytes() for image in out}) > 100
    step = out[:, 10, 11] - out[:, 10, 10]
    assert set(step.tolist()) == {1, -1} and 60 < (step == 1).sum() < 140
    assert (out[:, 11, 10] - out[:, 10, 10] == 40).all()
    with pytest.raises(ValueError, match="larger than input image size"):
        batch_plan(T.Compose([T.RandomCrop(50), T.ToTensor()]))(batch)
    grown = T.Compose([T.RandomCrop((35, 41), pad_if_needed=True, fill=9), T.PILToTensor()])
    assert batch_plan(grown)(batch).shape == (200, 1, 35, 41)


class Own(T.ToTensor):
    def forward(self, img):
        return super().forward(img) * 2


@pytest.mark.parametrize(
    "transform",
    [
        None,
        T.CenterCrop(3),
        T.Compose([]),
        T.Compose([T.ToTensor(), T.Lambda(lambda x: x)]),
        T.Compose([T.ToTensor(), lambda x: x]),
        T.Compose([T.ToTensor(), T.ToTensor()]),
        T.Compose([T.Resize(5), T.ToTensor()]),
        T.Compose([T.Pad(1, fill=(1, 2, 3)), T.ToTensor()]),
        T.Compose([T.RandomCrop(3, padding=-1), T.ToTensor()]),
        Own(),
    ],
)
def test_what_has_no_rule_for_batches(transform):
    assert batch_plan(transform) is None


def test_a_transform_changed_by_hand_has_no_rule():
    changed = copy.copy(T.ToTensor())
    changed.forward = lambda img: 3
    assert batch_plan(changed) is None


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "transform",
    [
        T.Compose([T.RandomCrop(8, padding=2), T.RandomHorizontalFlip(), T.ToTensor()]),  # in batches
        T.Compose([T.ToTensor(), T.RandomRotation(20), T.RandomErasing()]),  # image by image
    ],
)
def test_loaders_repeat_random_transforms_by_seed(workers, transform):
    data = torch.utils.data.Subset(datasets.Digits(transform=transform), range(24))

    def run(num_workers=workers):
        return [images.numpy().tobytes() for images, _ in DataLoader(data, 8, True, num_workers=num_workers)]

    assert seeded(1, run) == seeded(1, run) != seeded(2, run)
    assert seeded(1, run) == seeded(1, lambda: run(0))
