"""Kernels of softmax and normalisation against the portable primitives, as in :mod:`tests.test_cuda_kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cupy_stand_in import counted

import minitorch
from minitorch.backend import primitives
from minitorch.backend.cuda import launching, teams
from minitorch.backend.primitives import normalization
from tests.test_cuda_kernels import compare, needs_compiler, on_device


def test_both_sides_keep_as_many_elements() -> None:
    assert f"const int KEPT = {teams.KEPT};" in launching.code_of("softmax.cu")


# ---- softmax

SOFTMAXES = [
    # shape, axis: rows side by side by parts of warps, warps, blocks, large blocks; rows that lie apart
    ((1, 1), 1), ((1,), 0), ((5, 1), 1), ((1, 5), 1), ((300, 3), 1), ((7, 10), 1), ((5, 33), 1), ((4, 256), 1),
    ((3, 257), 1), ((2, 3, 300), 2), ((1, 2500), 1), ((2, 9001), 1),
    ((1, 40), 0), ((40, 1), 0), ((6, 5), 0), ((100, 70), 0), ((3, 4, 5), 1), ((2, 200, 3), 1), ((2, 1, 33), 1),
]  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("row", SOFTMAXES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax(stand_in: Any, row: tuple, dtype: str) -> None:
    shape, axis = row
    rng = np.random.default_rng(10)
    x, g = (rng.standard_normal((2, *shape)) * 5).astype(dtype)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for forward, backward in (
        (primitives.softmax_forward, primitives.softmax_backward),
        (primitives.log_softmax_forward, primitives.log_softmax_backward),
    ):
        y = compare(stand_in, forward, x, axis, tolerance=tolerance)
        compare(stand_in, backward, g, y.get(), axis, tolerance=tolerance)


@needs_compiler
@pytest.mark.parametrize("length", [4, 300, 3000])
def test_softmax_of_infinities_and_nan(stand_in: Any, length: int) -> None:
    """Wherever they are; rows beside them know nothing of it."""
    rng = np.random.default_rng(11)
    for places in ([0], [length - 1], [0, length - 1], range(length)):
        x = rng.standard_normal((6, length))
        for row, value in enumerate((np.nan, np.inf, -np.inf)):
            x[2 * row, list(places)] = value
        x[5] = 1e300  # no difference between these
        for function in (primitives.softmax_forward, primitives.log_softmax_forward):
            with np.errstate(invalid="ignore"):
                compare(stand_in, function, x, 1)
                if length < 1000:  # longer ones that lie apart are left alone
                    compare(stand_in, function, np.ascontiguousarray(x.T), 0)


@needs_compiler
def test_softmax_of_views_of_any_shape(stand_in: Any) -> None:
    rng = np.random.default_rng(12)
    for _ in range(30):
        shape = tuple(rng.integers(1, 20, rng.integers(1, 5)).tolist())
        axis, turn = int(rng.integers(len(shape))), rng.permutation(len(shape)).tolist()
        x, g = rng.standard_normal(shape), rng.standard_normal((shape[turn[0]], *[1] * (len(shape) - 1)))
        view = stand_in.asarray(x).transpose(turn)
        slope = stand_in.broadcast_to(stand_in.asarray(g), view.shape)
        x, g = x.transpose(turn), np.broadcast_to(g, view.shape)
        expected, found = primitives.log_softmax_forward.portable(x, axis), primitives.log_softmax_forward(view, axis)
        np.testing.assert_allclose(found.get(), expected, rtol=1e-12, atol=1e-12)
        expected = primitives.log_softmax_backward.portable(g, expected, axis)
        found = primitives.log_softmax_backward(slope, found, axis)
        np.testing.assert_allclose(found.get(), expected, rtol=1e-12, atol=1e-12)


MASKED = [
    # scores; mask or what is hidden, broadcast to them
    ((4, 5), (5,)), ((2, 3, 7), (3, 7)), ((2, 3, 7), (2, 1, 7)), ((2, 3, 4, 40), (2, 1, 1, 40)), ((2, 3, 4, 9), (4, 1)),
    ((2, 3, 4, 300), (3, 1, 300)), ((1, 2, 3, 2500), (3, 2500)), ((2, 1, 3, 2, 5), (2, 1, 3, 2, 5)), ((7, 3), (1, 1)),
    ((2, 3, 1, 2, 5), (1, 2, 5)),
]  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("row", MASKED, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masked_softmax(stand_in: Any, row: tuple, dtype: str) -> None:
    shape, own = row
    rng = np.random.default_rng(20)
    scores, mask = rng.standard_normal(shape).astype(dtype), rng.standard_normal(own).astype(dtype)
    hidden = rng.random(own) < 0.4
    mask[hidden] = -np.inf
    scores[0, ..., :1] = scores[-1, ..., -1:] = np.nan
    for given in ((None, None), (mask, None), (None, hidden), (mask, hidden), (np.full_like(mask, -np.inf), None)):
        for zeros in (True, False):
            with np.errstate(invalid="ignore"):
                compare(stand_in, primitives.masked_softmax, scores, 0.7, *given, zeros, tolerance=1e-6)


def test_masks_that_the_kernel_does_not_know(stand_in: Any) -> None:
    scores, mask = np.random.default_rng(21).standard_normal((2, 3, 2, 2, 4)), np.ones((3, 1, 1, 4))
    with counted() as counts:
        found = primitives.masked_softmax(stand_in.asarray(scores), 1.0, stand_in.asarray(mask), None, True)
    assert not any(name.startswith("kernel") for name in counts.by_name)
    np.testing.assert_allclose(found.get(), primitives.masked_softmax.portable(scores, 1.0, mask, None, True))


@pytest.mark.parametrize(
    "shape, axis, dtype",
    [((6, 5), 1, "float16"), ((2, 70000), 1, "float32"), ((2000, 3), 0, "float64")],
    ids=["half precision", "few long rows", "few long rows apart"],
)
def test_softmax_leaves_what_array_calls_do_better(stand_in: Any, shape: tuple, axis: int, dtype: str) -> None:
    x = np.random.default_rng(13).standard_normal(shape).astype(dtype)
    with counted() as counts:
        found = primitives.softmax_forward(stand_in.asarray(x), axis)
    assert not any(name.startswith("kernel") for name in counts.by_name)
    np.testing.assert_allclose(found.get(), primitives.softmax_forward.portable(x, axis), rtol=1e-6)


# ---- normalisation


def layout_of(kind: str, shape: tuple) -> normalization.Layout:
    if kind == "batch":
        return normalization.layout_of(shape, (0, 2), (1, shape[1], 1))
    if kind == "instance":
        return normalization.layout_of(shape, (2,), (1, shape[1], 1))
    if kind == "group":
        return normalization.layout_of(shape, (2, 3), (1, *shape[1:3], 1))
    return normalization.layout_of(shape, (1,), (1, shape[1]), kind == "layer")


NORMS = [
    # rows side by side by parts of warps, warps, blocks, large blocks; channels whose elements lie apart
    ("layer", (1, 1)), ("layer", (1, 5)), ("layer", (300, 3)), ("layer", (70, 33)), ("layer", (9, 257)),
    ("layer", (2, 2500)), ("layer", (2, 9001)), ("layer", (700, 40)), ("layer", (2500, 3)), ("layer", (300, 300)),
    ("rms", (1, 7)), ("rms", (40, 64)), ("rms", (3, 3000)),
    ("group", (1, 1, 1, 4)), ("group", (3, 2, 4, 1)), ("group", (2, 3, 2, 35)), ("group", (2, 2, 3, 900)),
    ("group", (20, 1, 5, 33)),
    ("instance", (2, 3, 4)), ("instance", (3, 40, 50)), ("instance", (1, 2, 2600)),
    ("batch", (5, 3, 1)), ("batch", (1, 40, 2)), ("batch", (200, 70, 1)), ("batch", (4, 3, 8)), ("batch", (3, 5, 49)),
    ("batch", (33, 3, 300)), ("batch", (2, 1, 5000)), ("batch", (600, 2, 9)),
]  # fmt: skip


def compare_norm(cupy: Any, kind: str, shape: tuple, dtype: str, affine: str, rng: Any) -> None:
    layout = layout_of(kind, shape)
    x, g = ((rng.standard_normal((2, *shape)) + 3) * 2).astype(dtype)
    weight, bias = rng.standard_normal((2, *layout.affine)).astype(dtype)
    weight, bias = weight if "w" in affine else None, bias if "b" in affine else None
    tolerance = 2e-4 if dtype == "float32" else 1e-10
    compare(
        cupy, normalization.standardize, x, weight, bias, layout, 1e-3, tolerance=tolerance,
        launches=1 + (kind == "batch"),
    )  # fmt: skip
    _, mean, _, invstd = normalization.standardize.portable(x, weight, bias, layout, 1e-3)
    expected = normalization.standardize_grad.portable(g, x, weight, mean, invstd, layout)
    arrays = [on_device(cupy, a) for a in (g, x, weight, mean, invstd)]
    with counted() as counts:
        found = normalization.standardize_grad(*arrays, layout)
    assert counts.syncs == counts.uploads == 0, counts
    assert counts.launches <= (
        2 if kind == "batch" else 1 if weight is None else 2 if kind in ("layer", "rms") and shape[1] < 2000 else 3
    ), counts
    assert all(name.startswith("kernel ") or name == "sum" for name in counts.by_name), counts
    np.testing.assert_allclose(found[0].get(), expected[0], rtol=tolerance, atol=tolerance)
    assert (found[1] is None) == (found[2] is None) == (weight is None)
    if weight is not None:
        x_hat = ((x if mean is None else x - mean) * invstd).astype(np.float64)
        for ours, slope in zip(found[1:], (g * x_hat, g.astype(np.float64))):
            theirs = slope.sum(axis=layout.affine_axes, keepdims=True)
            assert ours.dtype == dtype and ours.shape == layout.affine
            np.testing.assert_allclose(ours.get(), theirs, rtol=tolerance, atol=tolerance * abs(slope).max() * 9)


@needs_compiler
@pytest.mark.parametrize("row", NORMS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalisation(stand_in: Any, row: tuple, dtype: str) -> None:
    rng = np.random.default_rng(14)
    for affine in ("wb", "b") if row[0] != "rms" else ("w", ""):
        compare_norm(stand_in, *row, dtype, affine, rng)


@needs_compiler
def test_normalisation_of_any_shape(stand_in: Any) -> None:
    rng = np.random.default_rng(15)
    for _ in range(60):
        kind = str(rng.choice(["layer", "rms", "group", "instance", "batch"]))
        ndim = {"layer": 2, "rms": 2, "group": 4}.get(kind, 3)
        shape = tuple(np.maximum(1, rng.exponential(9, ndim)).astype(int).tolist())
        compare_norm(stand_in, kind, shape, "float64", str(rng.choice(["", "w", "b", "wb"])), rng)


@needs_compiler
@pytest.mark.parametrize("row", [("layer", (6, 3000)), ("batch", (9, 3, 300)), ("batch", (90, 3, 1))], ids=str)
def test_normalisation_of_large_means_and_of_nan(stand_in: Any, row: tuple) -> None:
    """The variance is that of differences from the mean; NaN stays in its row or channel."""
    layout = layout_of(*row)
    x = np.random.default_rng(16).standard_normal(row[1]) + 1e6
    compare(stand_in, normalization.standardize, x, None, None, layout, 1e-5, tolerance=1e-8, launches=2)
    x[0, 1] = np.nan
    compare(stand_in, normalization.standardize, x, None, None, layout, 1e-5, tolerance=1e-8, launches=2)


@needs_compiler
@pytest.mark.parametrize("shape", [(5, 3, 1), (1, 40, 2), (3, 5, 49), (2, 1, 5000), (200, 70, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalisation_by_given_statistics(stand_in: Any, shape: tuple, dtype: str) -> None:
    rng = np.random.default_rng(17)
    x = rng.standard_normal(shape).astype(dtype)
    mean, weight, bias = rng.standard_normal((3, 1, shape[1], 1)).astype(dtype)
    var = (weight * weight).astype(dtype)
    for w, b in ((weight, bias), (None, bias), (weight, None), (None, None)):
        compare(stand_in, normalization.standardize_by, x, mean, var, w, b, 1e-3, tolerance=1e-5)
    given = stand_in.asarray(mean)
    used = normalization.standardize_by(stand_in.asarray(x), given, stand_in.asarray(var), None, None, 1e-3)[1]
    given += 1
    np.testing.assert_array_equal(used.get(), mean)


@needs_compiler
@pytest.mark.parametrize("channels", [1, 3, 700])
@pytest.mark.parametrize("missing", [(), (0,), (1,), (0, 1)], ids=str)
def test_running_statistics(stand_in: Any, channels: int, missing: tuple) -> None:
    mean, var, *running = np.random.default_rng(18).standard_normal((4, channels))
    running = [None if i in missing else a for i, a in enumerate(running)]
    device = [on_device(stand_in, a) for a in running]
    with counted() as counts:
        normalization.move_statistics(
            *(stand_in.asarray(a).reshape(1, -1, 1) for a in (mean, var)), *device, 0.3, 8 / 7
        )
    assert counts.launches == (len(missing) < 2)
    normalization.move_statistics.portable(mean, var, *running, 0.3, 8 / 7)
    for a, b in zip(device, running):
        if b is not None:
            np.testing.assert_allclose(a.get(), b, rtol=1e-13)


def test_normalisation_leaves_what_it_cannot_take(stand_in: Any) -> None:
    rng = np.random.default_rng(19)
    for kind, shape, dtype in (
        ("layer", (6, 5), "float16"),
        ("layer", (2, 70000), "float32"),
        ("layer", (0, 4), "float32"),
        ("batch", (0, 4, 3), "float32"),
        ("batch", (2, 4, 0), "float64"),
    ):
        x, layout = rng.standard_normal(shape).astype(dtype), layout_of(kind, shape)
        with counted() as counts, np.errstate(all="ignore"):
            found = normalization.standardize(stand_in.asarray(x), None, None, layout, 1e-5)
            expected = normalization.standardize.portable(x, None, None, layout, 1e-5)
            slopes = normalization.standardize_grad(found[0], stand_in.asarray(x), None, *found[1::2], layout)
        assert not any(name.startswith("kernel") for name in counts.by_name)
        for a, b in zip(found, expected):
            np.testing.assert_allclose(a.get(), b, rtol=1e-3, atol=1e-3)
        assert slopes[0].shape == shape


# ---- what functions on tensors start

LAUNCHES = {
    # forward, backward: the kernels; parts of the gradients of weight and bias are joined by one more
    "batch norm": (lambda F, x, w, b: F.batch_norm(x, w.detach() * 0, b.detach() * 0 + 1, w, b, True), 3 + 3, 2),
    "batch norm, evaluation": (lambda F, x, w, b: F.batch_norm(x, w.detach(), b.detach() ** 2, w, b), 1 + 1, 7),
    "layer norm": (lambda F, x, w, b: F.layer_norm(x, (8,), w, b), 1, 2),
    "root mean square norm": (lambda F, x, w, b: F.rms_norm(x, (8,), w), 1, 2),
    "group norm": (lambda F, x, w, b: F.group_norm(x, 2, w, b), 1, 2),
    "instance norm": (lambda F, x, w, b: F.instance_norm(x, weight=w, bias=b), 1, 2),
    "softmax": (lambda F, x, w, b: F.softmax(x, -1), 1, 1),
    "log-softmax over channels": (lambda F, x, w, b: F.log_softmax(x, 1), 1, 1),
}


@needs_compiler
@pytest.mark.parametrize("name", LAUNCHES)
def test_launches(stand_in: Any, name: str) -> None:
    function, forward, backward = LAUNCHES[name]
    x, w, b, g = (minitorch.rand(*shape, device="cuda") for shape in ((4, 8, 8), (8,), (8,), (4, 8, 8)))
    inputs = [tensor.requires_grad_() for tensor in (x, w, b)]
    with counted() as counts:
        out = function(minitorch.nn.functional, *inputs)
    assert (counts.launches, counts.syncs, counts.uploads) == (forward, 0, 0), counts.by_name
    with counted() as counts:
        minitorch.autograd.grad(out, inputs, g, allow_unused=True)
    assert (counts.launches, counts.syncs, counts.uploads) == (backward, 0, 0), counts.by_name
