"""``Parameter``, ``Buffer`` and their kin without shape."""

import copy
import pickle

import pytest
from twins import check_twins

import minitorch
from minitorch import nn


def kinds(*values):
    return [type(value).__name__ for value in values]


def learnt(t):
    return t.nn.Parameter(t.tensor([1.0, 2.0]))


PROGRAMS = {
    "repr": lambda t: repr(learnt(t)),
    "repr, constant": lambda t: repr(t.nn.Parameter(t.tensor([1]), requires_grad=False)),
    "nothing": lambda t: t.nn.Parameter(),
    "integers": lambda t: t.nn.Parameter(t.tensor([1])),
    "bool": lambda t: t.nn.Parameter(t.tensor(True), requires_grad=False),
    "of a parameter": lambda t: t.nn.Parameter(learnt(t), requires_grad=False).requires_grad,
    "of what was computed": lambda t: (p := t.nn.Parameter(learnt(t) * 2), p.is_leaf, p.grad_fn)[1:],
    "what is made of it": lambda t: kinds(
        (p := learnt(t)) * 2, p[0], p.clone(), p.detach(), p.data, p.view(1, 2), p.double()
    ),
    "copies": lambda t: (kinds(copy.copy(learnt(t)), copy.deepcopy(learnt(t))), copy.deepcopy(learnt(t))),
    "isinstance": lambda t: [
        isinstance(value, kind)
        for value in (learnt(t), t.zeros(1), t.nn.Buffer(t.zeros(1)), t.nn.UninitializedParameter())
        for kind in (t.Tensor, t.nn.Parameter, t.nn.Buffer)
    ],
    "buffer": lambda t: (t.nn.Buffer(t.ones(2)), kinds(t.nn.Buffer(t.ones(2))), t.nn.Buffer(t.ones(2)).persistent),
    "buffer of nothing": lambda t: t.nn.Buffer(),
    "buffer that needs a gradient": lambda t: t.nn.Buffer(t.ones(2, requires_grad=True)).requires_grad,
    "gradient": lambda t: (p := learnt(t), (p * p).sum().backward(), p.grad)[2],
    "data exchanged": lambda t: (p := learnt(t), setattr(p, "data", t.zeros(3)), p, p.requires_grad)[2:],
    "in place": lambda t: learnt(t).add_(1),
    "materialized": lambda t: (
        p := t.nn.UninitializedParameter(),
        p.materialize((2, 3)),
        kinds(p),
        tuple(p.shape),
        p.dtype,
    )[2:],
    "materialized, dtype": lambda t: (
        b := t.nn.UninitializedBuffer(),
        b.materialize(2, dtype=t.float64),
        b.dtype,
        b.requires_grad,
    )[2:],
    "uninitialized, converted": lambda t: (
        t.nn.UninitializedParameter().half().dtype,
        t.nn.UninitializedParameter().float().dtype,
        t.nn.UninitializedBuffer().to(t.float64).dtype,
        t.nn.UninitializedParameter(dtype=t.float64).is_floating_point(),
    ),
    "uninitialized, copied": lambda t: kinds(
        copy.deepcopy(t.nn.UninitializedParameter()), pickle.loads(pickle.dumps(t.nn.UninitializedParameter()))
    ),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_parameters_are_pytorchs(program):
    check_twins(program)


@pytest.mark.parametrize("kind", [nn.Parameter, nn.Buffer])
def test_memory_is_shared_with_the_data(kind):
    data = minitorch.zeros(3)
    made = kind(data)
    data.add_(1)
    assert made.tolist() == [1, 1, 1] and made.data_ptr() == data.data_ptr()


@pytest.mark.parametrize("kind", [nn.Parameter, nn.Buffer])
def test_what_is_no_tensor_is_refused(kind):
    with pytest.raises(TypeError, match=rf"{kind.__name__}\(\): data must be a Tensor, not list"):
        kind([1.0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_buffer_without_shape_is_copied(copied):
    """PyTorch refuses this."""
    buffer = copied(nn.UninitializedBuffer(dtype=minitorch.float64, persistent=False))
    assert type(buffer) is nn.UninitializedBuffer and isinstance(buffer, nn.Buffer) and not buffer.persistent
    buffer.materialize((2,))
    assert buffer.shape == (2,) and buffer.dtype is minitorch.float64 and not isinstance(buffer, nn.Parameter)


def test_a_pickled_parameter_is_one():
    parameter = nn.Parameter(minitorch.ones(2, dtype=minitorch.float64), requires_grad=False)
    again = pickle.loads(pickle.dumps(parameter))
    assert type(again) is nn.Parameter and not again.requires_grad and again.dtype is minitorch.float64
    assert again.tolist() == [1, 1]
