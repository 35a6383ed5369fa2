"""Columns of sliding blocks and back: against PyTorch, by differences, against convolution, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X = floats(2, 3, 5, 6)
COLUMNS = floats(2, 12, 20)


def f(library):
    return library.nn.functional


ROWS = {
    "unfold": (lambda t, x: f(t).unfold(x, 2), X),
    "unfold pair": (lambda t, x: f(t).unfold(x, (2, 3)), X),
    "unfold all arguments": (lambda t, x: f(t).unfold(x, (3, 2), (1, 2), (2, 1), (2, 3)), X),
    "unfold keywords": (lambda t, x: f(t).unfold(x, kernel_size=[2, 2], stride=2, padding=1, dilation=1), X),
    "unfold unbatched": (lambda t, x: f(t).unfold(x[0], 2), X),
    "unfold no images": (lambda t, x: f(t).unfold(x[:0], 2), X),
    "unfold of strided": (lambda t, x: f(t).unfold(x.transpose(1, 3)[:, ::2], 2), X),
    "fold": (lambda t, x: f(t).fold(x, (5, 6), 2), COLUMNS),
    "fold all arguments": (lambda t, x: f(t).fold(x, (4, 7), (3, 2), (1, 2), (2, 1), (2, 3)), floats(2, 12, 9)),
    "fold int": (lambda t, x: f(t).fold(x, 4, 2, stride=2), floats(1, 8, 4)),
    "fold unbatched": (lambda t, x: f(t).fold(x[0], (5, 6), 2), COLUMNS),
    "fold of strided": (
        lambda t, x: f(t).fold(x.transpose(1, 2)[:, :12], (5, 3), 2, padding=(0, 1)),
        floats(2, 16, 12),
    ),
    "both": (lambda t, x: f(t).fold(f(t).unfold(x, 3, padding=1), (5, 6), 3, padding=1), X),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", ROWS)
def test_derivatives(name):
    check_derivatives(*ROWS[name])


def test_convolution_is_a_product_with_the_columns():
    x, w = minitorch.tensor(X), minitorch.tensor(floats(4, 3, 3, 2))
    columns = f(minitorch).unfold(x, (3, 2), padding=1, stride=2)
    product = (w.reshape(4, -1) @ columns).reshape(2, 4, 3, 4)
    expected = f(minitorch).conv2d(x, w, padding=1, stride=2)
    np.testing.assert_allclose(product.numpy(), expected.numpy(), rtol=1e-12, atol=1e-12)


def test_float16_is_summed_in_float32():
    columns = minitorch.full((1, 9, 100), 1.0, dtype=minitorch.float16)
    folded = f(minitorch).fold(columns, 12, 3)
    assert folded.dtype is minitorch.float16
    assert folded[0, 0, 5, 5] == 9


REFUSED = {
    "kernel too large": (lambda t, x: f(t).unfold(x, 7), X),
    "kernel": (lambda t, x: f(t).unfold(x, 0), X),
    "stride": (lambda t, x: f(t).unfold(x, 2, stride=0), X),
    "padding": (lambda t, x: f(t).unfold(x, 2, padding=-1), X),
    "dilation": (lambda t, x: f(t).unfold(x, 2, dilation=0), X),
    "number of sizes": (lambda t, x: f(t).unfold(x, (2, 2, 2)), X),
    "integers": (lambda t, x: f(t).unfold(x.long(), 2), X),
    "a list": (lambda t: f(t).unfold([1.0], 2),),
    "fold channels": (lambda t, x: f(t).fold(x[:, :11], (5, 6), 2), COLUMNS),
    "fold blocks": (lambda t, x: f(t).fold(x, (5, 5), 2), COLUMNS),
    "fold dimensions": (lambda t, x: f(t).fold(x[None], (5, 6), 2), COLUMNS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


LAYERS = {
    "Unfold": (lambda t: t.nn.Unfold(2), X),
    "Unfold options": (lambda t: t.nn.Unfold((3, 2), dilation=(1, 2), padding=(2, 1), stride=2), X),
    "Fold": (lambda t: t.nn.Fold((5, 6), 2), COLUMNS),
    "Fold options": (lambda t: t.nn.Fold(4, (2, 2), 1, 0, 2), floats(1, 8, 4)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs)


def test_errors_say_what_was_expected():
    with pytest.raises(
        RuntimeError, match=r"number of sliding blocks 4 \* 5 = 20, but got input of shape \(2, 12, 19\)"
    ):
        f(minitorch).fold(minitorch.zeros(2, 12, 19), (5, 6), 2)
