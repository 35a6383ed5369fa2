"""Attention layers."""

from __future__ import annotations

from typing import Any

from minitorch import creation
from minitorch.core.tensor import Tensor
from minitorch.nn import init
from minitorch.nn.functional.multi_head_attention import Projections, multi_head_attention
from minitorch.nn.modules.linear import Linear
from minitorch.nn.modules.module import Module
from minitorch.nn.parameter import Parameter


class NonDynamicallyQuantizableLinear(Linear):
    """:class:`Linear` under the name that PyTorch prints for the output of attention."""


class MultiheadAttention(Module):
    """Attention of several heads side by side (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2).

    Args:
        embed_dim: features; each of the ``num_heads`` heads has ``embed_dim / num_heads`` of them.
        dropout: probability with which attention weights are zeroed in training.
        bias: whether the projections have one.
        add_bias_kv: one more place of learnt key and value.
        add_zero_attn: one more place of zeros.
        kdim, vdim: features of keys and values; default ``embed_dim``.
        batch_first: sequences are (N, L, E) instead of (L, N, E).

    Shape: query (L, N, E), key (S, N, kdim), value (S, N, vdim), or without N -> output (L, N, E), weights (N, L, S).

    Raises:
        ValueError, AssertionError: sizes that do not divide; AssertionError, RuntimeError: inputs that do not fit.

    >>> import minitorch as torch
    >>> attention = torch.nn.MultiheadAttention(8, num_heads=2)
    >>> x = torch.randn(5, 3, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([5, 3, 8]), torch.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn
        together = self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        shapes = {
            "q_proj_weight": None if together else (embed_dim, embed_dim),
            "k_proj_weight": None if together else (embed_dim, self.kdim),
            "v_proj_weight": None if together else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if together else None,
            "in_proj_bias": (3 * embed_dim,) if bias else None,
        }
        self._register(shapes, device, dtype)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        one = (1, 1, embed_dim) if add_bias_kv else None
        self._register({"bias_k": one, "bias_v": one}, device, dtype)
        self._reset_parameters()

    def _register(self, shapes: dict[str, Any], device: Any, dtype: Any) -> None:
        for name, shape in shapes.items():
            value = None if shape is None else Parameter(creation.empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, value)

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for row in (self.bias_k, self.bias_v):
            if row is not None:
                init.xavier_normal_(row)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attention of ``query`` to ``key`` and ``value``.

        Args:
            key_padding_mask: (N, S), True for places that are hidden, or numbers that are added to the scores.
            need_weights: whether the weights are returned too.
            attn_mask: (L, S) or (N·num_heads, L, S), as ``key_padding_mask``.
            average_attn_weights: the mean of the heads' weights instead of (N, num_heads, L, S).
            is_causal: a hint that ``attn_mask`` hides what comes later.
        """
        return multi_head_attention(
            query,
            key,
            value,
            self.num_heads,
            Projections(
                self.in_proj_weight,
                self.q_proj_weight,
                self.k_proj_weight,
                self.v_proj_weight,
                self.in_proj_bias,
                self.out_proj.weight,
                self.out_proj.bias,
            ),
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout if self.training else 0.0,
            key_padding_mask,
            need_weights,
            attn_mask,
            average_attn_weights,
            is_causal,
            self.batch_first,
        )
