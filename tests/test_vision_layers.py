"""Resizing and rearranging of images as functions and as layers: against PyTorch, by differences, what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X1, X2, X3 = floats(2, 3, 5), floats(2, 2, 4, 3), floats(1, 2, 3, 2, 4)
BYTES = np.arange(48, dtype=np.uint8).reshape(1, 3, 4, 4)


def f(library):
    return library.nn.functional


def resized(**options):
    return lambda t, x: f(t).interpolate(x, **options)


ROWS = {
    "nearest 1d": (resized(size=8), X1),
    "nearest 2d": (resized(size=(6, 7)), X2),
    "nearest 2d smaller": (resized(size=(3, 2)), X2),
    "nearest 2d scale": (resized(scale_factor=2), X2),
    "nearest 2d scales": (resized(scale_factor=(2, 3)), X2),
    "nearest 2d odd scale": (resized(scale_factor=1.7), X2),
    "nearest 2d list": (resized(scale_factor=[1.5, 0.6]), X2),
    "nearest 2d recomputed": (resized(scale_factor=1.7, recompute_scale_factor=True), X2),
    "nearest 3d": (resized(scale_factor=2), X3),
    "nearest 3d size": (resized(size=(4, 5, 2)), X3),
    "nearest bytes": (resized(scale_factor=2), BYTES),
    "nearest-exact 1d": (resized(size=8, mode="nearest-exact"), X1),
    "nearest-exact 2d": (resized(scale_factor=(1.7, 0.6), mode="nearest-exact"), X2),
    "nearest-exact 2d scale": (resized(scale_factor=3, mode="nearest-exact"), X2),
    "linear": (resized(size=9, mode="linear"), X1),
    "linear smaller": (resized(size=3, mode="linear"), X1),
    "linear corners": (resized(size=9, mode="linear", align_corners=True), X1),
    "linear one with corners": (resized(size=1, mode="linear", align_corners=True), X1),
    "bilinear": (resized(size=(7, 5), mode="bilinear"), X2),
    "bilinear corners": (resized(size=(7, 5), mode="bilinear", align_corners=True), X2),
    "bilinear scale": (resized(scale_factor=2, mode="bilinear"), X2),
    "bilinear odd scale": (resized(scale_factor=1.3, mode="bilinear", align_corners=False), X2),
    "bilinear odd scale with corners": (resized(scale_factor=1.7, mode="bilinear", align_corners=True), X2),
    "bilinear odd scale recomputed": (resized(scale_factor=1.3, mode="bilinear", recompute_scale_factor=True), X2),
    "bilinear same size": (resized(size=(4, 3), mode="bilinear"), X2),
    "bicubic": (resized(size=(7, 5), mode="bicubic"), X2),
    "bicubic corners": (resized(size=(7, 5), mode="bicubic", align_corners=True), X2),
    "bicubic scale": (resized(scale_factor=(1.6, 0.7), mode="bicubic"), X2),
    "trilinear": (resized(size=(4, 4, 3), mode="trilinear"), X3),
    "trilinear corners": (resized(scale_factor=2, mode="trilinear", align_corners=True), X3),
    "area 1d": (resized(size=3, mode="area"), X1),
    "area 2d": (resized(scale_factor=0.5, mode="area"), X2),
    "area 3d": (resized(size=(2, 3, 3), mode="area"), X3),
    "no images": (lambda t, x: f(t).interpolate(x[:0], scale_factor=2, mode="bilinear"), X2),
    "of strided": (
        lambda t, x: tuple(f(t).interpolate(x.mT[:, ::2], size=5, mode=m) for m in ("nearest", "bilinear")),
        X2,
    ),
    "of expanded": (lambda t, x: f(t).interpolate(x[:1].expand(3, 2, 4, 3), scale_factor=2), X2),
    "upsample": (lambda t, x: f(t).upsample(x, scale_factor=2, mode="bilinear"), X2),
    "upsample_nearest": (lambda t, x: f(t).upsample_nearest(x, scale_factor=2), X2),
    "upsample_bilinear": (lambda t, x: f(t).upsample_bilinear(x, size=(6, 5)), X2),
    "pixel_shuffle": (
        lambda t, x: (f(t).pixel_shuffle(x, 2), t.pixel_shuffle(x[0], upscale_factor=2)),
        floats(2, 8, 2, 3),
    ),
    "pixel_shuffle batches": (lambda t, x: f(t).pixel_shuffle(x, 3), floats(2, 1, 9, 2, 1)),
    "pixel_unshuffle": (lambda t, x: (f(t).pixel_unshuffle(x, 2), t.pixel_unshuffle(x[0], 2)), floats(2, 3, 4, 6)),
    "channel_shuffle": (lambda t, x: (f(t).channel_shuffle(x, 3), t.channel_shuffle(x, 2)), floats(2, 6, 2, 3)),
    "channel_shuffle 1d": (lambda t, x: f(t).channel_shuffle(x, groups=2), floats(2, 4, 3)),
}


def quiet(function):
    """Without PyTorch's words about old names and scales."""
    return pytest.mark.filterwarnings("ignore::UserWarning")(function)


