"""Functions that few programs need: differences, histograms, LU, systems of tensors, reductions by index."""

from __future__ import annotations

import numpy as np
import pytest
from rows import check, check_derivatives, check_refused, floats, public_functions

import minitorch

A = floats(3, 3) + 2 * np.eye(3)[[1, 2, 0]]
BATCH = floats(2, 3, 3) + 3 * np.eye(3)[[2, 0, 1]]
TALL, WIDE = floats(4, 3) + np.eye(4, 3), floats(3, 4) + np.eye(3, 4)
B = floats(3, 2)
X = floats(4, 5)
V = floats(5)
INTS = np.arange(20).reshape(4, 5) ** 2 % 7
SPREAD = np.array([0.0, 1.0, 1.5, 4.0, 4.5])
INDEX = np.array([0, 2, 0, 3, 0])
SOURCE = floats(5, 5)
WITH_ZEROS = np.where(np.abs(SOURCE) < 0.5, 0.0, SOURCE)


def factored(t, x):
    return t.linalg.lu_factor(x)


ROWS = {
    "gradient": (lambda t, x, v: (t.gradient(x), t.gradient(v), t.gradient(v, spacing=0.5)), X, V),
    "gradient of integers": (lambda t, x: t.gradient(x), INTS),
    "gradient dim": (lambda t, x: (t.gradient(x, dim=1), t.gradient(x, dim=(-1, 0), spacing=(2.0, 3))), X),
    "gradient edges": (lambda t, x: (t.gradient(x, edge_order=2), t.gradient(x, edge_order=2, spacing=[1.0, 0.5])), X),
    "gradient places": (
        lambda t, x, p: (
            t.gradient(x, spacing=(p,), dim=1), t.gradient(x, spacing=(p[:4], p)),
            t.gradient(x, spacing=[p], dim=[1], edge_order=2),
        ),
        X, SPREAD,
    ),
    "gradient number": (lambda t, x: (t.gradient(x, spacing=t.tensor(2.0)), t.gradient(t.tensor(1.0))), X),
    "gradient spacing": (lambda t, x: t.gradient(x, spacing=None), X),
    "histogram": (lambda t, x: (t.histogram(x.detach(), 3), x.detach().histogram(4, range=(-1.0, 1.0))), X),
    "histogram edges": (
        lambda t, x, p: (t.histogram(x.detach(), p.detach()), t.histogram(x.detach(), p.detach(), density=True)),
        X, SPREAD,
    ),
    "histogram weight": (
        lambda t, x: t.histogram(x.detach(), 3, range=(-1.0, 2.0), weight=x.detach().abs(), density=True), X
    ),
    "histogram of one value": (lambda t, x: (t.histogram(x.detach() * 0 + 1, 3), t.histogram(x[:0].detach(), 2)), X),
    "lu": (lambda t, x, y, z: (t.linalg.lu(x), t.linalg.lu(y), t.linalg.lu(z)), A, TALL, WIDE),
    "lu batch": (lambda t, x: t.linalg.lu(x), BATCH),
    "lu_factor": (lambda t, x, y, z: (factored(t, x), factored(t, y), factored(t, z)), BATCH, TALL, WIDE),
    "lu_factor_ex": (lambda t, x: (t.linalg.lu_factor_ex(x), t.linalg.lu_factor_ex(x)[2] + 1), A),
    "lu_unpack": (
        lambda t, x, y: (t.lu_unpack(*factored(t, x)), t.lu_unpack(*factored(t, y), unpack_data=False)[0]),
        BATCH, WIDE,
    ),
    "lu_solve": (
        lambda t, x, b: (
            t.linalg.lu_solve(*factored(t, x), b), t.linalg.lu_solve(*factored(t, x), b, adjoint=True),
            t.linalg.lu_solve(*factored(t, x), b.mT, left=False),
            t.linalg.lu_solve(*factored(t, x), b.mT, left=False, adjoint=True),
        ),
        A, B,
    ),
    "tensorinv": (
        lambda t, x: (t.linalg.tensorinv(x.reshape(2, 2, 4)), t.linalg.tensorinv(x.reshape(4, 2, 2), ind=1)),
        floats(4, 4) + 2 * np.eye(4),
    ),
    "tensorsolve": (
        lambda t, x, b: (
            t.linalg.tensorsolve(x.reshape(2, 2, 4), b), t.linalg.tensorsolve(x.reshape(4, 2, 2), b, dims=(0,)),
        ),
        floats(4, 4) + 2 * np.eye(4), floats(2, 2),
    ),
}  # fmt: skip
for _reduce in ("prod", "mean", "amax", "amin"):
    ROWS[f"index_reduce {_reduce}"] = (
        lambda t, x, i, s, reduce=_reduce: (
            t.index_reduce(x, 0, i, s, reduce), x.index_reduce(0, i, s, reduce, include_self=False),
            x.mT.clone().index_reduce_(1, i, s.mT, reduce),
        ),
        X, INDEX, WITH_ZEROS if _reduce == "prod" else SOURCE,
    )  # fmt: skip
    ROWS[f"index_reduce of integers {_reduce}"] = (
        lambda t, x, reduce=_reduce: t.index_reduce(x, 0, t.tensor([1, 1]), x[:2], reduce), INTS
    )  # fmt: skip
