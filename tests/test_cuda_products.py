"""Products of matrices on a GPU: which call of cuBLAS they become, and that no operand is copied for it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cupy_stand_in import counted, cublas, surface

import minitorch
from minitorch.backend.primitives.products import matmul, matmul_into

CALL = "gemmStridedBatchedEx"
TOLERANCE = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-13}


@pytest.fixture(autouse=True)
def cupy(stand_in: Any) -> Iterator[Any]:
    before = minitorch.get_default_device()
    minitorch.set_default_device("cpu")
    yield stand_in
    minitorch.set_default_device(before)
    minitorch.set_float32_matmul_precision("highest")
    cublas.refusing.clear()


def check(a: Any, b: Any, launches: int = 1, call: str | None = CALL, out: Any = None) -> Any:
    """The product of device arrays is right, takes so many launches, and was left to ``call`` alone."""
    with counted() as counts:
        result = matmul(a, b) if out is None else matmul_into(a, b, out)
    expected = np.matmul(a.get().astype(np.float64), b.get().astype(np.float64))
    assert result.dtype == a.dtype and result.shape == expected.shape
    tolerance = TOLERANCE[a.dtype.name]
    np.testing.assert_allclose(result.get(), expected, tolerance, tolerance * max(1.0, np.abs(expected).max(initial=0)))
    assert counts.launches == launches, counts.by_name
    assert call is None or counts.by_name[call] == 1, counts.by_name
    return result


# ---- layouts


def laid_out(rng: np.random.Generator, cupy: Any, shape: tuple, dtype: str, layout: str) -> Any:
    """A random device array whose matrices lie by rows or by columns, without or with gaps."""
    *batch, rows, columns = shape
    if layout in ("columns", "columns with gaps"):
        rows, columns = columns, rows
    gap = int(rng.integers(1, 4)) if "gaps" in layout else 0
    skip = int(rng.integers(0, 3)) if gap else 0  # rows that lie between the matrices
    whole = rng.standard_normal((*batch, rows + skip, columns + gap)).astype(dtype)
    array = cupy.asarray(whole)[..., :rows, gap:]
    return array.swapaxes(-1, -2) if "columns" in layout else array


LAYOUTS = ("rows", "columns", "rows with gaps", "columns with gaps")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("of_b", LAYOUTS)
@pytest.mark.parametrize("of_a", LAYOUTS)
def test_a_batch_is_one_call(cupy: Any, of_a: str, of_b: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shape in [(5,), (3, 4), (1, 3), (2, 1, 3), (1,)]:
        n, k, m = (int(v) for v in rng.integers(1, 9, 3))
        a = laid_out(rng, cupy, (*shape, n, k), dtype, of_a)
        b = laid_out(rng, cupy, (*shape, k, m), dtype, of_b)
        check(a, b)


@pytest.mark.parametrize("of_b", LAYOUTS)
@pytest.mark.parametrize("of_a", LAYOUTS)
def test_one_matrix_for_the_whole_batch(cupy: Any, of_a: str, of_b: str) -> None:
    rng = np.random.default_rng(1)
    for batch_a, batch_b in [((), (4,)), ((4,), ()), ((1, 1), (2, 3)), ((2, 3), (1,)), ((3, 1), (1, 1))]:
        n, k, m = (int(v) for v in rng.integers(1, 9, 3))
        a = laid_out(rng, cupy, (*batch_a, n, k), "float32", of_a)
        b = laid_out(rng, cupy, (*batch_b, k, m), "float32", of_b)
        check(a, b)


def test_random_batches(cupy: Any) -> None:
    """Any shape and layout is right; copies are made of what no single distance describes, and of nothing else."""
    rng = np.random.default_rng(2)
    calls = 0
    for _ in range(300):
        dims = int(rng.integers(0, 4))
        batch = [int(v) for v in rng.integers(1, 4, dims)]
        n, k, m = (int(v) for v in rng.integers(1, 6, 3))
        operands = []
        for rows, columns in ((n, k), (k, m)):
            own = [1 if rng.random() < 0.2 else size for size in batch][int(rng.integers(0, dims + 1)) :]
            layout = LAYOUTS[rng.integers(4)]
            x = laid_out(rng, cupy, (*own, rows, columns), "float64", layout)
            if len(own) > 1 and rng.random() < 0.3:  # two dimensions of the batch in the other order
                x = laid_out(rng, cupy, (*own[::-1], rows, columns), "float64", layout)
                x = x.transpose(*reversed(range(len(own))), len(own), len(own) + 1)
            operands.append(x)
        with counted() as counts:
            result = matmul(*operands)
        np.testing.assert_allclose(result.get(), np.matmul(*(x.get() for x in operands)), 1e-12, 1e-12)
        calls += counts.by_name[CALL]
    assert calls > 150


def test_two_matrices_are_left_to_cupy_unless_it_would_copy(cupy: Any) -> None:
    rng = np.random.default_rng(3)
    for dtype in TOLERANCE:
        for of_a in LAYOUTS:
            for of_b in LAYOUTS:
                a, b = laid_out(rng, cupy, (5, 4), dtype, of_a), laid_out(rng, cupy, (4, 3), dtype, of_b)
                check(a, b, call="matmul" if "gaps" not in of_a + of_b else CALL)


def test_what_does_not_fit_is_copied(cupy: Any) -> None:
    a, b = cupy.ones((4, 3, 5, 6), np.float32), cupy.ones((3, 4, 6, 7), np.float32)
    check(a, b.transpose(1, 0, 2, 3), launches=2)  # heads behind the sequence, as in attention
    check(a[..., ::2], b.transpose(1, 0, 2, 3)[..., :3, :], launches=3)
    check(a[:, :, ::-1], cupy.ones((4, 3, 6, 7), np.float32), launches=2)
    check(a[::-1], cupy.ones((4, 3, 6, 7), np.float32), launches=2)
    check(cupy.broadcast_to(cupy.ones((), np.float32), (4, 3, 7, 5)), a, launches=2)  # the gradient of a sum


def test_a_batch_repeated_along_one_of_its_dimensions_is_left_to_cupy(cupy: Any) -> None:
    weight, columns = cupy.ones((3, 5, 6), np.float32), cupy.ones((4, 3, 6, 7), np.float32)
    check(weight, columns, call="matmul")
    check(weight[:1], columns)
    check(weight, columns[:1])


def test_vectors_and_nothing(cupy: Any) -> None:
    matrix, vector = cupy.ones((3, 4), np.float32), cupy.ones(4, np.float32)
    check(matrix, vector, call="matmul")
    check(vector, vector, call="matmul")
    check(cupy.ones((1, 4), np.float32), cupy.ones((4, 1), np.float32), call="matmul")
    for a, b in [((2, 0, 3), (2, 3, 4)), ((2, 3, 0), (2, 0, 4)), ((0, 2, 3), (0, 3, 4)), ((0, 3), (3, 2))]:
        check(cupy.ones(a, np.float32), cupy.ones(b, np.float32), call=None)
    with pytest.raises(ValueError, match="matmul"):
        matmul(cupy.ones((2, 3, 4), np.float32), cupy.ones((2, 3, 4), np.float32))


def test_a_result_with_a_place(cupy: Any) -> None:
    rng = np.random.default_rng(4)
    a, b = laid_out(rng, cupy, (4, 2, 5, 3), "float32", "rows"), laid_out(rng, cupy, (4, 2, 3, 6), "float32", "columns")
    whole = cupy.full((4, 2, 5, 20), np.float32(np.nan))
    part = whole[..., 7:13]
    assert check(a, b, out=part) is part
    assert np.isnan(whole.get()).sum() == 4 * 2 * 5 * 14
    by_columns = cupy.empty((4, 2, 6, 5), np.float32).swapaxes(-1, -2)
    check(a, b, out=by_columns, launches=2, call="matmul")


# ---- precision


def test_float16_is_summed_in_float32(cupy: Any) -> None:
    ones = cupy.ones((2, 1, 4096), np.float16)
    check(ones, ones.swapaxes(1, 2))  # float16 stops counting at 2048
    large = cupy.full((2, 3, 4), np.float16(200))
    assert float(matmul(large, -large.swapaxes(1, 2))[0, 0, 0]) == -np.inf  # once, when the sum is rounded


def rounds(a: Any, b: Any) -> bool:
    result = matmul(a, b).get()
    exact, rounded = np.matmul(a.get(), b.get()), np.matmul(cublas.to_tf32(a.get()), cublas.to_tf32(b.get()))
    assert np.abs(exact - rounded).max() > 1e-4
    which = np.argmin([np.abs(result - exact).max(), np.abs(result - rounded).max()])
    np.testing.assert_allclose(result, (exact, rounded)[which], 1e-5, 1e-5)
    return bool(which)


@pytest.mark.parametrize("shape", [(16, 16), (3, 16, 16)])
def test_tf32_is_a_matter_of_switches(cupy: Any, shape: tuple) -> None:
    rng = np.random.default_rng(5)
    a, b = (cupy.asarray(rng.standard_normal(shape, np.float32)) for _ in range(2))
    switch = minitorch.backends.cuda.matmul
    assert not switch.allow_tf32 and not rounds(a, b)
    switch.allow_tf32 = True
    assert minitorch.get_float32_matmul_precision() == "high" and rounds(a, b)
    minitorch.set_float32_matmul_precision("highest")
    assert not switch.allow_tf32 and not rounds(a, b)
    minitorch.set_float32_matmul_precision("medium")
    assert switch.allow_tf32 and rounds(a, b)
    check(a.astype(np.float64), b.astype(np.float64), call=None)


# ---- refusals


def test_a_refusal_of_cublas_leaves_the_product_to_cupy(cupy: Any) -> None:
    a = cupy.asarray(np.random.default_rng(6).standard_normal((3, 4, 5)).astype(np.float32))
    cublas.refusing.append("CUBLAS_STATUS_NOT_SUPPORTED")
    check(a, a.swapaxes(1, 2), launches=2, call="matmul")
    check(a.astype(np.float16), a.astype(np.float16).swapaxes(1, 2), launches=5, call="matmul")


def test_a_cupy_without_the_call(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch.backend.cuda import products

    monkeypatch.delattr(cupy.cuda.cublas, CALL)
    monkeypatch.setattr(products, "_gemm", products._gemm.__wrapped__)
    a = cupy.ones((3, 4, 5), np.float32)
    check(a, a.swapaxes(1, 2), launches=2, call="matmul")


# ---- ops


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_gradients_of_a_batch_copy_nothing(cupy: Any, turned: tuple[bool, bool], dtype: str) -> None:
    rng = np.random.default_rng(7)
    a, b = (
        minitorch.from_numpy(rng.standard_normal((3, *((5, 4) if flag else (4, 5)))[:3]).astype(dtype))
        for flag in (turned[0], not turned[1])
    )
    seed = minitorch.from_numpy(rng.standard_normal((3, 4, 4)).astype(dtype))

    def gradients(device: str) -> list:
        left, right = (x.detach().to(device).requires_grad_() for x in (a, b))
        g = seed.to(device)
        with counted() as counts:
            product = minitorch.bmm(left.mT if turned[0] else left, right.mT if turned[1] else right)
            product.backward(g)
        if device == "cuda":
            # The gradient of a leaf lies as the leaf does: that of a transposed one is written anew.
            assert counts.by_name == {CALL: 3} | ({"copy": sum(turned)} if any(turned) else {})
        return [product.detach().cpu(), left.grad.cpu(), right.grad.cpu()]

    for mine, expected in zip(gradients("cuda"), gradients("cpu")):
        minitorch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_second_gradients_and_broadcasting(device: str) -> None:
    a = minitorch.rand(2, 3, 4, dtype=minitorch.float64, device=device, requires_grad=True)
    b = minitorch.rand(1, 4, 5, dtype=minitorch.float64, device=device, requires_grad=True)
    assert minitorch.autograd.gradgradcheck(minitorch.matmul, (a, b))
    assert minitorch.autograd.gradgradcheck(lambda x: x @ x.mT, (a,))


def test_attention_copies_its_operands_once(cupy: Any) -> None:
    """Heads lie inside the rows of (N, T, E): what no single distance describes is copied, its transpose never."""
    n, t, heads, size = 2, 6, 3, 4
    x = minitorch.rand(n, t, heads * size, device="cuda")
    q = k = x.view(n, t, heads, size).transpose(1, 2)
    with counted() as counts:
        minitorch.matmul(q, k.mT)
    assert counts.by_name[CALL] == 1 and counts.launches == 3, counts.by_name


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("size", [9, 28])
def test_columns_of_a_convolution_are_multiplied_where_they_lie(cupy: Any, size: int, groups: int) -> None:
    """Layers with large matrices go through columns; none of their products copies what it multiplies."""
    layer = minitorch.nn.Conv2d(64, 256 * groups, 3, padding=1, groups=groups)
    x = minitorch.rand(2, 64, size, size, requires_grad=True)

    def gradients(device: str) -> list:
        here, image = layer.to(device), x.detach().to(device).requires_grad_()
        here.zero_grad()
        with counted() as counts:
            here(image).square().sum().backward()
        if device == "cuda" and groups == 1:
            assert counts.by_name[CALL] >= 3 and not counts.by_name["matmul"], counts.by_name
        return [g.grad.cpu() for g in (image, here.weight, here.bias)]

    for mine, expected in zip(gradients("cuda"), gradients("cpu")):
        minitorch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


# ---- the stand-in's cuBLAS


def arguments(cupy: Any) -> tuple[dict[str, int], list[Any]]:
    """A right call: two products of (2, 3) and (3, 4) matrices, by cuBLAS's names; and what it works on."""
    b, a, c = (cupy.ones(shape, np.float32) for shape in ((2, 3, 4), (2, 2, 3), (2, 2, 4)))
    host = np.array([1, 0], np.float32)
    values = [
        cublas.get_cublas_handle(), 0, 0, 4, 2, 3, host.ctypes.data, b.data.ptr, 0, 4, 12, a.data.ptr, 0, 3, 6,
        host.ctypes.data + 4, c.data.ptr, 0, 4, 8, 2, 68, -1,
    ]  # fmt: skip
    names = surface.functions["cuda.cublas.gemmStridedBatchedEx"].parameters
    return dict(zip(names, values, strict=True)), [a, b, c, host]


