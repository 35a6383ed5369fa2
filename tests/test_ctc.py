"""Connectionist temporal classification."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused

REDUCTIONS = ("mean", "sum", "none")
SCORES = np.random.default_rng(0).normal(size=(6, 3, 4))
TARGETS = np.array([[1, 2, 2], [3, 1, -7], [2, 2, 9]])
ROW = np.array([1, 2, 2, 3, 1, 2])
FRAMES, LABELS = np.array([6, 5, 4]), np.array([3, 2, 1])
ROWS = {
    "padded": (lambda f, x, t, n, k, r: f.ctc_loss(x, t, n, k, reduction=r), TARGETS),
    "in one row": (lambda f, x, t, n, k, r: f.ctc_loss(x, t, n, k, reduction=r), ROW),
    "int32": (lambda f, x, t, n, k, r: f.ctc_loss(x, t.int(), n.int(), k.int(), reduction=r), TARGETS.clip(0, 3)),
    "lists": (lambda f, x, t, n, k, r: f.ctc_loss(x, t, n.tolist(), tuple(k.tolist()), reduction=r), TARGETS),
    "another blank": (lambda f, x, t, n, k, r: f.ctc_loss(x, t - 1, n, k, blank=3, reduction=r), TARGETS),
    "no labels": (lambda f, x, t, n, k, r: f.ctc_loss(x, t, n, k * 0, reduction=r), TARGETS),
    "one sequence": (lambda f, x, t, n, k, r: f.ctc_loss(x[:, 0], t[0], n[0], k[0], reduction=r), TARGETS),
    "impossible, zeroed": (
        lambda f, x, t, n, k, r: f.ctc_loss(x, t, n // 3, k, reduction=r, zero_infinity=True),
        TARGETS,
    ),
    "no frames": (
        lambda f, x, t, n, k, r: f.ctc_loss(x, t, n * 0, k * 0, reduction=r),
        TARGETS,
    ),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name, reduction):
    function, targets = ROWS[name]
    check(
        lambda m, x, *rest: function(m.nn.functional, x.log_softmax(2), *rest, reduction),
        SCORES,
        targets,
        FRAMES,
        LABELS,
        second=False,
    )


def test_gradients_of_the_log_probabilities_themselves():
    """PyTorch's convention, which is theirs only behind a log-softmax."""
    x = SCORES - np.log(np.exp(SCORES).sum(2, keepdims=True))
    check(lambda m, x, *rest: m.nn.functional.ctc_loss(x, *rest), x, TARGETS, FRAMES, LABELS, second=False)


def test_gradients_without_pytorch():
    x = minitorch.tensor(SCORES, requires_grad=True)
    rest = [minitorch.tensor(v) for v in (TARGETS, FRAMES, LABELS)]
    assert minitorch.autograd.gradcheck(
        lambda x: minitorch.nn.functional.ctc_loss(x.log_softmax(2), *rest, reduction="none"), x
    )


def test_single_precision_keeps_the_share_of_one_frame():
    x = np.random.default_rng(2).normal(size=(50, 3, 15)) * 9
    rest = [minitorch.tensor(v) for v in (np.arange(90).reshape(3, 30) % 14 + 1, [50, 50, 50], [30, 25, 20])]
    gradients = []
    for dtype in (minitorch.float32, minitorch.float64):
        log_probs = minitorch.tensor(x, dtype=minitorch.float32).log_softmax(2).to(dtype).requires_grad_()
        loss = minitorch.nn.functional.ctc_loss(log_probs, *rest, reduction="sum")
        gradients += minitorch.autograd.grad(loss, log_probs)
    assert gradients[0].dtype is minitorch.float32
    np.testing.assert_allclose(gradients[0].numpy(), gradients[1].numpy(), 1e-6, 1e-6)


def test_all_alignments_by_hand():
    p = np.random.default_rng(1).dirichlet(np.ones(3), 5)
    target = [1, 2, 2]
    total = 0.0
    for path in itertools.product(range(3), repeat=5):
        spelled = [c for c, _ in itertools.groupby(path) if c != 0]
        if spelled == target:
            total += np.prod(p[np.arange(5), path])
    loss = minitorch.nn.functional.ctc_loss(
        minitorch.tensor(np.log(p)), minitorch.tensor(target), 5, 3, reduction="none"
    )
    np.testing.assert_allclose(loss.item(), -np.log(total))


def test_impossible_targets_cost_infinity():
    x = minitorch.tensor(SCORES).log_softmax(2)
    losses = minitorch.nn.functional.ctc_loss(
        x, minitorch.tensor(TARGETS), [2, 5, 4], minitorch.tensor(LABELS), reduction="none"
    )
    assert np.isinf(losses.numpy()).tolist() == [True, False, False]


def test_second_derivatives_are_refused():
    x = minitorch.tensor(SCORES, requires_grad=True)
    loss = minitorch.nn.functional.ctc_loss(x.log_softmax(2), minitorch.tensor(TARGETS), [6, 5, 4], [3, 2, 1])
    (g,) = minitorch.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        g.sum().backward()


def test_half_precision():
    x = minitorch.tensor(SCORES).log_softmax(2)
    arguments = (minitorch.tensor(TARGETS), minitorch.tensor(FRAMES), minitorch.tensor(LABELS))
    half = x.half().requires_grad_()
    loss = minitorch.nn.functional.ctc_loss(half, *arguments)
    loss.backward()
    assert loss.dtype is half.grad.dtype is minitorch.float16
    np.testing.assert_allclose(loss.item(), minitorch.nn.functional.ctc_loss(x, *arguments).item(), rtol=5e-3)


def test_as_a_module():
    torch = pytest.importorskip("torch")
    check(
        lambda m, x, *rest: m.nn.CTCLoss(blank=0, reduction="sum", zero_infinity=True)(x.log_softmax(2), *rest),
        SCORES,
        TARGETS,
        FRAMES,
        LABELS,
        second=False,
    )
    assert repr(minitorch.nn.CTCLoss()) == repr(torch.nn.CTCLoss())


def test_node_name():
    x = minitorch.tensor(SCORES, requires_grad=True)
    loss = minitorch.nn.functional.ctc_loss(x, minitorch.tensor(TARGETS), [6, 5, 4], [3, 2, 1], reduction="none")
    assert loss.grad_fn.name() == "CtcLossBackward0"


REFUSED = [
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n, k, blank=4), "blank must be in label range"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n, k, blank=-1), "blank must be in label range"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n + 1, k), "at most 6, but got value 7"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n, k + 3), r"3, 6 or more"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n[:1], k), "input_lengths must be of size batch_size, 3, got 1"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n, k[:1]), "target_lengths must be of size batch_size"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n.double(), k), "must be integral"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t[0], n, k), "concatenated targets of size 6"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t[:2], n, k), "3, 3 or more"),
    (lambda f, x, t, n, k: f.ctc_loss(x, t, n, k, reduction="middle"), "middle"),
]


@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match):
    check_refused(lambda m, *xs: function(m.nn.functional, *xs), SCORES, TARGETS, FRAMES, LABELS, match=match)


def test_classes_out_of_range_are_refused():
    f, x = minitorch.nn.functional, minitorch.tensor(SCORES)
    with pytest.raises(RuntimeError, match="target out of range: 9; for 4 classes"):
        f.ctc_loss(x, minitorch.tensor(TARGETS), [6, 5, 4], [3, 2, 3])
    with pytest.raises(RuntimeError, match="must not be negative"):
        f.ctc_loss(x, minitorch.tensor(TARGETS), [6, 5, 4], [3, 2, -1])
