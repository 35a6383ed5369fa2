"""Sorting, the k largest, distinct elements, counts, search: against PyTorch and against differences."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.ops import searching, sorting
from tests.rows import check, check_numerically, check_refused, floats, public_functions

X = floats(2, 3, 4)
M = floats(3, 4)
V = floats(5)
S = np.array(1.5)
LONG = floats(3, 200)
INTS = np.array([[3, 1, 3, 2], [0, 5, 5, -1]])
ROWS_TWICE = np.array([[1, 2, 1], [0, 5, 0], [1, 2, 1], [1, 1, 1]])
COUNTS = np.array([1, 4, 1, 0, 1])
BYTES = np.array([[0, 200, 100], [7, 1, 255]], np.uint8)
BOOLS = np.array([[True, False, True], [True, True, True]])
EMPTY = np.zeros((0, 3))
NO_INTS = np.zeros(0, np.int64)
TIES = np.array([[1.0, 3.0, 3.0, 2.0, 3.0], [2.0, 2.0, 1.0, 1.0, 2.0]])
MANY_TIES = np.round(floats(2, 150) * 9)
HOLES = np.array([[1.0, np.nan, 3.0, np.nan, 2.0], [4.0, 2.0, 2.0, 0.0, -np.inf]])
SORTED = np.array([1.0, 3.0, 5.0, 5.0, 7.0])
LINES = np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
VALUES = np.array([[0.0, 3.0, 9.0, 5.0], [2.0, 1.0, 6.0, 6.5]])

ROWS = {
    "sort": (lambda t, x: (x.sort(), x.sort(0), t.sort(x, 1, True), x.sort(descending=True, dim=-2)), X),
    "sort names": (lambda t, x: (x.sort().values, t.sort(x, dim=0, descending=True).indices), M),
    "sort ties": (
        lambda t, x, i, y: (
            t.sort(x, stable=True), x.sort(1, True), i.sort(1), t.sort(y, stable=True),
            t.sort(y, stable=True, descending=True, dim=1),
        ),
        TIES, INTS, MANY_TIES,
    ),
    "sort of NaN": (lambda t, x: (t.sort(x), x.sort(1, True), x.sort(0)), HOLES),
    "sort long": (lambda t, x: (x.sort(), x.sort(1, True), x.sort(0)), floats(2, 150)),
    "sort of integers": (lambda t, b, f: (b.sort(), b.sort(0, True), f.sort(1, True), f.sort()), BYTES, BOOLS),
    "sort strided": (lambda t, x: (x[:, ::2].sort(), x.t().sort(), x.transpose(0, 1).sort(0)), M),
    "sort 0-d": (lambda t, x: (x.sort(), x.sort(0, True)), S),
    "sort of nothing": (lambda t, x: (x.sort(), x.sort(0)), EMPTY),
    "argsort": (
        lambda t, x, i: (
            x.argsort(), t.argsort(x, 1), x.argsort(0, True), i.argsort(stable=True), t.argsort(x, descending=True),
        ),
        X, INTS,
    ),
    "msort": (lambda t, x, s: (t.msort(x), x.msort(), s.msort()), M, S),
    "topk": (
        lambda t, x: (x.topk(2), t.topk(x, 2, 1), x.topk(1, 0), x.topk(3, largest=False), x.topk(4), x.topk(1)),
        X,
    ),
    "topk of many": (lambda t, x: (x.topk(3), x.topk(3, 1, False), x.topk(1), t.topk(x, 2, dim=0), x.topk(0)), LONG),
    "topk of NaN": (lambda t, x: (x.topk(2), x.topk(2, largest=False)), HOLES[:, [0, 1, 4]]),
    "topk of integers": (lambda t, b: (b.topk(2), b.topk(1, 0, False), t.topk(b, 3)), BYTES),
    "topk 0-d": (lambda t, x: x.topk(1), S),
    "topk of nothing": (lambda t, x: (x.topk(0, 0), x.topk(2, 1)), EMPTY),
    "unique": (
        lambda t, x, i: (
            x.detach().unique(), t.unique(i), i.unique(return_inverse=True), t.unique(x.detach(), return_counts=True),
            i.unique(True, True, True),
        ),
        TIES, INTS,
    ),
    "unique of NaN": (lambda t, x: (t.unique(x.detach()), x.detach().unique(return_counts=True)), HOLES),
    "unique along": (
        lambda t, x: (
            x.detach().unique(dim=0), t.unique(x.detach(), return_inverse=True, return_counts=True, dim=0),
            x.detach().unique(dim=1, return_inverse=True),
        ),
        ROWS_TWICE,
    ),
    "unique along of three": (
        lambda t, x: (x.detach().unique(dim=1, return_inverse=True), x.detach().unique(dim=-1)),
        X,
    ),
    "unique of bools": (
        lambda t, b: (b.unique(), b.unique(dim=0, return_counts=True), t.unique(b, return_inverse=True)),
        BOOLS,
    ),
    "unique 0-d": (lambda t, x: x.detach().unique(return_inverse=True, return_counts=True), S),
    "unique of nothing": (lambda t, x: (x.detach().unique(return_inverse=True), x.detach().unique(dim=0)), EMPTY),
    "unique_consecutive": (
        lambda t, x, i: (
            x.detach().unique_consecutive(), t.unique_consecutive(i, True, True),
            i.unique_consecutive(return_counts=True),
        ),
        TIES, COUNTS,
    ),
    "unique_consecutive along": (
        lambda t, x: (
            x.detach().unique_consecutive(dim=0),
            t.unique_consecutive(x[[0, 2, 1]], return_inverse=True, return_counts=True, dim=0),
            x.detach().unique_consecutive(dim=1),
        ),
        ROWS_TWICE,
    ),
    "bincount": (lambda t, i: (i.bincount(), t.bincount(i, minlength=7), i.bincount(minlength=2)), COUNTS),
    "bincount weights": (
        lambda t, i, w: (
            i.bincount(w.detach()), t.bincount(i, weights=w.detach().float()), i.bincount(i),
            i.bincount(w.detach(), 9),
        ),
        COUNTS, V,
    ),
    "bincount of nothing": (lambda t, i: (i.bincount(), i.bincount(minlength=2), i.bincount(i)), NO_INTS),
    "histc": (
        lambda t, x: (
            x.detach().histc(4), t.histc(x.detach()), x.detach().histc(3, -0.5, 0.5),
            x.detach().histc(5, min=2, max=2),
        ),
        M,
    ),
    "histc edges": (lambda t, x: (x.histc(3), x.histc(4, 1, 3), t.histc(x, 4, 0, 4), x[0, 1:3].histc(3)), TIES),
    "histc of nothing": (lambda t, x: x.histc(3), EMPTY),
    "searchsorted": (
        lambda t, s, v: (
            t.searchsorted(s, v), t.searchsorted(s, v, right=True),
            t.searchsorted(s, v, side="right", out_int32=True),
        ),
        SORTED, VALUES,
    ),
    "searchsorted lines": (
        lambda t, s, v: (t.searchsorted(s, v), t.searchsorted(s, v, right=True), t.searchsorted(s[:, :0], v)),
        LINES, VALUES,
    ),
    "searchsorted number": (
        lambda t, s: (t.searchsorted(s, 4), t.searchsorted(s, 5, right=True), t.searchsorted(s, 5.5)),
        SORTED,
    ),
    "searchsorted sorter": (lambda t, s, v: t.searchsorted(s.flip(0), v, sorter=t.arange(5).flip(0)), SORTED, VALUES),
    "bucketize": (
        lambda t, v, s: (
            t.bucketize(v, s), t.bucketize(v, s, right=True), t.bucketize(4, s), t.bucketize(v, s, out_int32=True),
        ),
        VALUES, SORTED,
    ),
    "unravel_index": (
        lambda t, i: (t.unravel_index(i, (2, 3, 4)), t.unravel_index(i[0, 0], 7), t.unravel_index(i, (9, 2))), INTS,
    ),
    "isin": (
        lambda t, i, x: (
            t.isin(i, t.tensor([3, 5])), t.isin(i, 3), t.isin(3, i), t.isin(i, i[0], invert=True),
            t.isin(x, t.tensor([2.0])),
        ),
        INTS, TIES,
    ),
    "isin unique": (lambda t, i: t.isin(i[1, :2], i[0, :2], assume_unique=True), INTS),
}  # fmt: skip

NOT_SMOOTH = {"sort ties", "sort of NaN", "topk of NaN"}


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    inputs = [x.astype(np.float32) if "of NaN" in name else x for x in inputs]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", [name for name in ROWS if "sort" in name or "topk" in name if name not in NOT_SMOOTH])
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


def test_every_function_has_a_row():
    assert not public_functions(sorting, searching) - {name.split()[0] for name in ROWS}


REFUSED = {
    "sort dim": (lambda t, x: x.sort(2), M),
    "sort of a number": (lambda t: t.sort(3),),
    "topk too many": (lambda t, x: x.topk(5), M),
    "topk negative": (lambda t, x: x.topk(-1), M),
    "topk dim": (lambda t, x: x.topk(1, 2), M),
    "topk of bools": (lambda t, x: x.topk(1), BOOLS),
    "unique dim": (lambda t, x: x.detach().unique(dim=2), M),
    "unique of nothing along": (lambda t, x: x.detach().unique(dim=1), EMPTY),
    "bincount of floats": (lambda t, x: x.bincount(), V),
    "bincount of negative": (lambda t, x: (x - 3).bincount(), COUNTS),
    "bincount of a matrix": (lambda t, x: x.abs().bincount(), INTS),
    "bincount weights": (lambda t, x, w: x.bincount(w), COUNTS, SORTED[:4]),
    "bincount minlength": (lambda t, x: x.bincount(minlength=-1), COUNTS),
    "histc of integers": (lambda t, x: x.histc(), INTS),
    "histc bins": (lambda t, x: x.histc(0), M),
    "histc range": (lambda t, x: x.histc(3, 2, 1), M),
    "histc of NaN": (lambda t, x: x.histc(3), HOLES),
    "searchsorted side": (lambda t, s, v: t.searchsorted(s, v, side="middle"), SORTED, VALUES),
    "searchsorted sides": (lambda t, s, v: t.searchsorted(s, v, side="left", right=True), SORTED, VALUES),
    "searchsorted lines": (lambda t, s, v: t.searchsorted(s, v[0]), LINES, VALUES),
    "searchsorted 0-d": (lambda t, s, v: t.searchsorted(s, v), S, VALUES),
    "searchsorted sorter": (lambda t, s, v: t.searchsorted(s, v, sorter=t.arange(4)), SORTED, VALUES),
    "bucketize lines": (lambda t, s, v: t.bucketize(v, s), LINES, VALUES),
    "isin of numbers": (lambda t: t.isin(1, 2),),
    "unravel_index of floats": (lambda t, s: t.unravel_index(s, (9,)), SORTED),
    "unravel_index negative": (lambda t, i: t.unravel_index(i, (-1, 9)), INTS),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_without_torch(name):
    function, *inputs = REFUSED[name]
    tensors = [minitorch.from_numpy(x.copy()) for x in inputs]
    with pytest.raises((TypeError, ValueError, IndexError, RuntimeError)):
        function(minitorch, *tensors)
    for tensor, x in zip(tensors, inputs):
        np.testing.assert_array_equal(tensor.numpy(), x)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "uint8"])
@pytest.mark.parametrize("descending", [False, True])
def test_equal_elements_keep_their_order(dtype, descending):
    x = minitorch.from_numpy(np.random.default_rng(0).integers(0, 9, (4, 500)).astype(dtype))
    values, indices = x.sort(descending=descending)
    assert (values == x.gather(1, indices)).all()
    same, later = values[:, 1:] == values[:, :-1], indices[:, 1:] > indices[:, :-1]
    assert same.any()
    assert later[same].all()
    largest = x.topk(5, largest=descending)
    assert (largest.values == values[:, :5]).all()


def test_gradient_goes_where_the_elements_were():
    x = minitorch.tensor([3.0, 1.0, 2.0], requires_grad=True)
    (x.sort().values * minitorch.tensor([10.0, 20.0, 30.0])).sum().backward()
    assert x.grad.tolist() == [30, 10, 20]
    assert x.sort().values.grad_fn.name() == "SortBackward0"
    assert x.topk(1).values.grad_fn.name() == "TopkBackward0"
    assert not x.argsort().requires_grad


def test_out_takes_the_results():
    values, indices = minitorch.empty(0), minitorch.empty(0, dtype=minitorch.int64)
    minitorch.sort(minitorch.tensor([3.0, 1.0]), out=(values, indices))
    assert (values.tolist(), indices.tolist()) == ([1, 3], [1, 0])