WRONG: list[tuple[dict, type[Exception], str]] = [
    ({"lda": 3}, AssertionError, "leading dimension 3 of A"),
    ({"transa": 1, "lda": 2}, AssertionError, "leading dimension 2 of A"),
    ({"ldc": 3}, AssertionError, "leading dimension 3 of C"),
    ({"strideA": 16}, AssertionError, "A leaves its array"),
    ({"strideC": 7}, AssertionError, "results that overlap"),
    ({"strideB": -6}, AssertionError, "B leaves its array"),
    ({"batchCount": 3}, AssertionError, "leaves its array"),
    ({"k": 4}, AssertionError, "leaves its array"),
    ({"m": 0}, AssertionError, "nothing to multiply"),
    ({"handle": 1}, AssertionError, "another GPU"),
    ({"Atype": 2}, AssertionError, "types that do not go together"),
    ({"Atype": 1, "Btype": 1, "Ctype": 1, "computeType": 70}, AssertionError, "said to be float64"),
    ({"computeType": 70}, AssertionError, "types that do not go together"),
    ({"A": 64}, AssertionError, "not the address"),
    ({"alpha": "C"}, AssertionError, "host memory"),
    ({"C": "A"}, AssertionError, "C leaves its array|on top of a factor"),
    ({"m": 1 << 31}, OverflowError, "too large"),
    ({"m": 4.0}, TypeError, "integers"),
]


@pytest.mark.parametrize("row", WRONG, ids=lambda row: str(row[0]))
def test_a_wrong_call_is_found_out(cupy: Any, row: tuple[dict, type[Exception], str]) -> None:
    changes, error, words = row
    call, kept = arguments(cupy)
    cublas.gemmStridedBatchedEx(*call.values())
    assert (kept[2].get() == 3).all()
    changed = {name: call[value] if isinstance(value, str) else value for name, value in changes.items()}
    with pytest.raises(error, match=words):
        cublas.gemmStridedBatchedEx(*(call | changed).values())


def test_an_address_is_good_for_as_long_as_its_array(cupy: Any) -> None:
    call, kept = arguments(cupy)
    kept.pop(1)
    gc.collect()
    with pytest.raises(AssertionError, match="is not the address of a living array"):
        cublas.gemmStridedBatchedEx(*call.values())
    with cupy.cuda.Device(1):
        call, kept = arguments(cupy)
    with pytest.raises(AssertionError, match="another GPU"):
        cublas.gemmStridedBatchedEx(*call.values())