@quiet
@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@quiet
@pytest.mark.parametrize("name", [name for name in ROWS if "bytes" not in name])
def test_derivatives(name):
    check_derivatives(*ROWS[name])


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_reads_the_same_elements(mode):
    """PyTorch's rounding of positions, for all small sizes and many factors."""
    torch = pytest.importorskip("torch")
    for n, m in itertools.product(range(1, 24), range(1, 40)):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, n)
        ours = f(minitorch).interpolate(minitorch.tensor(x), size=m, mode=mode).numpy()
        np.testing.assert_array_equal(ours, f(torch).interpolate(torch.tensor(x), size=m, mode=mode).numpy())
    for n, scale in itertools.product(range(2, 30), (0.3, 0.7, 1.1, 1.25, 1.3, 1.9, 2.4, 3.3)):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, n)
        if int(n * scale):
            ours = f(minitorch).interpolate(minitorch.tensor(x), scale_factor=scale, mode=mode).numpy()
            theirs = f(torch).interpolate(torch.tensor(x), scale_factor=scale, mode=mode).numpy()
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_other_dtypes(mode, dtype):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x = library.tensor(X2.astype(dtype), requires_grad=True)
        y = f(library).interpolate(x, size=(7, 5), mode=mode)
        y.backward(library.ones_like(y))
        results.append((y.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*results):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, atol=1e-2 if dtype == "float16" else 1e-5, rtol=0)


REFUSED = {
    "no size": (resized(), X2),
    "size and scale": (resized(size=3, scale_factor=2), X2),
    "number of sizes": (resized(size=(3, 4, 5)), X2),
    "number of scales": (resized(scale_factor=(2, 2, 2)), X2),
    "mode": (resized(size=3, mode="cubic"), X2),
    "corners of nearest": (resized(size=3, align_corners=True), X2),
    "linear of images": (resized(size=3, mode="linear"), X2),
    "bilinear of rows": (resized(size=3, mode="bilinear"), X1),
    "dimensions": (lambda t, x: f(t).interpolate(x[0, 0], size=3), X2),
    "size 0": (resized(size=0), X2),
    "integers": (lambda t, x: f(t).interpolate(x.long(), size=3), X2),
    "bilinear integers": (lambda t, x: f(t).interpolate(x.long(), size=3, mode="bilinear"), X2),
    "recompute without scale": (resized(size=3, recompute_scale_factor=True), X2),
    "a list": (lambda t: f(t).pixel_shuffle([1.0], 1),),
    "pixel_shuffle channels": (lambda t, x: f(t).pixel_shuffle(x, 2), X2),
    "pixel_shuffle factor": (lambda t, x: f(t).pixel_shuffle(x, 0), X2),
    "pixel_shuffle dimensions": (lambda t, x: f(t).pixel_shuffle(x[0, 0], 1), X2),
    "pixel_unshuffle size": (lambda t, x: f(t).pixel_unshuffle(x, 2), X2),
    "pixel_unshuffle factor": (lambda t, x: f(t).pixel_unshuffle(x, -1), X2),
    "channel_shuffle groups": (lambda t, x: f(t).channel_shuffle(x, 3), X2),
    "channel_shuffle dimensions": (lambda t, x: f(t).channel_shuffle(x[0, 0], 1), X2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


LAYERS = {
    "Upsample": (lambda t: t.nn.Upsample(scale_factor=2), X2),
    "Upsample size": (lambda t: t.nn.Upsample((5, 6), mode="bilinear", align_corners=True), X2),
    "Upsample scales": (lambda t: t.nn.Upsample(scale_factor=(2, 3), mode="bicubic"), X2),
    "Upsample recomputed": (lambda t: t.nn.Upsample(scale_factor=1.3, mode="linear", recompute_scale_factor=True), X1),
    "UpsamplingNearest2d": (lambda t: t.nn.UpsamplingNearest2d(scale_factor=2), X2),
    "UpsamplingBilinear2d": (lambda t: t.nn.UpsamplingBilinear2d(size=(5, 6)), X2),
    "PixelShuffle": (lambda t: t.nn.PixelShuffle(2), floats(2, 8, 2, 3)),
    "PixelUnshuffle": (lambda t: t.nn.PixelUnshuffle(2), floats(2, 3, 4, 6)),
    "ChannelShuffle": (lambda t: t.nn.ChannelShuffle(2), floats(2, 4, 3)),
}


@quiet
@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs, tolerance=1e-11)
