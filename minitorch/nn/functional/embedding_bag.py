"""Sums, means and maxima of rows of a look-up table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import segment_add
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.embedding import checked_index, embedding, gradient_per_use, refuse_sparse, renormalise


@op("EmbeddingBagBackward0")
def _sum_rows(table: Array, factor: Array | None, source, target, count):
    """(count, D): ``factor[k] * table[source[k]]`` added up at ``target[k]``."""
    rows = table.take(source, axis=0)
    if factor is not None:
        rows *= factor[:, None]
    return segment_add(rows, target, count)


@op("EmbeddingBagPerSampleWeightsBackward0")
def _dot_rows(table: Array, other: Array, source, target):
    """(K,): the products of the rows ``table[source[k]]`` and ``other[target[k]]``."""
    return xp(table).einsum("kd,kd->k", table.take(source, axis=0), other.take(target, axis=0))


# One trilinear form, sum over k of factor[k] · table[source[k]] · other[target[k]], seen from its three arguments.
_sum_rows.rules(
    table=lambda g, factor, source, target, table_shape: _sum_rows(g, factor, target, source, table_shape[0]),
    factor=lambda g, table, source, target: _dot_rows(table, g, source, target),
)
_dot_rows.rules(
    table=lambda h, other, source, target, table_shape: _sum_rows(other, h, target, source, table_shape[0]),
    other=lambda h, table, source, target, other_shape: _sum_rows(table, h, source, target, other_shape[0]),
)


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool, length: int) -> tuple[Any, int]:
    """For each index, the number of its bag; and how many bags there are.

    Raises:
        ValueError: dimensions that do not fit.
        RuntimeError: offsets that do not start at 0, fall, or reach beyond the indices.
    """
    shape, lib = input._data.shape, xp(input._data)
    if len(shape) == 2:
        if offsets is not None:
            raise ValueError(
                "embedding_bag: if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
                f"fixed length sequences. However, found offsets of type {type(offsets)}"
            )
        return lib.repeat(lib.arange(shape[0]), shape[1]), shape[0]
    if len(shape) != 1:
        raise ValueError(f"embedding_bag: input has to be 1D or 2D Tensor, but got Tensor of dimension {len(shape)}")
    if not isinstance(offsets, Tensor) or offsets._data.ndim != 1:
        got = f"a tensor of shape {offsets._data.shape}" if isinstance(offsets, Tensor) else offsets
        raise ValueError(f"embedding_bag: offsets has to be a 1D Tensor but got {got}")
    starts = offsets._data
    if starts.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"embedding_bag: expected offsets of type Long or Int, got {offsets.dtype}")
    if include_last_offset and not starts.size:
        raise RuntimeError("embedding_bag: include_last_offset: number of offset should be at least 1")
    if starts.size:
        if int(starts[0]) != 0:
            raise RuntimeError(
                "embedding_bag: offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
                f"position 0. However, got {int(starts[0])}"
            )
        if int(starts[-1]) > length:
            raise RuntimeError(
                f"embedding_bag: offsets[-1] can not be greater than input's length {length} but got offsets[-1] of "
                f"{int(starts[-1])}"
            )
        if starts.size > 1 and int((starts[1:] - starts[:-1]).min()) < 0:
            raise RuntimeError("embedding_bag: offsets must not fall: each bag ends where the next one begins")
    count = starts.size
    if not count:
        return lib.zeros(length, np.int64), 0
    if include_last_offset:  # the last one only says where the last bag ends: what follows belongs to none
        count -= 1
    # how many bags start at or before each position
    return lib.searchsorted(starts, lib.arange(length), side="right") - 1, count


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of ``weight`` that each bag names, without a tensor of all the rows.

    Shape: input (B, L), every row a bag, or (L,) with ``offsets`` (B,), where each bag starts; weight (V, D) -> (B, D).

    Args:
        mode: "sum", "mean" or "max"; an empty bag gives zeros.
        per_sample_weights: of the input's shape: factors of the rows, for "sum" only.
        include_last_offset: the last offset is the end of the last bag.
        padding_idx: this row is left out.
        max_norm, norm_type, scale_grad_by_freq: as for :func:`embedding`.

    Raises:
        IndexError: an index is out of range.
        ValueError, RuntimeError: shapes, dtypes or offsets that do not fit; an unknown mode.
        NotImplementedError: ``sparse`` gradients; ``per_sample_weights`` with "mean" or "max".

    >>> import minitorch as torch
    >>> table = torch.tensor([[0., 1.], [2., 3.], [4., 5.]])
    >>> torch.nn.functional.embedding_bag(torch.tensor([2, 0, 1]), table, torch.tensor([0, 2]), mode="sum")
    tensor([[4., 6.],
            [2., 3.]])
    """
    if sparse:
        refuse_sparse("embedding_bag")
    if weight._data.ndim != 2:
        raise RuntimeError(f"embedding_bag: 'weight' must be 2-D (rows, columns), got shape {weight._data.shape}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("embedding_bag: max mode does not support scaling the gradient by the frequency")
    rows = weight._data.shape[0]
    index = checked_index("embedding_bag", input, rows).reshape(-1)
    bag, count = _bags(input, offsets, include_last_offset, index.size)
    factor = _factors(per_sample_weights, input, weight, mode)
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"embedding_bag: padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got "
            f"{padding_idx}"
        )
    if max_norm is not None:
        renormalise(weight, index, max_norm, norm_type)
    kept = bag < count
    if padding_idx is not None:
        kept &= index != padding_idx % rows
    if not kept.all():
        index, bag = index[kept], bag[kept]
        factor = None if factor is None else factor[wrap(kept)]
    if scale_grad_by_freq:
        weight = gradient_per_use(weight, index)
    if mode == "max":
        return _largest(weight, index, bag, count)
    if mode == "mean":
        sizes = xp(index).bincount(bag, minlength=count).clip(1)
        factor = wrap((1 / sizes).astype(weight._data.dtype)[bag])
    return _sum_rows(weight, factor, index, bag, count)


def _factors(per_sample_weights: Tensor | None, input: Tensor, weight: Tensor, mode: str) -> Tensor | None:
    if per_sample_weights is None:
        return None
    if mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights is only supported for mode='sum' (got mode={mode!r})"
        )
    if per_sample_weights._data.shape != input._data.shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights of shape {per_sample_weights._data.shape} must have the same shape as "
            f"the input, {input._data.shape}"
        )
    if per_sample_weights._data.dtype != weight._data.dtype:
        raise RuntimeError(
            f"embedding_bag: expected per_sample_weights of {weight.dtype}, as the weight, "
            f"got {per_sample_weights.dtype}"
        )
    return per_sample_weights.reshape(-1)


def _largest(weight: Tensor, index: Any, bag: Any, count: int) -> Tensor:
    """The maxima of the bags, of which each becomes a line of a matrix as wide as the largest."""
    lib = xp(index)
    sizes = lib.bincount(bag, minlength=count)
    width = int(sizes.max()) if count else 0
    if not width:
        return _sum_rows(weight, None, index, bag, count)  # all are empty: zeros
    ends = lib.cumsum(sizes)
    column = lib.arange(index.size) - (ends - sizes)[bag]
    lines, filled = lib.zeros((count, width), np.int64), lib.zeros((count, width), bool)
    lines[bag, column], filled[bag, column] = index, True
    filled[sizes == 0, 0] = True
    out = embedding(wrap(lines), weight).masked_fill(wrap(~filled[:, :, None]), -math.inf).max(1)[0]
    return out.masked_fill(wrap(sizes == 0)[:, None], 0.0) if not sizes.all() else out
