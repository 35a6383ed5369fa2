"""Layers that take sizes from their first input; tensors without shape."""

import copy
import pickle

import pytest
from twins import check_twins

import minitorch
from minitorch import nn
from minitorch.nn.modules.lazy import LazyModuleMixin


def first_call(make, *shape, **options):
    """A program: the layer before and after its first input."""

    def program(t):
        layer = make(t)
        before = [repr(layer), layer.has_uninitialized_params(), layer.state_dict()]
        out = layer(t.zeros(shape, **options))
        after = [repr(layer), type(layer).__name__, layer.has_uninitialized_params(), len(layer._forward_pre_hooks)]
        return before, after, tuple(out.shape), [(n, tuple(v.shape), v.dtype) for n, v in layer.state_dict().items()]

    return program


def loaded(make, source, *shape):
    """A program: a lazy layer gets the weights of another one, then an input."""

    def program(t):
        layer = make(t)
        keys = str(layer.load_state_dict(source(t).state_dict()))
        before = repr(layer), layer.has_uninitialized_params()
        out = layer(t.zeros(shape))
        return keys, before, type(layer).__name__, tuple(out.shape)

    return program


PROGRAMS = {
    "linear": first_call(lambda t: t.nn.LazyLinear(3), 2, 5),
    "linear without bias": first_call(lambda t: t.nn.LazyLinear(3, bias=False), 5),
    "linear, converted": lambda t: first_call(lambda t: t.nn.LazyLinear(3).half().double(), 2, 5, dtype=t.float64)(t),
    "conv1d": first_call(lambda t: t.nn.LazyConv1d(4, 3), 1, 2, 5),
    "conv2d": first_call(lambda t: t.nn.LazyConv2d(4, 3, 2, padding=1), 1, 2, 5, 5),
    "conv2d, all by position": first_call(lambda t: t.nn.LazyConv2d(4, 3, 1, 1, 2, 2, False, "zeros"), 1, 2, 7, 7),
    "conv2d, unbatched": first_call(lambda t: t.nn.LazyConv2d(4, 3, groups=2), 2, 5, 5),
    "conv3d": first_call(lambda t: t.nn.LazyConv3d(4, 2), 1, 2, 3, 3, 3),
    "conv_transpose1d": first_call(lambda t: t.nn.LazyConvTranspose1d(4, 3), 1, 2, 5),
    "conv_transpose2d": first_call(lambda t: t.nn.LazyConvTranspose2d(4, 3, 2, 1, 1, 2), 1, 2, 5, 5),
    "conv_transpose3d": first_call(lambda t: t.nn.LazyConvTranspose3d(4, 2, bias=False), 1, 2, 3, 3, 3),
    "batch_norm1d": first_call(lambda t: t.nn.LazyBatchNorm1d(), 2, 3),
    "batch_norm2d": first_call(lambda t: t.nn.LazyBatchNorm2d(eps=0.1, momentum=None), 2, 3, 4, 4),
    "batch_norm2d, bare": first_call(lambda t: t.nn.LazyBatchNorm2d(affine=False), 2, 3, 4, 4),
    "batch_norm3d": first_call(lambda t: t.nn.LazyBatchNorm3d(), 2, 3, 2, 2, 2),
    "instance_norm1d": first_call(lambda t: t.nn.LazyInstanceNorm1d(), 2, 3, 4),
    "instance_norm2d": first_call(lambda t: t.nn.LazyInstanceNorm2d(), 2, 3, 4, 4),
    "instance_norm3d": first_call(lambda t: t.nn.LazyInstanceNorm3d(), 2, 3, 2, 2, 2),
    "conv2d, wrong dimensions": first_call(lambda t: t.nn.LazyConv2d(4, 3), 3, 5),
    "conv2d, wrong groups": first_call(lambda t: t.nn.LazyConv2d(4, 3, groups=4), 1, 3, 5, 5),
    "conv2d, no kernel": lambda t: t.nn.LazyConv2d(4),
    "conv2d, no such argument": lambda t: t.nn.LazyConv2d(4, 3, size=1),
    "linear from a checkpoint": loaded(lambda t: t.nn.LazyLinear(3), lambda t: t.nn.Linear(5, 3), 1, 5),
    "conv2d from a checkpoint": loaded(lambda t: t.nn.LazyConv2d(4, 3), lambda t: t.nn.Conv2d(2, 4, 3), 1, 2, 5, 5),
    "batch_norm from a checkpoint": loaded(lambda t: t.nn.LazyBatchNorm2d(), lambda t: t.nn.BatchNorm2d(2), 1, 2, 5, 5),
    "linear from a lazy checkpoint": loaded(lambda t: t.nn.LazyLinear(3), lambda t: t.nn.LazyLinear(3), 1, 5),
    "a lazy checkpoint for a usual layer": lambda t: t.nn.Linear(5, 3).load_state_dict(t.nn.LazyLinear(3).state_dict()),
    "apply and zero_grad": lambda t: (m := t.nn.LazyLinear(3), m.apply(lambda m: None), m.zero_grad(), repr(m))[3],
    "optimizer first": lambda t: type(t.optim.SGD(t.nn.LazyLinear(3).parameters(), lr=0.1)).__name__,
    "a parameter's shape": lambda t: t.nn.UninitializedParameter().shape,
    "a parameter's elements": lambda t: t.nn.UninitializedParameter().numel(),
    "a parameter in a sum": lambda t: t.nn.UninitializedParameter() + 1,
    "a parameter's dtype": lambda t: (
        t.nn.UninitializedParameter().dtype,
        t.nn.UninitializedParameter().double().dtype,
    ),
    "a buffer": lambda t: t.nn.UninitializedBuffer(),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_lazy_layers_are_pytorchs(program):
    check_twins(program)


def test_a_network_of_lazy_layers_learns():
    net = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    net(minitorch.randn(3, 1, 5, 5)).sum().backward()
    assert [type(layer) for layer in net] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Linear]
    assert all(p.grad is not None and p.grad.shape == p.shape for p in net.parameters())
    assert not any(layer._hooked for layer in net)  # from now on a call looks for no hooks
    weight = net[4].weight  # drawn as a usual layer's
    assert weight.abs().max() <= 1 / 36**0.5 and weight.std() > 0.2 / 36**0.5


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_are_lazy_on_their_own(copied):
    layer = nn.LazyLinear(3)
    twin = copied(layer)
    layer(minitorch.zeros(1, 5))
    assert type(twin) is nn.LazyLinear and twin.has_uninitialized_params()
    twin(minitorch.zeros(1, 7))
    assert (layer.in_features, twin.in_features) == (5, 7)


def test_the_parameter_stays_the_same_object():
    layer = nn.LazyLinear(3)
    weight = layer.weight
    layer(minitorch.zeros(1, 5))
    assert layer.weight is weight and type(weight) is nn.Parameter and weight.requires_grad and weight.is_leaf


def test_a_lazy_module_of_ones_own():
    class Scale(LazyModuleMixin, nn.Module):
        def __init__(self, shape_of=lambda x: x.shape):
            super().__init__()
            self.shape_of = shape_of
            self.factor = nn.UninitializedParameter()

        def initialize_parameters(self, x, value=1):
            if self.shape_of is not None:
                self.factor.materialize(self.shape_of(x))
                nn.init.constant_(self.factor, value)

        def forward(self, x, value=1):
            return x * self.factor

    layer = Scale()
    assert layer(minitorch.ones(2), value=3).tolist() == [3, 3]
    assert layer(minitorch.ones(2), value=4).tolist() == [3, 3]
    assert type(layer) is Scale
    with pytest.raises(RuntimeError, match="Scale has not been fully initialized"):
        Scale(None)(minitorch.ones(2))
    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented for Bare"):
        type("Bare", (LazyModuleMixin, nn.Module), {})()(minitorch.ones(2))
