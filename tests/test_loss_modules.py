"""Losses as layers: representation, state, arguments handed on."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, floats
from tests.test_loss import counts, like, probabilities, signs

X, T, P = floats(4, 5), floats(4, 5)[::-1] * 1.2 + 0.02, probabilities(4, 5)
CLASSES = np.array([0, 4, 2, 2])
pytestmark = pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # PyTorch, of kl_div


def weight(m, *shape):
    return m.arange(1, 1 + int(np.prod(shape)), dtype=m.float64).reshape(shape)


# (makes the layer from the module nn's library, its inputs)
ROWS = [
    (lambda m: m.nn.L1Loss(reduction="sum"), X, T),
    (lambda m: m.nn.MSELoss(), X, T),
    (lambda m: m.nn.MSELoss(reduction="none"), X, T),
    (lambda m: m.nn.SmoothL1Loss(beta=0.3), X, T),
    (lambda m: m.nn.HuberLoss(delta=0.4, reduction="sum"), X, T),
    (lambda m: m.nn.CrossEntropyLoss(weight(m, 5), label_smoothing=0.1, ignore_index=4), X, CLASSES),
    (lambda m: m.nn.NLLLoss(weight(m, 5), reduction="sum"), X, CLASSES),
    (lambda m: m.nn.BCELoss(weight(m, 5)), P, P[::-1].copy()),
    (lambda m: m.nn.BCEWithLogitsLoss(weight(m, 5), pos_weight=weight(m, 4, 5)), X, P),
    (lambda m: m.nn.KLDivLoss(reduction="batchmean", log_target=True), X, T),
    (lambda m: m.nn.KLDivLoss(reduction="sum"), X, P),
    (lambda m: m.nn.PoissonNLLLoss(log_input=False, full=True, eps=0.1), P, counts(4, 5)),
    (lambda m: m.nn.GaussianNLLLoss(full=True, eps=0.3, reduction="sum"), X, T, P),
    (lambda m: m.nn.SoftMarginLoss(reduction="sum"), X, signs(4, 5)),
    (lambda m: m.nn.MarginRankingLoss(margin=0.3), X, T, signs(4, 5)),
    (lambda m: m.nn.HingeEmbeddingLoss(margin=0.5), X, signs(4, 5)),
    (lambda m: m.nn.CosineEmbeddingLoss(margin=0.1, reduction="sum"), X, T, signs(4)),
    (lambda m: m.nn.TripletMarginLoss(margin=2.0, p=1.0, swap=True), X, T, P),
    (lambda m: m.nn.TripletMarginWithDistanceLoss(margin=2.0, swap=True), X, T, P),
    (lambda m: m.nn.MultiMarginLoss(p=2, margin=0.7, weight=weight(m, 5)), X, CLASSES),
    (lambda m: m.nn.MultiLabelMarginLoss(), X, np.array([[3, 0, -1, 1, 1]] * 4)),
    (lambda m: m.nn.MultiLabelSoftMarginLoss(weight(m, 5)), X, (P > 0.5) * 1),
]
FLOATING = {"PoissonNLLLoss", "SoftMarginLoss", "MarginRankingLoss", "MultiLabelSoftMarginLoss"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row[0](minitorch)).__name__)
def test_layers_are_pytorchs(row):
    torch = pytest.importorskip("torch")
    make, *inputs = row
    ours, theirs = make(minitorch), make(torch)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.reduction == theirs.reduction
    name = type(ours).__name__

    def run(m, x, *rest):
        *others, target = rest
        if name in FLOATING:
            target = like(x, target)
        return make(m)(x, *others, target)

    check(run, *inputs, second=False)


def test_weights_move_with_the_layer():
    loss = minitorch.nn.CrossEntropyLoss(weight=minitorch.ones(3))
    assert loss.double().weight.dtype is minitorch.float64
    assert list(minitorch.nn.CrossEntropyLoss().state_dict()) == []


@pytest.mark.parametrize(
    ("kwargs", "reduction"),
    [({"size_average": False}, "sum"), ({"reduce": False}, "none"), ({"size_average": True}, "mean"), ({}, "mean")],
)
def test_older_arguments(kwargs, reduction):
    if not kwargs:
        assert minitorch.nn.MSELoss().reduction == reduction
        return
    with pytest.warns(UserWarning, match="deprecated"):
        loss = minitorch.nn.MSELoss(**kwargs)
    assert loss.reduction == reduction
    with pytest.warns(UserWarning, match="deprecated"):
        value = minitorch.nn.functional.mse_loss(minitorch.tensor(X), minitorch.tensor(T), **kwargs)
    expected = (X - T) ** 2
    np.testing.assert_allclose(
        value.numpy(), {"sum": expected.sum(), "none": expected, "mean": expected.mean()}[reduction]
    )


REFUSED = [
    (lambda n: n.TripletMarginLoss(margin=0), "greater than 0"),
    (lambda n: n.TripletMarginWithDistanceLoss(margin=-1), "greater than 0"),
    (lambda n: n.MultiMarginLoss(p=3), "p == 1 and p == 2"),
]


@pytest.mark.parametrize(("make", "match"), REFUSED)
def test_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make(minitorch.nn)
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match=match):
        make(torch.nn)


def test_an_unknown_reduction_is_refused_at_once():
    with pytest.raises(ValueError, match="'middle'"):
        minitorch.nn.MSELoss(reduction="middle")


def test_the_error_names_the_layers_path():
    class Net(minitorch.nn.Module):
        def __init__(self):
            super().__init__()
            self.criterion = minitorch.nn.CrossEntropyLoss()

        def forward(self, x, y):
            return self.criterion(x, y)

    with pytest.raises(IndexError, match=r"^Net\.criterion: cross_entropy: Target 7"):
        Net()(minitorch.zeros(2, 3), minitorch.tensor([0, 7]))
