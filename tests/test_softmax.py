"""Softmax, its logarithm, logsumexp: against PyTorch, against differences, and without either."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.ops import softmax
from tests.rows import check, check_numerically, check_refused, floats, public_functions

X = floats(2, 3, 4)
V = floats(5)
INTS = np.arange(6).reshape(2, 3)
EMPTY = np.zeros((0, 3))
S = np.array(1.5)
HUGE = np.array([[1000.0, 1001.0, -1000.0], [-1e30, 0.0, 1e30]])
MASKED = np.array([[1.0, -np.inf, 2.0], [-np.inf, 0.0, -np.inf]])
IMPOSSIBLE = np.array([[-np.inf, -np.inf], [np.inf, 1.0]])

ROWS = {
    f"{name}{row}": (lambda t, x, name=name, function=function: function(t, x, name), x)
    for name in ("softmax", "log_softmax")
    for row, function, x in (
        ("", lambda t, x, name: (getattr(t, name)(x, 1), getattr(x, name)(-1), getattr(x, name)(dim=0)), X),
        (" axis", lambda t, x, name: getattr(t, name)(x, axis=0), V),
        (" 0-d", lambda t, x, name: getattr(x, name)(0), S),
        (" of nothing", lambda t, x, name: (getattr(x, name)(0), getattr(x, name)(1)), EMPTY),
        (" strided", lambda t, x, name: (getattr(x[:, ::2], name)(1), getattr(x.transpose(0, 2), name)(0)), X),
        (" expanded", lambda t, x, name: getattr(x.expand(3, 5), name)(0), V),
        (" of huge", lambda t, x, name: getattr(x, name)(1), HUGE),
        (" masked", lambda t, x, name: getattr(x.detach(), name)(1), MASKED),
        (" impossible", lambda t, x, name: getattr(x.detach(), name)(1), IMPOSSIBLE),
        (" to float32", lambda t, x, name: getattr(x, name)(1, dtype=t.float32), X),
        (" from integers", lambda t, x, name: getattr(t, name)(x, 0, t.float64), INTS),
    )
}
ROWS |= {
    "logsumexp": (
        lambda t, x: (x.logsumexp(0), t.logsumexp(x, (0, 2)), x.logsumexp(-1, True), (x * 999).logsumexp(1)),
        X,
    ),
    "logsumexp infinite": (lambda t, x: (t.logsumexp(x.detach(), 1), x.detach().logsumexp(0)), IMPOSSIBLE),
    "logsumexp masked": (lambda t, x: (t.logsumexp(x, 1), x.logsumexp(1, True)), MASKED),
    "logsumexp of nothing": (lambda t, x: (x.detach().logsumexp(0), x.logsumexp(1)), EMPTY),
    "logsumexp of integers": (lambda t, x: x.logsumexp(0), INTS),
    "logsumexp 0-d": (lambda t, x: x.logsumexp(0), S),
}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, x = ROWS[name]
    check(function, x, second=False, tolerance=1e-6 if "float32" in name else 1e-12)


@pytest.mark.parametrize("name", [name for name in ROWS if not {"float32", "huge", "masked"} & set(name.split())])
def test_gradients(name):
    function, x = ROWS[name]
    check_numerically(function, x)


def test_every_function_has_a_row():
    assert not public_functions(softmax) - {name.split()[0] for name in ROWS}


REFUSED = {
    "dim": (lambda t, x, name: getattr(x, name)(3), X),
    "no dim": (lambda t, x, name: getattr(x, name)(), X),
    "dim of another type": (lambda t, x, name: getattr(x, name)(1.5), X),
    "number": (lambda t, x, name: getattr(t, name)(3, 0), X),
}


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("row", REFUSED)
def test_refused_as_torch(row, name):
    function, x = REFUSED[row]
    check_refused(lambda t, x: function(t, x, name), x)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
@pytest.mark.parametrize("row", REFUSED)
def test_refused_without_torch(row, name):
    function, x = REFUSED[row]
    with pytest.raises((TypeError, IndexError, NotImplementedError)):
        function(minitorch, minitorch.from_numpy(x), name)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_integers_are_refused_with_a_way_out(name):
    check_refused(lambda t, x: getattr(x, name)(0), INTS, match="dtype")


def test_float16_passes_through_float32():
    x = (minitorch.arange(3000.0) / 3000).half()
    assert x.softmax(0).dtype is minitorch.float16
    assert (x.softmax(0) == x.float().softmax(0).half()).all()
    assert (x.log_softmax(0) == x.float().log_softmax(0).half()).all()
    assert x.logsumexp(0) == x.float().logsumexp(0).half()


def test_masked_positions_get_no_gradient():
    x = minitorch.from_numpy(MASKED.copy()).requires_grad_()
    (x.softmax(1) * minitorch.arange(3)).sum().backward()
    assert x.grad[0, 1].item() == 0
    assert x.grad.isfinite().all()


def test_node_names():
    x = minitorch.ones(2, requires_grad=True)
    assert x.softmax(0).grad_fn.name() == "SoftmaxBackward0"
    assert x.log_softmax(0).grad_fn.name() == "LogSoftmaxBackward0"
    assert x.logsumexp(0).grad_fn.name() == "LogsumexpBackward0"
