"""einsum and tensordot: against PyTorch, against differences, and without either."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from minitorch.ops import einsum
from tests.rows import check, check_numerically, check_refused, floats, public_functions

A, B, C = floats(3, 4), floats(4, 2), floats(2, 3)
SQUARE = floats(3, 3)
X, Y = floats(2, 3, 4), floats(2, 4, 5)
V, W = floats(4), floats(3)
S = np.array(1.5)
INTS = np.arange(12).reshape(3, 4) - 4
EMPTY = np.zeros((0, 4))

#: equation and inputs
EQUATIONS = {
    "ij,jk->ik": (A, B),
    "ij,jk": (A, B),
    "ij,jk->ki": (A, B),
    "ji,kj->ik": (B, A),
    "i j , j k -> i k": (A, B),
    "Zb,bA": (A, B),
    "ij->ji": (A,),
    "ba": (A,),
    "ij->": (A,),
    "ij->i": (A,),
    "ij->j": (A,),
    "ii": (SQUARE,),
    "ii->i": (SQUARE,),
    "iij->j": (floats(3, 3, 2),),
    "iii->i": (floats(3, 3, 3),),
    "ijij->ji": (floats(2, 3, 2, 3),),
    "i,i": (V, V * 2 + 1),
    "i,j->ij": (V, W),
    "i,j->ji": (V, W),
    "i,j": (W, V),
    "ij,j->i": (A, V),
    "i,ij->j": (W, A),
    "ij,ij->ij": (A, floats(4, 3).T.copy()),
    "ij,ij->": (A, floats(4, 3).T.copy()),
    "ij,ij->i": (A, floats(4, 3).T.copy()),
    "ij,ji->j": (A, floats(4, 3)),
    "bij,bjk->bik": (X, Y),
    "bij,bjk->ibk": (X, Y),
    "bij,bj->bi": (X, floats(2, 4)),
    "bi,bj->bij": (C, floats(2, 4)),
    "bij,bij->b": (X, floats(4, 3, 2).T.copy()),
    "bhqd,bhkd->bhqk": (floats(2, 2, 3, 4), floats(2, 2, 5, 4)),
    "nchw,oc->nohw": (floats(2, 3, 2, 2), floats(4, 3)),
    "abc,cde->abde": (X, floats(4, 2, 2)),
    "abcd,bd->ac": (floats(2, 3, 2, 4), A),
    "...ij,...jk->...ik": (X, Y),
    "...ij,jk": (X, B),
    "...ij,jk->...ik": (floats(2, 1, 3, 4), B),
    "i...,j...->ij...": (C, floats(4, 3)),
    "...": (X,),
    "...->": (X,),
    "i...->...": (X,),
    "...i->i...": (X,),
    "...ii->...i": (floats(2, 3, 3),),
    "ij->...ij": (A,),
    "i...j,...->j": (X, W),
    "ij,ij->ij ": (A, A[:1]),
    "ij,jk->ik ": (A[:, :1], B),
    "bij,bjk": (X[:1], Y),
    "ij,jk,kl->il": (A, B, C),
    "ij,jk,ki": (A, B, C),
    "i,ij,j": (W, A, V),
    "a,b,c->abc": (floats(2), W, V),
    "ab,ac,ad->bcd": (floats(3, 2), A, SQUARE),
    "ij,kl->ijkl": (C, B),
    "ij,k->i": (A, V),
    ",ij->ij": (S, A),
    "": (S,),
    ",": (S, S),
    "ij,jk->ik  ": (EMPTY, B),
    "ji,jk->ik": (EMPTY, EMPTY),
    "ab,abc->c": (floats(2, 3), X),
}

ROWS = {
    **{
        f"einsum {equation}": (lambda t, *xs, equation=equation: t.einsum(equation, *xs), *inputs)
        for equation, inputs in EQUATIONS.items()
    },
    "einsum of a list": (lambda t, x, y: t.einsum("ij,jk", [x, y]), A, B),
    "einsum lists": (lambda t, x, y: (t.einsum(x, [0, 1], y, [1, 2], [0, 2]), t.einsum(x, [0, 1], y, [1, 30])), A, B),
    "einsum lists ellipsis": (lambda t, x, y: t.einsum(x, [..., 1, 2], y, [2, 3], [..., 1, 3]), X, B),
    "einsum strided": (lambda t, x, y: t.einsum("ij,jk->ik", x.t(), y[:, ::2]), floats(4, 3), floats(4, 4)),
    "einsum of integers": (
        lambda t, x: (t.einsum("ij,kj->ik", x, x), t.einsum("ij->i", x), t.einsum("ij,ij->ij", x, x)),
        INTS,
    ),
    "tensordot": (
        lambda t, x, y: (t.tensordot(x, y), t.tensordot(x, y, 1), t.tensordot(x, y, dims=0)),
        floats(2, 3, 3), SQUARE,
    ),
    "tensordot lists": (
        lambda t, x, y: (
            t.tensordot(x, y, ([1, 2], [0, 1])), t.tensordot(x, y, dims=([2], [1])), t.tensordot(y, x, ((-1,), (-1,))),
        ),
        X, A,
    ),
    "tensordot of one list": (lambda t, x, y: t.tensordot(x, y, ([0], [1])), C, floats(3, 2)),
    "tensordot of integers": (lambda t, x: t.tensordot(x, x), INTS),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False)


@pytest.mark.parametrize("name", ROWS)
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


@pytest.mark.parametrize("equation", [e for e in EQUATIONS if "." not in e and " " not in e])
def test_as_numpy(equation):
    inputs = EQUATIONS[equation]
    ours = minitorch.einsum(equation, *map(minitorch.from_numpy, inputs))
    np.testing.assert_allclose(ours.numpy(), np.einsum(equation, *inputs), rtol=1e-12, atol=1e-12)


def test_every_function_has_a_row():
    assert not public_functions(einsum) - {name.split()[0] for name in ROWS}


REFUSED = {
    "fewer operands": (lambda t, x: t.einsum("ij,jk", x), A),
    "more operands": (lambda t, x: t.einsum("ij", x, x), A),
    "fewer letters": (lambda t, x: t.einsum("i", x), A),
    "more letters": (lambda t, x: t.einsum("ijk", x), A),
    "more letters than dims": (lambda t, x: t.einsum("ijk...", x), A),
    "sizes": (lambda t, x: t.einsum("ij,jk->ik", x, x), A),
    "sizes of an ellipsis": (lambda t, x, y: t.einsum("...,...", x, y), A, B),
    "sizes of a diagonal": (lambda t, x: t.einsum("ii", x), A),
    "output twice": (lambda t, x: t.einsum("ij->jj", x), A),
    "output unknown": (lambda t, x: t.einsum("ij->k", x), A),
    "no letter": (lambda t, x: t.einsum("i1", x), A),
    "lone dot": (lambda t, x: t.einsum("i.j", x), A),
    "two ellipses": (lambda t, x: t.einsum("......", x), A),
    "dtypes": (lambda t, x, y: t.einsum("ij,jk", x, y.float()), A, B),
    "equation": (lambda t, x: t.einsum(3, x), A),
    "operand": (lambda t, x: t.einsum("ij,", x, 3), A),
    "list out of range": (lambda t, x: t.einsum(x, [0, 52]), A),
    "tensordot sizes": (lambda t, x: t.tensordot(x, x, 1), A),
    "tensordot lengths": (lambda t, x: t.tensordot(x, x, ([0, 1], [0])), A),
    "tensordot negative": (lambda t, x: t.tensordot(x, x, -1), A),
    "tensordot too many": (lambda t, x: t.tensordot(x, x, 3), A),
    "tensordot dim": (lambda t, x: t.tensordot(x, x, ([2], [0])), A),
    "tensordot dtypes": (lambda t, x, y: t.tensordot(x, y.float(), 1), A, B),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_without_torch(name):
    function, *inputs = REFUSED[name]
    with pytest.raises((TypeError, ValueError, IndexError, RuntimeError)):
        function(minitorch, *map(minitorch.from_numpy, inputs))


def test_three_operands_are_contracted_in_a_cheap_order():
    """From left to right there would be a matrix of 10^10 elements."""
    column = minitorch.ones(100_000)
    assert minitorch.einsum("i,j,j->i", column, column, column).sum().item() == 1e10
