"""Activations as functions and as layers: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_layer, check_refused, floats

X = floats(3, 4, 5) * 2
WIDE = floats(2, 6) * 30
INTS = np.arange(-6, 6).reshape(3, 4)
W = floats(4)

ROWS = {
    "relu": (lambda t, x: (f(t).relu(x), t.relu(x)), X),
    "relu6": (lambda t, x: f(t).relu6(x), WIDE),
    "relu6 integers": (lambda t, i: (f(t).relu6(i), f(t).relu(i)), INTS),
    "leaky_relu": (lambda t, x: (f(t).leaky_relu(x), f(t).leaky_relu(x, negative_slope=-2)), X),
    "threshold": (lambda t, x: (f(t).threshold(x, 0.5, -3.0), t.threshold(x, threshold=-1, value=20)), X),
    "threshold integers": (lambda t, i: f(t).threshold(i, 2, 7), INTS),
    "hardtanh": (lambda t, x: (f(t).hardtanh(x), f(t).hardtanh(x, -0.5, 2.0)), X),
    "hardtanh integers": (lambda t, i: f(t).hardtanh(i, -2, 3), INTS),
    "hardshrink": (lambda t, x: (f(t).hardshrink(x), f(t).hardshrink(x, 1.0), t.hardshrink(x)), X),
    "softshrink": (lambda t, x: (f(t).softshrink(x), f(t).softshrink(x, 1.0)), X),
    "hardsigmoid": (lambda t, x: f(t).hardsigmoid(x), X),
    "hardswish": (lambda t, x: f(t).hardswish(x), X),
    "rrelu": (lambda t, x: (f(t).rrelu(x), f(t).rrelu(x, 0.1, 0.5), t.rrelu(x, 0.2, 0.2, True)), X),
    "prelu": (lambda t, x, w: (f(t).prelu(x, w), f(t).prelu(x, w[:1]), f(t).prelu(x, w[0])), X, W),
    "prelu of a vector": (lambda t, x, w: (f(t).prelu(x, w[:1]), f(t).prelu(x[0], w[:1]), t.prelu(x, w[0])), W, W * 2),
    "prelu of channels": (lambda t, x, w: f(t).prelu(x[..., 0], w), X, W),
    "sigmoid": (lambda t, x: (f(t).sigmoid(x), x.sigmoid(), t.sigmoid(x)), X),
    "sigmoid integers": (lambda t, i: (f(t).sigmoid(i), f(t).softsign(i), f(t).tanhshrink(i)), INTS),
    "tanh": (lambda t, x: f(t).tanh(x), X),
    "elu": (lambda t, x: (f(t).elu(x), f(t).elu(x, 0.7), f(t).elu(x, alpha=-0.3)), X),
    "selu": (lambda t, x: (f(t).selu(x), t.selu(x)), X),
    "celu": (lambda t, x: (f(t).celu(x), f(t).celu(x, 0.7), t.celu(x, -2.0)), X),
    "gelu": (lambda t, x: f(t).gelu(x), X),
    "gelu tanh": (lambda t, x: f(t).gelu(x, approximate="tanh"), X),
    "silu": (lambda t, x: f(t).silu(x), X),
    "mish": (lambda t, x: f(t).mish(x), X),
    "softplus": (lambda t, x: (f(t).softplus(x), f(t).softplus(x, 2.0, 1.5), f(t).softplus(x, beta=0.5)), X),
    "logsigmoid": (lambda t, x: f(t).logsigmoid(x), X),
    "softsign": (lambda t, x: f(t).softsign(x), X),
    "tanhshrink": (lambda t, x: f(t).tanhshrink(x), X),
    "glu": (lambda t, x: (f(t).glu(x), f(t).glu(x, 0)), floats(4, 6)),
    "softmax": (lambda t, x: (f(t).softmax(x, 0), f(t).softmax(x, dim=-1), x.softmax(1), t.softmax(x, 2)), X),
    "softmax dtype": (lambda t, x: f(t).softmax(x, 1, dtype=t.float32), X),
    "softmax 0-d": (lambda t, x: (f(t).softmax(x, 0), f(t).log_softmax(x, -1)), np.array(2.0)),
    "log_softmax": (lambda t, x: (f(t).log_softmax(x, 0), f(t).log_softmax(x, dim=-1), t.log_softmax(x, 1)), X),
    "softmin": (lambda t, x: (f(t).softmin(x, 0), f(t).softmin(x, dim=-1)), X),
    "0-d": (lambda t, x: (f(t).gelu(x), f(t).elu(x), f(t).hardtanh(x), f(t).leaky_relu(x)), np.array(-0.3)),
    "of nothing": (lambda t, x: (f(t).gelu(x), f(t).elu(x), f(t).softmax(x, 1), f(t).relu6(x)), np.zeros((0, 3))),
    "of transposed": (lambda t, x: (f(t).silu(x.transpose(0, 2)), f(t).softmax(x[:, ::2].mT, 1)), X),
    "of expanded": (lambda t, x: (f(t).mish(x.expand(3, 4)), f(t).softmax(x.expand(3, 4), 0)), W),
}  # fmt: skip
SMOOTH = [
    *("sigmoid", "tanh", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "logsigmoid", "softsign"),
    *("tanhshrink", "hardswish", "hardsigmoid"),
]
FLOATING_ONLY = [
    *("leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "logsigmoid", "hardswish"),
    *("hardsigmoid", "hardshrink", "softshrink"),
]
# PyTorch's constants in these are float32 for float64 inputs too.
IN_SINGLE_PRECISION = ("celu", "hardsigmoid", "Hardsigmoid", "CELU")


def f(library):
    return library.nn.functional


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(
        function,
        *inputs,
        second=False,
        tolerance=1e-6 if "dtype" in name or "integers" in name or name in IN_SINGLE_PRECISION else 1e-11,
    )


@pytest.mark.parametrize("name", [name for name in ROWS if "integers" not in name and "dtype" not in name])
def test_derivatives(name):
    check_derivatives(*ROWS[name])


@pytest.mark.parametrize("name", [name for name in SMOOTH if name != "hardsigmoid"])
def test_third_derivative(name):
    def second(t, x):
        (first,) = t.autograd.grad(getattr(f(t), name)(x).sum(), x, create_graph=True)
        return t.autograd.grad((first * first).sum(), x, create_graph=True)[0]

    check_derivatives(second, floats(5) * 1.7, order=1)


EXTREMES = np.array(
    [-np.inf, -1e30, -1000.0, -100.0, -30.0, -5.0, -1e-3, -1e-30, 0.0, 1e-30, 1e-3, 5.0, 30.0, 100.0, 1e30]
)


# Where 0 times infinity, or its quotient by itself, comes up.
NOT_AT_MINUS_INFINITY = ("silu", "mish", "hardswish", "gelu", "softsign")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", [*SMOOTH, "relu", "relu6", "leaky_relu", "hardtanh", "hardshrink", "softshrink"])
def test_far_values(name, dtype):
    """No overflow, no warning, and PyTorch's digits over the whole range; the same for the derivative."""
    torch = pytest.importorskip("torch")
    numbers = np.clip(EXTREMES, -6e4, 6e4) if dtype == "float16" else EXTREMES
    numbers = np.concatenate([numbers[1:] if name in NOT_AT_MINUS_INFINITY else numbers, floats(200) * 4])
    results = []
    for library in (minitorch, torch):
        x = library.tensor(numbers.astype(dtype), requires_grad=True)
        y = getattr(f(library), name)(x)
        y.backward(library.ones_like(y))
        assert repr(y.dtype) == repr(x.dtype)
        results.append((y.detach().numpy(), x.grad.numpy()))
    tolerance = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(
            ours, theirs, rtol=2 * tolerance, atol=1e-7 if name in IN_SINGLE_PRECISION else tolerance
        )