ROWS["index_reduce of a number"] = (lambda t, x: t.index_reduce(x[0], 0, t.tensor(0), x[1], "prod"), V)
#: rows whose gradients PyTorch does not have, and those where draws of a slope are not smooth
NO_SECOND = ("index_reduce a", "histogram")


@pytest.mark.filterwarnings("ignore:.*is in beta:UserWarning")
@pytest.mark.parametrize("name", ROWS)
def test_same_as_pytorch(name: str) -> None:
    function, *inputs = ROWS[name]
    check(function, *inputs, second=not name.startswith(NO_SECOND), tolerance=1e-9)


@pytest.mark.parametrize(
    "name",
    [name for name in ROWS if name.startswith(("gradient", "lu", "tensor", "index_reduce prod", "index_reduce mean"))],
)
def test_gradients_by_differences(name: str) -> None:
    function, *inputs = ROWS[name]
    if inputs[0].dtype.kind == "f" and name not in ("lu_factor_ex",):
        check_derivatives(function, *inputs)


REFUSED = {
    "gradient order": (lambda t, x: t.gradient(x, edge_order=3), X),
    "gradient of few": (lambda t, x: t.gradient(x[:2], edge_order=2), V),
    "gradient dim": (lambda t, x: t.gradient(x, dim=1), V),
    "gradient dims": (lambda t, x: t.gradient(x, dim=[0, 0]), V),
    "gradient spacings": (lambda t, x: t.gradient(x, spacing=[1.0, 2.0]), V),
    "gradient spacing": (lambda t, x: t.gradient(x, spacing=x), V),
    "gradient of truths": (lambda t, x: t.gradient(x), INTS > 2),
    "histogram of integers": (lambda t, x: t.histogram(x, 2), INTS),
    "histogram bins": (lambda t, x: t.histogram(x, 0), X),
    "histogram range": (lambda t, x: t.histogram(x, 2, range=(2.0, 1.0)), X),
    "histogram weight": (lambda t, x: t.histogram(x, 2, weight=x[0]), X),
    "histogram edges": (lambda t, x: t.histogram(x, x), X),
    "histogram nan": (lambda t, x: t.histogram(x * float("nan"), 2), X),
    "lu of a vector": (lambda t, x: t.linalg.lu(x), V),
    "lu without exchanges": (lambda t, x: t.linalg.lu(x, pivot=False), A),
    "lu_factor singular": (lambda t, x: t.linalg.lu_factor(x * 0), A),
    "lu_factor_ex singular": (lambda t, x: t.linalg.lu_factor_ex(x * 0, check_errors=True), A),
    "lu_solve": (lambda t, x: t.linalg.lu_solve(*t.linalg.lu_factor(x), x), TALL),
    "tensorinv": (lambda t, x: t.linalg.tensorinv(x.reshape(2, 2, 5), 2), X),
    "tensorinv ind": (lambda t, x: t.linalg.tensorinv(x, 0), X),
    "tensorsolve": (lambda t, x: t.linalg.tensorsolve(x, x[0]), X),
    "index_reduce by another": (lambda t, x, i: t.index_reduce(x, 0, i, x, "sum"), V, INDEX),
    "index_reduce index": (lambda t, x, i: t.index_reduce(x, 0, i + 3, x, "prod"), V, INDEX),
    "index_reduce count": (lambda t, x, i: t.index_reduce(x, 0, i[:2], x, "prod"), V, INDEX),
    "index_reduce type": (lambda t, x, i: t.index_reduce(x, 0, i, x.float(), "prod"), V, INDEX),
    "index_reduce index type": (lambda t, x, i: t.index_reduce(x, 0, i.double(), x, "prod"), V, INDEX),
    "index_reduce index dims": (lambda t, x, i: t.index_reduce(x, 0, i[None], x, "prod"), V, INDEX),
    "index_reduce shape": (lambda t, x, i: t.index_reduce(x, 0, i[:4], x.mT[:4], "prod"), X, INDEX),
}


