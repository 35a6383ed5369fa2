"""Losses that compare element by element: values, gradients of two orders, node names, refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_refused, floats

REDUCTIONS = ("mean", "sum", "none")
pytestmark = pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # PyTorch, of kl_div


def probabilities(*shape):
    return np.random.default_rng(sum(shape)).uniform(0.05, 0.95, shape)


def counts(*shape):
    """Integers, which need no gradient."""
    return np.random.default_rng(sum(shape)).integers(0, 5, shape)


def signs(*shape):
    return np.random.default_rng(sum(shape)).choice([-1, 1], shape)


def like(x, k):
    """Integers as numbers of the dtype of ``x``, outside the graph."""
    return k.to(x.dtype)


X, T = floats(3, 4), floats(3, 4)[::-1] * 1.7 + 0.03
P, Q = probabilities(3, 4), probabilities(4, 3).T
ROWS = {
    "mse": (lambda f, x, t, r: f.mse_loss(x, t, reduction=r), X, T),
    "mse, weighted": (lambda f, x, t, w, r: f.mse_loss(x, t, reduction=r, weight=w), X, T, P),
    "l1": (lambda f, x, t, r: f.l1_loss(x, t, reduction=r), X, T),
    "l1, weighted": (lambda f, x, t, w, r: f.l1_loss(x, t, reduction=r, weight=w), X, T, P),
    "smooth l1": (lambda f, x, t, r: f.smooth_l1_loss(x, t, reduction=r), X, T),
    "smooth l1, beta": (lambda f, x, t, r: f.smooth_l1_loss(x, t, reduction=r, beta=0.3), X, T),
    "smooth l1, beta 0": (lambda f, x, t, r: f.smooth_l1_loss(x, t, reduction=r, beta=0), X, T),
    "huber": (lambda f, x, t, r: f.huber_loss(x, t, reduction=r), X, T),
    "huber, delta": (lambda f, x, t, r: f.huber_loss(x, t, reduction=r, delta=0.3), X, T),
    "huber, weighted": (lambda f, x, t, w, r: f.huber_loss(x, t, reduction=r, weight=w), X, T, P),
    "soft margin": (lambda f, x, t, r: f.soft_margin_loss(x, like(x, t), reduction=r), X, signs(3, 4)),
    "kl": (lambda f, x, t, r: f.kl_div(x, t, reduction=r), np.log(P), Q),
    "kl, logs": (lambda f, x, t, r: f.kl_div(x, t, reduction=r, log_target=True), np.log(P), np.log(Q)),
    "bce": (lambda f, x, t, r: f.binary_cross_entropy(x, t, reduction=r), P, Q),
    "bce, weighted": (lambda f, x, t, w, r: f.binary_cross_entropy(x, t, like(x, w), reduction=r), P, Q, counts(4)),
    "bce with logits": (lambda f, x, t, r: f.binary_cross_entropy_with_logits(x, t, reduction=r), X, Q),
    "bce with logits, weighted": (
        lambda f, x, t, w, r: f.binary_cross_entropy_with_logits(x, t, like(x, w), reduction=r),
        X,
        Q,
        counts(3, 4),
    ),
    "bce with logits, positive": (
        lambda f, x, t, w, r: f.binary_cross_entropy_with_logits(x, t, pos_weight=like(x, w), reduction=r),
        X,
        Q,
        counts(4),
    ),
    "poisson": (lambda f, x, t, r: f.poisson_nll_loss(x, like(x, t), reduction=r), X, counts(3, 4)),
    "poisson, rates": (
        lambda f, x, t, r: f.poisson_nll_loss(x, like(x, t), log_input=False, full=True, reduction=r),
        P,
        counts(3, 4),
    ),
    "gaussian": (lambda f, x, t, v, r: f.gaussian_nll_loss(x, t, v, reduction=r), X, T, P),
    "gaussian, full": (lambda f, x, t, v, r: f.gaussian_nll_loss(x, t, v, full=True, reduction=r), X, T, P[:, 0]),
    "gaussian, a variance a row": (lambda f, x, t, v, r: f.gaussian_nll_loss(x, t, v, reduction=r), X, T, P[:, :1]),
    "gaussian, number": (lambda f, x, t, r: f.gaussian_nll_loss(x, t, 0.3, reduction=r), X, T),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name, reduction):
    function, *inputs = ROWS[name]
    check(lambda m, *xs: function(m.nn.functional, *xs, reduction), *inputs)


def leaves(inputs):
    """Tensors of which those of floating point require grad."""
    made = [minitorch.tensor(np.ascontiguousarray(x)) for x in inputs]
    return [t.requires_grad_() if t.is_floating_point() else t for t in made]


@pytest.mark.parametrize("name", ROWS)
def test_gradients_without_pytorch(name):
    function, *inputs = ROWS[name]
    for reduction in ("mean", "none"):
        f = minitorch.nn.functional
        assert minitorch.autograd.gradcheck(lambda *xs: function(f, *xs, reduction), leaves(inputs))  # noqa: B023


def test_batchmean_is_the_divergence_itself():
    for logs in (False, True):
        check(
            lambda m, x, t: m.nn.functional.kl_div(x, t, reduction="batchmean", log_target=logs),  # noqa: B023
            np.log(P),
            np.log(Q) if logs else Q,
        )


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "bce with logits", "smooth l1"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (5,), (2, 1, 3)])
def test_shapes(name, shape):
    function = ROWS[name][0]
    size = int(np.prod(shape))
    x, t = np.linspace(-1, 1, size).reshape(shape), np.linspace(0.3, 0.9, size).reshape(shape)
    for reduction in REDUCTIONS:
        check(lambda m, *xs: function(m.nn.functional, *xs, reduction), x, t, second=False)  # noqa: B023


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "bce with logits", "kl"])
def test_strided_inputs(name):
    function = ROWS[name][0]
    check(lambda m, x, t: function(m.nn.functional, x.T, t[:, ::2].T, "mean"), probabilities(3, 4), probabilities(3, 8))


def test_a_target_may_be_repeated_with_a_warning():
    f = minitorch.nn.functional
    x, t = minitorch.tensor(X, requires_grad=True), minitorch.tensor(T[:1], requires_grad=True)
    with pytest.warns(UserWarning, match="different to the input size"):
        loss = f.mse_loss(x, t)
    np.testing.assert_allclose(loss.item(), ((X - T[:1]) ** 2).mean())
    loss.backward()
    np.testing.assert_allclose(t.grad.numpy(), (-2 * (X - T[:1])).sum(0, keepdims=True) / X.size)


def names(library):
    f = library.nn.functional
    x = library.full((3, 4), 0.3, requires_grad=True)
    t = library.full((3, 4), 0.6)
    functions = {
        name: getattr(f, name)
        for name in (
            "mse_loss",
            "l1_loss",
            "smooth_l1_loss",
            "huber_loss",
            "kl_div",
            "soft_margin_loss",
            "binary_cross_entropy",
            "binary_cross_entropy_with_logits",
            "poisson_nll_loss",
            "hinge_embedding_loss",
        )
    }
    found = {}
    for name, function in functions.items():
        for reduction in REDUCTIONS:
            found[name, reduction] = type(function(x, t, reduction=reduction).grad_fn).__name__
    found["log target"] = type(f.kl_div(x, t, log_target=True, reduction="none").grad_fn).__name__
    return found


def test_node_names():
    torch = pytest.importorskip("torch")
    assert names(minitorch) == names(torch)


def test_the_graph_of_a_loss_can_be_walked():
    x = minitorch.ones(2, 3, requires_grad=True)
    loss = minitorch.nn.MSELoss()(x * 2, minitorch.zeros(2, 3))
    assert repr(loss).endswith("grad_fn=<MseLossBackward0>)")
    multiplied = loss.grad_fn.next_functions[0][0]
    assert multiplied.name() == "MulBackward0"
    assert multiplied.next_functions[0][0].variable is x


# ---- extremes


def test_logits_of_any_size():
    x = minitorch.tensor([-1000.0, 1000.0, 0.0, -1000.0], requires_grad=True)
    t = minitorch.tensor([0.0, 1.0, 1.0, 1.0])
    loss = minitorch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_allclose(loss.detach().numpy(), [0, 0, np.log(2), 1000], rtol=1e-6)
    loss.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, -0.5, -1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_certainty_that_is_wrong_costs_100(dtype):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x = library.tensor([0.0, 1.0, 0.0, 1.0], dtype=getattr(library, dtype), requires_grad=True)
        t = library.tensor([0.0, 0.0, 1.0, 1.0], dtype=getattr(library, dtype))
        loss = library.nn.functional.binary_cross_entropy(x, t, reduction="none")
        loss.sum().backward()
        results.append((loss.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs)
    assert results[0][0].tolist() == [0, 100, 100, 0]


def test_divergence_from_zero_probabilities_is_zero_there():
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        x = library.tensor([[0.5, 0.5], [0.1, 0.9]]).log().requires_grad_()
        loss = library.nn.functional.kl_div(x, library.tensor([[0.0, 1.0], [1.0, 0.0]]), reduction="none")
        loss.sum().backward()
        results.append((loss.detach().numpy(), x.grad.numpy()))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_the_variance_has_a_floor_that_gradients_do_not_see():
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        v = library.tensor([0.0, 1e-9, 2.0], requires_grad=True)
        loss = library.nn.functional.gaussian_nll_loss(library.ones(3), library.zeros(3), v, reduction="none")
        loss.sum().backward()
        results.append((loss.detach().numpy(), v.grad.numpy()))
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_half_precision_does_not_overflow():
    x = minitorch.full((5000,), 10.0).half()
    loss = minitorch.nn.functional.mse_loss(x, minitorch.zeros(5000).half())
    assert loss.dtype is minitorch.float16 and loss.item() == 100


def test_large_exponentials_are_infinite_without_a_warning():
    x = minitorch.tensor([1000.0], requires_grad=True)
    assert minitorch.nn.functional.poisson_nll_loss(x, minitorch.ones(1)).item() == np.inf


# ---- dtypes


def test_dtypes_are_promoted_as_pytorch_does():
    torch = pytest.importorskip("torch")

    def run(library):
        f = library.nn.functional
        x, t = library.ones(3), library.zeros(3)
        return [
            str(f.mse_loss(x, t.double()).dtype),
            str(f.l1_loss(x.double(), t).dtype),
            str(f.mse_loss(x, t.long()).dtype),
            str(f.smooth_l1_loss(x.half(), t).dtype),
        ]

    assert run(minitorch) == run(torch)


# ---- refusals

ENLARGING = [
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "soft_margin_loss",
    "poisson_nll_loss",
    "hinge_embedding_loss",
]


@pytest.mark.parametrize("name", ENLARGING)
def test_a_target_that_would_enlarge_the_result_is_refused(name):
    x, t = minitorch.zeros(4, 1), minitorch.zeros(4)
    with pytest.raises(ValueError, match=rf"{name}.*\(4, 1\).*\(4,\).*reshape.*squeeze"):
        getattr(minitorch.nn.functional, name)(x, t)
    with pytest.raises(ValueError, match=r"reshape.*squeeze"):
        getattr(minitorch.nn.functional, name)(t, x)


def test_gaussian_too():
    with pytest.raises(ValueError, match=r"reshape.*squeeze"):
        minitorch.nn.functional.gaussian_nll_loss(minitorch.zeros(4, 1), minitorch.zeros(4), 1.0)


REFUSED = [
    (lambda m, x: m.nn.functional.mse_loss(x, x[:, :2]), "must be equal"),
    (lambda m, x: m.nn.functional.kl_div(x, 1.0), "must be Tensor"),
    (lambda m, x: m.nn.functional.mse_loss(x, x, reduction="median"), "median"),
    (lambda m, x: m.nn.functional.mse_loss(x, x, weight=x[0]), "weight"),
    (lambda m, x: m.nn.functional.smooth_l1_loss(x, x, beta=-1), "negative values for beta"),
    (lambda m, x: m.nn.functional.huber_loss(x, x, delta=0), "delta"),
    (lambda m, x: m.nn.functional.binary_cross_entropy(x.sigmoid(), x[:, :1].sigmoid()), "reshape"),
    (lambda m, x: m.nn.functional.binary_cross_entropy(x * 3, x.sigmoid()), "with_logits"),
    (lambda m, x: m.nn.functional.binary_cross_entropy(x.sigmoid(), x), "elements of target"),
    (lambda m, x: m.nn.functional.binary_cross_entropy(x.sigmoid(), (x > 0).long()), r"target\.to\(torch\.float64\)"),
    (lambda m, x: m.nn.functional.binary_cross_entropy_with_logits(x, (x > 0).long()), r"target\.float\(\)"),
    (lambda m, x: m.nn.functional.binary_cross_entropy_with_logits(x, x[:, :1]), "shape"),
    (lambda m, x: m.nn.functional.binary_cross_entropy_with_logits(x, x, pos_weight=x[:, :3]), "pos_weight"),
    (lambda m, x: m.nn.functional.gaussian_nll_loss(x, x, -x.abs()), "negative"),
    (lambda m, x: m.nn.functional.gaussian_nll_loss(x, x, x[0].abs()), "incorrect size"),
    (lambda m, x: m.nn.functional.gaussian_nll_loss(x, x, -1.0), "negative"),
    (lambda m, x: m.nn.functional.poisson_nll_loss(x, x, reduction="all"), "all"),
]


@pytest.mark.parametrize(("function", "match"), REFUSED)
def test_refused(function, match):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_refused(function, X, match=match)


def test_integers_are_refused_with_the_remedy():
    x = minitorch.ones(3, dtype=minitorch.int64)
    with pytest.raises(RuntimeError, match=r"\.float\(\)"):
        minitorch.nn.functional.mse_loss(x, x)
