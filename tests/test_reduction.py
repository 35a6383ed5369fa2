"""Sums, means, products, truth, variance, norms: against PyTorch, against differences, and without either."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch
from minitorch.ops import norms, reduction, variance
from tests.rows import check, check_numerically, check_refused, floats, public_functions

X = floats(2, 3, 4)
M = floats(3, 4)
V = floats(5)
S = np.array(1.5)
INTS = np.arange(12).reshape(3, 4) - 4
SMALL_INTS = np.arange(6, dtype=np.int16).reshape(2, 3)
BYTES = np.array([[0, 200, 100], [7, 1, 255]], np.uint8)
BOOLS = np.array([[True, False, True], [True, True, True]])
EMPTY = np.zeros((0, 3))
HOLES = np.array([[1.5, np.nan, 3.0], [np.nan, 0.25, -2.0]])
ZEROS = np.array([[1.5, 0.0, 3.0, 2.0], [0.0, 0.25, -2.0, 0.0], [1.0, 2.0, -3.0, 0.5]])
inf = math.inf

#: one row or more for each public function of the family, which the first word of the row's name names
ROWS = {
    "sum": (lambda t, x: (x.sum(), x.sum(1), t.sum(x, (0, -1)), x.sum(dim=2, keepdim=True), x.sum(None), x.sum(())), X),
    "sum kept": (
        lambda t, x: (x.sum(None, True), x.sum((0, 1), True), x.sum(axis=1, keepdims=True), t.sum(x, axis=0)),
        X,
    ),
    "sum 0-d": (lambda t, x: (x.sum(), x.sum(0), x.sum(-1, True)), S),
    "sum strided": (lambda t, x: (x[:, ::2].sum(1), x.permute(2, 0, 1).sum((0, 2)), x.transpose(0, 1).sum()), X),
    "sum expanded": (lambda t, x: x.expand(4, 3, 4).sum((0, 1)), M),
    "sum of nothing": (lambda t, x: (x.sum(), x.sum(0), x.sum(1)), EMPTY),
    "sum of integers": (
        lambda t, x, b, f: (x.sum(), x.sum(0), b.sum(1), f.sum(), f.sum(0, True)),
        SMALL_INTS, BYTES, BOOLS,
    ),
    "sum as dtype": (
        lambda t, x, i: (
            x.sum(dtype=t.float32), i.sum(0, dtype=t.float64), i.sum(dtype=t.int32), i.sum(dtype=t.bool),
        ),
        M, INTS,
    ),
    "sum_to_size": (lambda t, x: (x.sum_to_size(1, 4), x.sum_to_size((3, 1)), x.sum_to_size(4)), M),
    "nansum": (lambda t, x: (x.nansum(), t.nansum(x, 1), x.nansum((0, 1), True), x.nansum(0, dtype=t.float32)), HOLES),
    "nansum of integers": (lambda t, x: (x.nansum(), t.nansum(x, 1)), INTS),
    "mean": (
        lambda t, x: (x.mean(), x.mean(1), t.mean(x, (0, -1)), x.mean(2, True), x.mean(None, True), x.mean([])),
        X,
    ),
    "mean 0-d": (lambda t, x: (x.mean(), x.mean(0), x.mean(-1, keepdim=True)), S),
    "mean of nothing": (lambda t, x: (x.detach().mean(), x.detach().mean(0), x.mean(1)), EMPTY),
    "mean as dtype": (lambda t, x, i: (i.mean(dtype=t.float64), t.mean(x, 0, dtype=t.float32)), M, INTS),
    "nanmean": (lambda t, x: (x.nanmean(), t.nanmean(x, 1), x.nanmean(0, True)), HOLES),
    "prod": (lambda t, x: (x.prod(), x.prod(1), t.prod(x, 0, keepdim=True), x.prod(-1)), M),
    "prod of zeros": (lambda t, x: (x.prod(), x.prod(0), x.prod(1), x[1:].prod(1, True)), ZEROS),
    "prod of one zero": (lambda t, x: (x[0].prod(), x[2].prod(0)), ZEROS),
    "prod 0-d": (lambda t, x: (x.prod(), x.prod(0)), S),
    "prod of nothing": (lambda t, x: (x.prod(), x.prod(0), x.prod(1)), EMPTY),
    "prod of integers": (lambda t, x, b: (x.prod(), x.prod(0), b.prod(1), x.prod(dtype=t.float32)), SMALL_INTS, BOOLS),
    "all": (
        lambda t, x, b, i: (x.all(), t.all(x, 1), b.all(1), b.all((0, 1), True), i.all(), x.all(dim=())),
        ZEROS, BOOLS, BYTES,
    ),
    "all of nothing": (lambda t, x: (x.all(), x.all(0), x.any(), t.any(x, 0)), EMPTY),
    "any": (
        lambda t, x, b, i: (x.any(), t.any(x, 1), b.any(1), b.any((0, 1), keepdim=True), i.any(1), x.any(())),
        ZEROS, BOOLS, BYTES,
    ),
    "count_nonzero": (
        lambda t, x, b: (x.count_nonzero(), t.count_nonzero(x, 1), x.count_nonzero((0, 1)), b.count_nonzero(0)),
        ZEROS, BOOLS,
    ),
    "var": (
        lambda t, x: (
            x.var(), x.var(1), t.var(x, (0, 2), keepdim=True), x.var(False), x.var(1, False), x.var(0, True, True),
        ),
        X,
    ),
    "var correction": (
        lambda t, x: (
            x.var(correction=0), x.var(1, correction=2.5), t.var(x, correction=-1), x.var(unbiased=False, dim=2),
        ),
        X,
    ),
    "var of too few": (lambda t, x, y: (x.var(), y.var(0), y.var(1), x.std()), S, EMPTY),
    "var more corrected": (lambda t, x: x.detach().var(correction=20), V),
    "std": (
        lambda t, x: (
            x.std(), x.std(1), t.std(x, (0, 2), keepdim=True), x.std(False), x.std(1, False), x.std(correction=0),
        ),
        X,
    ),
    "std strided": (lambda t, x: (x[:, ::2].std(), x.t().std(0), x.transpose(0, 1).var(1)), M),
    "var_mean": (
        lambda t, x: (
            t.var_mean(x), t.var_mean(x, 1), t.var_mean(x, (0, 2), keepdim=True), t.var_mean(x, 1, correction=0),
        ),
        X,
    ),
    "var_mean one used": (lambda t, x: (t.var_mean(x, 1)[0], t.var_mean(x, 2)[1]), X),
    "std_mean": (lambda t, x: (t.std_mean(x), t.std_mean(x, 1, False), t.std_mean(x, (0, 2), keepdim=True)), X),
    "norm": (
        lambda t, x: (
            x.norm(), x.norm(2, 1), t.norm(x, dim=(0, 1)), x.norm("fro"), x.norm(1), x.norm(3, 1), x.norm(p=None),
        ),
        M,
    ),
    "norm infinite": (lambda t, x: (x.norm(inf), x.norm(inf, 1), x.norm(-inf, 0, True), t.norm(x, inf, (0, 1))), M),
    "norm powers": (lambda t, x: (x.norm(0.5), x.norm(1.5, 1), x.norm(-2, 0), x.norm(2.5), x.norm(0, 1)), M),
    "norm nuclear": (lambda t, x: (x.norm("nuc"), t.norm(x, "nuc", (1, 0))), M),
    "norm batch": (
        lambda t, x: (x.norm(2, (1, 2)), x.norm(1, (0, 2), True), x.norm(dim=-1), x.transpose(0, 2).norm()),
        X,
    ),
    "norm as dtype": (lambda t, x: x.float().norm(2, 1, dtype=t.float64), M),
    "norm of nothing": (lambda t, x: (x.norm(), x.norm(1, 0), x.norm(inf, 1)), EMPTY),
    "norm 0-d": (lambda t, x: (x.norm(), x.norm(3), x.norm(inf), x.norm(1, 0)), S),
    "vector_norm": (
        lambda t, x: (
            t.linalg.vector_norm(x), t.linalg.vector_norm(x, 3, 1), t.linalg.vector_norm(x, inf, (0, 2), True),
        ),
        X,
    ),
    "renorm": (
        lambda t, x, y: (t.renorm(x, 2, 0, 1.0), x.renorm(1, 1, 2), y.renorm(3, -1, 0.5), x.renorm(2, 0, 99)),
        M, X,
    ),
    "dist": (
        lambda t, x, y: (t.dist(x, y), x.dist(y, 1), x.dist(y, inf), x.dist(y[0], 3)),
        M, floats(3, 4)[::-1] * 0.7 + 1,
    ),
    "cov": (
        lambda t, x, v: (
            t.cov(x), x.cov(correction=0), t.cov(v), t.cov(v[0].detach()), x.cov(correction=9).detach(),
        ),
        M, V,
    ),
    "cov weights": (
        lambda t, x, w: (
            t.cov(x, fweights=t.tensor([1, 2, 1, 3])), t.cov(x, aweights=w),
            t.cov(x, correction=0, fweights=t.tensor([1, 2, 1, 3]), aweights=w),
        ),
        M, np.array([0.5, 1.0, 2.0, 0.25]),
    ),
    "cov of integers": (lambda t, i: (t.cov(i), t.corrcoef(i)), INTS),
    "corrcoef": (lambda t, x, v: (t.corrcoef(x), x[:2].corrcoef(), t.corrcoef(v)), M, V),
}  # fmt: skip

#: inputs at which a gradient is one of many, infinite or NaN
NOT_SMOOTH = {"var of too few", "var more corrected", "nansum", "nanmean", "norm of nothing"}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore:.*degrees of freedom.*")
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-6 if "dtype" in name else 1e-12)


@pytest.mark.parametrize("name", [name for name in ROWS if name not in NOT_SMOOTH and "dtype" not in name])
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


def test_every_function_has_a_row():
    missing = public_functions(reduction, variance, norms) - {name.split()[0] for name in ROWS}
    assert not missing


REFUSED = {
    "sum dim": (lambda t, x: x.sum(2), M),
    "sum dim twice": (lambda t, x: x.sum((0, 0)), M),
    "sum dim float": (lambda t, x: x.sum(1.5), M),
    "sum of a number": (lambda t: t.sum(3),),
    "sum 0-d": (lambda t, x: x.sum(1), S),
    "sum unknown": (lambda t, x: x.sum(dims=1), M),
    "mean of integers": (lambda t, x: x.mean(), INTS),
    "mean of bools": (lambda t, x: x.mean(0), BOOLS),
    "mean dim": (lambda t, x: x.mean(-3), M),
    "nanmean of integers": (lambda t, x: x.nanmean(), INTS),
    "prod of several": (lambda t, x: x.prod((0, 1)), M),
    "prod dim": (lambda t, x: x.prod(2), M),
    "all dim": (lambda t, x: x.all(2), M),
    "var of integers": (lambda t, x: x.var(), INTS),
    "std dim": (lambda t, x: x.std(2), M),
    "std both": (lambda t, x: x.std(0, unbiased=True, correction=1), M),
    "norm of integers": (lambda t, x: x.norm(), INTS),
    "norm of nothing": (lambda t, x: x.norm(inf), EMPTY),
    "norm of nothing along": (lambda t, x: x.norm(-1, 0), EMPTY),
    "norm by name": (lambda t, x: x.norm("foo"), M),
    "renorm vector": (lambda t, x: x.renorm(2, 0, 1), V),
    "renorm p": (lambda t, x: x.renorm(-1, 0, 1), M),
    "renorm bound": (lambda t, x: x.renorm(2, 0, -1), M),
    "sum_to_size": (lambda t, x: x.sum_to_size(2, 4), M),
    "sum_to_size more dims": (lambda t, x: x.sum_to_size(1, 3, 4), M),
    "sum_to_size none": (lambda t, x: x.sum_to_size(), M),
    "norm dim": (lambda t, x: x.norm(2, 2), M),
    "cov of three dims": (lambda t, x: t.cov(x), X),
    "cov weights": (lambda t, x: t.cov(x, fweights=t.tensor([1, 2])), M),
    "cov negative weights": (lambda t, x: t.cov(x, fweights=t.tensor([1, 2, 1, -1])), M),
    "cov integer weights": (lambda t, x: t.cov(x, aweights=t.tensor([1, 2, 1, 1])), M),
    "corrcoef of three dims": (lambda t, x: t.corrcoef(x), X),
    "dist shapes": (lambda t, x, y: x.dist(y), M, V),
    "out shape": (lambda t, x: t.sum(x.requires_grad_(), 0, out=t.zeros(4, dtype=t.float64)), M),
    "norm to a narrower type": (lambda t, x: x.norm(dtype=t.float16), M),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("name", [name for name in REFUSED if "of nothing" not in name])
def test_refused_without_torch(name):
    function, *inputs = REFUSED[name]
    with pytest.raises((TypeError, IndexError, RuntimeError)):
        function(minitorch, *(minitorch.tensor(x.tolist()) for x in inputs))


def test_messages_say_what_to_do():
    with pytest.raises(RuntimeError, match=r"mean\(\).*torch.int64.*\.float\(\)"):
        minitorch.arange(3).mean()
    with pytest.raises(TypeError, match=r"sum\(\): argument 'input' must be Tensor, not list"):
        minitorch.sum([1, 2])
    with pytest.raises(IndexError, match=r"\[-2, 1\], but got 2"):
        minitorch.ones(2, 2).sum(2)


def test_out_takes_the_result():
    x = minitorch.arange(6.0).reshape(2, 3)
    out = minitorch.empty(0)
    assert minitorch.sum(x, 0, out=out) is out
    assert out.tolist() == [3, 5, 7]
    assert minitorch.mean(x, dim=1, out=minitorch.zeros(2, dtype=minitorch.float64)).tolist() == [1, 4]


@pytest.mark.parametrize("function", ["sum", "mean", "var", "std", "norm", "prod"])
def test_float16_is_reduced_in_float32(function):
    ones = minitorch.full((3, 4100), 1.0 if function == "prod" else 0.25, dtype=minitorch.float16)
    exact = ones.float()
    for dim in (0, 1):
        result = getattr(ones, function)(dim=dim)
        assert result.dtype is minitorch.float16
        assert result.tolist() == getattr(exact, function)(dim=dim).half().tolist()
    if function in ("sum", "mean", "norm"):
        assert getattr(ones, function)().item() == getattr(exact, function)().half().item()


def test_variance_of_large_numbers_keeps_its_digits():
    x = minitorch.tensor([1e8, 1e8 + 8, 1e8 + 16])
    assert x.var().item() == pytest.approx(64)
    y = minitorch.tensor([1e9, 1e9 + 1, 1e9 + 2], dtype=minitorch.float64)
    assert y.var(correction=0).item() == pytest.approx(2 / 3, rel=1e-12)


def test_gradient_of_a_norm_at_zero_is_zero():
    for p in (2, 3, 1.5, 1, inf):
        x = minitorch.zeros(3, requires_grad=True)
        x.norm(p).backward()
        assert x.grad.tolist() == [0, 0, 0]


def test_gradient_of_a_deviation_at_zero_is_zero():
    x = minitorch.ones(3, requires_grad=True)
    x.std().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_node_names():
    x = minitorch.ones(2, 3, requires_grad=True)
    names = {
        "SumBackward0": x.sum(),
        "SumBackward1": x.sum(0),
        "MeanBackward0": x.mean(),
        "MeanBackward1": x.mean(0),
        "ProdBackward0": x.prod(),
        "ProdBackward1": x.prod(0),
        "NansumBackward0": x.nansum(),
        "VarBackward0": x.var(),
        "StdBackward0": x.std(0),
        "VarMeanBackward0": minitorch.var_mean(x)[0],
        "LinalgVectorNormBackward0": x.norm(),
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name
