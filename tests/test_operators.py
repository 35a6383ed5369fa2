"""Python's operators, in-place variants and ``out=`` of elementwise ops; every pair of dtypes, against PyTorch."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

import minitorch
from minitorch import methods
from tests.rows import check, check_refused, floats

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
X = floats(3, 4)
Y = floats(4) + 0.05
POSITIVE = np.abs(floats(3, 4)) + 0.2
INTS = np.array([3, -1, 4, 0])
BYTES = np.array([0, 1, 7, 255], np.uint8)
BOOLS = np.array([True, False, True, False])


def values(library, dtype, row):
    """Numbers of the type, none of them 0 in the second row."""
    numbers = {
        "b": ([True, False, True], [True, True, False]),
        "u": ([0, 3, 200], [1, 2, 7]),
        "i": ([0, -3, 100], [1, 2, -5]),
        "f": ([0.0, -2.25, 1.5], [1.0, 0.5, -3.0]),
    }["b" if dtype == "bool" else dtype[0]]
    return library.tensor(numbers[row], dtype=getattr(library, dtype))


def outcome(function):
    """The result as dtype and numbers, or the class of the error."""
    try:
        result = function()
    except Exception as error:
        return type(error)
    if not hasattr(result, "tolist"):
        return result
    return repr(result.dtype), tuple(result.shape), result.detach().cpu().double().numpy()


def agree(ours, theirs, what):
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple), (what, ours, theirs)
        assert ours[:2] == theirs[:2], what
        tolerance = 2e-3 if "float16" in theirs[0] else 2e-6
        np.testing.assert_allclose(ours[2], theirs[2], rtol=tolerance, atol=1e-7, err_msg=str(what))
    elif isinstance(theirs, type):
        assert isinstance(ours, type), (what, ours, theirs)
        assert issubclass(ours, theirs) or issubclass(theirs, ours), (what, ours, theirs)
    else:
        assert ours == theirs, what


BINARY = (
    "add sub rsub mul div floor_divide remainder fmod pow float_power atan2 hypot maximum minimum fmax fmin logaddexp "
    "copysign xlogy nextafter gcd lcm eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or "
    "bitwise_xor bitwise_left_shift bitwise_right_shift isclose heaviside"
).split()


@pytest.mark.parametrize("name", BINARY)
def test_every_pair_of_types(name):
    torch = pytest.importorskip("torch")
    for first, second in itertools.product(DTYPES, DTYPES):
        for zero_dim in (False, True):

            def run(library, first=first, second=second, zero_dim=zero_dim):
                other = values(library, second, 1)
                return getattr(library, name)(values(library, first, 0), other[1] if zero_dim else other)

            agree(outcome(lambda: run(minitorch)), outcome(lambda: run(torch)), (name, first, second, zero_dim))


@pytest.mark.parametrize("name", BINARY)
def test_types_beside_numbers(name):
    torch = pytest.importorskip("torch")
    for dtype, number in itertools.product(DTYPES, (True, 2, -3, 2.5, float("inf"))):
        if name == "pow" and dtype == "bool" and number is True:
            continue  # PyTorch has it, for the exponent True alone

        def run(library, dtype=dtype, number=number):
            return getattr(library, name)(values(library, dtype, 0), number)

        agree(outcome(lambda: run(minitorch)), outcome(lambda: run(torch)), (name, dtype, number))


@pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "div", "pow", "remainder", "floor_divide", "eq", "bitwise_and", "clamp"]
)
def test_types_in_place(name):
    torch = pytest.importorskip("torch")
    for first, second in itertools.product(DTYPES, (*DTYPES, 2, 2.5)):

        def run(library, first=first, second=second):
            x = values(library, first, 0)
            other = values(library, second, 1) if isinstance(second, str) else second
            assert getattr(x, name + "_")(other) is x
            return x

        agree(outcome(lambda: run(minitorch)), outcome(lambda: run(torch)), (name, first, second))


SIGNS = "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift".split()


@pytest.mark.parametrize("sign", SIGNS)
def test_operators_on_every_type(sign):
    torch = pytest.importorskip("torch")
    function, inplace = getattr(operator, sign), getattr(operator, "i" + sign.strip("_"))
    for dtype, other in itertools.product(DTYPES, (2, 2.5, "a", None, [1])):
        if sign == "mod" and other == 2.5 and dtype in ("float16",):
            continue  # remainders of rounded numbers

        def both(library, dtype=dtype, other=other):
            yield lambda: function(values(library, dtype, 0), other)
            yield lambda: function(other, values(library, dtype, 1))
            yield lambda: inplace(values(library, dtype, 0), other)

        for ours, theirs in zip(both(minitorch), both(torch)):
            agree(outcome(ours), outcome(theirs), (sign, dtype, other))


OPERATORS = {
    "arithmetic": (lambda t, x, y: (x + y, x - y, x * y, x / y, -x, +x, abs(x)), X, Y),
    "reflected": (lambda t, x: (2 + x, 2 - x, 2 * x, 2 / x, 2.0**x, 1.5 - x, 1 / x), POSITIVE),
    "powers": (lambda t, x: (x**2, x**0.5, x**x, pow(x, 3), 2**x), POSITIVE),
    "integers": (lambda t, i: (i // 2, i % 3, 7 - i, i**2, i << 1, 5 & i, ~i, -i, i / 2, 1 | i), INTS),
    "reflected integers": (lambda t, i: (7 // i, 7 % i, 2**i, 3 ^ i, 1 << i, 100 >> i), np.array([1, 2, 3])),
    "matmul": (lambda t, x, y: (x @ y, y @ x.T), X, Y),
    "numpy scalars": (lambda t, x, i: (x * np.float64(2), x + np.int64(1), i * np.float32(2), np.float64(3) * x, i - np.int16(1)), X, INTS),
    "bools": (lambda t, m: (m & True, m | False, m ^ True, ~m, m * 2, m + m, True & m), BOOLS),
    "precedence": (lambda t, x, y: -(x**2) + x * y - x / y % 2 // 1 + 0 * x, X, Y),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_as_torch(name):
    function, *inputs = OPERATORS[name]
    if name == "precedence":
        function = lambda t, x, y: (-(x**2) + x * y - x / y, (x.detach() / y.detach() % 2) // 1)
    check(function, *inputs, tolerance=1e-6 if any(x.dtype.kind != "f" for x in inputs) else 1e-12)


def test_numpy_arrays_beside_tensors():
    x = minitorch.tensor([1.0, 2.0])
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


# ---- in place


def _changed(name, *arguments, **keywords):
    """The tensor itself after an in-place change of a computed tensor, and what else sees the change."""

    def function(t, x, *others):
        y = x * 1
        view = y[1:]
        given = [others[a] if type(a) is int and a < 0 else a for a in arguments]
        assert getattr(y, name)(*given, **keywords) is y
        return y, view

    return function


INPLACE = {
    "add_": (_changed("add_", -1), X, Y),
    "add_ alpha": (_changed("add_", -1, alpha=-0.5), X, Y),
    "add_ number": (_changed("add_", 2), X),
    "sub_": (_changed("sub_", -1), X, Y),
    "mul_": (_changed("mul_", -1), X, Y),
    "mul_ itself": (lambda t, x: (x * 1).mul_(x), X),
    "div_": (_changed("div_", -1), X, Y),
    "div_ rounded": (_changed("div_", 0.3, rounding_mode="floor"), X),
    "pow_": (_changed("pow_", 3), X),
    "pow_ tensor": (_changed("pow_", -1), POSITIVE, Y),
    "remainder_": (_changed("remainder_", 0.7), X),
    "exp_": (_changed("exp_"), X),
    "sqrt_": (_changed("sqrt_"), POSITIVE),
    "tanh_": (_changed("tanh_"), X),
    "sigmoid_": (_changed("sigmoid_"), X),
    "relu_": (_changed("relu_"), X),
    "clamp_": (_changed("clamp_", -0.5, 0.5), X),
    "clamp_ keywords": (_changed("clamp_", min=0), X),
    "abs_": (_changed("abs_"), X),
    "neg_": (_changed("neg_"), X),
    "floor_": (_changed("floor_"), X),
    "lerp_": (_changed("lerp_", -1, 0.3), X, Y),
    "addcmul_": (_changed("addcmul_", -1, -2, value=0.5), X, Y, POSITIVE),
    "addcdiv_": (_changed("addcdiv_", -1, -2, value=0.5), X, Y, POSITIVE),
    "gt_": (lambda t, x: x.detach().clone().gt_(0), X),
    "operators": (lambda t, x, y: _with_operators(x * 1, y), X, Y),
    "bits": (lambda t, i, j: _with_bits(i.clone(), j), INTS, np.array([1, 2, 3, 1])),
    "a row of a matrix": (lambda t, x, y: _row(x * 1, y), X, Y),
    "transposed": (lambda t, x, y: (x * 1).t().mul_(y.reshape(4, 1)), X, Y),
    "erfinv_": (_changed("erfinv_"), X / 3),
    "logit_": (_changed("logit_", eps=0.1), np.abs(X) / 3),
    "polygamma_": (_changed("polygamma_", 1), POSITIVE),
}  # fmt: skip


def _with_operators(x, y):
    x += y
    x -= 0.5
    x *= y
    x /= 1.5
    x **= 2
    return x


def _with_bits(i, j):
    i //= 2
    i %= 5
    i &= 6
    i |= j
    i ^= 3
    i <<= 2
    i >>= 1
    return i


def _row(x, y):
    x[1] += y
    x[:, 2] *= 3
    x[0].mul_(y)
    return x


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_as_torch(name):
    function, *inputs = INPLACE[name]
    check(
        function,
        *inputs,
        tolerance=1e-8 if name == "polygamma_" else 1e-12,
        second=name not in ("floor_", "gt_", "clamp_", "remainder_"),
    )


def test_every_in_place_variant_does_what_the_op_does():
    """All of them, on a value where each is defined."""
    arguments = {
        "lerp": (minitorch.tensor([0.3]), 0.5), "addcmul": (minitorch.tensor([0.3]),) * 2, "clamp": (0.3, 0.4),
        "addcdiv": (minitorch.tensor([0.3]),) * 2, "clip": (0.3, 0.4), "mvlgamma": (1,), "nan_to_num": (), "logit": (),
    }  # fmt: skip
    count = 0
    for names in methods.INPLACE.values():
        for name in names.split():
            whole = any(part in name for part in ("bitwise", "gcd", "lcm"))
            x = minitorch.tensor([5, 3]) if whole else minitorch.tensor([0.5, 0.25])
            second = minitorch.tensor([2, 1]) if whole else minitorch.tensor([0.7, 0.6])
            if name in ("acosh", "arccosh", "mvlgamma"):
                x = x + 1
            function = getattr(minitorch, name)
            for given in (arguments.get(name), (), (second,)):
                try:
                    expected = function(x, *given)
                    break
                except TypeError:
                    continue
            changed = x.clone()
            kept = changed._data
            version = changed._version
            assert getattr(changed, name + "_")(*given) is changed
            assert changed._data is kept, name
            assert changed._version == version + 1, name
            np.testing.assert_array_equal(changed.numpy(), expected.to(x.dtype).numpy(), err_msg=name)
            count += 1
    assert count > 80


IN_PLACE_REFUSED = {
    "type": (lambda t, i: i.add_(2.5), INTS),
    "type of div_": (lambda t, i: i.div_(2), INTS),
    "type of bools": (lambda t, m: m.add_(1), BOOLS),
    "type of a tensor": (lambda t, i, x: i.mul_(x), INTS, Y),
    "shape": (lambda t, y, x: y.add_(x), Y, X),
    "shapes": (lambda t, x: x.mul_(x[:, :2]), X),
    "expanded": (lambda t, y: y.expand(3, 4).add_(1), Y),
    "leaf": (lambda t, x: x.requires_grad_().mul_(2), X),
    "view of a leaf": (lambda t, x: x.requires_grad_()[0].exp_(), X),
    "float_power_": (lambda t, x: x.float().float_power_(2), X),
    "strange": (lambda t, x: x.add_("a"), X),
}


@pytest.mark.parametrize("name", IN_PLACE_REFUSED)
def test_in_place_refused_as_torch(name):
    function, *inputs = IN_PLACE_REFUSED[name]
    check_refused(function, *inputs)


def test_message_of_in_place_types():
    with pytest.raises(RuntimeError, match=r"add_: result type torch.float32 can't be cast to .* torch.int64"):
        minitorch.tensor([1]).add_(2.5)


def test_leaves_may_change_without_grad_mode():
    w = minitorch.ones(3, requires_grad=True)
    (w * w).sum().backward()
    with minitorch.no_grad():
        w -= 0.1 * w.grad
        w.add_(w.grad, alpha=-0.1).mul_(1.0)
    assert w.is_leaf
    np.testing.assert_allclose(w.detach().numpy(), 0.6, rtol=1e-6)


def test_what_is_saved_and_then_changed_is_noticed():
    x = minitorch.ones(2, requires_grad=True)
    for change in (lambda y: y.add_(1), lambda y: y.mul_(y), lambda y: y.zero_(), lambda y: y[0].sub_(1)):
        y = x * 2
        z = y.exp() * y
        change(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation.*MulBackward0"):
            z.sum().backward()


# ---- out=


def test_out():
    x, y = minitorch.tensor([1.0, -2.0]), minitorch.tensor([3.0, 4.0])
    for name, args in {
        "add": (x, y), "sub": (x, 1), "mul": (x, y), "div": (x, y), "pow": (x, 2), "maximum": (x, y), "exp": (x,),
        "clamp": (x, 0), "round": (x,), "lerp": (x, y, 0.5), "addcmul": (x, y, y), "atan2": (x, y), "neg": (x,),
        "sigmoid": (x,), "abs": (x,), "sign": (x,), "square": (x,), "nan_to_num": (x,), "logit": (x, 0.1), "erf": (x,),
        "remainder": (x, y), "float_power": (x, 2), "ldexp": (x, y), "deg2rad": (x,), "polygamma": (1, y),
    }.items():  # fmt: skip
        function = getattr(minitorch, name)
        expected = function(*args)
        for out in (minitorch.empty(2, dtype=expected.dtype), minitorch.empty(0, dtype=expected.dtype)):
            assert function(*args, out=out) is out
            assert out.dtype is expected.dtype
            np.testing.assert_array_equal(out.numpy(), expected.numpy(), err_msg=name)
    mask = minitorch.empty(2, dtype=minitorch.bool)
    minitorch.gt(x, 0, out=mask)
    assert mask.tolist() == [True, False]
    whole = minitorch.zeros(2, 2)
    minitorch.add(x, y, out=whole[0])
    assert whole.tolist() == [[4, 2], [0, 0]]
    assert minitorch.mul(x, y, out=None).tolist() == [3, -8]


OUT_REFUSED = {
    "no tensor": (lambda t, x: t.add(x, 1, out=[]), X),
    "type": (lambda t, x: t.exp(x, out=t.empty(3, 4, dtype=t.int32)), X),
    "gradient": (lambda t, x: t.exp(x.requires_grad_(), out=t.empty(3, 4, dtype=t.float64)), X),
}


@pytest.mark.parametrize("name", OUT_REFUSED)
def test_out_refused_as_torch(name):
    function, *inputs = OUT_REFUSED[name]
    check_refused(function, *inputs)


# ---- the shorter ways through recording and running


def test_gradients_on_arrays_and_on_tensors_agree():
    """``backward`` runs rules on arrays where it can; with ``create_graph`` all of them run on Tensors."""
    x = minitorch.tensor(POSITIVE, requires_grad=True)
    y = minitorch.tensor(Y, requires_grad=True)
    functions = (
        lambda: x + y, lambda: x - 2 * y, lambda: 1 - x, lambda: x * y, lambda: y * y * y, lambda: x / y, lambda: 2 / x,
        lambda: -x, lambda: x.exp(), lambda: x.log(), lambda: x.sqrt(), lambda: x.tanh(), lambda: y.relu(),
        lambda: x.sigmoid(), lambda: y.abs(), lambda: x.reciprocal(), lambda: x.floor() * y, lambda: x * 3 + 1,
        lambda: y.sub(x, alpha=0.5), lambda: minitorch.add(y, x, alpha=2.5), lambda: y.nan_to_num() + x.frac(),
    )  # fmt: skip
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
        with pytest.raises(RuntimeError, match="second time.*ExpBackward0"):
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
