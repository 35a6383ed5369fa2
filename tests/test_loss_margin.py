"""Losses with a margin, distances, similarities."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused, floats
from tests.test_loss import REDUCTIONS, leaves, like, signs

X, Y, Z = floats(4, 5), floats(4, 5)[::-1] * 0.9 + 0.02, floats(4, 5)[:, ::-1] * 1.1 - 0.05
CLASSES = np.array([0, 4, 2, 2])
LABELS = np.array([[3, 0, -1, 1, 1], [-1, 2, 0, 1, 3], [0, 1, 2, 3, 4], [2, -1, -1, -1, -1]])
ROWS = {
    "ranking": (lambda f, x, y, t, r: f.margin_ranking_loss(x, y, like(x, t), reduction=r), X, Y, signs(4, 5)),
    "ranking, margin": (
        lambda f, x, y, t, r: f.margin_ranking_loss(x, y, like(x, t), margin=0.7, reduction=r),
        X[0],
        Y[0],
        signs(5),
    ),
    "hinge": (lambda f, x, t, r: f.hinge_embedding_loss(x, t, reduction=r), X, signs(4, 5)),
    "hinge, margin": (lambda f, x, t, r: f.hinge_embedding_loss(x, t, margin=0.4, reduction=r), X, signs(4, 5)),
    "hinge, zeros": (lambda f, x, t, r: f.hinge_embedding_loss(x, t * 0, reduction=r), X, signs(4, 5)),
    "cosine": (lambda f, x, y, t, r: f.cosine_embedding_loss(x, y, t, reduction=r), X, Y, signs(4)),
    "cosine, one": (
        lambda f, x, y, t, r: f.cosine_embedding_loss(x[0], y[0], t[0], margin=0.1, reduction=r),
        X,
        Y,
        signs(4),
    ),
    "triplet": (lambda f, a, p, n, r: f.triplet_margin_loss(a, p, n, reduction=r), X, Y, Z),
    "triplet, swapped": (
        lambda f, a, p, n, r: f.triplet_margin_loss(a, p, n, margin=2.0, p=3, swap=True, reduction=r),
        X,
        Y,
        Z,
    ),
    "triplet, one": (lambda f, a, p, n, r: f.triplet_margin_loss(a[0], p[0], n[0], reduction=r), X, Y, Z),
    "triplet, distance": (
        lambda f, a, p, n, r: f.triplet_margin_with_distance_loss(
            a, p, n, distance_function=lambda x, y: 1 - f.cosine_similarity(x, y), swap=True, reduction=r
        ),
        X,
        Y,
        Z,
    ),
    "triplet, default": (lambda f, a, p, n, r: f.triplet_margin_with_distance_loss(a, p, n, reduction=r), X, Y, Z),
    "multi": (lambda f, x, t, r: f.multi_margin_loss(x, t, reduction=r), X, CLASSES),
    "multi, squares": (lambda f, x, t, r: f.multi_margin_loss(x, t, p=2, margin=0.6, reduction=r), X, CLASSES),
    "multi, weighted": (
        lambda f, x, t, w, r: f.multi_margin_loss(x, t, weight=like(x, w), reduction=r),
        X,
        CLASSES,
        np.arange(5),
    ),
    "multi, one": (lambda f, x, t, r: f.multi_margin_loss(x[0], t[0], reduction=r), X, CLASSES),
    "multi, a batch of one": (lambda f, x, t, r: f.multi_margin_loss(x[0], t[:1], reduction=r), X, CLASSES),
    "multilabel": (lambda f, x, t, r: f.multilabel_margin_loss(x, t, reduction=r), X, LABELS),
    "multilabel, one": (lambda f, x, t, r: f.multilabel_margin_loss(x[0], t[0], reduction=r), X, LABELS),
    "multilabel soft": (
        lambda f, x, t, r: f.multilabel_soft_margin_loss(x, like(x, t > 0), reduction=r),
        X,
        signs(4, 5),
    ),
    "multilabel soft, weighted": (
        lambda f, x, t, w, r: f.multilabel_soft_margin_loss(x, like(x, t > 0), like(x, w), reduction=r),
        X,
        signs(4, 5),
        np.arange(5),
    ),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name, reduction):
    function, *inputs = ROWS[name]
    check(lambda m, *xs: function(m.nn.functional, *xs, reduction), *inputs)


@pytest.mark.parametrize("name", ROWS)
def test_gradients_without_pytorch(name):
    function, *inputs = ROWS[name]
    assert minitorch.autograd.gradcheck(lambda *xs: function(minitorch.nn.functional, *xs, "mean"), leaves(inputs))


REFUSED = [
    (lambda f, x, t: f.margin_ranking_loss(x, x[0], x), "same dimension"),
    (lambda f, x, t: f.cosine_embedding_loss(x, x, x), "target"),
    (lambda f, x, t: f.cosine_embedding_loss(x, x, x[0]), "must be equal"),
    (lambda f, x, t: f.triplet_margin_loss(x, x, x[0]), "same number of dimensions"),
    (lambda f, x, t: f.triplet_margin_loss(x, x, x, margin=0), "greater than 0"),
    (lambda f, x, t: f.triplet_margin_with_distance_loss(x, x, x, margin=-1), "greater than 0"),
    (lambda f, x, t: f.triplet_margin_with_distance_loss(x, x, x, reduction="x"), "'x'"),
    (lambda f, x, t: f.multi_margin_loss(x, t, p=3), "p == 1 and p == 2"),
    (lambda f, x, t: f.multi_margin_loss(x, t + 3), "out of range: 7; for 5 classes"),
    (lambda f, x, t: f.multi_margin_loss(x, t[:2]), r"target \(2,\)"),
    (lambda f, x, t: f.multi_margin_loss(x, t.int()), r"target\.long\(\)"),
    (lambda f, x, t: f.multi_margin_loss(x, t, weight=x[0, :2]), "expected 5 but got"),
    (lambda f, x, t: f.multilabel_margin_loss(x, t.unsqueeze(1).expand(4, 5) + 1), "out of range: 5"),
    (lambda f, x, t: f.multilabel_margin_loss(x, t), "inconsistent target size"),
    (lambda f, x, t: f.multilabel_margin_loss(x, x), r"target\.long\(\)"),
    (lambda f, x, t: f.multilabel_soft_margin_loss(x, x[:, :2]), "must be equal"),
    (lambda f, x, t: f.hinge_embedding_loss(x, 1), "must be Tensor"),
]


@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match):
    check_refused(lambda m, x, t: function(m.nn.functional, x, t), X, CLASSES, match=match)


def test_targets_that_enlarge_are_refused():
    f, x, t = minitorch.nn.functional, minitorch.zeros(4, 1), minitorch.ones(1, 4)
    for call in (
        lambda: f.margin_ranking_loss(x, x, t),
        lambda: f.multilabel_soft_margin_loss(x, t),
        lambda: f.cosine_embedding_loss(x[:1], x[:1], t[0]),
    ):
        with pytest.raises(ValueError, match=r"reshape.*squeeze"):
            call()
