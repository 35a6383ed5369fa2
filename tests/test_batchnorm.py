"""Normalisation layers: state, modes, arguments, representations."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch import nn

SHAPES = {
    "BatchNorm1d": (6, 4),
    "BatchNorm2d": (3, 4, 2, 3),
    "BatchNorm3d": (2, 4, 2, 3, 2),
    "InstanceNorm1d": (3, 4, 5),
    "InstanceNorm2d": (3, 4, 2, 3),
    "InstanceNorm3d": (2, 4, 2, 3, 2),
}
OPTIONS = [
    {},
    {"momentum": None},
    {"momentum": 0.4, "eps": 0.1},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
    {"track_running_stats": False, "affine": False},
    {"affine": True, "track_running_stats": True},
]
EVERY = [(name, options) for name in SHAPES for options in OPTIONS if name[0] == "B" or "momentum" not in options]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape) * 2 + 1


def tensor(library, values, **kwargs):
    return library.tensor(values.tolist(), dtype=library.float64, **kwargs)


def same_state(ours, theirs):
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for key in a:
        assert repr(a[key].dtype) == repr(b[key].dtype), key
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), rtol=1e-10, err_msg=key)


@pytest.mark.parametrize(("name", "options"), EVERY, ids=str)
def test_training_and_evaluation_are_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    ours, theirs = (getattr(m.nn, name)(4, dtype=m.float64, **options) for m in (minitorch, torch))
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)
    if ours.weight is not None:
        for m, layer in ((minitorch, ours), (torch, theirs)):
            with m.no_grad():
                layer.weight.copy_(tensor(m, numbers(4, 5)))
    for seed in range(3):
        x = numbers(SHAPES[name], seed)
        results = []
        for m, layer in ((minitorch, ours), (torch, theirs)):
            layer.train(seed < 2)
            layer.zero_grad()
            leaf = tensor(m, x, requires_grad=True)
            out = layer(leaf)
            (out**3).sum().backward()
            results.append([out, leaf.grad, *(p.grad for p in layer.parameters())])
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-8)
        same_state(ours, theirs)
    ours.reset_running_stats()
    theirs.reset_running_stats()
    same_state(ours, theirs)


@pytest.mark.parametrize("name", [n for n in SHAPES if n[0] == "I"])
def test_instances_without_a_batch(name):
    layer = getattr(nn, name)(4, dtype=minitorch.float64, affine=True)
    x = minitorch.tensor(numbers(SHAPES[name]))
    np.testing.assert_allclose(layer(x[0]).detach().numpy(), layer(x)[0].detach().numpy())


def test_momentum_none_is_the_plain_average():
    layer = nn.BatchNorm1d(2, momentum=None, dtype=minitorch.float64)
    batches = [numbers((5, 2), seed) for seed in range(3)]
    for batch in batches:
        layer(minitorch.tensor(batch))
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean([b.mean(0) for b in batches], 0))
    np.testing.assert_allclose(layer.running_var.numpy(), np.mean([b.var(0, ddof=1) for b in batches], 0))
    assert layer.num_batches_tracked.item() == 3


def test_evaluation_changes_nothing():
    layer = nn.BatchNorm1d(2).eval()
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    layer(minitorch.randn(5, 2))
    assert all(minitorch.equal(v, before[k]) for k, v in layer.state_dict().items())


def test_a_refused_batch_changes_nothing():
    layer = nn.BatchNorm1d(2)
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    for bad in (minitorch.randn(1, 2), minitorch.randn(5, 3), minitorch.randn(5), minitorch.randn(5, 2).double()):
        with pytest.raises((ValueError, RuntimeError)):
            layer(bad)
    assert all(minitorch.equal(v, before[k]) for k, v in layer.state_dict().items())


OTHERS = [
    lambda m: m.nn.LayerNorm(4, dtype=m.float64),
    lambda m: m.nn.LayerNorm((3, 4), eps=0.1, dtype=m.float64),
    lambda m: m.nn.LayerNorm([4], elementwise_affine=False),
    lambda m: m.nn.LayerNorm(4, bias=False, dtype=m.float64),
    lambda m: m.nn.RMSNorm(4, dtype=m.float64),
    lambda m: m.nn.RMSNorm((3, 4), eps=0.1, elementwise_affine=False),
    lambda m: m.nn.GroupNorm(1, 3, dtype=m.float64),
    lambda m: m.nn.GroupNorm(3, 3, eps=0.1, affine=False),
    lambda m: m.nn.LocalResponseNorm(2, alpha=0.3, beta=0.5, k=2.0),
]


@pytest.mark.parametrize("make", OTHERS)
def test_the_other_layers_are_pytorchs(make):
    torch = pytest.importorskip("torch")
    ours, theirs = make(minitorch), make(torch)
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)
    x = numbers((5, 3, 4))
    a, b = ours(tensor(minitorch, x)), theirs(tensor(torch, x))
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("name", SHAPES)
def test_lazy_layers_take_the_channels_of_the_first_batch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, "Lazy" + name)(), getattr(torch.nn, "Lazy" + name)()
    assert repr(ours) == repr(theirs)
    x = numbers(SHAPES[name]).astype(np.float32)
    a, b = ours(minitorch.tensor(x)), theirs(torch.tensor(x))
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-5)
    assert type(ours).__name__ == name and repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_half_precision_keeps_its_dtype():
    layer = nn.BatchNorm2d(4).half()
    out = layer(minitorch.randn(2, 4, 3, 3).half())
    out.sum().backward()
    assert out.dtype is layer.weight.grad.dtype is layer.running_var.dtype is minitorch.float16


REFUSED = [
    (lambda m: m.nn.BatchNorm1d(4), (5,), "expected 2D or 3D input"),
    (lambda m: m.nn.BatchNorm1d(4), (5, 4, 3, 2), "expected 2D or 3D input"),
    (lambda m: m.nn.BatchNorm2d(4), (5, 4), "expected 4D input"),
    (lambda m: m.nn.BatchNorm3d(4), (5, 4, 2, 2), "expected 5D input"),
    (lambda m: m.nn.BatchNorm2d(4), (5, 3, 2, 2), r"BatchNorm2d\(4\).*must be 4, got 3"),
    (lambda m: m.nn.BatchNorm1d(4), (1, 4), "more than 1 value per channel"),
    (lambda m: m.nn.InstanceNorm1d(4), (5,), "expected 2D or 3D input"),
    (lambda m: m.nn.InstanceNorm2d(4, affine=True), (2, 3, 2, 2), "must be 4, got 3"),
    (lambda m: m.nn.InstanceNorm2d(4), (2, 4, 1, 1), "more than 1 spatial element"),
    (lambda m: m.nn.GroupNorm(2, 4), (2, 6, 2), "must be 4"),
    (lambda m: m.nn.LayerNorm(4), (2, 3), "normalized_shape"),
]


@pytest.mark.parametrize(("make", "shape", "match"), REFUSED)
def test_refused(make, shape, match):
    with pytest.raises(Exception, match=match) as ours:
        make(minitorch)(minitorch.zeros(shape))
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        make(torch)(torch.zeros(shape))
    assert ours.type is theirs.type


def test_channels_do_not_matter_where_there_are_no_weights():
    with pytest.warns(UserWarning, match="must be 4, got 3"):
        nn.InstanceNorm2d(4)(minitorch.randn(2, 3, 4, 4))
    nn.BatchNorm2d(4, affine=False, track_running_stats=False)(minitorch.randn(2, 3, 4, 4))


def test_groups_that_do_not_divide_the_channels():
    with pytest.raises(ValueError, match="num_channels must be divisible by num_groups"):
        nn.GroupNorm(3, 4)
