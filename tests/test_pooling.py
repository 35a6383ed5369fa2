"""Pooling as function and as layer: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X1, X2, X3 = floats(2, 3, 9), floats(2, 3, 7, 6), floats(1, 2, 4, 5, 4)
INTS = np.arange(2 * 7 * 6).reshape(1, 2, 7, 6) * 7 % 11
NEGATIVE = -np.abs(X2)

MAX = {
    "1d": (lambda t, x: f(t).max_pool1d(x, 3), X1),
    "1d all arguments": (lambda t, x: f(t).max_pool1d(x, 3, 2, 1, 2, True, True), X1),
    "1d lists": (lambda t, x: f(t).max_pool1d(x, [2], stride=(3,), padding=[1], dilation=(2,)), X1),
    "1d unbatched": (lambda t, x: f(t).max_pool1d(x[0], 2, return_indices=True), X1),
    "2d": (lambda t, x: f(t).max_pool2d(x, 2), X2),
    "2d uneven": (lambda t, x: f(t).max_pool2d(x, (3, 2), (1, 2)), X2),
    "2d stride": (lambda t, x: f(t).max_pool2d(x, 2, stride=3), X2),
    "2d padding": (lambda t, x: f(t).max_pool2d(x, 3, 2, (1, 0)), X2),
    "2d padding of negatives": (lambda t, x: f(t).max_pool2d(x, 2, 2, 1), NEGATIVE),
    "2d dilation": (lambda t, x: f(t).max_pool2d(x, 2, 1, dilation=(2, 3)), X2),
    "2d ceil_mode": (lambda t, x: f(t).max_pool2d(x, 2, ceil_mode=True), X2),
    "2d ceil_mode drops a window": (lambda t, x: f(t).max_pool2d(x, 2, 3, 1, ceil_mode=True), X2),
    "2d indices": (lambda t, x: f(t).max_pool2d(x, 3, 2, 1, return_indices=True), X2),
    "2d everything": (lambda t, x: f(t).max_pool2d(x, (3, 2), (2, 1), (1, 1), (2, 1), True, True), X2),
    "2d empty stride": (lambda t, x: f(t).max_pool2d(x, 2, stride=[]), X2),
    "2d of transposed": (lambda t, x: f(t).max_pool2d(x.transpose(2, 3)[..., ::2], 2), X2),
    "2d of expanded": (lambda t, x: f(t).max_pool2d(x[:, :1].expand(2, 4, 7, 6), 2), X2),
    "2d unbatched": (lambda t, x: f(t).max_pool2d(x[0], 3, 2), X2),
    "2d no images": (lambda t, x: f(t).max_pool2d(x[:0], 2), X2),
    "2d ties": (lambda t, x: f(t).max_pool2d(x, 3, 2, 1, return_indices=True), np.round(X2)),
    "2d integers": (lambda t, x: f(t).max_pool2d(x, 3, 2, 1, return_indices=True), INTS),
    "2d with_indices": (lambda t, x: f(t).max_pool2d_with_indices(x, 2), X2),
    "3d": (lambda t, x: f(t).max_pool3d(x, 2), X3),
    "3d all arguments": (lambda t, x: f(t).max_pool3d(x, (2, 3, 2), (1, 2, 2), (1, 1, 0), (1, 2, 1), True, True), X3),
    "3d unbatched": (lambda t, x: f(t).max_pool3d(x[0], 2), X3),
    "torch.max_pool": (lambda t, x, y: (t.max_pool1d(x, 2), t.max_pool2d(y, 2)), X1, X2),
}
AVG = {
    "avg 1d": (lambda t, x: f(t).avg_pool1d(x, 3), X1),
    "avg 1d all arguments": (lambda t, x: f(t).avg_pool1d(x, 3, 2, 1, True, False), X1),
    "avg 1d lists": (lambda t, x: f(t).avg_pool1d(x, [2], stride=(3,), padding=[1]), X1),
    "avg 1d unbatched": (lambda t, x: f(t).avg_pool1d(x[0], 2), X1),
    "avg 2d": (lambda t, x: f(t).avg_pool2d(x, 2), X2),
    "avg 2d uneven": (lambda t, x: f(t).avg_pool2d(x, (3, 2), (1, 2)), X2),
    "avg 2d padding": (lambda t, x: f(t).avg_pool2d(x, 3, 2, (1, 0)), X2),
    "avg 2d padding not counted": (lambda t, x: f(t).avg_pool2d(x, 3, 2, 1, count_include_pad=False), X2),
    "avg 2d ceil_mode": (lambda t, x: f(t).avg_pool2d(x, 2, ceil_mode=True), X2),
    "avg 2d ceil_mode not counted": (lambda t, x: f(t).avg_pool2d(x, 3, 2, 1, True, False), X2),
    "avg 2d divisor": (lambda t, x: f(t).avg_pool2d(x, 2, divisor_override=3), X2),
    "avg 2d negative divisor": (lambda t, x: f(t).avg_pool2d(x, 2, 1, 1, True, True, -2), X2),
    "avg 2d of transposed": (lambda t, x: f(t).avg_pool2d(x.transpose(2, 3)[..., ::2], 2), X2),
    "avg 2d unbatched": (lambda t, x: f(t).avg_pool2d(x[0], 3, 2), X2),
    "avg 2d no images": (lambda t, x: f(t).avg_pool2d(x[:0], 2), X2),
    "avg 2d global": (lambda t, x: f(t).avg_pool2d(x, x.shape[2:]), X2),
    "avg 3d": (lambda t, x: f(t).avg_pool3d(x, 2), X3),
    "avg 3d all arguments": (lambda t, x: f(t).avg_pool3d(x, (2, 3, 2), (1, 2, 2), (1, 1, 0), True, False, 5), X3),
    "torch.avg_pool1d": (lambda t, x: t.avg_pool1d(x, 2), X1),
}
OTHER = {
    "lp 1d": (lambda t, x: f(t).lp_pool1d(x, 2, 3), X1),
    "lp 1d stride": (lambda t, x: f(t).lp_pool1d(x, 3.0, 3, 2, True), abs(X1)),
    "lp 2d": (lambda t, x: f(t).lp_pool2d(x, 2.0, 2), X2),
    "lp 2d cubes": (lambda t, x: f(t).lp_pool2d(x, 3, (3, 2), stride=(2, 1)), abs(X2)),
    "lp 2d sums": (lambda t, x: f(t).lp_pool2d(x, 1, 2, ceil_mode=True), X2),
    "lp 2d unbatched": (lambda t, x: f(t).lp_pool2d(x[0], 4, 2), X2),
    "lp 3d": (lambda t, x: f(t).lp_pool3d(x, 2, 2, 1), X3),
    "unpool 1d": (lambda t, x: f(t).max_unpool1d(*f(t).max_pool1d(x, 2, return_indices=True), 2), X1),
    "unpool 1d size": (lambda t, x: f(t).max_unpool1d(*pooled(t, 1, x, 2), 2, output_size=x.size()), X1),
    "unpool 2d": (lambda t, x: f(t).max_unpool2d(*pooled(t, 2, x, 2), 2), X2),
    "unpool 2d all arguments": (lambda t, x: f(t).max_unpool2d(*pooled(t, 2, x, 3, 2, 1), 3, 2, 1, (7, 6)), X2),
    "unpool 2d unbatched": (lambda t, x: f(t).max_unpool2d(*pooled(t, 2, x[0], (2, 3)), (2, 3)), X2),
    "unpool 3d": (lambda t, x: f(t).max_unpool3d(*pooled(t, 3, x, 2), 2, output_size=[1, 2, 4, 5, 4]), X3),
}
ROWS = {**MAX, **AVG, **OTHER}
# Integers; kinks; and unpooling of overlapping windows, to which PyTorch gives each window's gradient.
WITHOUT_DERIVATIVE = {"2d integers", "2d ties", "unpool 2d all arguments"}


def f(library):
    return library.nn.functional


def pooled(library, dims, x, *window):
    return getattr(f(library), f"max_pool{dims}d")(x, *window, return_indices=True)


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in WITHOUT_DERIVATIVE])
def test_derivatives(name):
    check_derivatives(*ROWS[name])


REFUSED = {
    "dimensions": (lambda t, x: f(t).max_pool2d(x[0, 0], 2), X2),
    "1d dimensions": (lambda t, x: f(t).max_pool1d(x, 2), X2),
    "window too large": (lambda t, x: f(t).max_pool2d(x, 8), X2),
    "padding too large": (lambda t, x: f(t).max_pool2d(x, 3, padding=2), X2),
    "negative padding": (lambda t, x: f(t).max_pool2d(x, 3, padding=-1), X2),
    "stride": (lambda t, x: f(t).max_pool2d(x, 3, stride=0), X2),
    "kernel": (lambda t, x: f(t).max_pool2d(x, 0), X2),
    "dilation": (lambda t, x: f(t).max_pool2d(x, 2, dilation=0), X2),
    "number of sizes": (lambda t, x: f(t).max_pool2d(x, (2, 2, 2)), X2),
    "number of strides": (lambda t, x: f(t).max_pool2d(x, 2, (2, 2, 2)), X2),
    "float size": (lambda t, x: f(t).max_pool2d(x, 2.5), X2),
    "bools": (lambda t, x: f(t).max_pool2d(x.bool(), 2), X2),
    "nothing to pool": (lambda t, x: f(t).max_pool2d(x[:, :, :0], 2), X2),
    "no channels": (lambda t, x: f(t).max_pool2d(x[:, :0], 2), X2),
    "a list": (lambda t, x: f(t).max_pool2d([[1.0]], 2), X2),
    "avg dimensions": (lambda t, x: f(t).avg_pool3d(x[0], 2), X2),
    "avg window too large": (lambda t, x: f(t).avg_pool2d(x, 8), X2),
    "avg padding too large": (lambda t, x: f(t).avg_pool2d(x, 3, padding=2), X2),
    "avg divisor": (lambda t, x: f(t).avg_pool2d(x, 2, divisor_override=0), X2),
    "avg integers": (lambda t, x: f(t).avg_pool2d(x.int(), 2), X2),
    "avg stride": (lambda t, x: f(t).avg_pool2d(x, 2, stride=0), X2),
    "unpool indices": (lambda t, x: f(t).max_unpool2d(x, x.int(), 2), X2),
    "unpool shapes": (lambda t, x: f(t).max_unpool2d(x, x.long()[:1], 2), X2),
    "unpool dimensions": (lambda t, x: f(t).max_unpool2d(x[0, 0], x[0, 0].long(), 2), X2),
    "unpool range": (lambda t, x: f(t).max_unpool2d(x, x.long() * 0 + 999, 2), X2),
    "unpool size": (lambda t, x: f(t).max_unpool2d(*pooled(t, 2, x, 2), 2, output_size=(9, 9)), X2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


LAYERS = {
    "MaxPool1d": (lambda t: t.nn.MaxPool1d(3, 2), X1),
    "MaxPool1d options": (lambda t: t.nn.MaxPool1d(2, 1, 1, 2, True, True), X1),
    "MaxPool2d": (lambda t: t.nn.MaxPool2d(2), X2),
    "MaxPool2d pair": (lambda t: t.nn.MaxPool2d((3, 2), stride=(2, 1)), X2),
    "MaxPool2d options": (lambda t: t.nn.MaxPool2d(3, 2, padding=1, dilation=2, ceil_mode=True), X2),
    "MaxPool2d indices": (lambda t: t.nn.MaxPool2d(2, return_indices=True), X2),
    "MaxPool3d": (lambda t: t.nn.MaxPool3d(2, 1), X3),
    "AvgPool1d": (lambda t: t.nn.AvgPool1d(3), X1),
    "AvgPool1d options": (lambda t: t.nn.AvgPool1d(3, 2, 1, True, False), X1),
    "AvgPool2d": (lambda t: t.nn.AvgPool2d(2), X2),
    "AvgPool2d options": (lambda t: t.nn.AvgPool2d((3, 2), (2, 1), (1, 0), True, False, 3), X2),
    "AvgPool3d": (lambda t: t.nn.AvgPool3d((2, 3, 2), stride=1, divisor_override=2), X3),
    "LPPool1d": (lambda t: t.nn.LPPool1d(2, 3), X1),
    "LPPool2d": (lambda t: t.nn.LPPool2d(1.0, (3, 2), stride=(2, 1), ceil_mode=True), abs(X2)),
    "LPPool3d": (lambda t: t.nn.LPPool3d(2, 2), X3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs, tolerance=1e-11)


@pytest.mark.parametrize("dims, x", [(1, X1), (2, X2), (3, X3)])
def test_unpooling_layers_as_torch(dims, x):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        pool = getattr(library.nn, f"MaxPool{dims}d")(2, stride=2, return_indices=True)
        unpool = getattr(library.nn, f"MaxUnpool{dims}d")(2, stride=2)
        pooled = pool(library.tensor(x))
        results.append((repr(unpool), unpool(*pooled, output_size=x.shape).numpy()))
    assert results[0][0] == results[1][0]
    for ours, theirs in zip(results[0][1:], results[1][1:]):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_dtypes(dtype, kind):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x = library.tensor(X2.astype(dtype), requires_grad=True)
        y = getattr(f(library), f"{kind}_pool2d")(x, 3, 2, 1)
        y.backward(library.ones_like(y))
        results.append([y.detach().numpy(), x.grad.numpy()])
    for ours, theirs in zip(*results):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(
            ours, theirs, rtol=2e-3 if dtype == "float16" else 1e-6, atol=1e-3 if dtype == "float16" else 1e-6
        )


def test_nan_wins_and_padding_never():
    torch = pytest.importorskip("torch")
    x = np.full((1, 1, 5, 5), -np.inf)
    x[0, 0, 1, 1] = np.nan
    for ours, theirs in zip(
        f(minitorch).max_pool2d(minitorch.tensor(x), 2, 2, 1, return_indices=True),
        f(torch).max_pool2d(torch.tensor(x), 2, 2, 1, return_indices=True),
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_node_names():
    F = f(minitorch)
    x1, x2, x3 = (minitorch.tensor(x, requires_grad=True) for x in (X1, X2, X3))
    assert F.max_pool2d(x2, 2).grad_fn.name() == "MaxPool2DWithIndicesBackward0"
    assert F.max_pool3d(x3, 2).grad_fn.name() == "MaxPool3DWithIndicesBackward0"
    assert F.avg_pool2d(x2, 2).grad_fn.name() == "AvgPool2DBackward0"
    assert F.avg_pool3d(x3, 2).grad_fn.name() == "AvgPool3DBackward0"
    assert F.max_unpool2d(*pooled(minitorch, 2, x2, 2), 2).grad_fn.name() == "MaxUnpool2DBackward0"
    assert F.max_pool1d(x1, 2).requires_grad


def test_indices_take_no_part_in_gradients():
    out, indices = pooled(minitorch, 2, minitorch.tensor(X2, requires_grad=True), 2)
    assert out.requires_grad
    assert not indices.requires_grad
    assert indices.dtype is minitorch.int64


def test_errors_name_the_layer_expected_got_and_remedy():
    with pytest.raises(RuntimeError, match=r"max_pool2d got input of shape \(1, 6, 1, 1\): .* use a smaller window"):
        f(minitorch).max_pool2d(minitorch.zeros(1, 6, 1, 1), 2)
    with pytest.raises(
        RuntimeError, match=r"at most half of effective kernel size, got pad=\(2, 2\), kernel_size=\(3, 3\)"
    ):
        minitorch.nn.AvgPool2d(3, padding=2)(minitorch.zeros(1, 6, 8, 8))
