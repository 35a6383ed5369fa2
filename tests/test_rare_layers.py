"""Fractional pooling and adaptive softmax against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import check, check_refused, floats, same

import minitorch

SAMPLES = np.random.default_rng(0).random((2, 3, 2))
SAMPLES3 = np.random.default_rng(1).random((2, 3, 3))
X, X3 = floats(2, 3, 7, 8), floats(2, 3, 6, 7, 8)

ROWS = [
    (lambda t, x, s: t.nn.functional.fractional_max_pool2d(
        x, 2, output_size=4, return_indices=True, _random_samples=s.detach()), X, SAMPLES),
    (lambda t, x, s: t.nn.functional.fractional_max_pool2d(
        x, (3, 2), output_size=(3, 5), _random_samples=s.detach()), X, SAMPLES),
    (lambda t, x, s: t.nn.functional.fractional_max_pool2d(
        x, 2, output_ratio=(0.5, 0.6), _random_samples=s.detach()), X, SAMPLES),
    (lambda t, x, s: t.nn.functional.fractional_max_pool2d(
        x[0], 2, output_size=(1, 5), _random_samples=s[:1].detach()), X, SAMPLES),
    (lambda t, x, s: t.nn.FractionalMaxPool2d(
        2, output_ratio=(0.7, 0.5), _random_samples=s.detach(), return_indices=True)(x), X, SAMPLES),
    (lambda t, x, s: t.nn.functional.fractional_max_pool3d(
        x, 2, output_size=(3, 4, 5), return_indices=True, _random_samples=s.detach()), X3, SAMPLES3),
    (lambda t, x, s: t.nn.FractionalMaxPool3d(
        (2, 3, 1), output_ratio=(0.5, 0.5, 0.4), _random_samples=s.detach())(x), X3, SAMPLES3),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_fractional_pooling(row: tuple) -> None:
    check(*row, second=row[0] is ROWS[0][0])


@pytest.mark.parametrize("dims", [2, 3])
def test_fractional_pooling_of_no_images(dims: int) -> None:
    x = minitorch.rand(0, 2, *[7] * dims).requires_grad_()
    pool = getattr(minitorch.nn.functional, f"fractional_max_pool{dims}d")
    out, where = pool(x, 2, output_size=3, return_indices=True)
    assert out.shape == where.shape == (0, 2, *[3] * dims)
    out.sum().backward()
    assert x.grad.shape == x.shape


def test_windows_are_at_random_places() -> None:
    x = minitorch.rand(1, 9, 20, 20)
    pool = minitorch.nn.FractionalMaxPool2d(2, output_size=13)
    minitorch.manual_seed(0)
    first, second = pool(x), pool(x)
    assert first.shape == (1, 9, 13, 13) and not minitorch.equal(first, second)
    minitorch.manual_seed(0)
    assert minitorch.equal(pool(x), first)
    assert repr(pool) == "FractionalMaxPool2d()"
    assert minitorch.nn.FractionalMaxPool2d(3, output_ratio=0.5)(x[0]).shape == (9, 10, 10)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.nn.functional.fractional_max_pool2d(x, 2),
        lambda t, x: t.nn.functional.fractional_max_pool2d(x, 2, output_size=8),
        lambda t, x: t.nn.functional.fractional_max_pool2d(x[0, 0], 2, output_size=2),
        lambda t, x: t.nn.FractionalMaxPool2d(2),
        lambda t, x: t.nn.FractionalMaxPool2d(2, output_size=2, output_ratio=(0.5, 0.5)),
        lambda t, x: t.nn.FractionalMaxPool2d(2, output_ratio=1.5),
    ],
)
def test_refused_pooling(call: Any) -> None:
    check_refused(call, X)


def softmax(library: Any, **kwargs: Any) -> Any:
    return library.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10], dtype=library.float64, **kwargs)


@pytest.mark.parametrize("kwargs", [{}, {"div_value": 2.0, "head_bias": True}])
@pytest.mark.parametrize("targets", [[0, 5, 19, 3, 11, 4], [1, 2, 0, 3, 3, 1]])
def test_adaptive_softmax(kwargs: dict, targets: list) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = softmax(minitorch, **kwargs), softmax(torch, **kwargs)
    assert repr(ours) == repr(theirs)
    state = {key: minitorch.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    results = []
    for library, layer in ((minitorch, ours), (torch, theirs)):
        x = library.tensor(floats(6, 16).tolist(), dtype=library.float64, requires_grad=True)
        output, loss = layer(x, library.tensor(targets))
        (loss * 2 + output.pow(2).sum()).backward()
        one = layer(x[0], library.tensor(targets[0]))
        results.append([output, loss, x.grad, *one, layer.log_prob(x), layer.predict(x * 3)])
        results[-1] += [library.zeros(()) if p.grad is None else p.grad for p in layer.parameters()]
    for a, b in zip(*results):
        same(a, b)
    ours.reset_parameters()
    assert not minitorch.equal(ours.head.weight, state["head.weight"])


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, []),
        lambda t, x: t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 3]),
        lambda t, x: t.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [3, 20]),
        lambda t, x: softmax(t)(x, t.tensor([1, 2])),
        lambda t, x: softmax(t)(x, t.tensor([1, 2, 20])),
        lambda t, x: softmax(t)(x, t.tensor([1, 2, -1])),
        lambda t, x: softmax(t)(x[None], t.tensor([[1, 2, 1]])),
    ],
)
def test_refused_softmax(call: Any) -> None:
    check_refused(call, floats(3, 16))
