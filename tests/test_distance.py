"""Distances, similarities, unit vectors."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused, floats
from tests.test_loss import leaves

X, Y = floats(3, 4), floats(3, 4)[::-1] * 0.8 + 0.1
ROWS = {
    "cosine": (lambda f, x, y: f.cosine_similarity(x, y), X, Y),
    "cosine, dim": (lambda f, x, y: f.cosine_similarity(x, y, dim=0), X, Y),
    "cosine, vectors": (lambda f, x, y: f.cosine_similarity(x[0], y[1], dim=-1), X, Y),
    "cosine, broadcast": (lambda f, x, y: f.cosine_similarity(x[:, None], y[None], dim=2), X, Y),
    "distance": (lambda f, x, y: f.pairwise_distance(x, y), X, Y),
    "distance, 1-norm": (lambda f, x, y: f.pairwise_distance(x, y, p=1), X, Y),
    "distance, 3-norm": (lambda f, x, y: f.pairwise_distance(x, y, p=3, eps=1e-3, keepdim=True), X, Y),
    "distance, largest": (lambda f, x, y: f.pairwise_distance(x, y, p=float("inf")), X, Y),
    "distance, row": (lambda f, x, y: f.pairwise_distance(x, y[0]), X, Y),
    "distance, vectors": (lambda f, x, y: f.pairwise_distance(x[0], y[0], keepdim=True), X, Y),
    "normalize": (lambda f, x: f.normalize(x), X),
    "normalize, 1-norm": (lambda f, x: f.normalize(x, p=1, dim=0), X),
    "normalize, largest": (lambda f, x: f.normalize(x, p=float("inf"), dim=-1), X),
    "normalize, both": (lambda f, x: f.normalize(x, dim=(0, 1)), X),
    "normalize, short": (lambda f, x: f.normalize(x, eps=10.0), X),
    "all pairs": (lambda f, x: f.pdist(x), X),
    "all pairs, 1-norm": (lambda f, x: f.pdist(x, p=1), X),
}


@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name):
    function, *inputs = ROWS[name]
    check(lambda m, *xs: function(m.nn.functional, *xs), *inputs, tolerance=1e-10)


@pytest.mark.parametrize("name", ROWS)
def test_gradients_without_pytorch(name):
    function, *inputs = ROWS[name]
    assert minitorch.autograd.gradcheck(lambda *xs: function(minitorch.nn.functional, *xs), leaves(inputs))


def test_zero_vectors():
    torch = pytest.importorskip("torch")
    for function in (
        lambda m, x: m.nn.functional.cosine_similarity(x, m.ones(2, 3)),
        lambda m, x: m.nn.functional.normalize(x),
        lambda m, x: m.nn.functional.pairwise_distance(x, m.zeros(2, 3)),
    ):
        results = []
        for library in (minitorch, torch):
            x = library.zeros(2, 3, requires_grad=True)
            out = function(library, x)
            out.sum().backward()
            results.append((out.detach().numpy(), x.grad.numpy()))
        for ours, theirs in zip(*results):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_vectors_shorter_than_eps():
    """The derivative is that of the value (PyTorch's is that of an unlimited norm)."""
    x, y = minitorch.tensor(X, requires_grad=True), minitorch.tensor(Y, requires_grad=True)
    f = minitorch.nn.functional
    np.testing.assert_allclose(f.cosine_similarity(x, y, eps=10.0).detach().numpy(), (X * Y).sum(1) / 100)
    assert minitorch.autograd.gradcheck(lambda x, y: f.cosine_similarity(x, y, eps=2.0), (x, y))


def test_dtypes_are_promoted():
    a, b = minitorch.ones(2, 3), minitorch.ones(2, 3).double()
    assert minitorch.nn.functional.cosine_similarity(a, b).dtype is minitorch.float64
    assert minitorch.nn.functional.normalize(a.half()).dtype is minitorch.float16


def test_as_modules():
    torch = pytest.importorskip("torch")
    for make in (
        lambda n: n.CosineSimilarity(dim=0, eps=1e-3),
        lambda n: n.PairwiseDistance(p=1.0, eps=1e-3, keepdim=True),
    ):
        check(lambda m, x, y: make(m.nn)(x, y), X, Y, second=False)  # noqa: B023
        assert repr(make(minitorch.nn)) == repr(make(torch.nn))


REFUSED = [
    (lambda f, x: f.cosine_similarity(x, x[:, :2]), None),
    (lambda f, x: f.cosine_similarity(x, x, dim=2), "out of range"),
    (lambda f, x: f.cosine_similarity(x.long(), x.long()), r"float"),
    (lambda f, x: f.normalize(x.long()), r"float"),
    (lambda f, x: f.pairwise_distance(x, x[:, :2]), None),
    (lambda f, x: f.pdist(x[0]), "2D"),
]


@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match):
    check_refused(lambda m, x: function(m.nn.functional, x), X, match=match)
