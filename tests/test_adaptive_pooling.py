"""Adaptive pooling as function and as layer: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X1, X2, X3 = floats(2, 3, 9), floats(2, 3, 7, 6), floats(1, 2, 4, 5, 3)

ROWS = {
    "avg 1d": (lambda t, x: f(t).adaptive_avg_pool1d(x, 4), X1),
    "avg 1d tuple": (lambda t, x: f(t).adaptive_avg_pool1d(x, (3,)), X1),
    "avg 1d unbatched": (lambda t, x: f(t).adaptive_avg_pool1d(x[0], 1), X1),
    "avg 2d": (lambda t, x: f(t).adaptive_avg_pool2d(x, (3, 4)), X2),
    "avg 2d int": (lambda t, x: f(t).adaptive_avg_pool2d(x, 3), X2),
    "avg 2d one": (lambda t, x: f(t).adaptive_avg_pool2d(x, 1), X2),
    "avg 2d list": (lambda t, x: f(t).adaptive_avg_pool2d(x, [1, 6]), X2),
    "avg 2d None": (lambda t, x: f(t).adaptive_avg_pool2d(x, (None, 4)), X2),
    "avg 2d larger": (lambda t, x: f(t).adaptive_avg_pool2d(x, (10, 12)), X2),
    "avg 2d of transposed": (lambda t, x: f(t).adaptive_avg_pool2d(x.transpose(1, 3)[..., ::2], (3, 2)), X2),
    "avg 2d unbatched": (lambda t, x: f(t).adaptive_avg_pool2d(x[0], 3), X2),
    "avg 2d no images": (lambda t, x: f(t).adaptive_avg_pool2d(x[:0], 3), X2),
    "avg 3d": (lambda t, x: f(t).adaptive_avg_pool3d(x, (2, 3, 5)), X3),
    "avg 3d None": (lambda t, x: f(t).adaptive_avg_pool3d(x, (None, 1, None)), X3),
    "torch.adaptive_avg_pool1d": (lambda t, x: t.adaptive_avg_pool1d(x, 2), X1),
    "max 1d": (lambda t, x: f(t).adaptive_max_pool1d(x, 4), X1),
    "max 1d indices": (lambda t, x: f(t).adaptive_max_pool1d(x, 2, return_indices=True), X1),
    "max 2d": (lambda t, x: f(t).adaptive_max_pool2d(x, (3, 4)), X2),
    "max 2d one": (lambda t, x: f(t).adaptive_max_pool2d(x, 1), X2),
    "max 2d None": (lambda t, x: f(t).adaptive_max_pool2d(x, (None, 4)), X2),
    "max 2d larger": (lambda t, x: f(t).adaptive_max_pool2d(x, (10, 12)), X2),
    "max 2d indices": (lambda t, x: f(t).adaptive_max_pool2d(x, (2, 4), True), X2),
    "max 2d ties": (lambda t, x: f(t).adaptive_max_pool2d(x, (2, 4), True), np.round(X2)),
    "max 2d of transposed": (lambda t, x: f(t).adaptive_max_pool2d(x.transpose(1, 3)[..., ::2], (3, 2)), X2),
    "max 2d unbatched": (lambda t, x: f(t).adaptive_max_pool2d(x[0], 3), X2),
    "max 2d no images": (lambda t, x: f(t).adaptive_max_pool2d(x[:0], 3), X2),
    "max 2d with_indices": (lambda t, x: f(t).adaptive_max_pool2d_with_indices(x, 2), X2),
    "max 3d": (lambda t, x: f(t).adaptive_max_pool3d(x, (2, 3, 2), True), X3),
}


def f(library):
    return library.nn.functional


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", [name for name in ROWS if "ties" not in name])
def test_derivatives(name):
    check_derivatives(*ROWS[name])


REFUSED = {
    "dimensions": (lambda t, x: f(t).adaptive_avg_pool2d(x[0, 0], 2), X2),
    "number of sizes": (lambda t, x: f(t).adaptive_avg_pool2d(x, (2, 2, 2)), X2),
    "negative": (lambda t, x: f(t).adaptive_avg_pool2d(x, (-1, 2)), X2),
    "integers": (lambda t, x: f(t).adaptive_avg_pool2d(x.int(), 2), X2),
    "nothing to pool": (lambda t, x: f(t).adaptive_avg_pool2d(x[:, :, :0], 2), X2),
    "float": (lambda t, x: f(t).adaptive_avg_pool2d(x, (1.5, 2)), X2),
    "max dimensions": (lambda t, x: f(t).adaptive_max_pool2d(x[0, 0], 2), X2),
    "max number of sizes": (lambda t, x: f(t).adaptive_max_pool2d(x, (2, 2, 2)), X2),
    "max negative": (lambda t, x: f(t).adaptive_max_pool2d(x, (-1, 2)), X2),
    "max integers": (lambda t, x: f(t).adaptive_max_pool2d(x.int(), 2), X2),
    "max nothing to pool": (lambda t, x: f(t).adaptive_max_pool2d(x[:, :, :0], 2), X2),
    "max a list": (lambda t, x: f(t).adaptive_max_pool2d(x, [1.0, 2]), X2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


LAYERS = {
    "AdaptiveAvgPool1d": (lambda t: t.nn.AdaptiveAvgPool1d(4), X1),
    "AdaptiveAvgPool2d": (lambda t: t.nn.AdaptiveAvgPool2d((3, None)), X2),
    "AdaptiveAvgPool2d int": (lambda t: t.nn.AdaptiveAvgPool2d(1), X2),
    "AdaptiveAvgPool3d": (lambda t: t.nn.AdaptiveAvgPool3d((2, 3, 2)), X3),
    "AdaptiveMaxPool1d": (lambda t: t.nn.AdaptiveMaxPool1d(4), X1),
    "AdaptiveMaxPool2d": (lambda t: t.nn.AdaptiveMaxPool2d((3, None)), X2),
    "AdaptiveMaxPool2d indices": (lambda t: t.nn.AdaptiveMaxPool2d(2, return_indices=True), X2),
    "AdaptiveMaxPool3d": (lambda t: t.nn.AdaptiveMaxPool3d(2), X3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs, tolerance=1e-11)


def test_node_names():
    x = minitorch.tensor(X2, requires_grad=True)
    assert f(minitorch).adaptive_avg_pool2d(x, 2).grad_fn.name() == "AdaptiveAvgPool2DBackward0"
    assert f(minitorch).adaptive_max_pool2d(x, 2).grad_fn.name() == "AdaptiveMaxPool2DBackward0"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("kind", ["avg", "max"])
def test_other_dtypes(kind, dtype):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x = library.tensor(X2.astype(dtype), requires_grad=True)
        y = getattr(f(library), f"adaptive_{kind}_pool2d")(x, (3, 4))
        y.backward(library.ones_like(y))
        results.append([y.detach().numpy(), x.grad.numpy()])
    tolerance = 2e-3 if dtype == "float16" else 1e-6
    for ours, theirs in zip(*results):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_errors_name_the_layer_expected_got():
    with pytest.raises(
        RuntimeError, match=r"adaptive_avg_pool2d got input of shape \(2, 3\): expected 3 or 4 dimensions"
    ):
        f(minitorch).adaptive_avg_pool2d(minitorch.zeros(2, 3), 2)
