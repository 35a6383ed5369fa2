"""Linear and Bilinear as functions and as layers: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X, W, B = floats(4, 3), floats(5, 3), floats(5)
X3, X1, W2, Y3 = floats(2, 3, 4), floats(2, 3, 3), floats(5, 3, 4), floats(2, 3, 4)

ROWS = {
    "linear": (lambda t, x, w, b: f(t).linear(x, w, b), X, W, B),
    "without bias": (lambda t, x, w: f(t).linear(x, w), X, W),
    "vector": (lambda t, x, w, b: (f(t).linear(x[0], w, b), f(t).linear(x[0], w)), X, W, B),
    "leading dimensions": (lambda t, x, w, b: (f(t).linear(x, w, b), f(t).linear(x, w)), X1, W, B),
    "weight vector": (lambda t, x, w, b: (f(t).linear(x, w[0]), f(t).linear(x[0], w[0])), X, W, B),
    "bias of one": (lambda t, x, w, b: f(t).linear(x, w, b[:1]), X, W, B),
    "no rows": (lambda t, x, w, b: f(t).linear(x[:0], w, b), X, W, B),
    "no features": (lambda t, x, w, b: f(t).linear(x[:, :0], w[:, :0], b), X, W, B),
    "of strided": (lambda t, x, w, b: f(t).linear(x.t(), w[::2, 1:].expand(3, 2)[:, [0, 1, 0, 1]], b[:3]), X, W, B),
    "of transposed": (lambda t, x, w: f(t).linear(x.transpose(0, 1), w), X1, W),
    "of expanded": (lambda t, x, w: f(t).linear(x[:1].expand(4, 3), w), X, W),
    "integers": (lambda t, x, w: f(t).linear(x.long(), w.long()), X, W),
    "keywords": (lambda t, x, w, b: f(t).linear(input=x, weight=w, bias=b), X, W, B),
    "bilinear": (lambda t, x, y, w, b: f(t).bilinear(x, y, w, b), X1, Y3, W2, B),
    "bilinear without bias": (lambda t, x, y, w: (f(t).bilinear(x, y, w), t.bilinear(x[0, 0], y[0, 0], w)), X1, Y3, W2),
    "bilinear no rows": (lambda t, x, y, w: f(t).bilinear(x[:0], y[:0], w), X1, Y3, W2),
}


def f(library):
    return library.nn.functional


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", [name for name in ROWS if name != "integers"])
def test_derivatives(name):
    check_derivatives(*ROWS[name])


REFUSED = {
    "features": (lambda t, x, w: f(t).linear(x, w[:, :2]), X, W),
    "0-d": (lambda t, x, w: f(t).linear(x[0, 0], w), X, W),
    "weight of three dimensions": (lambda t, x, w: f(t).linear(x, w), X, W2),
    "dtype": (lambda t, x, w: f(t).linear(x.float(), w), X, W),
    "integer input": (lambda t, x, w: f(t).linear(x.long(), w), X, W),
    "bias": (lambda t, x, w, b: f(t).linear(x, w, b[:2]), X, W, B),
    "bias dtype": (lambda t, x, w, b: f(t).linear(x, w, b.float()), X, W, B),
    "a list": (lambda t, x, w: f(t).linear([[1.0, 2.0, 3.0]], w), X, W),
    "bilinear features": (lambda t, x, y, w: f(t).bilinear(x, x, w), X1, Y3, W2),
    "bilinear rows": (lambda t, x, y, w: f(t).bilinear(x, y[:1], w), X1, Y3, W2),
    "bilinear weight": (lambda t, x, y, w: f(t).bilinear(x, y, w[0]), X1, Y3, W2),
    "bilinear bias": (lambda t, x, y, w, b: f(t).bilinear(x, y, w, b[:2]), X1, Y3, W2, B),
    "bilinear dtype": (lambda t, x, y, w: f(t).bilinear(x, y.float(), w), X1, Y3, W2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


LAYERS = {
    "Linear": (lambda t: t.nn.Linear(3, 5, dtype=t.float64), X),
    "Linear without bias": (lambda t: t.nn.Linear(3, 5, bias=False, dtype=t.float64), X1),
    "Bilinear": (lambda t: t.nn.Bilinear(3, 4, 5, dtype=t.float64), X1, Y3),
    "Bilinear without bias": (lambda t: t.nn.Bilinear(3, 4, 5, False, dtype=t.float64), X1, Y3),
    "Identity": (lambda t: t.nn.Identity(54, unused_argument1=0.1), X),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs)


@pytest.mark.parametrize("layer, bound", [(("Linear", 16, 400), 1 / 4), (("Bilinear", 25, 4, 100), 1 / 5)])
def test_default_initialisation(layer, bound):
    """Uniform between ±1/√inputs."""
    minitorch.manual_seed(0)
    name, *sizes = layer
    made = getattr(minitorch.nn, name)(*sizes)
    for parameter in made.parameters():
        values = parameter.detach().numpy()
        assert values.dtype == np.float32
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
        assert abs(values.mean()) < 4 * bound / np.sqrt(3 * values.size)
        assert abs(values.std() - bound / np.sqrt(3)) < 1.2 * bound / np.sqrt(values.size)


def test_layers_of_nothing_warn_as_torch():
    torch = pytest.importorskip("torch")
    for library in (minitorch, torch):
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
            layer = library.nn.Linear(0, 3)
        np.testing.assert_array_equal(
            layer(library.zeros(2, 0)).detach().numpy(), np.zeros((2, 3)) + layer.bias.detach().numpy()
        )


def test_bilinear_refuses_no_inputs():
    check_refused(lambda t: t.nn.Bilinear(0, 2, 3))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_dtypes(dtype):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x, w, b = (library.tensor(a.astype(dtype), requires_grad=True) for a in (X1, W, B))
        y = f(library).linear(x, w, b)
        y.backward(library.ones_like(y))
        assert repr(y.dtype) == f"torch.{dtype}"
        results.append([a.detach().numpy() for a in (y, x.grad, w.grad, b.grad)])
    for ours, theirs in zip(*results):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(
            ours, theirs, rtol=3e-3 if dtype == "float16" else 1e-6, atol=3e-3 if dtype == "float16" else 1e-6
        )


def test_errors_name_the_layer_expected_got_and_remedy():
    with pytest.raises(
        RuntimeError, match=r"Linear\(3 -> 5\) got input of shape \(4, 4\): its last dimension must be 3"
    ):
        f(minitorch).linear(minitorch.zeros(4, 4), minitorch.zeros(5, 3))
    with pytest.raises(
        RuntimeError, match=r"torch.int64: its weight is torch.float32; convert one of them with .to\(\)"
    ):
        f(minitorch).linear(minitorch.zeros(4, 3, dtype=minitorch.int64), minitorch.zeros(5, 3))
