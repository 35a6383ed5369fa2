"""In-place variants of elementwise ops, and ``out=``: against PyTorch, and what both refuse."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch import methods
from tests.rows import check, check_refused, floats

X = floats(3, 4)
Y = floats(4) + 0.05
POSITIVE = np.abs(floats(3, 4)) + 0.2
INTS = np.array([3, -1, 4, 0])
BYTES = np.array([0, 1, 7, 255], np.uint8)
BOOLS = np.array([True, False, True, False])


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
}


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
        "lerp": (minitorch.tensor([0.3]), 0.5),
        "addcmul": (minitorch.tensor([0.3]),) * 2,
        "clamp": (0.3, 0.4),
        "addcdiv": (minitorch.tensor([0.3]),) * 2,
        "clip": (0.3, 0.4),
        "mvlgamma": (1,),
        "nan_to_num": (),
        "logit": (),
        "renorm": (2, 0, 0.3),
    }
    count = 0
    for names in methods.INPLACE.values():
        for name in names.split():
            whole = any(part in name for part in ("bitwise", "gcd", "lcm"))
            x = minitorch.tensor([5, 3]) if whole else minitorch.tensor([0.5, 0.25])
            second = minitorch.tensor([2, 1]) if whole else minitorch.tensor([0.7, 0.6])
            if name in ("acosh", "arccosh", "mvlgamma"):
                x = x + 1
            if name == "renorm":
                x = x.reshape(2, 1)
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
        with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*MulBackward0"):
            z.sum().backward()


# ---- out=


def test_out():
    x, y = minitorch.tensor([1.0, -2.0]), minitorch.tensor([3.0, 4.0])
    for name, args in {
        "add": (x, y),
        "sub": (x, 1),
        "mul": (x, y),
        "div": (x, y),
        "pow": (x, 2),
        "maximum": (x, y),
        "exp": (x,),
        "clamp": (x, 0),
        "round": (x,),
        "lerp": (x, y, 0.5),
        "addcmul": (x, y, y),
        "atan2": (x, y),
        "neg": (x,),
        "sigmoid": (x,),
        "abs": (x,),
        "sign": (x,),
        "square": (x,),
        "nan_to_num": (x,),
        "logit": (x, 0.1),
        "erf": (x,),
        "remainder": (x, y),
        "float_power": (x, 2),
        "ldexp": (x, y),
        "deg2rad": (x,),
        "polygamma": (1, y),
    }.items():
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
