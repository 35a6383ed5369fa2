"""Python's operators on tensors; gradients of elementwise ops, on arrays and on Tensors; names of nodes."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, floats

X = floats(3, 4)
Y = floats(4) + 0.05
POSITIVE = np.abs(floats(3, 4)) + 0.2
INTS = np.array([3, -1, 4, 0])
BYTES = np.array([0, 1, 7, 255], np.uint8)
BOOLS = np.array([True, False, True, False])

OPERATORS = {
    "arithmetic": (lambda t, x, y: (x + y, x - y, x * y, x / y, -x, +x, abs(x)), X, Y),
    "reflected": (lambda t, x: (2 + x, 2 - x, 2 * x, 2 / x, 2.0**x, 1.5 - x, 1 / x), POSITIVE),
    "powers": (lambda t, x: (x**2, x**0.5, x**x, pow(x, 3), 2**x), POSITIVE),
    "integers": (lambda t, i: (i // 2, i % 3, 7 - i, i**2, i << 1, 5 & i, ~i, -i, i / 2, 1 | i), INTS),
    "reflected integers": (lambda t, i: (7 // i, 7 % i, 2**i, 3 ^ i, 1 << i, 100 >> i), np.array([1, 2, 3])),
    "matmul": (lambda t, x, y: (x @ y, y @ x.T), X, Y),
    "numpy scalars": (
        lambda t, x, i: (x * np.float64(2), x + np.int64(1), i * np.float32(2), np.float64(3) * x, i - np.int16(1)),
        X,
        INTS,
    ),
    "bools": (lambda t, m: (m & True, m | False, m ^ True, ~m, m * 2, m + m, True & m), BOOLS),
    "precedence": (lambda t, x, y: (-(x**2) + x * y - x / y, (x.detach() / y.detach() % 2) // 1), X, Y),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_as_torch(name):
    function, *inputs = OPERATORS[name]
    check(function, *inputs, tolerance=1e-6 if any(x.dtype.kind != "f" for x in inputs) else 1e-12)


def test_numpy_arrays_beside_tensors():
    x = minitorch.tensor([1.0, 2.0], device="cpu")
    for result in (x + np.array([1.0, 1.0]), np.array([1.0, 1.0]) * x + 1, x * np.ones(2)):
        assert isinstance(result, minitorch.Tensor)
        assert result.dtype is minitorch.float64
    assert (np.float32(2) * x).tolist() == [2, 4]
    assert (np.array([1.0, 5.0]) == x).tolist() == [True, False]


class Strange:
    """Knows what to do beside a tensor."""

    def __radd__(self, other):
        return "radd"

    def __rmatmul__(self, other):
        return "rmatmul"

    def __eq__(self, other):
        return "eq"


def test_other_classes_are_asked():
    x = minitorch.ones(2)
    assert x + Strange() == "radd"
    assert x @ Strange() == "rmatmul"
    assert (x == Strange()) == "eq"
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*: 'Tensor' and 'Strange'"):
        x * Strange()
    with pytest.raises(TypeError, match="'<' not supported between instances of 'Tensor' and 'str'"):
        x < "a"


# ---- gradients


def test_gradients_on_arrays_and_on_tensors_agree():
    """``backward`` runs rules on arrays where it can; with ``create_graph`` all of them run on Tensors."""
    x = minitorch.tensor(POSITIVE, requires_grad=True)
    y = minitorch.tensor(Y, requires_grad=True)
    functions = (
        lambda: x + y,
        lambda: x - 2 * y,
        lambda: 1 - x,
        lambda: x * y,
        lambda: y * y * y,
        lambda: x / y,
        lambda: 2 / x,
        lambda: -x,
        lambda: x.exp(),
        lambda: x.log(),
        lambda: x.sqrt(),
        lambda: x.tanh(),
        lambda: y.relu(),
        lambda: x.sigmoid(),
        lambda: y.abs(),
        lambda: x.reciprocal(),
        lambda: x.floor() * y,
        lambda: x * 3 + 1,
        lambda: y.sub(x, alpha=0.5),
        lambda: minitorch.add(y, x, alpha=2.5),
        lambda: y.nan_to_num() + x.frac(),
    )
    for function in functions:
        result = function()
        weights = minitorch.linspace(-1, 1, result.numel(), dtype=minitorch.float64).reshape(result.shape)
        x.grad = y.grad = None
        result.backward(weights, retain_graph=True)
        recorded = minitorch.autograd.grad(result, (x, y), weights, create_graph=True, allow_unused=True)
        for leaf, g in zip((x, y), recorded):
            assert (leaf.grad is None) == (g is None)
            if g is not None:
                assert leaf.grad.dtype is g.dtype
                np.testing.assert_array_equal(leaf.grad.numpy(), g.detach().numpy())
        again = function().exp()
        again.backward(weights)
        with pytest.raises(RuntimeError, match=r"second time.*ExpBackward0"):
            again.backward(weights)


def test_gradients_have_the_type_of_their_input():
    single = minitorch.tensor([1.5, 2.0], requires_grad=True)
    double = minitorch.tensor([0.5, 3.0], dtype=minitorch.float64, requires_grad=True)
    half = minitorch.tensor([0.5, 3.0], dtype=minitorch.float16, requires_grad=True)
    integers = minitorch.tensor([2, 3])
    for result in (
        single * double,
        single * integers + half,
        half / integers - double * 2.5,
        half * 1.5,
        single**double,
    ):
        for leaf in (single, double, half):
            leaf.grad = None
        result.sum().backward()
        for leaf in (single, double, half):
            assert leaf.grad is None or leaf.grad.dtype is leaf.dtype


def test_one_gradient_for_two_leaves_is_not_shared():
    a, b = minitorch.ones(3, requires_grad=True), minitorch.ones(3, requires_grad=True)
    (a + b).backward(minitorch.ones(3))
    a.grad.zero_()
    assert b.grad.tolist() == [1, 1, 1]


def test_node_names():
    x = minitorch.tensor([0.5, 0.25], requires_grad=True)
    names = {
        "AddBackward0": x + 1,
        "SubBackward0": x - 1,
        "RsubBackward1": 1 - x,
        "MulBackward0": 2 * x,
        "DivBackward0": x / x,
        "NegBackward0": -x,
        "PowBackward0": x**2,
        "PowBackward1": x**x,
        "ExpBackward0": x.exp(),
        "LogBackward0": x.log(),
        "ReluBackward0": x.relu(),
        "SigmoidBackward0": x.sigmoid(),
        "TanhBackward0": x.tanh(),
        "SqrtBackward0": x.sqrt(),
        "AbsBackward0": abs(x),
        "ClampBackward1": x.clamp(0, 1),
        "MaximumBackward0": minitorch.maximum(x, x),
        "LerpBackward0": x.lerp(x, 0.5),
        "AddcmulBackward0": minitorch.addcmul(x, x, x),
        "ErfBackward0": x.erf(),
        "Log1PBackward0": x.log1p(),
        "FloorBackward0": x.floor(),
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name
