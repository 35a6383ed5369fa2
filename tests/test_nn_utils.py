"""``nn.utils``: clipping of gradients, parameters as one vector."""

import math

import numpy as np
import pytest
from twins import check_twins

import minitorch
from minitorch import nn

INF, NAN = math.inf, math.nan
GRADS = ([3.0, 4.0], [0.0, -12.0], None)


def parameters(t, grads):
    """A parameter for each gradient."""
    made = []
    for grad in grads:
        parameter = t.zeros(3 if grad is None else len(grad), requires_grad=True)
        parameter.grad = None if grad is None else t.tensor(grad)
        made.append(parameter)
    return made


def clipped(name, *args, grads=GRADS, **kwargs):
    """A program: what the function returns and what the gradients then are."""

    def program(t):
        made = parameters(t, grads)
        result = getattr(t.nn.utils, name)(made, *args, **kwargs)
        return result, [p.grad for p in made]

    return program


CLIPPING = {
    "norm": clipped("clip_grad_norm_", 1.0),
    "norm that is small enough": clipped("clip_grad_norm_", 100.0),
    "norm 1": clipped("clip_grad_norm_", 1.0, 1),
    "norm 3": clipped("clip_grad_norm_", 1.0, norm_type=3.0),
    "norm 0": clipped("clip_grad_norm_", 1.0, norm_type=0),
    "norm inf": clipped("clip_grad_norm_", 1.0, norm_type=INF),
    "norm 'inf'": clipped("clip_grad_norm_", 1.0, norm_type="inf"),
    "norm to 0": clipped("clip_grad_norm_", 0),
    "norm of no parameters": clipped("clip_grad_norm_", 1.0, grads=()),
    "norm of no gradients": clipped("clip_grad_norm_", 1.0, grads=(None,)),
    "norm of zeros": clipped("clip_grad_norm_", 1.0, grads=([0.0, 0.0],)),
    "infinite norm": clipped("clip_grad_norm_", 1.0, grads=([INF, 1.0],)),
    "norm that is NaN": clipped("clip_grad_norm_", 1.0, grads=([NAN, 1.0],)),
    "infinite norm, refused": clipped("clip_grad_norm_", 1.0, grads=([INF, 1.0],), error_if_nonfinite=True),
    "text as norm": clipped("clip_grad_norm_", "2"),
    "no number as norm": clipped("clip_grad_norm_", "x"),
    "foreach": clipped("clip_grad_norm_", 1.0, foreach=True),
    "one parameter": lambda t: t.nn.utils.clip_grad_norm_(parameters(t, GRADS)[0], 1.0),
    "a generator": lambda t: (p := parameters(t, GRADS), t.nn.utils.clip_grad_norm_(iter(p), 1.0), p[0].grad)[1:],
    "old name": clipped("clip_grad_norm", 1.0),
    "value": clipped("clip_grad_value_", 2.0),
    "whole value": clipped("clip_grad_value_", 2),
    "value and NaN": clipped("clip_grad_value_", 1.0, grads=([NAN, -5.0],)),
    "known norm": lambda t: clipped("clip_grads_with_norm_", 1.0, t.tensor(26.0))(t),
    "total norm": lambda t: t.nn.utils.get_total_norm([t.tensor([3.0, 4.0]), t.tensor([[12.0]])]),
    "total norm of nothing": lambda t: t.nn.utils.get_total_norm([]),
    "total norm, inf": lambda t: t.nn.utils.get_total_norm([t.tensor([3.0, 4.0]), t.tensor([-12.0])], INF),
    "total norm, graph": lambda t: t.nn.utils.get_total_norm(t.tensor([3.0], requires_grad=True)).requires_grad,
    "total norm, refused": lambda t: t.nn.utils.get_total_norm([t.tensor([NAN])], error_if_nonfinite=True),
}


@pytest.mark.parametrize("program", CLIPPING.values(), ids=CLIPPING)
def test_clipping_is_pytorchs(program):
    check_twins(program)


@pytest.mark.parametrize("norm_type", [1, 2, 3.5, INF])
def test_the_clipped_norm_is_the_wanted_one(norm_type):
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    net(minitorch.randn(5, 4, dtype=minitorch.float64)).square().sum().backward()
    grads = [p.grad.clone() for p in net.parameters()]
    whole = np.concatenate([g.numpy().ravel() for g in grads])
    objects = [p.grad for p in net.parameters()]
    total = nn.utils.clip_grad_norm_(net.parameters(), 0.1, norm_type)
    np.testing.assert_allclose(total.item(), np.linalg.norm(whole, norm_type), rtol=1e-12)
    after = nn.utils.get_total_norm([p.grad for p in net.parameters()], norm_type)
    np.testing.assert_allclose(after.item(), 0.1, rtol=1e-4)
    for parameter, before, same in zip(net.parameters(), grads, objects):
        assert parameter.grad is same  # in place
        np.testing.assert_allclose(parameter.grad.numpy(), before.numpy() * 0.1 / (total.item() + 1e-6), rtol=1e-12)


def test_a_refused_norm_changes_nothing():
    made = parameters(minitorch, ([1.0, 2.0], [INF, 3.0]))
    with pytest.raises(RuntimeError, match=r"norm of order 2\.0 .* non-finite"):
        nn.utils.clip_grad_norm_(made, 0.1, error_if_nonfinite=True)
    assert [p.grad.tolist() for p in made] == [[1, 2], [INF, 3]]


# ---- one vector


def filled(t):
    layer = t.nn.Linear(2, 3)
    with t.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.fill_(2.0)
    return layer


def set_from(vector):
    def program(t):
        layer = filled(t)
        t.nn.utils.vector_to_parameters(vector(t), layer.parameters())
        return list(layer.parameters())

    return program


VECTORS = {
    "to": lambda t: t.nn.utils.parameters_to_vector(filled(t).parameters()),
    "to, nothing": lambda t: t.nn.utils.parameters_to_vector([]),
    "from": set_from(lambda t: t.arange(9.0)),
    "from more": set_from(lambda t: t.arange(11.0)),
    "from less": set_from(lambda t: t.arange(7.0)),
    "from a list": set_from(lambda t: [1.0] * 9),
}


@pytest.mark.parametrize("program", VECTORS.values(), ids=VECTORS)
def test_vectors_are_pytorchs(program):
    check_twins(program)


def test_there_and_back():
    layer, other = nn.Linear(3, 4), nn.Linear(3, 4)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (16,) and vector.grad_fn is not None
    weight = other.weight
    nn.utils.vector_to_parameters(vector.detach(), other.parameters())
    assert other.weight is weight and weight.requires_grad and weight.is_leaf
    x = minitorch.randn(2, 3)
    assert other(x).tolist() == layer(x).tolist()
    vector.sum().backward()
    assert layer.weight.grad.tolist() == [[1.0] * 3] * 4


def test_a_short_vector_changes_nothing():
    layer = filled(minitorch)
    with pytest.raises(RuntimeError, match="the parameters have 9 elements, the vector 7"):
        nn.utils.vector_to_parameters(minitorch.zeros(7), layer.parameters())
    assert layer.weight.tolist() == [[1, 1]] * 3
