"""Factorisations, inverses, systems, determinants, matrix norms: against PyTorch, against differences, and without."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minitorch
from minitorch.ops import decompositions, least_squares, matrix_norms, solving, unchecked
from tests.rows import check, check_numerically, check_refused, floats, public_functions

A = floats(3, 3) + 2 * np.eye(3)
BATCH = floats(2, 3, 3) + 3 * np.eye(3)
TALL, WIDE = floats(4, 3), floats(3, 4) + np.eye(3, 4)
X = floats(2, 3, 4)
V = floats(3)
B = floats(3, 2)
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, -1.0, 2.0]])
RANK_ONE = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5])
LOW_RANK = floats(4, 2) @ floats(2, 3)
EMPTY = np.zeros((0, 0))
INTS = np.arange(9).reshape(3, 3)
inf = math.inf


def positive(x):
    """A symmetric positive definite matrix, also after a difference of one element."""
    return x @ x.mT + 0.5 * (x @ x.mT).diagonal(0, -2, -1).mean() * x.new_ones(x.shape[-1]).diag()


def symmetric(x):
    return x + x.mT


ROWS = {
    # inverses and systems
    "inv_ex": (lambda t, x, y: (t.linalg.inv_ex(x), t.linalg.inv_ex(y, check_errors=True)), A, BATCH),
    "solve_ex": (
        lambda t, x, b, v: (t.linalg.solve_ex(x, b), t.linalg.solve_ex(x, v), t.linalg.solve_ex(x, b.t(), left=False)),
        A, B, V,
    ),
    "cholesky_ex": (
        lambda t, x, y: (t.linalg.cholesky_ex(positive(x)), t.linalg.cholesky_ex(positive(y), upper=True)),
        A, BATCH,
    ),
    "inv": (lambda t, x, y: (t.linalg.inv(x), t.linalg.inv(y)), A, BATCH),
    "inverse": (lambda t, x: (x.inverse(), t.inverse(x.t())), A),
    "inv of nothing": (lambda t, x: (t.linalg.inv(x), t.det(x), x.logdet()), EMPTY),
    "solve": (lambda t, x, b, v: (t.linalg.solve(x, b), t.linalg.solve(x, v), t.linalg.solve(x.mT, b)), A, B, V),
    "solve left": (lambda t, x, b: t.linalg.solve(x, b.t(), left=False), A, B),
    "solve batch": (
        lambda t, x, b: (t.linalg.solve(x, b), t.linalg.solve(x, b[:, :2].t()), t.linalg.solve(x[0], x)),
        BATCH, B,
    ),
    "solve_triangular": (
        lambda t, x, b: (
            t.linalg.solve_triangular(x, b, upper=True), t.linalg.solve_triangular(x, b, upper=False),
            t.linalg.solve_triangular(x, b.t(), upper=True, left=False, unitriangular=True),
        ),
        A, B,
    ),
    "solve_triangular of one matrix for all": (
        lambda t, x, b: (t.linalg.solve_triangular(x, b, upper=True), t.cholesky_solve(b, x.tril())),
        A + np.zeros((3, 1, 1)), A + 1,
    ),
    "cholesky_solve": (
        lambda t, x, b: (
            t.cholesky_solve(b, t.linalg.cholesky(positive(x))),
            b.cholesky_solve(t.linalg.cholesky(positive(x), upper=True), True),
        ),
        A, B,
    ),
    "cholesky_inverse": (lambda t, x: (t.cholesky_inverse(x.tril()), x.triu().cholesky_inverse(True)), A),
    "pinv": (lambda t, x, y: (t.linalg.pinv(x), t.linalg.pinv(y), t.linalg.pinv(x @ y)), TALL, WIDE),
    "pinv of low rank": (lambda t, x: t.linalg.pinv(x.detach()), LOW_RANK),
    "pinv tolerance": (
        lambda t, x: (
            t.linalg.pinv(x.detach(), atol=0.9), t.linalg.pinv(x.detach(), rtol=0.5),
            t.linalg.pinv(x.detach(), rcond=0.5),
        ),
        A,
    ),
    "pinv symmetric": (lambda t, x: t.linalg.pinv(symmetric(x), hermitian=True), A),
    "pinverse": (lambda t, x: (t.pinverse(x), x.pinverse()), TALL),
    "lstsq": (
        lambda t, x, b, v: (t.linalg.lstsq(x, b).solution, t.linalg.lstsq(x, v).solution),
        TALL, floats(4, 2), floats(4),
    ),
    "lstsq all": (
        lambda t, x, b: (tuple(t.linalg.lstsq(x, b)), tuple(t.linalg.lstsq(x, b, driver="gelsd"))),
        TALL, floats(4, 2),
    ),
    "lstsq wide": (lambda t, x, b: tuple(t.linalg.lstsq(x, b)), WIDE, B),
    "lstsq of low rank": (
        lambda t, x, b: tuple(t.linalg.lstsq(x.detach(), b.detach(), driver="gelsd")),
        LOW_RANK, floats(4, 2),
    ),
    "lstsq batch": (lambda t, x, b: t.linalg.lstsq(x.mT, b).solution, X, floats(2, 4, 2)),
    # determinants
    "det": (lambda t, x, y: (t.det(x), x.det(), t.linalg.det(y)), A, BATCH),
    "slogdet": (lambda t, x, y: (t.slogdet(x), x.slogdet(), y.slogdet().logabsdet), A, BATCH),
    "linalg_slogdet": (lambda t, x: (t.linalg.slogdet(x), t.linalg.slogdet(-x).sign), BATCH),
    "logdet": (lambda t, x: (x.logdet(), t.logdet(-x.detach()), t.logdet(x @ x)), A),
    # powers
    "matrix_power": (
        lambda t, x: (t.matrix_power(x, 3), x.matrix_power(0), t.linalg.matrix_power(x, -2), x.matrix_power(1)),
        A,
    ),
    "matrix_power batch": (lambda t, x: (x.matrix_power(5), x.matrix_power(0)), BATCH),
    "matrix_power of integers": (lambda t, x: (x.matrix_power(3), x.matrix_power(0)), INTS),
    "matrix_exp": (
        lambda t, x, y: (t.matrix_exp(x), t.linalg.matrix_exp(y), x.matrix_exp(), t.matrix_exp(x * 2)),
        A, BATCH,
    ),
    # factorisations
    "cholesky": (
        lambda t, x: (
            t.linalg.cholesky(positive(x)), t.linalg.cholesky(positive(x), upper=True), t.cholesky(positive(x)),
        ),
        A,
    ),
    "cholesky batch": (lambda t, x: (t.linalg.cholesky(positive(x)), positive(x).cholesky(True)), BATCH),
    "linalg_qr": (lambda t, x, y: (t.linalg.qr(x), t.linalg.qr(y)), TALL, A),
    "linalg_qr wide": (lambda t, x: (t.linalg.qr(x), t.linalg.qr(x).R), WIDE),
    "linalg_qr wide Q": (lambda t, x: t.linalg.qr(x).Q, WIDE),
    "linalg_qr batch": (lambda t, x: (t.linalg.qr(x.mT).Q, t.linalg.qr(x.mT).R), X),
    "linalg_qr complete": (
        lambda t, x, y: (
            t.linalg.qr(x, "complete"), t.linalg.qr(y.detach(), "complete"), t.linalg.qr(y.detach(), "r").R,
        ),
        A, TALL,
    ),
    "qr": (lambda t, x: (t.qr(x), x.qr(), x.detach().qr(some=False)), TALL),
    "linalg_svd": (lambda t, x: signless(t.linalg.svd(x)), A),
    "linalg_svd tall": (lambda t, x: signless(t.linalg.svd(x, full_matrices=False)), TALL),
    "linalg_svd wide": (lambda t, x: signless(t.linalg.svd(x, False)), WIDE),
    "linalg_svd batch": (lambda t, x: signless(t.linalg.svd(x, False)), X),
    "linalg_svd one used": (lambda t, x: (t.linalg.svd(x, False).U ** 2, t.linalg.svd(x, False).Vh ** 2), WIDE),
    "linalg_svd product": (lambda t, x: (lambda U, S, Vh: U * S.log1p() @ Vh)(*t.linalg.svd(x, False)), TALL),
    "linalg_svd full": (lambda t, x: (t.linalg.svd(x).S, t.linalg.svd(x.detach()).U.abs()[:, :3]), TALL),
    "svd": (lambda t, x: (signless(t.svd(x)), signless(x.svd()), t.svd(x, compute_uv=False).S), WIDE),
    "svdvals": (lambda t, x, y: (t.linalg.svdvals(x), t.linalg.svdvals(y), t.linalg.svdvals(x.detach())), TALL, X),
    "eigh": (lambda t, x: (t.linalg.eigh(symmetric(x)).eigenvalues, t.linalg.eigh(symmetric(x)).eigenvectors ** 2), A),
    "eigh batch": (
        lambda t, x: (lambda L, V: (L, (V * L.unsqueeze(-2).exp()) @ V.mT))(*t.linalg.eigh(symmetric(x))),
        BATCH,
    ),
    "eigh of a triangle": (
        lambda t, x: (t.linalg.eigh(x).eigenvalues.detach(), t.linalg.eigh(x, UPLO="U").eigenvalues.detach()),
        A,
    ),
    "eigvalsh": (lambda t, x: (t.linalg.eigvalsh(symmetric(x)), t.linalg.eigvalsh(symmetric(x), "U")), BATCH),
    "matrix_rank": (
        lambda t, x, y, z: (
            t.linalg.matrix_rank(x), t.linalg.matrix_rank(y), t.linalg.matrix_rank(z),
            t.linalg.matrix_rank(x, atol=1.5), t.linalg.matrix_rank(x, rtol=0.5), t.linalg.matrix_rank(x, 1.0),
            t.linalg.matrix_rank(symmetric(x), hermitian=True),
        ),
        A, LOW_RANK, X,
    ),
    # norms
    "matrix_norm": (lambda t, x: [t.linalg.matrix_norm(x, p) for p in ("fro", "nuc", inf, -inf, 1, -1, 2, -2)], TALL),
    "matrix_norm dims": (
        lambda t, x: [t.linalg.matrix_norm(x, p, (0, 2), p == 1) for p in ("fro", "nuc", inf, 1, -2)], X,
    ),
    "linalg_norm": (
        lambda t, x, v: (
            t.linalg.norm(x), t.linalg.norm(x, 2), t.linalg.norm(x, "nuc"), t.linalg.norm(x, 1, dim=1),
            t.linalg.norm(v, 3),
        ),
        TALL, V,
    ),
    "linalg_norm batch": (
        lambda t, x: (
            t.linalg.norm(x), t.linalg.norm(x, dim=1), t.linalg.norm(x, "fro", (0, 1)),
            t.linalg.norm(x, -1, dim=(1, 2), keepdim=True),
        ),
        X,
    ),
    "cond": (lambda t, x: [t.linalg.cond(x, p) for p in (None, 2, -2, "nuc")], A),
    "cond by an inverse": (lambda t, x: [t.linalg.cond(x.detach(), p) for p in (1, -1, inf, "fro")], BATCH),
    "cond of a singular": (
        lambda t, x: (t.linalg.cond(x.detach(), 1), t.linalg.cond(x.detach().mT, "fro")),
        np.ones((2, 2)),
    ),
    "diagonal": (lambda t, x: (t.linalg.diagonal(x), t.linalg.diagonal(x, offset=1, dim1=0)), BATCH),
}  # fmt: skip


def signless(result):
    """Singular vectors without the signs that each pair of them is free to choose."""
    first, values, last = result
    return first**2, values, last**2


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.filterwarnings("ignore:torch\\.(qr|cholesky|svd)")
@pytest.mark.filterwarnings("ignore:.*(deprecated|was deprecated|is deprecated).*")
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-9)


@pytest.mark.parametrize("name", ROWS)
def test_gradients(name):
    function, *inputs = ROWS[name]
    check_numerically(function, *inputs)


def test_every_function_has_a_row():
    found = public_functions(decompositions, least_squares, solving, matrix_norms, unchecked)
    assert not found - {name.split()[0] for name in ROWS}


def test_failures_are_reported_matrix_by_matrix():
    stack = minitorch.stack([minitorch.eye(2) * 2, minitorch.tensor([[1.0, 2.0], [2.0, 1.0]]), minitorch.zeros(2, 2)])
    factor, info = minitorch.linalg.cholesky_ex(stack)
    assert info.tolist() == [0, 2, 1]
    assert factor[0].equal(minitorch.eye(2) * 2**0.5)
    assert factor[1:].isnan().all()
    inverse, info = minitorch.linalg.inv_ex(stack)
    assert (info != 0).tolist() == [False, False, True]
    assert inverse[2].isnan().all()
    minitorch.testing.assert_close(inverse[:2], minitorch.linalg.inv(stack[:2]))
    result, info = minitorch.linalg.solve_ex(stack, minitorch.ones(3, 2))
    assert result.shape == (3, 2)
    assert (info != 0).tolist() == [False, False, True]
    for function in (minitorch.linalg.cholesky_ex, minitorch.linalg.inv_ex):
        with pytest.raises(minitorch.linalg.LinAlgError):
            function(stack, check_errors=True)


def test_every_name_of_the_namespace_is_tested():
    rows = " ".join(name.split()[0].removeprefix("linalg_") for name in ROWS).split()
    elsewhere = {"matmul", "multi_dot", "vecdot", "cross", "vector_norm", "vander", "LinAlgError", "eig", "eigvals"}
    assert not set(minitorch.linalg.__all__) - set(rows) - elsewhere


REFUSED = {
    "inv singular": (lambda t, x: t.linalg.inv(x), np.ones((2, 2))),
    "inv of integers": (lambda t, x: t.linalg.inv(x), INTS),
    "inv float16": (lambda t, x: t.linalg.inv(x.half()), A),
    "inv not square": (lambda t, x: t.linalg.inv(x), TALL),
    "inv vector": (lambda t, x: t.linalg.inv(x), V),
    "inv number": (lambda t: t.linalg.inv(3),),
    "solve singular": (lambda t, x: t.linalg.solve(x, x), np.ones((2, 2))),
    "solve sizes": (lambda t, x, b: t.linalg.solve(x, b), A, floats(2, 3)),
    "solve sizes left": (lambda t, x, b: t.linalg.solve(x, b, left=False), A, B),
    "solve vector": (lambda t, x, b: t.linalg.solve(x, b), A, floats(4)),
    "solve dtype": (lambda t, x, b: t.linalg.solve(x, b.float()), A, B),
    "solve batch": (lambda t, x: t.linalg.solve(x, x[[0, 0, 0]]), BATCH),
    "det not square": (lambda t, x: t.det(x), TALL),
    "det of integers": (lambda t, x: t.det(x), INTS),
    "slogdet vector": (lambda t, x: t.slogdet(x), V),
    "solve_triangular of a vector": (lambda t, x, v: t.linalg.solve_triangular(x, v, upper=True), A, V),
    "matrix_power of a fraction": (lambda t, x: x.matrix_power(1.5), A),
    "matrix_power not square": (lambda t, x: x.matrix_power(2), TALL),
    "matrix_power singular": (lambda t, x: x.matrix_power(-1), np.ones((2, 2))),
    "matrix_exp not square": (lambda t, x: x.matrix_exp(), TALL),
    "cholesky not positive": (lambda t, x: t.linalg.cholesky(x - 9), A),
    "cholesky not square": (lambda t, x: t.linalg.cholesky(x), TALL),
    "qr mode": (lambda t, x: t.linalg.qr(x, "full"), A),
    "qr vector": (lambda t, x: t.linalg.qr(x), V),
    "svd vector": (lambda t, x: t.linalg.svd(x), V),
    "svd of integers": (lambda t, x: t.linalg.svd(x), INTS),
    "eigh triangle": (lambda t, x: t.linalg.eigh(x, "X"), A),
    "eigh not square": (lambda t, x: t.linalg.eigh(x), TALL),
    "lstsq sizes": (lambda t, x, b: t.linalg.lstsq(x, b), A, TALL),
    "lstsq driver": (lambda t, x, b: t.linalg.lstsq(x, b, driver="x"), A, B),
    "matrix_norm order": (lambda t, x: t.linalg.matrix_norm(x, 3), A),
    "matrix_norm name": (lambda t, x: t.linalg.matrix_norm(x, "x"), A),
    "matrix_norm vector": (lambda t, x: t.linalg.matrix_norm(x), V),
    "matrix_norm dims": (lambda t, x: t.linalg.matrix_norm(x, dim=(0, 0)), A),
    "matrix_norm one dim": (lambda t, x: t.linalg.matrix_norm(x, dim=(0,)), A),
    "norm of a batch": (lambda t, x: t.linalg.norm(x, 2), X),
    "norm 0": (lambda t, x: t.linalg.norm(x, 0), A),
    "norm fro of a vector": (lambda t, x: t.linalg.norm(x, "fro"), V),
}


@pytest.mark.parametrize("name", REFUSED)
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


def test_singular_matrices_are_named():
    # CuPy's solvers say that one of them failed, and what they leave shows which; the stand-in's leave no good one
    stack = minitorch.stack([minitorch.eye(2), minitorch.ones(2, 2)]).cpu()
    for call in (minitorch.linalg.inv, lambda x: minitorch.linalg.solve(x, x)):
        with pytest.raises(minitorch.linalg.LinAlgError, match=r"\(Batch element 1\).*singular"):
            call(stack)
    with pytest.raises(minitorch.linalg.LinAlgError, match=r"\(Batch element 1\).*positive-definite"):
        minitorch.linalg.cholesky(stack - minitorch.tensor([[[0.0]], [[9.0]]], device="cpu"))
    assert issubclass(minitorch.linalg.LinAlgError, RuntimeError)


@pytest.mark.parametrize("matrix", [SINGULAR, RANK_ONE, np.zeros((3, 3))])
def test_determinant_of_a_singular_matrix_has_its_gradient(matrix):
    x = minitorch.tensor(matrix.tolist(), dtype=minitorch.float64, requires_grad=True)
    x.det().backward()
    cofactors = [
        [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(matrix, i, 0), j, 1)) for j in range(3)] for i in range(3)
    ]
    np.testing.assert_allclose(x.grad.numpy(), cofactors, atol=1e-12)


def test_gradient_of_a_condition_by_an_inverse():
    """PyTorch refuses this one, as it overwrites what it has saved."""
    for p in (1, inf, "fro"):
        check_numerically(lambda t, x, p=p: t.linalg.cond(x, p), A)


def test_second_gradient_of_a_singular_determinant():
    check_numerically(lambda t, x: x.det(), SINGULAR)


def test_complete_qr_of_a_tall_matrix_has_no_gradient():
    x = minitorch.from_numpy(TALL.copy()).requires_grad_()
    Q, _ = minitorch.linalg.qr(x, "complete")
    with pytest.raises(RuntimeError, match="reduced"):
        Q.sum().backward()


def test_general_eigenvalues_are_refused_with_a_way_out():
    for function in (minitorch.linalg.eig, minitorch.linalg.eigvals):
        with pytest.raises(RuntimeError, match=r"eigh.*numpy"):
            function(minitorch.eye(2))


def test_float32_stays_float32():
    x = minitorch.from_numpy(A.astype(np.float32))
    results = [
        minitorch.linalg.inv(x),
        *minitorch.linalg.svd(x),
        *minitorch.linalg.qr(x),
        *minitorch.linalg.eigh(x),
        minitorch.linalg.pinv(x),
        minitorch.linalg.lstsq(x, x).solution,
        x.matrix_exp(),
        x.det(),
        minitorch.linalg.norm(x, 2),
    ]
    assert all(r.dtype is minitorch.float32 for r in results)


def test_node_names():
    x = (minitorch.eye(3) * 2).requires_grad_()
    names = {
        "LinalgInvExBackward0": minitorch.linalg.inv(x),
        "LinalgSolveExBackward0": minitorch.linalg.solve(x, x),
        "LinalgDetBackward0": x.det(),
        "LinalgSlogdetBackward0": x.slogdet().logabsdet,
        "LinalgCholeskyExBackward0": minitorch.linalg.cholesky(x),
        "LinalgQrBackward0": minitorch.linalg.qr(x).Q,
        "LinalgSvdBackward0": minitorch.linalg.svd(x).S,
        "LinalgEighBackward0": minitorch.linalg.eigh(x).eigenvalues,
    }
    for name, result in names.items():
        assert result.grad_fn.name() == name