@pytest.mark.filterwarnings("ignore:.*is in beta:UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


def test_coordinates_of_another_number_than_samples() -> None:
    with pytest.raises(RuntimeError, match="5 coordinates"):
        minitorch.gradient(minitorch.ones(5), spacing=[minitorch.ones(3)])


def test_singular_matrices_have_info() -> None:
    torch = pytest.importorskip("torch")
    values = [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, 1.0, 2.0]]
    ours, theirs = (t.linalg.lu_factor_ex(t.tensor(values)) for t in (minitorch, torch))
    assert ours.info.item() == theirs.info.item() == 2
    assert ours.LU.tolist() == theirs.LU.tolist() and ours.pivots.tolist() == theirs.pivots.tolist()


def test_histogram_in_two_dimensions() -> None:
    torch = pytest.importorskip("torch")
    points = floats(20, 2)
    for bins, more in ([3, 4], {}), (2, {"range": [-1.0, 1.0, 0.0, 1.0]}), ([3, 2], {"density": True}):
        ours = minitorch.histogramdd(minitorch.tensor(points), bins, **more)
        theirs = torch.histogramdd(torch.tensor(points), bins, **more)
        np.testing.assert_allclose(ours.hist.numpy(), theirs.hist.numpy())
        for a, b in zip(ours.bin_edges, theirs.bin_edges):
            np.testing.assert_allclose(a.numpy(), b.numpy())
    for bins, more in ([3], {}), ([3, 3], {"range": [0.0, 1.0]}):
        with pytest.raises(RuntimeError):
            minitorch.histogramdd(minitorch.tensor(points), bins, **more)
        with pytest.raises(RuntimeError):
            torch.histogramdd(torch.tensor(points), bins, **more)


def test_histogram_into_tensors() -> None:
    out = minitorch.empty(0), minitorch.empty(0)
    found = minitorch.histogram(minitorch.tensor([1.0, 2.0, 2.0]), 2, out=out)
    assert out[0].tolist() == [1.0, 2.0] and found.bin_edges is out[1]


def test_the_older_name_of_lu_factor() -> None:
    x = minitorch.tensor(A)
    with pytest.warns(UserWarning, match="deprecated"):
        LU, pivots, info = minitorch.lu(x, get_infos=True)
    assert minitorch.equal(LU, minitorch.linalg.lu_factor(x)[0]) and info.item() == 0
    with pytest.warns(UserWarning, match="deprecated"):
        solved = minitorch.lu_solve(x, LU, pivots)
    assert minitorch.allclose(solved, minitorch.eye(3, dtype=x.dtype), atol=1e-12)
    with pytest.warns(UserWarning, match="deprecated"):
        assert minitorch.equal(x.lu_solve(*x.lu()), solved)


def test_what_is_left_out_says_why() -> None:
    with pytest.raises(AttributeError, match=r"cholesky_solve"):
        minitorch.linalg.ldl_factor


def test_every_function_has_a_row() -> None:
    from minitorch.ops import differences, histograms, lu, tensor_systems

    tested = {name.split()[0] for name in ROWS} | {"histogramdd", "lu"}
    assert not public_functions(differences, histograms, lu, tensor_systems) - tested
