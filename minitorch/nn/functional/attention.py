"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.softmax import masked_softmax
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.dropout import dropout
from minitorch.nn.functional.refusals import require_tensor
from minitorch.ops.softmax import _softmax_grad


@op("SoftmaxBackward0")
def _weights(scores: Array, scale, mask, hidden, zeros):
    return masked_softmax(scores, scale, mask, hidden, zeros)


# Where a place is hidden its weight is zero, and so is its gradient.
_weights.rules(scores=lambda g, out, scale: _softmax_grad(g, out, out.ndim - 1) * scale)


def _hidden(lib: Any, attn_mask: Any, is_causal: bool, rows: int, columns: int) -> Any:
    if is_causal:
        return ~lib.tri(rows, columns, dtype=np.bool_)
    return ~attn_mask if attn_mask is not None and attn_mask.dtype == np.bool_ else None


def _check(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool) -> None:
    name = "scaled_dot_product_attention"
    for argument, tensor in (("query", query), ("key", key), ("value", value)):
        require_tensor(tensor, name, argument)
        if tensor._data.ndim < 2:
            raise RuntimeError(f"{name}: {argument} must have at least 2 dimensions, got shape {tuple(tensor.shape)}")
    dtypes = [x.dtype for x in (query, key, value)]
    if len(set(dtypes)) > 1 or not query.is_floating_point():
        raise RuntimeError(
            f"{name}: expected query, key, and value to have the same floating-point dtype, but got {dtypes[0]}, "
            f"{dtypes[1]} and {dtypes[2]}"
        )
    if query._data.shape[-1] != key._data.shape[-1] or key._data.shape[-2] != value._data.shape[-2]:
        raise RuntimeError(
            f"{name} got query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)}: expected "
            "(..., L, E), (..., S, E) and (..., S, Ev)"
        )
    if attn_mask is None:
        return
    require_tensor(attn_mask, name, "attn_mask")
    if is_causal:
        raise RuntimeError(f"{name}: explicit attn_mask should not be set when is_causal=True")
    if attn_mask._data.dtype != np.bool_ and attn_mask._data.dtype != query._data.dtype:
        raise RuntimeError(f"{name}: attn_mask must be bool or {query.dtype}, as the query, got {attn_mask.dtype}")


def _repeated(tensor: Tensor, query: Tensor, argument: str) -> Tensor:
    """Keys or values for each head of the queries."""
    shapes = query._data.shape, tensor._data.shape
    if min(map(len, shapes)) < 3 or shapes[0][-3] % max(1, shapes[1][-3]):
        raise RuntimeError(
            f"scaled_dot_product_attention with enable_gqa: the heads of query must be a multiple of those of "
            f"{argument}, got shapes {shapes[0]} and {shapes[1]}"
        )
    return tensor.repeat_interleave(shapes[0][-3] // shapes[1][-3], -3)


def _as_large_as(scores: Tensor, mask: Any) -> Tensor:
    try:
        whole = np.broadcast_shapes(mask.shape, scores._data.shape)
    except ValueError:
        raise RuntimeError(
            f"scaled_dot_product_attention: attn_mask of shape {mask.shape} cannot be broadcast to the scores' "
            f"{scores._data.shape}"
        ) from None
    return scores if whole == scores._data.shape else scores.expand(whole)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``softmax(query @ key.mT * scale + mask) @ value`` (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1).

    Shape: query (..., L, E), key (..., S, E), value (..., S, Ev) -> (..., L, Ev).

    Args:
        attn_mask: broadcast to (..., L, S): True where a place is seen, or numbers that are added to the scores.  A
            row that sees nothing gives zeros.
        dropout_p: probability with which weights are zeroed, also in evaluation: pass 0.0 there.
        is_causal: row i sees the places 0 to i.
        scale: default ``1 / sqrt(E)``.
        enable_gqa: query has a multiple of the heads (third dimension from the end) of key and value; these are
            repeated.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or both ``attn_mask`` and ``is_causal`` are given.

    >>> import minitorch as torch
    >>> x = torch.eye(2)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    _check(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = _repeated(key, query, "key"), _repeated(value, query, "value")
    return attention(query, key, value, attn_mask, dropout_p, is_causal, scale)[0]


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """:func:`scaled_dot_product_attention` of arguments that fit, and the weights (..., L, S)."""
    if scale is None:
        scale = 1 / math.sqrt(query._data.shape[-1]) if query._data.shape[-1] else 1.0
    scores = query @ key.mT
    rows, columns = scores._data.shape[-2:]
    mask = None if attn_mask is None else attn_mask._data
    if mask is not None:
        scores = _as_large_as(scores, mask)
    hidden = _hidden(xp(scores._data), mask, is_causal, rows, columns)
    if attn_mask is not None and attn_mask.requires_grad:
        scores, scale, mask = scores * scale + attn_mask, 1.0, None
    zeros = attn_mask is not None or is_causal
    weights = _weights(scores, scale, None if hidden is not None else mask, hidden, zeros)
    weights = dropout(weights, dropout_p, training=True)
    return weights @ value, weights
