"""Transposed convolution as function and as layer: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X1, W1 = floats(2, 4, 5), floats(4, 3, 3)
X2, W2, B = floats(2, 4, 4, 3), floats(4, 6, 3, 2), floats(6)
X3, W3 = floats(2, 2, 3, 2, 3), floats(2, 3, 2, 3, 2)
WG2 = floats(4, 3, 3, 2)

ROWS = {
    "1d": (lambda t, x, w, b: f(t).conv_transpose1d(x, w, b), X1, W1, floats(3)),
    "1d all arguments": (lambda t, x, w, b: f(t).conv_transpose1d(x, w, b, 3, 1, 2, 2, 2), X1, W1, B),
    "1d lists": (lambda t, x, w: f(t).conv_transpose1d(x, w, None, [2], (1,), [1], 1, [2]), X1, W1),
    "2d": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b), X2, W2, B),
    "2d stride": (lambda t, x, w: f(t).conv_transpose2d(x, w, stride=(2, 3)), X2, W2),
    "2d padding": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b, padding=(2, 1)), X2, W2, B),
    "2d output_padding": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b, (3, 2), 0, (2, 1)), X2, W2, B),
    "2d output_padding above the stride": (
        lambda t, x, w, b: f(t).conv_transpose2d(x, w, b, 1, 0, (2, 1), dilation=(3, 2)),
        X2,
        W2,
        B,
    ),
    "2d dilation": (lambda t, x, w: f(t).conv_transpose2d(x, w, dilation=(2, 3)), X2, W2),
    "2d groups": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b, groups=2), X2, WG2, B),
    "2d depthwise": (lambda t, x, w: f(t).conv_transpose2d(x, w, groups=4, stride=2), X2, floats(4, 1, 2, 2)),
    "2d pointwise": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b), X2, floats(4, 6, 1, 1), B),
    "2d everything": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b, (2, 3), (1, 2), (1, 0), 2, (2, 1)), X2, WG2, B),
    "2d unbatched": (lambda t, x, w, b: f(t).conv_transpose2d(x[0], w, b, 2, 1, 1), X2, W2, B),
    "2d unbatched above the stride": (lambda t, x, w: f(t).conv_transpose2d(x[0], w, None, 1, 0, 1, 1, 2), X2, W2),
    "2d of transposed": (lambda t, x, w: f(t).conv_transpose2d(x.transpose(2, 3), w.flip(0), None, 2), X2, W2),
    "2d of every other": (lambda t, x, w: f(t).conv_transpose2d(x[:, ::2, ::2], w[::2]), X2, W2),
    "2d no images": (lambda t, x, w, b: f(t).conv_transpose2d(x[:0], w, b), X2, W2, B),
    "2d keywords": (
        lambda t, x, w: f(t).conv_transpose2d(
            input=x, weight=w, bias=None, stride=2, padding=0, output_padding=1, groups=1, dilation=1
        ),
        X2,
        W2,
    ),
    "3d": (lambda t, x, w, b: f(t).conv_transpose3d(x, w, b), X3, W3, floats(3)),
    "3d all arguments": (
        lambda t, x, w: f(t).conv_transpose3d(x, w, None, (2, 1, 3), (1, 0, 1), (1, 0, 2), 1, (1, 2, 1)),
        X3,
        W3,
    ),
    "3d unbatched": (lambda t, x, w: f(t).conv_transpose3d(x[0], w), X3, W3),
}


def f(library):
    return library.nn.functional


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_derivatives(name):
    check_derivatives(*ROWS[name])


REFUSED = {
    "channels": (lambda t, x, w: f(t).conv_transpose2d(x, w), floats(2, 3, 4, 3), W2),
    "groups": (lambda t, x, w: f(t).conv_transpose2d(x, w, groups=3), X2, W2),
    "no groups": (lambda t, x, w: f(t).conv_transpose2d(x, w, groups=0), X2, W2),
    "dimensions": (lambda t, x, w: f(t).conv_transpose2d(x[0, 0], w), X2, W2),
    "dimensions of weight": (lambda t, x, w: f(t).conv_transpose2d(x, w[0]), X2, W2),
    "other dtype": (lambda t, x, w: f(t).conv_transpose2d(x.float(), w), X2, W2),
    "bools": (lambda t, x, w: f(t).conv_transpose2d(x.bool(), w.bool()), X2, W2),
    "bias": (lambda t, x, w, b: f(t).conv_transpose2d(x, w, b[:3]), X2, W2, B),
    "bias dtype": (lambda t, x, w, b: f(t).conv_transpose2d(x.float(), w.float(), b), X2, W2, B),
    "output_padding": (lambda t, x, w: f(t).conv_transpose2d(x, w, stride=2, output_padding=2), X2, W2),
    "negative output_padding": (lambda t, x, w: f(t).conv_transpose2d(x, w, stride=2, output_padding=-1), X2, W2),
    "nothing left": (lambda t, x, w: f(t).conv_transpose2d(x, w, padding=4), X2, W2),
    "stride": (lambda t, x, w: f(t).conv_transpose2d(x, w, stride=0), X2, W2),
    "padding": (lambda t, x, w: f(t).conv_transpose2d(x, w, padding=-1), X2, W2),
    "same": (lambda t, x, w: f(t).conv_transpose2d(x, w, padding="same"), X2, W2),
    "number of strides": (lambda t, x, w: f(t).conv_transpose2d(x, w, stride=(1, 2, 3)), X2, W2),
    "a list": (lambda t, x, w: f(t).conv_transpose2d([1.0], w), X2, W2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def conv(dims, *arguments, **options):
    return lambda t: getattr(t.nn, f"ConvTranspose{dims}d")(*arguments, **options, dtype=t.float64)


LAYERS = {
    "ConvTranspose1d": (conv(1, 4, 6, 3), X1),
    "ConvTranspose1d options": (conv(1, 4, 6, 3, 3, 1, 2, 2, False, 2), X1),
    "ConvTranspose2d": (conv(2, 4, 6, 3), X2),
    "ConvTranspose2d options": (
        conv(2, 4, 6, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2, dilation=(1, 2)),
        X2,
    ),
    "ConvTranspose2d without bias": (conv(2, 4, 6, 3, bias=False), X2),
    "ConvTranspose2d unbatched": (conv(2, 4, 6, 3, stride=2), X2[0]),
    "ConvTranspose3d": (conv(3, 2, 4, 2), X3),
    "ConvTranspose3d options": (conv(3, 2, 4, 2, stride=2, padding=1, output_padding=(1, 0, 1)), X3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs, tolerance=1e-11)


@pytest.mark.parametrize("size", [(8, 12), [7, 11], (2, 6, 8, 14)])
def test_output_size(size):
    torch = pytest.importorskip("torch")
    shapes = []
    for library in (minitorch, torch):
        layer = library.nn.ConvTranspose2d(4, 6, 3, stride=(2, 4), padding=(1, 0), dilation=1)
        shapes.append(tuple(layer(library.zeros(2, 4, 4, 3), output_size=size).shape))
    assert shapes[0] == shapes[1] == (2, 6, *size[-2:])


REFUSED_LAYERS = {
    "padding_mode": (lambda t: t.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),),
    "groups": (lambda t: t.nn.ConvTranspose2d(4, 3, 3, groups=2),),
    "channels": (lambda t, x: t.nn.ConvTranspose2d(3, 4, 3, dtype=t.float64)(x), X2),
    "output_size too large": (
        lambda t, x: t.nn.ConvTranspose2d(4, 4, 3, 2, dtype=t.float64)(x, output_size=(11, 8)),
        X2,
    ),
    "output_size too small": (
        lambda t, x: t.nn.ConvTranspose2d(4, 4, 3, 2, dtype=t.float64)(x, output_size=(8, 7)),
        X2,
    ),
    "output_size length": (lambda t, x: t.nn.ConvTranspose2d(4, 4, 3, 2, dtype=t.float64)(x, output_size=(9,)), X2),
    "output_padding": (lambda t, x: t.nn.ConvTranspose2d(4, 4, 3, 2, output_padding=2, dtype=t.float64)(x), X2),
}


@pytest.mark.parametrize("name", REFUSED_LAYERS)
def test_refused_by_layers(name):
    function, *inputs = REFUSED_LAYERS[name]
    check_refused(function, *inputs)


def test_errors_name_the_layer_expected_got_and_remedy():
    with pytest.raises(
        RuntimeError, match=r"ConvTranspose2d\(6 -> 16, kernel_size=\(5, 5\)\) got input of shape \(4, 3, 8, 8\)"
    ):
        f(minitorch).conv_transpose2d(minitorch.zeros(4, 3, 8, 8), minitorch.zeros(6, 16, 5, 5))