REFUSED = {
    **{name: (lambda t, x, name=name: getattr(f(t), name)(x.int()), X) for name in FLOATING_ONLY},
    "softmax integers": (lambda t, x: f(t).softmax(x.int(), 0), X),
    "glu integers": (lambda t, x: f(t).glu(x.int(), 1), X),
    "relu6 bool": (lambda t, x: f(t).relu6(x.bool()), X),
    "hardtanh": (lambda t, x: f(t).hardtanh(x, 2.0, 1.0), X),
    "softshrink": (lambda t, x: f(t).softshrink(x, -1.0), X),
    "celu alpha": (lambda t, x: f(t).celu(x, 0.0), X),
    "gelu approximate": (lambda t, x: f(t).gelu(x, approximate="sigmoid"), X),
    "glu odd": (lambda t, x: f(t).glu(x), X),
    "glu 0-d": (lambda t, x: f(t).glu(x.sum()), X),
    "glu dim": (lambda t, x: f(t).glu(x, 3), X),
    "rrelu bounds": (lambda t, x: f(t).rrelu(x, 0.5, 0.1, True), X),
    "prelu count": (lambda t, x, w: f(t).prelu(x, w[:3]), X, W),
    "prelu of a number": (lambda t, x, w: f(t).prelu(x.sum(), w), X, W),
    "prelu matrix": (lambda t, x, w: f(t).prelu(x, w.reshape(1, 4)), X, W),
    "prelu dtype": (lambda t, x, w: f(t).prelu(x, w.float()), X, W),
    "softmax dim": (lambda t, x: f(t).softmax(x, 3), X),
    "a list": (lambda t: f(t).gelu([1.0]),),
    "relu of a list": (lambda t: f(t).relu([1.0]),),
    "leaf in place": (lambda t, x: f(t).relu(x.requires_grad_(), inplace=True), X),
    "leaf in place, elu": (lambda t, x: f(t).elu_(x.requires_grad_()), X),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


IN_PLACE = {
    "relu": (), "relu6": (), "leaky_relu": (0.2,), "threshold": (0.5, 2.0), "hardtanh": (-0.5, 0.7), "elu": (0.8,),
    "selu": (), "celu": (0.8,), "silu": (), "mish": (), "hardswish": (), "hardsigmoid": (), "rrelu": (0.1, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name):
    """``inplace=True`` gives the input back, with the same values and gradients as without."""

    def changed(t, x):
        y = x * 2
        return same_tensor(y, getattr(f(t), name)(y, *IN_PLACE[name], inplace=True))

    check(changed, X, second=False, tolerance=1e-6 if name in IN_SINGLE_PRECISION else 1e-11)
    check_derivatives(changed, X)
    ours, plain = minitorch.tensor(X), minitorch.tensor(X)
    version = ours._version
    getattr(f(minitorch), name)(ours, *IN_PLACE[name], inplace=True)
    assert minitorch.equal(ours, getattr(f(minitorch), name)(plain, *IN_PLACE[name]))
    assert ours._version > version


def same_tensor(input, result):
    assert result is input
    return result * 3


@pytest.mark.parametrize("name", ["relu", "celu", "elu", "hardtanh", "leaky_relu", "rrelu", "selu", "threshold"])
def test_names_with_underscore(name):
    arguments = IN_PLACE[name]
    x, y = minitorch.tensor(X), minitorch.tensor(X)
    assert getattr(f(minitorch), name + "_")(x, *arguments) is x
    assert minitorch.equal(x, getattr(f(minitorch), name)(y, *arguments))


def test_rrelu_draws_slopes():
    minitorch.manual_seed(0)
    x = minitorch.full((1000,), -2.0, requires_grad=True)
    y = f(minitorch).rrelu(x, 0.1, 0.4, training=True)
    y.sum().backward()
    slopes = x.grad.numpy()
    np.testing.assert_allclose(y.detach().numpy(), -2 * slopes, rtol=1e-6)
    assert slopes.min() >= 0.1
    assert slopes.max() <= 0.4
    assert abs(slopes.mean() - 0.25) < 0.01
    assert len(np.unique(slopes)) > 900
    positive = minitorch.rand(10) + 0.1
    assert minitorch.equal(f(minitorch).rrelu(positive, training=True), positive)
    minitorch.manual_seed(0)
    again = f(minitorch).rrelu(x.detach(), 0.1, 0.4, training=True)
    assert minitorch.equal(again, y.detach())


def test_gumbel_softmax():
    minitorch.manual_seed(0)
    logits = minitorch.tensor([[0.0, 1.0, 2.0]]).expand(4000, 3).clone().requires_grad_()
    soft = f(minitorch).gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.detach().numpy().sum(1), 1, rtol=1e-5)
    hard = f(minitorch).gumbel_softmax(logits, tau=1, hard=True, dim=-1)
    values = hard.detach().numpy()
    np.testing.assert_allclose(np.sort(values, 1), np.tile([0, 0, 1.0], (4000, 1)), atol=1e-6)
    shares = np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum()
    np.testing.assert_allclose(values.mean(0), shares, atol=0.03)
    (hard * minitorch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad.abs().sum() > 0
    np.testing.assert_allclose(logits.grad.numpy().sum(1), 0, atol=1e-5)


def test_node_names():
    x = minitorch.ones(2, 4, requires_grad=True) * 1
    F = f(minitorch)
    names = {
        "ReluBackward0": F.relu(x), "LeakyReluBackward0": F.leaky_relu(x), "HardtanhBackward0": F.relu6(x),
        "EluBackward0": F.selu(x), "GeluBackward0": F.gelu(x), "SiluBackward0": F.silu(x), "MishBackward0": F.mish(x),
        "SoftplusBackward0": F.softplus(x), "LogSigmoidBackward0": F.logsigmoid(x), "GluBackward0": F.glu(x),
        "SigmoidBackward0": F.sigmoid(x), "TanhBackward0": F.tanh(x), "HardswishBackward0": F.hardswish(x),
        "HardsigmoidBackward0": F.hardsigmoid(x), "SoftmaxBackward0": F.softmax(x, 1), "CeluBackward0": F.celu(x),
        "LogSoftmaxBackward0": F.log_softmax(x, 1), "ThresholdBackward0": F.threshold(x, 0, 1),
        "HardshrinkBackward0": F.hardshrink(x), "SoftshrinkBackward0": F.softshrink(x),
        "PreluKernelBackward0": F.prelu(x, minitorch.ones(1)),
    }  # fmt: skip
    for name, result in names.items():
        assert result.grad_fn.name() == name


@pytest.mark.parametrize("function", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 4, 1)])
def test_implicit_dim_warns(function, shape):
    torch = pytest.importorskip("torch")
    array = floats(*shape)
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {function} has been deprecated") as seen:
        ours = getattr(f(minitorch), function)(minitorch.tensor(array))
    assert seen[0].filename == __file__
    with pytest.warns(UserWarning, match="Implicit dimension"):
        theirs = getattr(torch.nn.functional, function)(torch.tensor(array))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


