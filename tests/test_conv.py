"""Convolution as function and as layer: against PyTorch, by numerical gradients, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X1, W1 = floats(2, 4, 9), floats(6, 4, 3)
X2, W2, B = floats(2, 4, 6, 5), floats(6, 4, 3, 2), floats(6)
X3, W3 = floats(2, 2, 4, 3, 5), floats(3, 2, 2, 3, 2)
WG2 = floats(6, 2, 3, 2)

ROWS = {
    "1d": (lambda t, x, w, b: f(t).conv1d(x, w, b), X1, W1, B),
    "1d all arguments": (lambda t, x, w, b: f(t).conv1d(x, w, b, 2, 1, 2, 2), X1, floats(6, 2, 3), B),
    "1d lists": (lambda t, x, w: f(t).conv1d(x, w, None, [2], (1,), [3]), X1, W1),
    "1d unbatched": (lambda t, x, w, b: f(t).conv1d(x[0], w, b, padding="same"), X1, W1, B),
    "2d": (lambda t, x, w, b: f(t).conv2d(x, w, b), X2, W2, B),
    "2d without bias": (lambda t, x, w: f(t).conv2d(x, w), X2, W2),
    "2d stride": (lambda t, x, w, b: f(t).conv2d(x, w, b, stride=(2, 1)), X2, W2, B),
    "2d padding": (lambda t, x, w, b: f(t).conv2d(x, w, b, padding=(1, 2)), X2, W2, B),
    "2d more padding than kernel": (lambda t, x, w: f(t).conv2d(x, w, padding=4), X2, W2),
    "2d dilation": (lambda t, x, w, b: f(t).conv2d(x, w, b, dilation=(2, 3)), X2, W2, B),
    "2d groups": (lambda t, x, w, b: f(t).conv2d(x, w, b, groups=2), X2, WG2, B),
    "2d depthwise": (lambda t, x, w: f(t).conv2d(x, w, groups=4), X2, floats(8, 1, 2, 2)),
    "2d pointwise": (lambda t, x, w, b: f(t).conv2d(x, w, b), X2, floats(6, 4, 1, 1), B),
    "2d pointwise stride": (lambda t, x, w, b: f(t).conv2d(x, w, b, stride=2), X2, floats(6, 4, 1, 1), B),
    "2d everything": (lambda t, x, w, b: f(t).conv2d(x, w, b, (2, 1), (2, 1), (2, 1), 2), X2, WG2, B),
    "2d same": (lambda t, x, w, b: f(t).conv2d(x, w, b, padding="same"), X2, W2, B),
    "2d same dilated": (lambda t, x, w: f(t).conv2d(x, w, padding="same", dilation=(1, 3)), X2, W2),
    "2d valid": (lambda t, x, w: f(t).conv2d(x, w, padding="valid", stride=2), X2, W2),
    "2d NumPy's integers": (lambda t, x, w: f(t).conv2d(x, w, None, np.int64(2), (np.int32(1), np.int64(0))), X2, W2),
    "2d unbatched": (lambda t, x, w, b: f(t).conv2d(x[0], w, b, 2, 1), X2, W2, B),
    "2d one position": (lambda t, x, w, b: f(t).conv2d(x, w, b), X2, floats(6, 4, 6, 5), B),
    "2d of transposed": (lambda t, x, w: f(t).conv2d(x.transpose(2, 3), w.flip(0), None, 1, 1), X2, W2),
    "2d of expanded": (lambda t, x, w: f(t).conv2d(x[:, :1].expand(2, 4, 6, 5), w), X2, W2),
    "2d of every other": (lambda t, x, w: f(t).conv2d(x[:, ::2, ::2], w[:, ::2]), X2, W2),
    "2d no images": (lambda t, x, w, b: f(t).conv2d(x[:0], w, b), X2, W2, B),
    "2d keywords": (lambda t, x, w: f(t).conv2d(input=x, weight=w, bias=None, stride=1, dilation=1, groups=1), X2, W2),
    "3d": (lambda t, x, w, b: f(t).conv3d(x, w, b), X3, W3, floats(3)),
    "3d all arguments": (lambda t, x, w: f(t).conv3d(x, w, None, (2, 1, 1), (1, 1, 0), (1, 1, 2)), X3, W3),
    "3d groups": (lambda t, x, w: f(t).conv3d(x, w, groups=2), X3, floats(4, 1, 2, 2, 2)),
    "3d unbatched": (lambda t, x, w: f(t).conv3d(x[0], w, padding="same"), X3, W3),
}  # fmt: skip


def f(library):
    return library.nn.functional


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")  # PyTorch's
        check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_derivatives(name):
    check_derivatives(*ROWS[name])


REFUSED = {
    "channels": (lambda t, x, w: f(t).conv2d(x, w), floats(2, 3, 6, 5), W2),
    "channels of groups": (lambda t, x, w: f(t).conv2d(x, w, groups=3), X2, W2),
    "groups": (lambda t, x, w: f(t).conv2d(x, w, groups=4), X2, floats(6, 1, 3, 2)),
    "no groups": (lambda t, x, w: f(t).conv2d(x, w, groups=0), X2, W2),
    "dimensions": (lambda t, x, w: f(t).conv2d(x[0, 0], w), X2, W2),
    "dimensions of weight": (lambda t, x, w: f(t).conv2d(x, w[0]), X2, W2),
    "1d of images": (lambda t, x, w: f(t).conv1d(x, w), X2, W1),
    "bools": (lambda t, x, w: f(t).conv2d(x.bool(), w.bool()), X2, W2),
    "integer input": (lambda t, x, w: f(t).conv2d(x.long(), w), X2, W2),
    "other dtype": (lambda t, x, w: f(t).conv2d(x.float(), w), X2, W2),
    "bias": (lambda t, x, w, b: f(t).conv2d(x, w, b[:3]), X2, W2, B),
    "bias dtype": (lambda t, x, w, b: f(t).conv2d(x, w, b.float()), X2, W2, B),
    "kernel too large": (lambda t, x, w: f(t).conv2d(x, w, dilation=4), X2, W2),
    "stride": (lambda t, x, w: f(t).conv2d(x, w, stride=0), X2, W2),
    "padding": (lambda t, x, w: f(t).conv2d(x, w, padding=-1), X2, W2),
    "dilation": (lambda t, x, w: f(t).conv2d(x, w, dilation=0), X2, W2),
    "number of strides": (lambda t, x, w: f(t).conv2d(x, w, stride=(1, 2, 3)), X2, W2),
    "float stride": (lambda t, x, w: f(t).conv2d(x, w, stride=1.5), X2, W2),
    "same with stride": (lambda t, x, w: f(t).conv2d(x, w, stride=2, padding="same"), X2, W2),
    "padding word": (lambda t, x, w: f(t).conv2d(x, w, padding="full"), X2, W2),
    "a list": (lambda t, x, w: f(t).conv2d([1.0], w), X2, W2),
    "an array for weight": (lambda t, x, w: f(t).conv2d(x, None), X2, W2),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def conv(dims, *arguments, **options):
    return lambda t: getattr(t.nn, f"Conv{dims}d")(*arguments, **options, dtype=t.float64)


LAYERS = {
    "Conv1d": (conv(1, 4, 6, 3), X1),
    "Conv1d options": (conv(1, 4, 6, 3, 2, padding=1, dilation=2, groups=2, bias=False), X1),
    "Conv1d reflect": (conv(1, 4, 6, 3, padding=2, padding_mode="reflect"), X1),
    "Conv2d": (conv(2, 4, 6, 3), X2),
    "Conv2d options": (conv(2, 4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), X2),
    "Conv2d same": (conv(2, 4, 6, 3, padding="same"), X2),
    "Conv2d same dilated": (conv(2, 4, 6, 3, padding="same", dilation=2), X2),
    "Conv2d valid": (conv(2, 4, 6, (2, 3), padding="valid"), X2),
    "Conv2d without bias": (conv(2, 4, 6, 3, bias=False), X2),
    "Conv2d reflect": (conv(2, 4, 6, 3, padding=(2, 1), padding_mode="reflect"), X2),
    "Conv2d replicate": (conv(2, 4, 6, 3, 2, padding=1, padding_mode="replicate"), X2),
    "Conv2d circular": (conv(2, 4, 6, 3, padding=(1, 2), padding_mode="circular"), X2),
    "Conv2d circular same": (conv(2, 4, 6, (3, 2), padding="same", padding_mode="circular"), X2),
    "Conv2d valid reflect": (conv(2, 4, 6, 3, padding="valid", padding_mode="reflect"), X2),
    "Conv2d unbatched": (conv(2, 4, 6, 3), X2[0]),
    "Conv2d unbatched circular": (conv(2, 4, 6, 3, padding=1, padding_mode="circular"), X2[0]),
    "Conv2d list": (conv(2, 4, 6, [3, 2], [1, 2]), X2),
    "Conv3d": (conv(3, 2, 4, 2), X3),
    "Conv3d options": (conv(3, 2, 4, (2, 1, 3), stride=(1, 2, 1), padding=1, groups=2), X3),
    "Conv3d replicate": (conv(3, 2, 4, 2, padding=(1, 0, 2), padding_mode="replicate"), X3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs, tolerance=1e-11)


REFUSED_LAYERS = {
    "groups of inputs": (lambda t: t.nn.Conv2d(3, 4, 3, groups=2),),
    "groups of outputs": (lambda t: t.nn.Conv2d(4, 3, 3, groups=2),),
    "no groups": (lambda t: t.nn.Conv2d(4, 4, 3, groups=0),),
    "padding_mode": (lambda t: t.nn.Conv2d(4, 4, 3, padding_mode="mirror"),),
    "padding": (lambda t: t.nn.Conv2d(4, 4, 3, padding="full"),),
    "same with stride": (lambda t: t.nn.Conv2d(4, 4, 3, stride=2, padding="same"),),
    "channels": (lambda t, x: t.nn.Conv2d(3, 4, 3, dtype=t.float64)(x), X2),
    "integers": (lambda t, x: t.nn.Conv2d(4, 4, 3)(x.long()), X2),
    "kernel": (lambda t, x: t.nn.Conv2d(4, 4, 7, dtype=t.float64)(x), X2),
    "reflect too far": (lambda t, x: t.nn.Conv2d(4, 4, 3, padding=5, padding_mode="reflect", dtype=t.float64)(x), X2),
}


@pytest.mark.parametrize("name", REFUSED_LAYERS)
def test_refused_by_layers(name):
    function, *inputs = REFUSED_LAYERS[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("layer", ["Conv2d", "ConvTranspose2d"])
def test_default_initialisation(layer):
    """Uniform between ±1/√(second dimension of the weight · kernel elements), the bias too."""
    minitorch.manual_seed(0)
    made = getattr(minitorch.nn, layer)(16, 32, 3, groups=2)
    fan_in = 9 * made.weight.shape[1]
    for parameter in made.parameters():
        values, bound = parameter.detach().numpy(), fan_in**-0.5
        assert values.dtype == np.float32
        assert 0.85 * bound < np.abs(values).max() <= bound
        assert abs(values.mean()) < 4 * bound / np.sqrt(3 * values.size)
        assert abs(values.std() - bound / np.sqrt(3)) < 1.2 * bound / np.sqrt(values.size)


def test_errors_name_the_layer_expected_got_and_remedy():
    x = minitorch.zeros(4, 3, 32, 32)
    with pytest.raises(
        RuntimeError,
        match=r"^Conv2d\(6 -> 16, kernel_size=\(5, 5\)\) got input of shape \(4, 3, 32, 32\): "
        r"dimension 1 \(channels\) must be 6$",
    ):
        f(minitorch).conv2d(x, minitorch.zeros(16, 6, 5, 5))
    with pytest.raises(
        RuntimeError, match=r"with padding, \(4, 4\), is smaller than the kernel, \(5, 5\); pad the input"
    ):
        f(minitorch).conv2d(minitorch.zeros(1, 6, 4, 4), minitorch.zeros(16, 6, 5, 5))
    with pytest.raises(
        RuntimeError, match=r"input of torch.uint8: its weight is torch.float32; convert the input with .to"
    ):
        f(minitorch).conv2d(x.byte(), minitorch.zeros(16, 3, 5, 5))
    with pytest.raises(RuntimeError, match=r"expected 3 dimensions \(C, H, W\) or 4 \(N, C, H, W\)"):
        f(minitorch).conv2d(x[0, 0], minitorch.zeros(16, 3, 5, 5))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_dtypes(dtype):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x, w, b = (library.tensor(a.astype(dtype), requires_grad=True) for a in (X2, W2, B))
        y = f(library).conv2d(x, w, b, padding=1)
        y.backward(library.ones_like(y))
        assert repr(y.dtype) == f"torch.{dtype}"
        results.append([a.detach().numpy() for a in (y, x.grad, w.grad, b.grad)])
    tolerance = 2e-2 if dtype == "float16" else 1e-5
    for ours, theirs in zip(*results):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_integers():
    torch = pytest.importorskip("torch")
    x, w = np.arange(40).reshape(1, 2, 4, 5) % 7 - 3, np.arange(24).reshape(3, 2, 2, 2) % 5 - 2
    for dtype in ("int64", "int32", "uint8"):
        a, b = x.astype(dtype), w.astype(dtype)
        ours = f(minitorch).conv2d(minitorch.tensor(a), minitorch.tensor(b))
        theirs = f(torch).conv2d(torch.tensor(a), torch.tensor(b))
        assert repr(ours.dtype) == repr(theirs.dtype)
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_node_names():
    x = minitorch.tensor(X2, requires_grad=True)
    w = minitorch.tensor(W2, requires_grad=True)
    F = f(minitorch)
    assert F.conv2d(x, w).grad_fn.name() == "ConvolutionBackward0"
    assert F.conv_transpose2d(x, w.transpose(0, 1).contiguous()).grad_fn.name() == "ConvolutionBackward0"


def test_the_weight_may_change_after_the_forward_pass_of_another_input():
    w = minitorch.ones(1, 1, 2, 2, requires_grad=True)
    y = f(minitorch).conv2d(minitorch.ones(1, 1, 3, 3, requires_grad=True), w)
    with minitorch.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


LAZY = {
    "LazyConv1d": ((6, 3), {"padding": 1}, X1),
    "LazyConv2d": ((6, (3, 2), 2), {"groups": 2, "bias": False}, X2),
    "LazyConv3d": ((4, 2), {"stride": (1, 1, 2)}, X3),
    "LazyConvTranspose1d": ((6, 3, 2, 1, 1), {}, X1),
    "LazyConvTranspose2d": ((6, 3), {"output_padding": 1, "stride": 2, "groups": 2}, X2),
    "LazyConvTranspose3d": ((4, 2), {"dilation": 2, "bias": False}, X3),
}


@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers_as_torch(name):
    torch = pytest.importorskip("torch")
    arguments, options, x = LAZY[name]
    layers = [getattr(t.nn, name)(*arguments, **options, dtype=t.float64) for t in (minitorch, torch)]
    assert repr(layers[0]) == repr(layers[1])
    layers[1](torch.tensor(x))
    layers[0](minitorch.tensor(x))
    ours, theirs = layers
    assert repr(ours) == repr(theirs)
    assert type(ours) is getattr(minitorch.nn, name[4:])
    ours.load_state_dict({key: minitorch.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    expected = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(minitorch.tensor(x)).detach().numpy(), expected, rtol=1e-11, atol=1e-11)


def test_lazy_layers_refuse():
    layer = minitorch.nn.LazyConv2d(6, 3, groups=3)
    with pytest.raises(ValueError, match="in_channels must be divisible by groups, got 4 and 3"):
        layer(minitorch.zeros(1, 4, 5, 5))
    with pytest.raises(RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"):
        layer(minitorch.zeros(1, 5))
    assert layer(minitorch.zeros(1, 3, 5, 5)).shape == (1, 6, 3, 3)
