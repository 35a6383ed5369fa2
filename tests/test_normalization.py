"""Normalisation as functions: batch, instance, group, layer, root mean square, neighbouring channels."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused, floats
from tests.test_loss import leaves

X2, X3, X4, X5 = floats(5, 4), floats(3, 4, 5), floats(2, 4, 3, 2), floats(2, 4, 2, 2, 2)
W, B = floats(4) + 2, floats(4)[::-1] * 0.7
ROWS = {
    "batch": (lambda f, x: f.batch_norm(x, None, None, training=True), X4),
    "batch, 2-D": (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True), X2, W, B),
    "batch, 3-D": (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True), X3, W, B),
    "batch, 4-D": (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True, eps=0.1), X4, W, B),
    "batch, 5-D": (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True), X5, W, B),
    "batch, weight": (lambda f, x, w: f.batch_norm(x, None, None, w, None, True), X4, W),
    "batch, bias": (lambda f, x, b: f.batch_norm(x, None, None, None, b, True), X4, B),
    "batch, by running ones": (
        lambda f, x, n, w, b: f.batch_norm(x, n.to(x.dtype) / 7, n.to(x.dtype) ** 2, w, b, False),
        X4,
        np.array([1, 3, -2, 5]),
        W,
        B,
    ),
    "batch, by running ones, plain": (
        lambda f, x, n: f.batch_norm(x, n.to(x.dtype) / 7, n.to(x.dtype) ** 2),
        X4,
        np.array([1, 3, -2, 5]),
    ),
    "instance": (lambda f, x: f.instance_norm(x), X4),
    "instance, affine": (lambda f, x, w, b: f.instance_norm(x, weight=w, bias=b), X3, W, B),
    "group": (lambda f, x: f.group_norm(x, 2), X4),
    "group, affine": (lambda f, x, w, b: f.group_norm(x, 2, w, b, 0.1), X4, W, B),
    "group, one channel each": (lambda f, x, w, b: f.group_norm(x, 4, w, b), X4, W, B),
    "group, all": (lambda f, x, w, b: f.group_norm(x, 1, w, b), X3, W, B),
    "group, 2-D": (lambda f, x, w, b: f.group_norm(x, 2, w, b), X2, W, B),
    "layer": (lambda f, x: f.layer_norm(x, (5,)), X3),
    "layer, affine": (lambda f, x, w, b: f.layer_norm(x, (4,), w, b), X2, W, B),
    "layer, weight": (lambda f, x, w: f.layer_norm(x, (4,), w, None, 0.1), X2, W),
    "layer, two dimensions": (lambda f, x, w, b: f.layer_norm(x, (4, 5), w, b), X3, floats(4, 5), floats(4, 5) + 1),
    "layer, one vector": (lambda f, x, w, b: f.layer_norm(x, (4,), w, b), W, W, B),
    "rms": (lambda f, x: f.rms_norm(x, (5,)), X3),
    "rms, weight": (lambda f, x, w: f.rms_norm(x, (4,), w, 0.1), X2, W),
    "rms, two dimensions": (lambda f, x, w: f.rms_norm(x, (4, 5), w), X3, floats(4, 5)),
    "neighbours": (lambda f, x: f.local_response_norm(x, 3, 0.5, 0.7, 1.5), X4),
    "neighbours, even": (lambda f, x: f.local_response_norm(x, 2), X3),
    "neighbours, 5-D": (lambda f, x: f.local_response_norm(x, 3), X5),
    "strided": (
        lambda f, x, w, b: f.batch_norm(x.transpose(1, 3)[:, :, ::2], None, None, w[:2], b[:2], True),
        X4,
        W,
        B,
    ),
    "strided layer": (lambda f, x, w, b: f.layer_norm(x.transpose(1, 2), (4,), w, b), X3, W, B),
}


@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name):
    function, *inputs = ROWS[name]
    check(lambda m, *xs: function(m.nn.functional, *xs), *inputs, tolerance=1e-9, second=not name.endswith("5-D"))


@pytest.mark.parametrize("name", ROWS)
def test_gradients_without_pytorch(name):
    function, *inputs = ROWS[name]
    assert minitorch.autograd.gradcheck(lambda *xs: function(minitorch.nn.functional, *xs), leaves(inputs))


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 4, 0)])
def test_empty(shape):
    f, x = minitorch.nn.functional, minitorch.zeros(shape, requires_grad=True)
    w = minitorch.ones(4, requires_grad=True)
    for out in (
        f.batch_norm(x, None, None, w, w, True),
        f.group_norm(x, 2, w, w),
        f.layer_norm(x, (shape[2],)),
        f.rms_norm(x, (shape[2],)),
    ):
        assert out.shape == shape
        out.sum().backward()
    assert not w.grad.any()


def test_gradients_of_some_inputs_only():
    """The three rules share sums, whichever of them are asked for."""
    f = minitorch.nn.functional
    calls = {
        "batch": lambda x, w, b: f.batch_norm(x, None, None, w, b, True),
        "instance": lambda x, w, b: f.instance_norm(x, weight=w, bias=b),
        "group": lambda x, w, b: f.group_norm(x, 2, w, b),
        "layer": lambda x, w, b: f.layer_norm(x.transpose(1, 2), (4,), w, b),
    }
    for call in calls.values():
        values = [minitorch.tensor(v) for v in (X3, W, B)]
        full = [v.clone().requires_grad_() for v in values]
        weight = minitorch.tensor(np.random.default_rng(0).normal(size=call(*values).shape))
        (call(*full) * weight).sum().backward()
        for k in range(3):
            part = [v.clone().requires_grad_(i == k) for i, v in enumerate(values)]
            (call(*part) * weight).sum().backward()
            np.testing.assert_allclose(part[k].grad.numpy(), full[k].grad.numpy(), atol=1e-12)


def test_a_second_backward_with_another_gradient():
    f, x, w = minitorch.nn.functional, minitorch.tensor(X4, requires_grad=True), minitorch.tensor(W, requires_grad=True)
    out = f.batch_norm(x, None, None, w, None, True)
    g = minitorch.tensor(floats(*X4.shape))
    first = minitorch.autograd.grad(out, (x, w), g, retain_graph=True)
    second = minitorch.autograd.grad(out, (x, w), g * 3)
    for a, b in zip(first, second):
        np.testing.assert_allclose(b.numpy(), 3 * a.numpy(), atol=1e-12)


def test_running_statistics_move():
    torch = pytest.importorskip("torch")
    results = []
    for m in (minitorch, torch):
        mean, var = m.zeros(4, dtype=m.float64), m.ones(4, dtype=m.float64)
        x = m.tensor(X4.tolist(), dtype=m.float64)
        m.nn.functional.batch_norm(x, mean, var, training=True, momentum=0.3)
        m.nn.functional.instance_norm(x, mean, var, momentum=0.2)
        results.append(
            (mean.numpy(), var.numpy(), m.nn.functional.instance_norm(x, mean, var, use_input_stats=False).numpy())
        )
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_change_of_running_statistics_is_counted():
    mean = minitorch.zeros(4)
    version = mean._version
    minitorch.nn.functional.batch_norm(minitorch.randn(3, 4), mean, minitorch.ones(4), training=True)
    assert mean._version > version


def test_gradients_belong_to_the_statistics_that_were_used():
    f, w = minitorch.nn.functional, minitorch.tensor(W, requires_grad=True)
    x, mean, var = minitorch.tensor(X2), minitorch.tensor(B), minitorch.tensor(W)
    expected = minitorch.autograd.grad(f.batch_norm(x, mean.clone(), var.clone(), w).sum(), w)[0]
    out = f.batch_norm(x, mean, var, w)
    f.batch_norm(x, mean, var, training=True)  # moves them
    np.testing.assert_array_equal(minitorch.autograd.grad(out.sum(), w)[0].numpy(), expected.numpy())


def test_large_means_lose_no_digits():
    x = minitorch.tensor(np.random.default_rng(0).normal(size=(64, 4)) + 1e6)
    out = minitorch.nn.functional.batch_norm(x, None, None, training=True)
    np.testing.assert_allclose(out.numpy().std(0), 1, atol=1e-4)


def test_half_precision_is_summed_in_single():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(64, 4, 20)).astype(np.float16)
    for call in (
        lambda f, x: f.batch_norm(x, None, None, training=True),
        lambda f, x: f.layer_norm(x, (20,)),
        lambda f, x: f.group_norm(x, 2),
    ):
        ours, theirs = minitorch.tensor(x).requires_grad_(), torch.tensor(x).requires_grad_()
        results = []
        for f, t in ((minitorch.nn.functional, ours), (torch.nn.functional, theirs)):
            out = call(f, t)
            (out * out * out).sum().backward()
            results.append((out.detach().numpy(), t.grad.numpy()))
        for a, b in zip(*results):
            assert a.dtype == np.float16
            np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=0.02, atol=0.02)


def test_node_names():
    torch = pytest.importorskip("torch")

    def names(m):
        f, x = m.nn.functional, m.ones(2, 4, 3, requires_grad=True)
        outputs = [
            f.batch_norm(x, None, None, training=True),
            f.batch_norm(x, m.zeros(4), m.ones(4)),
            f.layer_norm(x, (3,)),
            f.group_norm(x, 2),
            f.instance_norm(x),
            f.rms_norm(x, (3,)),
            f.local_response_norm(x, 2),
        ]
        return [type(out.grad_fn).__name__ for out in outputs]

    assert names(minitorch) == names(torch)


REFUSED = [
    (lambda f, x, w: f.batch_norm(x[:1, :, :1], None, None, training=True), "more than 1 value per channel"),
    (lambda f, x, w: f.batch_norm(x, None, None), "running_mean"),
    (lambda f, x, w: f.batch_norm(x, None, None, w[:2], training=True), "weight should contain 4 elements"),
    (lambda f, x, w: f.batch_norm(x, w[:2], w, training=True), "running_mean should contain 4 elements"),
    (lambda f, x, w: f.batch_norm(x, None, None, w.float(), training=True), "float64.*float32"),
    (lambda f, x, w: f.instance_norm(x[:, :, :1]), "more than 1 spatial element"),
    (lambda f, x, w: f.instance_norm(x[:, :, 0]), "at least 3 dimensions"),
    (lambda f, x, w: f.instance_norm(x, use_input_stats=False), "running_mean"),
    (lambda f, x, w: f.layer_norm(x, (3,)), r"normalized_shape=\[3\]"),
    (lambda f, x, w: f.layer_norm(x, ()), "at least one dimension"),
    (lambda f, x, w: f.layer_norm(x, (5,), w), "weight"),
    (lambda f, x, w: f.layer_norm(x.transpose(1, 2), (4,), w.float()), "float64.*float32"),
    (lambda f, x, w: f.rms_norm(x, (5,), w), "weight"),
    (lambda f, x, w: f.group_norm(x, 3), "divisible by num_groups"),
    (lambda f, x, w: f.group_norm(x, 2, w[:2]), "should contain 4 elements"),
    (lambda f, x, w: f.group_norm(x[0, 0], 1), "at least 2 dimensions"),
    (lambda f, x, w: f.group_norm(x[:1, :, :1], 4), "more than 1 value per"),
    (lambda f, x, w: f.local_response_norm(x[0], 2), "3D or higher"),
    (lambda f, x, w: f.local_response_norm(x, 0), None),
]


@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match):
    check_refused(lambda m, x, w: function(m.nn.functional, x, w), X3, W, match=match)


def test_integers_are_refused_with_the_remedy():
    x, f = minitorch.ones(2, 4, 3, dtype=minitorch.int64), minitorch.nn.functional
    for call in (
        lambda: f.batch_norm(x, None, None, training=True),
        lambda: f.layer_norm(x, (3,)),
        lambda: f.group_norm(x, 2),
    ):
        with pytest.raises(RuntimeError, match=r"\.float\(\)"):
            call()
