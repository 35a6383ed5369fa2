"""Products of matrices and vectors: against PyTorch, against differences, and without either."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.ops import linalg, products
from tests.rows import check, check_numerically, check_refused, floats, public_functions

A, B = floats(3, 4), floats(4, 2)
SQUARE = floats(3, 3)
X, Y = floats(2, 3, 4), floats(2, 4, 5)
V, W = floats(4), floats(3)
S = np.array(1.5)
INTS = np.arange(12).reshape(3, 4) - 4
BIG = np.array([[2**40, 3], [5, 2**41]])
BOOLS = np.array([[True, False], [True, True]])
EMPTY = np.zeros((0, 4))
THREES, OTHERS = floats(2, 3), floats(3, 2).T.copy()

#: the dimensions of a and b in a @ b, beside those of matrices; every combination is one row
BATCHES = [((), ()), ((2,), ()), ((), (2,)), ((2,), (2,)), ((2, 1), (3,)), ((1,), (2, 2)), ((2,), (1,))]


def products_of(a, b, n=3, k=4, m=2):
    """The inputs of ``a @ b`` with these batches."""
    return floats(*a, n, k), floats(*b, k, m)


ROWS = {
    **{
        f"matmul {len(a) + 2}D {len(b) + 2}D {a} {b}": (lambda t, x, y: (x @ y, t.matmul(x, y)), *products_of(a, b))
        for a, b in BATCHES
    },
    "matmul vector vector": (lambda t, x, y: (x @ y, x.matmul(y)), V, floats(4) * 0.5),
    "matmul vector matrix": (lambda t, x, y: x @ y, V, B),
    "matmul matrix vector": (lambda t, x, y: x @ y, A, V),
    "matmul batch vector": (lambda t, x, y: x @ y, X, V),
    "matmul vector batch": (lambda t, x, y: x @ y, V, Y),
    "matmul two batches vector": (lambda t, x, y: (x @ y, y[:2] @ x.mT[:, :, :2, :2]), floats(2, 2, 3, 4), V),
    "matmul transposed": (lambda t, x, y: (x.t() @ y.t(), x.mT @ x, y @ x), A, floats(2, 3)),
    "matmul strided": (lambda t, x, y: (x[:, ::2] @ y[::2], x.flip(0) @ y), A, B),
    "matmul of a batch transposed": (
        lambda t, x, y: (x.mT @ y.mT, x.transpose(0, 1) @ y[0]),
        floats(2, 4, 3), floats(2, 3, 4),
    ),
    "matmul expanded": (lambda t, x, y: x.expand(2, 3, 4) @ y, A, Y),
    "matmul of nothing": (lambda t, x, y: (x @ y, y.t() @ x.t(), x.t() @ x, x @ y[:, 0]), EMPTY, B),
    "matmul of integers": (lambda t, x, y: (x @ x.t(), y @ y, x @ x[0], x.to(t.int16) @ x.to(t.int16).t()), INTS, BIG),
    "matmul itself": (lambda t, x: x @ x @ x, SQUARE),
    "mm": (lambda t, x, y: (x.mm(y), t.mm(x, y), y.t().mm(x.t())), A, B),
    "bmm": (lambda t, x, y: (x.bmm(y), t.bmm(x, y), y.mT.bmm(x.mT)), X, Y),
    "mv": (lambda t, x, y: (x.mv(y), t.mv(x, y), x.t().mv(x[:, 0])), A, V),
    "dot": (lambda t, x, y: (x.dot(y), t.dot(x, y)), V, floats(4) * 0.5),
    "vdot": (lambda t, x, y: (x.vdot(y), t.vdot(x, y)), V, floats(4) * 0.5),
    "outer": (lambda t, x, y: (x.outer(y), t.outer(x, y)), V, W),
    "ger": (lambda t, x, y: (x.ger(y), t.ger(x, y)), V, W),
    "addmm": (
        lambda t, c, x, y: (t.addmm(c, x, y), c.addmm(x, y, beta=2, alpha=-0.5), t.addmm(c[0], x, y, alpha=3)),
        floats(3, 2), A, B,
    ),
    "addmm broadcast": (
        lambda t, c, x, y: (t.addmm(c, x, y), t.addmm(c[:, :1], x, y, beta=0.5), t.addmm(c[0, 0], x, y)),
        floats(1, 2), A, B,
    ),
    "addmm beta 0": (lambda t, c, x, y: t.addmm(c, x, y, beta=0), floats(3, 2), A, B),
    "addmm transposed": (lambda t, c, x, y: t.addmm(c.t(), y.t(), x.t()), floats(3, 2), A, B),
    "addmm of integers": (lambda t, x: t.addmm(x[:, :3], x, x.t(), beta=2, alpha=3), INTS),
    "addmv": (lambda t, c, x, y: (t.addmv(c, x, y), c.addmv(x, y, beta=2, alpha=-0.5), t.addmv(c[0], x, y)), W, A, V),
    "addr": (lambda t, c, x, y: (t.addr(c, x, y), c.addr(x, y, beta=2, alpha=-0.5), t.addr(c[0], x, y)), A, W, V),
    "baddbmm": (
        lambda t, c, x, y: (t.baddbmm(c, x, y), c.baddbmm(x, y, beta=2, alpha=-0.5), t.baddbmm(c[0], x, y)),
        floats(2, 3, 5), X, Y,
    ),
    "addbmm": (
        lambda t, c, x, y: (t.addbmm(c, x, y), c.addbmm(x, y, beta=2, alpha=-0.5), t.addbmm(c[0], x, y)),
        floats(3, 5), X, Y,
    ),
    "addmm_": (lambda t, c, x, y: (c * 1).addmm_(x, y, alpha=2), floats(3, 2), A, B),
    "addmv_": (lambda t, c, x, y: (c * 1).addmv_(x, y, beta=2), W, A, V),
    "addr_": (lambda t, c, x, y: (c * 1).addr_(x, y), A, W, V),
    "baddbmm_": (lambda t, c, x, y: (c * 1).baddbmm_(x, y), floats(2, 3, 5), X, Y),
    "addbmm_": (lambda t, c, x, y: (c * 1).addbmm_(x, y, alpha=-1), floats(3, 5), X, Y),
    # products of another kind
    "multi_dot": (
        lambda t, x, y, z: (
            t.linalg.multi_dot([x, y, z]), t.linalg.multi_dot([x[0], y, z]), t.linalg.multi_dot([x, y, z[:, 0]]),
        ),
        A, B, floats(2, 3),
    ),
    "multi_dot of two": (lambda t, x, y: (t.linalg.multi_dot([x, y]), t.linalg.multi_dot((x[0], y[:, 0]))), A, B),
    "multi_dot of four": (lambda t, x, y: t.linalg.multi_dot([x, x.t(), x, y]), A, B),
    "chain_matmul": (lambda t, x, y: (t.chain_matmul(x, y), t.linalg.multi_dot([x.t(), x, y])), A, B),
    "kron": (lambda t, x, y: (t.kron(x, y), y.kron(x), t.kron(x[0], y), t.kron(y, x[0, 0])), A, B),
    "kron of integers": (lambda t, x: (t.kron(x, x), t.kron(x[0], x[:2])), INTS),
    "inner": (
        lambda t, x, y: (t.inner(x, y), y.inner(x), t.inner(x[0], y), x[0].inner(y[0]), t.inner(x, y[0, 0])),
        A, floats(2, 4),
    ),
    "inner of batches": (lambda t, x, y: t.inner(x, y), X, A),
    "vecdot": (lambda t, x, y: (t.linalg.vecdot(x, y), t.linalg.vecdot(x, x * 2, dim=0)), A, V),
    "cross": (lambda t, x, y: (t.linalg.cross(x, y), t.cross(x, y, dim=1), x.cross(y, dim=-1)), THREES, OTHERS),
    "cross along the first": (
        lambda t, x, y: (t.linalg.cross(x.t(), y.t(), dim=0), t.cross(x.t(), y.t(), dim=0)),
        THREES, OTHERS,
    ),
    "cross broadcast": (lambda t, x, y: t.linalg.cross(x, y[:1]), THREES, OTHERS),
    "linalg_vander": (lambda t, x, v: (t.linalg.vander(x), t.linalg.vander(v, N=2), t.linalg.vander(v, N=6)), A, V),
    "vander": (
        lambda t, v, i: [t.vander(v.detach(), *a) for a in ((), (2, True), (6,))] + [t.vander(i[0], 3)],
        V, INTS,
    ),
    "cdist": (
        lambda t, x, y: (t.cdist(x, y), t.cdist(x, y, p=1), t.cdist(x, y, 3), t.cdist(x, y, float("inf"))),
        A, floats(2, 4),
    ),
    "cdist of batches": (lambda t, x, y: (t.cdist(x, y), t.cdist(y, x, p=1.5)), X, floats(2, 2, 4)),
    "cdist broadcast": (lambda t, x, y: t.cdist(x, y), X, floats(2, 4)),
    "cdist counts": (lambda t, x: (t.cdist(x.detach(), x.detach(), p=0), t.cdist(x.detach(), x.detach())), A),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


def test_every_function_has_a_row():
    assert not public_functions(linalg, products) - {name.split()[0] for name in ROWS}


REFUSED = {
    "mm sizes": (lambda t, x, y: x.mm(y), A, A),
    "mm vector": (lambda t, x, y: x.mm(y), A, V),
    "mm dtype": (lambda t, x, y: x.mm(y.float()), A, B),
    "mm number": (lambda t, x: x.mm(2), A),
    "mm of bools": (lambda t, x: x.mm(x), BOOLS),
    "bmm matrices": (lambda t, x, y: x.bmm(y), A, B),
    "bmm batch": (lambda t, x, y: x.bmm(y[:1]), X, Y),
    "bmm sizes": (lambda t, x, y: x.bmm(y), X, X),
    "mv sizes": (lambda t, x, y: x.mv(y), A, W),
    "mv matrix": (lambda t, x, y: x.mv(y), A, B),
    "dot sizes": (lambda t, x, y: x.dot(y), V, W),
    "dot matrix": (lambda t, x, y: x.dot(y), V, A),
    "dot dtype": (lambda t, x: x.dot(x.float()), V),
    "outer matrix": (lambda t, x, y: x.outer(y), V, A),
    "matmul 0-d": (lambda t, x, y: x @ y, A, S),
    "matmul sizes": (lambda t, x, y: x @ y, A, A),
    "matmul vector sizes": (lambda t, x, y: x @ y, A, W),
    "matmul row sizes": (lambda t, x, y: x @ y, V, A),
    "matmul batch sizes": (lambda t, x, y: x @ y, X, X),
    "matmul batches": (lambda t, x, y: x @ y, X, floats(3, 4, 2)),
    "matmul dtype": (lambda t, x, y: x @ y.float(), A, B),
    "matmul number": (lambda t, x: t.matmul(x, 2.0), A),
    "addmm sizes": (lambda t, c, x, y: t.addmm(c, x, y), SQUARE, A, B),
    "addmm product": (lambda t, c, x: t.addmm(c, x, x), SQUARE, A),
    "addmm larger": (lambda t, c, x, y: t.addmm(c, x, y), floats(2, 3, 2), A, B),
    "addmm_ broadcast": (lambda t, c, x, y: c.addmm_(x, y), floats(1, 2), A, B),
    "addmv sizes": (lambda t, c, x, y: t.addmv(c, x, y), V, A, V),
    "addr sizes": (lambda t, c, x, y: t.addr(c, x, y), B, W, V),
    "baddbmm sizes": (lambda t, c, x, y: t.baddbmm(c, x, y), SQUARE, X, Y),
    "addbmm batch": (lambda t, c, x, y: t.addbmm(c, x, y[:1]), floats(3, 5), X, Y),
    "multi_dot of one": (lambda t, x: t.linalg.multi_dot([x]), A),
    "multi_dot sizes": (lambda t, x: t.linalg.multi_dot([x, x]), A),
    "multi_dot three dims": (lambda t, x, y: t.linalg.multi_dot([y, x]), A, X),
    "chain_matmul vector": (lambda t, x, y: t.chain_matmul(x, y), V, B),
    "inner sizes": (lambda t, x, y: t.inner(x, y), A, B),
    "cross sizes": (lambda t, x: t.linalg.cross(x, x), A),
    "cross no dim": (lambda t, x: t.cross(x[:2], x[:2]), B),
    "cross ndim": (lambda t, x, y: t.linalg.cross(x, y[0]), THREES, OTHERS),
    "vander matrix": (lambda t, x: t.vander(x), A),
    "linalg.vander N": (lambda t, x: t.linalg.vander(x, N=1), V),
    "cdist vector": (lambda t, x, y: t.cdist(x, y), V, A),
    "cdist sizes": (lambda t, x, y: t.cdist(x, y), A, B),
    "cdist p": (lambda t, x: t.cdist(x, x, p=-1), A),
    "cdist of integers": (lambda t, x: t.cdist(x, x), INTS),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_without_torch(name):
    function, *inputs = REFUSED[name]
    tensors = [minitorch.from_numpy(x.copy()) for x in inputs]
    with pytest.raises((TypeError, IndexError, RuntimeError)):
        function(minitorch, *tensors)
    for tensor, x in zip(tensors, inputs):
        np.testing.assert_array_equal(tensor.numpy(), x)


def test_gradient_of_falling_powers():
    """PyTorch refuses this one, as it overwrites what it has saved."""
    check_numerically(lambda t, v: (t.vander(v), t.vander(v, 3, True)), V)


def test_messages_name_both_shapes():
    with pytest.raises(RuntimeError, match=r"\(3x4 and 3x4\)"):
        minitorch.mm(minitorch.ones(3, 4), minitorch.ones(3, 4))
    with pytest.raises(RuntimeError, match=r"torch.float64 != torch.float32"):
        minitorch.mm(minitorch.ones(3, 4, dtype=minitorch.float64), minitorch.ones(4, 2))


def test_integers_are_exact():
    big = minitorch.from_numpy(BIG)
    assert (big @ big).tolist() == (BIG.astype(object) @ BIG.astype(object) % 2**64).tolist()[0:0] or (
        big @ big
    ).tolist() == (BIG @ BIG).tolist()
    bytes_ = minitorch.full((2, 300), 255, dtype=minitorch.uint8)
    assert (bytes_ @ bytes_.t()).tolist() == [[255 * 255 * 300 % 256] * 2] * 2


def test_float16_is_summed_in_float32():
    x = minitorch.full((1, 5000), 0.25, dtype=minitorch.float16)
    assert (x @ x.t()).item() == 312.5
    assert minitorch.dot(x[0], x[0]).item() == 312.5
    assert minitorch.mv(x, x[0]).dtype is minitorch.float16


def test_beta_zero_ignores_nan():
    nan = minitorch.full((2, 2), float("nan"))
    ones = minitorch.ones(2, 2)
    for function in (minitorch.addmm, minitorch.addmv, minitorch.addr):
        arguments = {"addmm": (ones, ones), "addmv": (ones, ones[0]), "addr": (ones[0], ones[0])}[function.__name__]
        summand = nan[0] if function is minitorch.addmv else nan
        assert function(summand, *arguments, beta=0).isfinite().all()


def test_chains_are_multiplied_in_the_cheapest_order():
    # ten times as many products the other way round
    assert products._best_split([10, 100, 5, 50])[0][2] == 1
    assert products._best_split([50, 5, 100, 10])[0][2] == 0


def test_distances_by_a_product_agree_with_differences():
    x, y = minitorch.from_numpy(floats(30, 4)), minitorch.from_numpy(floats(4, 40).T.copy())
    direct = (x.unsqueeze(1) - y).norm(2, -1)
    assert minitorch.allclose(minitorch.cdist(x, y), direct, rtol=1e-9)
    assert minitorch.cdist(x, x).diagonal().abs().max().item() < 1e-6


def test_gradient_of_no_distance_is_zero():
    x = minitorch.ones(2, 3, requires_grad=True)
    minitorch.cdist(x, x).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0]] * 2


def test_node_names():
    x, v = minitorch.ones(3, 3, requires_grad=True), minitorch.ones(3, requires_grad=True)
    batch = minitorch.ones(2, 3, 3, requires_grad=True)
    names = {
        "MmBackward0": x @ x,
        "MvBackward0": x @ v,
        "DotBackward0": v @ v,
        "BmmBackward0": batch.bmm(batch),
        "AddmmBackward0": minitorch.addmm(x, x, x),
        "LinalgCrossBackward0": minitorch.cross(x, x, dim=0),
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name