@pytest.mark.parametrize("layer", ["Softmax", "LogSoftmax", "Softmin"])
def test_layers_without_dim_warn_where_they_are_called(layer):
    made = getattr(minitorch.nn, layer)()
    with pytest.warns(UserWarning, match="Implicit dimension choice") as seen:
        made(minitorch.zeros(2, 3))
    assert seen[0].filename == __file__


LAYERS = {
    "ReLU": (lambda t: t.nn.ReLU(), X),
    "ReLU6": (lambda t: t.nn.ReLU6(), WIDE),
    "LeakyReLU": (lambda t: t.nn.LeakyReLU(0.2), X),
    "LeakyReLU default": (lambda t: t.nn.LeakyReLU(), X),
    "PReLU": (lambda t: t.nn.PReLU(dtype=t.float64), X),
    "PReLU channels": (lambda t: t.nn.PReLU(num_parameters=4, init=0.1, dtype=t.float64), X),
    "RReLU": (lambda t: t.nn.RReLU(0.1, 0.3).eval(), X),
    "ELU": (lambda t: t.nn.ELU(0.5), X),
    "CELU": (lambda t: t.nn.CELU(alpha=0.5), X),
    "SELU": (lambda t: t.nn.SELU(), X),
    "GELU": (lambda t: t.nn.GELU(), X),
    "GELU tanh": (lambda t: t.nn.GELU(approximate="tanh"), X),
    "SiLU": (lambda t: t.nn.SiLU(), X),
    "Mish": (lambda t: t.nn.Mish(), X),
    "Hardsigmoid": (lambda t: t.nn.Hardsigmoid(), X),
    "Hardswish": (lambda t: t.nn.Hardswish(), X),
    "Hardtanh": (lambda t: t.nn.Hardtanh(-2, 0.5), X),
    "Hardshrink": (lambda t: t.nn.Hardshrink(0.7), X),
    "Softshrink": (lambda t: t.nn.Softshrink(), X),
    "Threshold": (lambda t: t.nn.Threshold(0.1, 20), X),
    "Sigmoid": (lambda t: t.nn.Sigmoid(), X),
    "Tanh": (lambda t: t.nn.Tanh(), X),
    "LogSigmoid": (lambda t: t.nn.LogSigmoid(), X),
    "Softsign": (lambda t: t.nn.Softsign(), X),
    "Tanhshrink": (lambda t: t.nn.Tanhshrink(), X),
    "Softplus": (lambda t: t.nn.Softplus(2, 10), X),
    "Softplus default": (lambda t: t.nn.Softplus(), X),
    "GLU": (lambda t: t.nn.GLU(1), X),
    "Softmax": (lambda t: t.nn.Softmax(dim=1), X),
    "Softmin": (lambda t: t.nn.Softmin(-1), X),
    "LogSoftmax": (lambda t: t.nn.LogSoftmax(0), X),
    "Softmax2d": (lambda t: t.nn.Softmax2d(), X),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_as_torch(name):
    make, *inputs = LAYERS[name]
    check_layer(make, *inputs, tolerance=1e-6 if name in IN_SINGLE_PRECISION else 1e-11)


IN_PLACE_LAYERS = [
    *("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardsigmoid", "Hardswish", "ELU", "CELU", "LeakyReLU", "RReLU"),
    "Hardtanh",
]


@pytest.mark.parametrize("name", IN_PLACE_LAYERS)
def test_layers_in_place(name):
    torch = pytest.importorskip("torch")
    layer = getattr(minitorch.nn, name)(inplace=True)
    assert repr(layer) == repr(getattr(torch.nn, name)(inplace=True))
    x = minitorch.tensor(X)
    assert layer(x) is x


def test_threshold_layer_in_place():
    layer = minitorch.nn.Threshold(0.1, 20, inplace=True)
    assert repr(layer) == "Threshold(threshold=0.1, value=20, inplace=True)"
    x = minitorch.tensor(X)
    assert layer(x) is x


REFUSED_LAYERS = {
    "Softmax2d": (lambda t, x: t.nn.Softmax2d()(x[0]), X),
    "GLU": (lambda t, x: t.nn.GLU()(x), X),
}


@pytest.mark.parametrize("name", REFUSED_LAYERS)
def test_refused_by_layers(name):
    function, *inputs = REFUSED_LAYERS[name]
    check_refused(function, *inputs)


def test_hardtanh_layer_refuses_equal_bounds():
    with pytest.raises(ValueError, match=r"max_val must be larger than min_val, got 1\.0 and 1\.0"):
        minitorch.nn.Hardtanh(1.0, 1.0)
