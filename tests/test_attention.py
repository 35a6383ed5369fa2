"""Attention: against PyTorch, by differences, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import minitorch
from tests.rows import check, check_derivatives, check_refused, floats

Q, K, V = floats(2, 3, 4, 5), floats(2, 3, 6, 5) * 0.7, floats(2, 3, 6, 2)
INF = float("inf")
MASK, MASKS = floats(4, 6), floats(2, 1, 1, 6)
SEEN = np.arange(24).reshape(4, 6) % 5 != 0
BLIND = SEEN & (np.arange(4)[:, None] != 2)


def f(library):
    return library.nn.functional


ROWS = {
    "plain": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k, v), Q, K, V),
    "matrices": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q[0, 0], k[0, 0], v[0, 0]), Q, K, V),
    "one batch": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q[0], k[0], v[0], is_causal=True), Q, K, V),
    "causal": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k, v, is_causal=True), Q, K, V),
    "causal square": (lambda t, q: f(t).scaled_dot_product_attention(q, q, q, None, 0.0, True), Q),
    "scale": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k, v, scale=0.3), Q, K, V),
    "mask": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m), Q, K, V, MASK),
    "mask of a batch": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m), Q, K, V, MASKS),
    "seen": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m), Q, K, V, SEEN),
    "a row sees nothing": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m), Q, K, V, BLIND),
    "numbers of minus infinity": (
        lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, t.zeros(4, 6).double().masked_fill(~m, -INF)),
        Q,
        K,
        V,
        BLIND,
    ),
    "grouped": (
        lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k, v, enable_gqa=True),
        floats(1, 4, 3, 2),
        floats(1, 2, 5, 2),
        floats(1, 2, 5, 3),
    ),
    "keywords": (
        lambda t, q, k, v: f(t).scaled_dot_product_attention(query=q, key=k, value=v, attn_mask=None, dropout_p=0.0),
        Q,
        K,
        V,
    ),
    "of transposed": (
        lambda t, q, k: f(t).scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), k.transpose(1, 2)),
        Q,
        floats(2, 6, 4, 5),
    ),
    "nothing to see": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k[:, :, :1], v[:, :, :1]), Q, K, V),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_as_torch(name):
    function, *inputs = ROWS[name]
    check(function, *inputs, second=False, tolerance=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_derivatives(name):
    check_derivatives(*ROWS[name])


def test_dropout():
    minitorch.manual_seed(0)
    q, k = minitorch.zeros(1, 200, 4), minitorch.zeros(1, 50, 4)
    v = minitorch.ones(1, 50, 1)
    result = f(minitorch).scaled_dot_product_attention(q, k, v, dropout_p=0.5)
    assert abs(float(result.mean()) - 1) < 0.05
    kept = result.numpy() * 25
    np.testing.assert_allclose(kept, np.round(kept), atol=1e-4)
    assert len(np.unique(np.round(kept))) > 5


REFUSED = {
    "both": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m, is_causal=True), Q, K, V, MASK),
    "dtypes": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k.float(), v), Q, K, V),
    "integers": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q.long(), k.long(), v.long()), Q, K, V),
    "vectors": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q[0, 0, 0], k, v), Q, K, V),
    "sizes": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k[..., :4], v), Q, K, V),
    "lengths": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k, v[:, :, :4]), Q, K, V),
    "mask of integers": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m.long()), Q, K, V, SEEN),
    "mask shape": (lambda t, q, k, v, m: f(t).scaled_dot_product_attention(q, k, v, m[:, :5]), Q, K, V, SEEN),
    "groups": (lambda t, q, k, v: f(t).scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True), Q, K, V),
    "a list": (lambda t, q, k, v: f(t).scaled_dot_product_attention([1.0], k, v), Q, K, V),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_torch(name):
    function, *inputs = REFUSED[name]
    check_refused(function, *inputs)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_other_dtypes(dtype):
    torch = pytest.importorskip("torch")
    results = []
    for library in (minitorch, torch):
        q, k, v = (library.tensor(x.astype(dtype), requires_grad=True) for x in (Q, K, V))
        y = f(library).scaled_dot_product_attention(q, k, v, is_causal=True)
        y.backward(library.ones_like(y))
        results.append([a.detach().numpy() for a in (y, q.grad, k.grad, v.grad)])
    tolerance = 5e-3 if dtype == "float16" else 1e-5
    for ours, theirs in zip(*results):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
