"""Attention of several heads: projections, heads side by side, masks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minitorch.core.tensor import Tensor
from minitorch.nn.functional.attention import attention
from minitorch.nn.functional.linear import linear
from minitorch.nn.functional.padding import pad
from minitorch.nn.functional.refusals import require_tensor
from minitorch.ops.joining import cat

_NAME = "MultiheadAttention"


class Projections(NamedTuple):
    """The weights of the projections: one matrix (3·E, E) for all three, or one for each; and of the output."""

    packed: Tensor | None
    query: Tensor | None
    key: Tensor | None
    value: Tensor | None
    bias: Tensor | None
    out: Tensor
    out_bias: Tensor | None


def _project(query: Tensor, key: Tensor, value: Tensor, w: Projections) -> tuple[Tensor, Tensor, Tensor]:
    """The three projections; equal inputs share a product."""
    if w.packed is None:
        biases = (None, None, None) if w.bias is None else w.bias.chunk(3)
        weights = (w.query, w.key, w.value)
        q, k, v = (linear(x, m, b) for x, m, b in zip((query, key, value), weights, biases))  # type: ignore[arg-type]
        return q, k, v
    size = w.packed._data.shape[1]
    if query is key is value:
        q, k, v = linear(query, w.packed, w.bias).chunk(3, -1)
        return q, k, v

    def part(x: Tensor, first: int, last: int) -> Tensor:
        rows = slice(first * size, last * size)
        return linear(x, w.packed[rows], None if w.bias is None else w.bias[rows])  # type: ignore[index]

    if key is value:
        k, v = part(key, 1, 3).chunk(2, -1)
        return part(query, 0, 1), k, v
    return part(query, 0, 1), part(key, 1, 2), part(value, 2, 3)


def _check_inputs(query: Tensor, key: Tensor, value: Tensor, embed_dim: int, separate: bool, batch_first: bool) -> None:
    """Raises AssertionError (as PyTorch does) for shapes that do not fit."""
    for what, tensor in (("query", query), ("key", key), ("value", value)):
        require_tensor(tensor, _NAME, what)
    q, k, v = query._data.shape, key._data.shape, value._data.shape
    if len(q) not in (2, 3):
        raise AssertionError(
            f"{_NAME}: query should be unbatched 2D or batched 3D tensor but received {len(q)}-D query tensor"
        )
    if not len(q) == len(k) == len(v):
        raise AssertionError(
            f"{_NAME}: for a {len(q)}-D query, expected key and value to be {len(q)}-D but found {len(k)}-D and "
            f"{len(v)}-D tensors respectively"
        )
    if q[-1] != embed_dim:
        raise AssertionError(f"{_NAME}: was expecting embedding dimension of {embed_dim}, but got {q[-1]}")
    if (k[:-1] != v[:-1]) if separate else (k != v):
        raise AssertionError(f"{_NAME}: key shape {k} does not match value shape {v}")
    batch = 0 if batch_first else 1
    if len(q) == 3 and q[batch] != k[batch]:
        raise RuntimeError(
            f"{_NAME}: query of shape {q} and key of shape {k} have batches of {q[batch]} and {k[batch]}"
        )


def _additive(mask: Tensor, dtype: Any) -> Tensor:
    """A mask of booleans as numbers: minus infinity where True."""
    if mask._data.dtype != np.bool_:
        return mask.to(dtype)
    return mask.new_zeros(mask.shape, dtype=dtype).masked_fill(mask, -math.inf)


def _check_mask(name: str, mask: Tensor, shapes: tuple[tuple[int, ...], ...], error: type[Exception]) -> None:
    require_tensor(mask, _NAME, name)
    if mask._data.dtype.kind not in "bfV":
        raise AssertionError(f"{_NAME}: only bool and floating types of {name} are supported, got {mask.dtype}")
    if mask._data.shape not in shapes:
        wanted = " or ".join(str(shape) for shape in shapes)
        raise error(f"{_NAME}: the shape of {name} is {mask._data.shape}, but should be {wanted}")


def _allowed(attn_mask: Tensor | None, padding: Tensor | None, shape: tuple, extra: int, dtype: Any) -> Tensor | None:
    """What :func:`attention` takes for the two masks that hide where True; ``shape`` is (N, heads, L, S)."""
    batch, heads, rows, columns = shape
    if attn_mask is not None:
        every = (rows, columns), (batch * heads, rows, columns)
        _check_mask("attn_mask", attn_mask, every, RuntimeError)
        attn_mask = attn_mask.reshape((1, 1, rows, columns) if attn_mask.ndim == 2 else shape)
    if padding is not None:
        _check_mask("key_padding_mask", padding, ((batch, columns),), AssertionError)
        padding = padding.reshape(batch, 1, 1, columns)
    masks = [m for m in (attn_mask, padding) if m is not None]
    if not masks:
        return None
    if all(m._data.dtype == np.bool_ for m in masks):
        hidden = masks[0] if len(masks) == 1 else masks[0] | masks[1]
        hidden = pad(hidden, (0, extra), value=False) if extra else hidden
        return ~hidden
    numbers = [_additive(m, dtype) for m in masks]
    total = numbers[0] if len(numbers) == 1 else numbers[0] + numbers[1]
    return pad(total, (0, extra)) if extra else total


def multi_head_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    num_heads: int,
    weights: Projections,
    bias_k: Tensor | None = None,
    bias_v: Tensor | None = None,
    add_zero_attn: bool = False,
    dropout_p: float = 0.0,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; arguments as for :class:`nn.MultiheadAttention`.

    Raises:
        AssertionError, RuntimeError: shapes, dtypes or masks that do not fit.
    """
    embed_dim = weights.out._data.shape[1]
    _check_inputs(query, key, value, embed_dim, weights.packed is None, batch_first)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            f"{_NAME}: Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    single = query._data.ndim == 2
    if single:
        same, same_too = key is query, value is key
        batch_axis = 0 if batch_first else 1
        query = query.unsqueeze(batch_axis)
        key = query if same else key.unsqueeze(batch_axis)
        value = key if same_too else value.unsqueeze(batch_axis)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    q, k, v = _project(query, key, value, weights)
    along, batch_axis = (1, 0) if batch_first else (0, 1)
    batch, rows, columns = q._data.shape[batch_axis], q._data.shape[along], k._data.shape[along]
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # the hint says the same
    else:
        is_causal = False
    extra = (bias_k is not None) + add_zero_attn
    mask = _allowed(attn_mask, key_padding_mask, (batch, num_heads, rows, columns), extra, q.dtype)
    if bias_k is not None and bias_v is not None:
        one = (batch, 1, embed_dim) if batch_first else (1, batch, embed_dim)
        k, v = cat([k, bias_k.expand(one)], along), cat([v, bias_v.expand(one)], along)
    if add_zero_attn:
        zeros = k.new_zeros((batch, 1, embed_dim) if batch_first else (1, batch, embed_dim))
        k, v = cat([k, zeros], along), cat([v, zeros], along)
    size = embed_dim // num_heads
    to_heads = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
    q, k, v = (x.reshape(*x._data.shape[:2], num_heads, size).permute(to_heads) for x in (q, k, v))
    out, each = attention(q, k, v, mask, dropout_p, is_causal)
    out = out.permute((0, 2, 1, 3) if batch_first else (2, 0, 1, 3))  # (N, heads, L, D) side by side again
    out = linear(out.reshape(*out._data.shape[:2], embed_dim), weights.out, weights.out_bias)
    if single:
        out = out.squeeze(batch_axis)
    if not need_weights:
        return out, None
    each = each.mean(1) if average_attn_weights else each
    return out, each.squeeze(0) if single else each


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What :class:`nn.MultiheadAttention` computes, with its weights as arguments; sequences are (L, N, E).

    Raises:
        NotImplementedError: ``static_k`` or ``static_v``.
        AssertionError, RuntimeError: shapes, dtypes or masks that do not fit.
    """
    if static_k is not None or static_v is not None:
        raise NotImplementedError("multi_head_attention_forward: static_k and static_v are not supported")
    if embed_dim_to_check % num_heads or out_proj_weight._data.shape[1] != embed_dim_to_check:
        raise AssertionError(
            f"multi_head_attention_forward: embed_dim {embed_dim_to_check} must be divisible by num_heads {num_heads} "
            f"and be the size of out_proj_weight's rows, {out_proj_weight._data.shape[1]}"
        )
    packed = None if use_separate_proj_weight else in_proj_weight
    return multi_head_attention(
        query,
        key,
        value,
        num_heads,
        Projections(packed, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, out_proj_weight, out_proj_bias),
        bias_k,
        bias_v,
        add_zero_attn,
        dropout_p if training else 0.0,
        key_padding_mask,
        need_weights,
        attn_mask,
        average_attn_weights,
        is_causal,
    )
