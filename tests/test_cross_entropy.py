"""Cross-entropy and negative log-likelihood: every kind of target, weights, smoothing, what does not count."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused, floats

REDUCTIONS = ("mean", "sum", "none")
X, Y = floats(5, 4), np.array([0, 3, 1, 1, 2])
IGNORING = np.array([0, -100, 1, 2, -100])
WEIGHT = np.array([3, 0, 2, 1])  # integers: no gradient wanted
MAPS, MAP_TARGETS = floats(2, 4, 3, 2), np.arange(12).reshape(2, 3, 2) % 4
P = np.random.default_rng(0).dirichlet(np.ones(4), 5)


def like(x, k):
    return k.to(x.dtype)


# (the arguments after the target, the inputs); each runs for cross_entropy, and without smoothing for nll_loss
NUMBERS = {
    "plain": ({}, X, Y),
    "uint8": ({}, X, Y.astype(np.uint8)),
    "one example": ({}, X[:1], Y[:1]),
    "ignoring": ({}, X, IGNORING),
    "ignoring a class": ({"ignore_index": 1}, X, Y),
    "weighted": ({}, X, Y, WEIGHT),
    "weighted, ignoring": ({"ignore_index": 3}, X, Y, WEIGHT),
    "no batch": ({}, X[0], Y[1]),
    "no batch, ignored": ({"ignore_index": 3}, X[0], Y[1]),
    "sequences": ({}, MAPS[..., 0], MAP_TARGETS[..., 0]),
    "maps": ({}, MAPS, MAP_TARGETS),
    "maps, weighted, ignoring": ({"ignore_index": 0}, MAPS, MAP_TARGETS, WEIGHT),
    "volumes": ({}, MAPS[..., None], MAP_TARGETS[..., None]),
    "smoothed": ({"label_smoothing": 0.1}, X, Y),
    "smoothed, weighted, ignoring": ({"label_smoothing": 0.3, "ignore_index": 1}, X, Y, WEIGHT),
    "smoothed maps": ({"label_smoothing": 0.2, "ignore_index": 2}, MAPS, MAP_TARGETS, WEIGHT),
    "all smoothed": ({"label_smoothing": 1.0}, X, Y),
}


def run(name, m, x, y, weight=None, **options):
    return getattr(m.nn.functional, name)(x, y, None if weight is None else like(x, weight), **options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("row", NUMBERS)
def test_class_numbers(row, reduction):
    options, *inputs = NUMBERS[row]
    second = (row, reduction) != ("no batch, ignored", "mean")  # the mean of nothing: NaN
    check(lambda m, *xs: run("cross_entropy", m, *xs, reduction=reduction, **options), *inputs, second=second)
    if "label_smoothing" not in options:
        check(lambda m, *xs: run("nll_loss", m, *xs, reduction=reduction, **options), *inputs, second=second)


SOFT = {
    "plain": ({}, X, P),
    "no batch": ({}, X[0], P[0]),
    "weighted": ({}, X, P, WEIGHT),
    "smoothed": ({"label_smoothing": 0.2}, X, P),
    "smoothed, weighted": ({"label_smoothing": 0.2}, X, P, WEIGHT),
    "maps": ({}, MAPS, np.abs(MAPS)[::-1]),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("row", SOFT)
def test_probabilities(row, reduction):
    options, *inputs = SOFT[row]
    check(lambda m, *xs: run("cross_entropy", m, *xs, reduction=reduction, **options), *inputs)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_scores_in_any_order_of_memory(reduction):
    """Sequence models have their classes last and transpose."""
    check(
        lambda m, x, y: m.nn.functional.cross_entropy(x.transpose(1, 2), y, reduction=reduction),
        floats(2, 3, 4),
        MAP_TARGETS[..., 0],
    )
    check(lambda m, x, y: m.nn.functional.nll_loss(x.T, y, reduction=reduction), X.T.copy(), Y)
    check(lambda m, x, y: m.nn.functional.cross_entropy(x[:, ::2], y[::1], reduction=reduction), floats(5, 8), Y)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_empty_batches_and_batches_of_which_nothing_counts(name):
    for x, y in ((X[:0], Y[:0]), (X, np.full(5, -100))):
        for reduction in REDUCTIONS:
            check(lambda m, *xs: run(name, m, *xs, reduction=reduction), x, y, second=False)  # noqa: B023


def test_against_softmax_by_hand():
    x, y = minitorch.tensor(X), minitorch.tensor(Y)
    p = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    expected = -np.log(p[np.arange(5), Y])
    loss = minitorch.nn.functional.cross_entropy
    np.testing.assert_allclose(loss(x, y, reduction="none").numpy(), expected)
    np.testing.assert_allclose(loss(x, y).item(), expected.mean())
    w = WEIGHT.astype(float)
    weighted = loss(x, y, minitorch.tensor(w)).item()
    np.testing.assert_allclose(weighted, (w[Y] * expected).sum() / w[Y].sum())


def test_gradients_of_two_orders_without_pytorch():
    x, y = minitorch.tensor(X, requires_grad=True), minitorch.tensor(IGNORING)
    w, loss = minitorch.tensor([0.5, 1.5, 2.0, 0.7]), minitorch.nn.functional.cross_entropy
    for options in ({}, {"weight": w.double()}, {"label_smoothing": 0.2, "weight": w.double()}):
        for reduction in REDUCTIONS:
            assert minitorch.autograd.gradcheck(lambda x: loss(x, y, reduction=reduction, **options), x)  # noqa: B023
            assert minitorch.autograd.gradgradcheck(lambda x: loss(x, y, reduction=reduction, **options), x)  # noqa: B023


def test_scores_of_any_size():
    x = minitorch.tensor([[1000.0, 0.0], [-1000.0, 0.0], [-np.inf, 0.0]], requires_grad=True)
    loss = minitorch.nn.functional.cross_entropy(x, minitorch.tensor([0, 0, 1]), reduction="none")
    assert loss.tolist() == [0, 1000, 0]
    loss.sum().backward()
    assert x.grad.tolist() == [[0, 0], [-1, 1], [0, 0]]


def test_what_is_ignored_may_be_anything():
    x = minitorch.tensor([[0.0, 0.0], [np.nan, np.inf]])
    y = minitorch.tensor([1, -100])
    for loss in (minitorch.nn.functional.cross_entropy, minitorch.nn.functional.nll_loss):
        assert np.isfinite(loss(x, y).item())
        assert loss(x, y, reduction="none")[1].item() == 0


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}])
def test_half_precision(options):
    x = minitorch.tensor(X).half().requires_grad_()
    loss = minitorch.nn.functional.cross_entropy(x, minitorch.tensor(Y), **options)
    loss.backward()
    assert loss.dtype is x.grad.dtype is minitorch.float16
    exact = minitorch.nn.functional.cross_entropy(minitorch.tensor(X), minitorch.tensor(Y), **options)
    np.testing.assert_allclose(loss.item(), exact.item(), rtol=2e-3)


def test_node_names():
    torch = pytest.importorskip("torch")

    def names(m):
        f, x, y = m.nn.functional, m.zeros(2, 3, requires_grad=True), m.tensor([0, 2])
        maps, places = m.zeros(2, 3, 4, 5, requires_grad=True), m.zeros(2, 4, 5, dtype=m.int64)
        losses = [
            f.cross_entropy(x, y),
            f.cross_entropy(x, y, reduction="none"),
            f.cross_entropy(maps, places),
            f.cross_entropy(x, y, label_smoothing=0.1),
            f.nll_loss(x, y),
            f.nll_loss(maps, places),
        ]
        return [type(loss.grad_fn).__name__ for loss in losses]

    assert names(minitorch) == names(torch)


def test_as_modules():
    torch = pytest.importorskip("torch")
    makers = [
        lambda m: m.nn.CrossEntropyLoss(),
        lambda m: m.nn.CrossEntropyLoss(m.tensor([1.0, 2, 3, 4], dtype=m.float64), reduction="sum"),
        lambda m: m.nn.CrossEntropyLoss(ignore_index=1, label_smoothing=0.1),
        lambda m: m.nn.NLLLoss(m.tensor([1.0, 2, 3, 4], dtype=m.float64), ignore_index=2),
    ]
    for make in makers:
        check(lambda m, x, y: make(m)(x, y), X, Y, second=False)  # noqa: B023
        assert repr(make(minitorch)) == repr(make(torch))
        assert list(make(minitorch).state_dict()) == list(make(torch).state_dict())


def test_targets_are_left_alone():
    y = minitorch.tensor(IGNORING)
    minitorch.nn.functional.cross_entropy(minitorch.tensor(X), y, label_smoothing=0.1)
    assert y.tolist() == IGNORING.tolist()


REFUSED = [
    (lambda f, x, y: f(x, y + 1), r"Target 4 is out of bounds.*\(5, 4\).*\(4 classes\)"),
    (lambda f, x, y: f(x, y - 1), "Target -1 is out of bounds"),
    (lambda f, x, y: f(x, y[:2]), r"batch_size \(5\).*\(2\)"),
    (lambda f, x, y: f(x, y[:, None]), r"target\.squeeze\(1\)"),
    (lambda f, x, y: f(x, y.double()), r"\.long\(\)"),
    (lambda f, x, y: f(x, y.int()), r"\.long\(\)"),
    (lambda f, x, y: f(x, y > 1), r"\.long\(\)"),
    (lambda f, x, y: f(x, y, x[0, :3]), "all 4 classes"),
    (lambda f, x, y: f(x, y, x[0].float()), "float64"),
    (lambda f, x, y: f(x, y.tolist()), "must be Tensor"),
    (lambda f, x, y: f(x, y, reduction="middle"), "middle"),
    (lambda f, x, y: f(x[:, :, None].expand(5, 4, 6), y[:, None].expand(5, 7)), r"\(5, 6\), got \(5, 7\)"),
    (lambda f, x, y: f(x[:, :0], y), "out of bounds"),
]


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match, name):
    check_refused(lambda m, x, y: function(getattr(m.nn.functional, name), x, y), X, Y, match=match)


MORE_REFUSED = [
    (lambda f, x, y: f.cross_entropy(x, x, ignore_index=1), "floating point target"),
    (lambda f, x, y: f.cross_entropy(x, y, label_smoothing=1.5), "1.5"),
    (lambda f, x, y: f.cross_entropy(x, (x > 0).long()), "class probabilities"),
    (lambda f, x, y: f.cross_entropy(x, x[:, :3]), None),
]


@pytest.mark.parametrize(("function", "match"), MORE_REFUSED)
def test_refused_by_cross_entropy(function, match):
    check_refused(lambda m, x, y: function(m.nn.functional, x, y), X, Y, match=match)


def test_integer_scores_are_refused():
    y = minitorch.tensor(Y)
    for loss in (minitorch.nn.functional.cross_entropy, minitorch.nn.functional.nll_loss):
        with pytest.raises(RuntimeError, match=r"\.float\(\)"):
            loss(minitorch.ones(5, 4, dtype=minitorch.int64), y)
