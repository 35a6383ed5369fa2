"""Whose a gradient is: arrays that nothing else refers to are kept or overwritten, all others are left alone."""

import numpy as np
import pytest

import minitorch as torch
from minitorch.core import engine
from minitorch.core.tensor import wrap


def test_a_gradient_that_nobody_else_has_is_not_copied():
    def address(tensor):
        return tensor._data.__array_interface__["data"][0]

    held = np.arange(6.0)
    for array, taken in (
        (lambda: np.arange(6.0), True),
        (lambda: np.arange(6.0).reshape(2, 3), True),  # the array behind it is nobody else's either
        (lambda: np.arange(6.0)[:3], False),  # it would keep more memory than it needs
        (lambda: np.arange(6.0).reshape(2, 3).T, False),
        (lambda: held, False),
        (lambda: held.reshape(2, 3), False),
    ):
        gradient = wrap(array())
        before, values = address(gradient), gradient._data.tolist()
        owned = engine._own(gradient)
        assert (address(owned) == before) is taken
        assert owned._data.tolist() == values and owned._data.flags.c_contiguous


def _relus(x):
    """Gradients that nobody else has, that two have, and that are views."""
    a = torch.relu(x * 2)
    b = torch.relu(a) + torch.relu(a - 0.5)
    return torch.relu(b.T.reshape(b.shape)) * 3 + torch.relu(b)


@pytest.mark.parametrize("size", [(3, 4), (120, 130)], ids=str)  # without and with compiled loops
def test_a_gradient_is_changed_in_its_place_where_nobody_else_has_it(size):
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.standard_normal(size), requires_grad=True)
    given = torch.tensor(rng.standard_normal(size))
    before, seen = given.numpy().copy(), []
    expected = torch.autograd.grad(_relus(x), x, given, create_graph=True)[0].detach()  # every rule on Tensors
    y = _relus(x)
    for node in [y.grad_fn, *[node for node, _ in y.grad_fn.next_functions]]:
        node.register_prehook(lambda grads: seen.append((grads[0], grads[0].numpy().copy())))
    y.backward(given, retain_graph=True)
    np.testing.assert_array_equal(x.grad.numpy(), expected.numpy())
    y.backward(given)
    np.testing.assert_array_equal(x.grad.numpy(), 2 * expected.numpy())
    np.testing.assert_array_equal(given.numpy(), before)
    assert len(seen) == 6
    for kept, value in seen:
        np.testing.assert_array_equal(kept.numpy(), value)


def test_what_a_function_of_the_user_keeps_stays_as_it_is():
    kept = []

    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            kept.append(g)
            return g

    x = torch.linspace(-1, 1, 10_000, requires_grad=True)
    Keep.apply(torch.relu(Keep.apply(torch.relu(x)))).sum().backward()
    assert all((g == 1).all() for g in kept[:1])
    np.testing.assert_array_equal(kept[1].numpy(), (x.detach().numpy() > 0) * 1.0)
    np.testing.assert_array_equal(x.grad.numpy(), (x.detach().numpy() > 0) * 1.0)


def test_the_gradient_through_a_relu_takes_the_place_of_the_one_it_gets(monkeypatch):
    spent = []  # arrays of NumPy only
    node = type(torch.relu(torch.ones(1, requires_grad=True, device="cpu")).grad_fn)
    spend = node.spend
    monkeypatch.setattr(node, "spend", staticmethod(lambda node, g: spent.append(g) or spend(node, g)))
    x = torch.ones(100, 200, requires_grad=True, device="cpu")
    torch.relu(torch.relu(x) * 2).sum().backward()  # the sum's gradient is a view of one number
    assert len(spent) == 1
    y = torch.relu(x)
    (y + torch.relu(y)).backward(torch.ones(100, 200, device="cpu"))
    assert len(spent) == 2  # of the first relu alone, where two gradients meet
