"""``autograd.functional`` against PyTorch: results, gradients of results, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import same

import minitorch

#: PyTorch warns about its own forward mode
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

X = [[0.3, -0.7, 1.1], [0.5, 2.0, -1.3]]
Y = [0.4, 0.9, -0.2]


def flat(result: Any) -> list:
    return [leaf for part in result for leaf in flat(part)] if isinstance(result, (tuple, list)) else [result]


def structure(result: Any) -> Any:
    return tuple(structure(part) for part in result) if isinstance(result, (tuple, list)) else tuple(result.shape)


def inputs(library: Any, *values: Any, grad: bool = False) -> tuple:
    return tuple(library.tensor(v, dtype=library.float64, requires_grad=grad) for v in values)


#: (function of the library's autograd.functional and inputs, the inputs)
ROWS = [
    (lambda f, t, x: f.jacobian(lambda x: x.exp() * x.sum(), x), (X,)),
    (lambda f, t, x: f.jacobian(lambda x: x.sum(), x), (X,)),
    (lambda f, t, x: f.jacobian(lambda x: (x.sin(), x.sum(0)), x), (X,)),
    (lambda f, t, x, y: f.jacobian(lambda x, y: (x * y, x.mv(y), y.sum()), (x, y)), (X, Y)),
    (lambda f, t, x, y: f.jacobian(lambda x, y: x * 2, (x, y)), (X, Y)),
    (lambda f, t, x, y: f.jacobian(lambda x, y: x.mv(y).exp(), (x, y), vectorize=True, strategy="forward-mode"),
     (X, Y)),
    (lambda f, t, x: f.jacobian(lambda x: t.zeros(2, dtype=x.dtype), x), (X,)),
    (lambda f, t, x: f.hessian(lambda x: x.pow(3).sum(), x), (X,)),
    (lambda f, t, x, y: f.hessian(lambda x, y: (x.mv(y).exp() * x.sum()).sum(), (x, y)), (X, Y)),
    (lambda f, t, x, y: f.hessian(lambda x, y: x.sum() + y.sum(), (x, y)), (X, Y)),
    (lambda f, t, x: f.hessian(lambda x: x.prod().reshape(1, 1), x), (Y,)),
    (lambda f, t, x: f.vjp(lambda x: x.sum(1).exp(), x, t.tensor([1.0, -2.0], dtype=x.dtype)), (X,)),
    (lambda f, t, x: f.vjp(lambda x: x.sum(), x), (X,)),
    (lambda f, t, x, y: f.vjp(lambda x, y: (x * y, y), (x, y), (x, y)), (X, Y)),
    (lambda f, t, x: f.jvp(lambda x: x.exp().sum(1), x, x * 2), (X,)),
    (lambda f, t, x: f.jvp(lambda x: x.exp() * 2, x), ([0.3],)),
    (lambda f, t, x, y: f.jvp(lambda x, y: (x * y, y.sin()), (x, y), (x, y)), (X, Y)),
    (lambda f, t, x: f.jvp(lambda x: x * 3, x, x), (X,)),
    (lambda f, t, x: f.vhp(lambda x: (x.exp() * x.sum()).sum(), x, x + 1), (X,)),
    (lambda f, t, x, y: f.vhp(lambda x, y: x.mv(y).pow(2).sum(), (x, y), (x, y)), (X, Y)),
    (lambda f, t, x: f.hvp(lambda x: (x.exp() * x.sum()).sum(), x, x + 1), (X,)),
    (lambda f, t, x, y: f.hvp(lambda x, y: x.mv(y).pow(2).sum(), (x, y), (x, y)), (X, Y)),
    (lambda f, t, x: f.hvp(lambda x: x.sum(), x, x), (X,)),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=range(len(ROWS)))
def test_results(row: tuple) -> None:
    torch = pytest.importorskip("torch")
    function, values = row
    ours = function(minitorch.autograd.functional, minitorch, *inputs(minitorch, *values))
    theirs = function(torch.autograd.functional, torch, *inputs(torch, *values))
    assert structure(ours) == structure(theirs)
    for a, b in zip(flat(ours), flat(theirs)):
        same(a, b)
        assert not a.requires_grad


@pytest.mark.parametrize("no_grad", [False, True])
@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "vhp", "hvp"])
def test_results_can_be_differentiated(name: str, no_grad: bool) -> None:
    torch = pytest.importorskip("torch")
    gradients = []
    for library in (minitorch, torch):
        (x,) = inputs(library, Y, grad=True)
        more = () if name in ("jacobian", "hessian") else (library.tensor(Y, dtype=x.dtype).flip(0),)
        scalar = name in ("hessian", "vhp", "hvp")
        func = (lambda x: (x.exp() * x.sum()).sum()) if scalar else (lambda x: x.exp() * x.sum())
        with library.set_grad_enabled(not no_grad):
            result = getattr(library.autograd.functional, name)(func, x, *more, create_graph=True)
        sum(part.pow(2).sum() for part in flat(result)).backward()
        gradients.append(x.grad)
    same(gradients[0], gradients[1])


BAD = [
    (lambda f, t: f.jacobian(lambda x: x, 3.0), "inputs"),
    (lambda f, t: f.jacobian(lambda x: 3.0, t.ones(2)), "outputs"),
    (lambda f, t: f.hessian(lambda x: x, t.ones(2)), "single"),
    (lambda f, t: f.hessian(lambda x: (x.sum(), x.sum()), t.ones(2)), "Tensor"),
    (lambda f, t: f.vjp(lambda x: x, t.ones(2)), "None"),
    (lambda f, t: f.vjp(lambda x: x, t.ones(2), t.ones(3)), "size"),
    (lambda f, t: f.jvp(lambda x, y: x, (t.ones(2), t.ones(2)), (t.ones(2),)), "length"),
    (lambda f, t: f.vhp(lambda x: x, t.ones(2), t.ones(2)), "single"),
    (lambda f, t: f.jacobian(lambda x: t.ones(2), t.ones(2), strict=True), "independent"),
    (lambda f, t: f.jacobian(lambda x, y: x, (t.ones(2), t.ones(2)), strict=True), "independent"),
    (lambda f, t: f.hessian(lambda x: x.sum(), t.ones(2), strict=True), "independent"),
    (lambda f, t: f.vjp(lambda x: x * 2, t.ones(2), t.ones(2), strict=True, create_graph=True), "independent"),
    (lambda f, t: f.jvp(lambda x: t.ones(2), t.ones(2), t.ones(2), strict=True), "independent"),
    (lambda f, t: f.hvp(lambda x: x.sum(), t.ones(2), t.ones(2), strict=True), "independent"),
    (lambda f, t: f.jacobian(lambda x: x, t.ones(2), strategy="sideways"), "strategy"),
    (lambda f, t: f.jacobian(lambda x: x, t.ones(2), True, vectorize=True, strategy="forward-mode"), "reverse-mode"),
]


@pytest.mark.parametrize("row", BAD, ids=range(len(BAD)))
def test_refused(row: tuple) -> None:
    call, match = row
    with pytest.raises(Exception, match=match) as ours:
        call(minitorch.autograd.functional, minitorch)
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        call(torch.autograd.functional, torch)
    assert ours.type is theirs.type


def test_inputs_are_left_alone() -> None:
    x = minitorch.tensor(Y, requires_grad=True)
    minitorch.autograd.functional.hessian(lambda x: x.exp().sum(), x)
    assert x.grad is None and x.is_leaf
    np.testing.assert_array_equal(x.detach().numpy(), np.float32(Y))
