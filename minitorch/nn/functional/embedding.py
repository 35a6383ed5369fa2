"""Look-up tables and one-hot vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.index_flags import require_range
from minitorch.backend.primitives import segment_add
from minitorch.core.dtype import of_numpy
from minitorch.core.node import bump_version
from minitorch.core.op import Array, op
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor, wrap


@op("EmbeddingBackward0")
def _embedding(weight: Array, index, padding_idx):
    return weight.take(index, axis=0)


@op("EmbeddingDenseBackward0")
def _embedding_grad(g: Array, index, rows, padding_idx):
    flat = g.reshape(-1, g.shape[-1])
    out = segment_add(flat, index.reshape(-1), rows)
    if padding_idx is not None:
        out[padding_idx] = 0
    return out


@op("EmbeddingBackward0")
def _embedding_but_padding(weight: Array, index, padding_idx):
    """The transpose of the gradient: rows of the padding read as zero."""
    out = weight.take(index, axis=0)
    if padding_idx is not None:
        out[index == padding_idx] = 0
    return out


def _rule(g, index, weight_shape, padding_idx):
    return _embedding_grad(g, index, weight_shape[0], padding_idx)


_embedding.rules(weight=_rule)
_embedding_but_padding.rules(weight=_rule)
_embedding_grad.rules(g=lambda h, index, padding_idx: _embedding_but_padding(h, index, padding_idx))


@op("EmbeddingBackward0")
def _per_use(weight: Array, factor):
    """``weight`` itself, whose rows get their gradients times ``factor``."""
    return weight


@op("MulBackward0")
def _times_rows(g: Array, factor):
    return g * factor


_per_use.rules(weight=lambda g, factor: _times_rows(g, factor))
_times_rows.rules(g=lambda h, factor: _times_rows(h, factor))


def gradient_per_use(weight: Tensor, index: Any) -> Tensor:
    """``weight`` with the gradient of each row divided by how often ``index`` names it."""
    table = weight._data
    counts = xp(table).bincount(index.reshape(-1), minlength=table.shape[0]).clip(1)
    return _per_use(weight, (1 / counts).astype(table.dtype)[:, None])


def checked_index(name: str, input: Tensor, rows: int) -> Any:
    """The array of indices.

    Raises:
        TypeError: no tensor.
        RuntimeError: not of an integer type.
        IndexError: an index is below zero or not below ``rows``.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    index = input._data
    if index.dtype != np.int64:
        if index.dtype != np.int32:
            raise RuntimeError(
                f"{name}: expected indices of type Long or Int, got {of_numpy(index.dtype)}; convert with .long()"
            )
        index = index.astype(np.int64)

    def outside(wrong: int) -> IndexError:
        return IndexError(
            f"{name}: index out of range: {wrong}; the table has {rows} rows: indices go from 0 to {rows - 1}"
        )

    if type(index) is not np.ndarray:
        require_range(index, 0, rows, name, outside)
    # One pass for both bounds: taken for unsigned, numbers below zero are the largest.
    elif index.size and int(index.view(np.uint64).max()) >= rows:
        raise outside(int(index[(index < 0) | (index >= rows)][0]))
    return index


def renormalise(weight: Tensor, index: Any, max_norm: float, norm_type: float) -> None:
    """Shrinks, in place, the rows that are looked up and longer than ``max_norm``."""
    lib, table = xp(weight._data), weight._data
    rows = lib.unique(index)
    part = table[rows]
    norms = lib.linalg.norm(part, ord=norm_type, axis=1)
    long = norms > max_norm
    if bool(long.any()):
        factor = lib.where(long, max_norm / (norms + 1e-7), 1).astype(table.dtype)
        table[rows] = part * factor[:, None]
        bump_version(weight)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of ``weight`` that ``input`` names.

    Shape: input (\\*) of int64 or int32, weight (V, D) -> (\\*, D).

    Args:
        padding_idx: this row gets no gradient.
        max_norm: rows that are looked up and longer than this (in the norm ``norm_type``) are shortened in place first.
        scale_grad_by_freq: the gradient of a row is divided by how often ``input`` names it.

    Raises:
        IndexError: an index is out of range.
        RuntimeError: indices that are no integers.
        NotImplementedError: ``sparse`` gradients.

    >>> import minitorch as torch
    >>> table = torch.tensor([[0., 1.], [2., 3.], [4., 5.]])
    >>> torch.nn.functional.embedding(torch.tensor([2, 0]), table)
    tensor([[4., 5.],
            [0., 1.]])
    """
    if sparse:
        refuse_sparse("embedding")
    if weight._data.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D (rows, columns), got shape {weight._data.shape}")
    rows = weight._data.shape[0]
    index = checked_index("embedding", input, rows)
    refuse_mixed("embedding", weight._data, index)
    if padding_idx is not None:
        padding_idx = checked_padding(padding_idx, rows)
    if max_norm is not None:
        renormalise(weight, index, max_norm, norm_type)
    if scale_grad_by_freq:
        weight = gradient_per_use(weight, index)
    return _embedding(weight, index, padding_idx)


def refuse_sparse(name: str) -> None:
    raise NotImplementedError(
        f"{name}: sparse=True is not supported: there are no sparse tensors; without it the values are the same"
    )


def checked_padding(padding_idx: int, rows: int) -> int:
    """``padding_idx`` counted from the front.

    Raises:
        AssertionError: out of range.
    """
    if not -rows <= padding_idx < rows:
        raise AssertionError(f"Padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
    return padding_idx % rows


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """One more dimension, with a 1 at the index and zeros elsewhere (int64).

    Args:
        num_classes: its size; default: the largest index plus one.

    Raises:
        RuntimeError: not int64, negative, or not below ``num_classes``.

    >>> import minitorch as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    index = tensor._data
    if index.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    if index.size == 0 and num_classes < 1:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if index.size and int(index.min()) < 0:
        raise RuntimeError(f"Class values must be non-negative, got {int(index.min())}.")
    largest = int(index.max()) if index.size else -1
    if num_classes == -1:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise RuntimeError(f"Class values must be smaller than num_classes, got {largest} for {num_classes} classes.")
    lib = xp(index)
    return wrap((index[..., None] == lib.arange(num_classes)).astype(np.int64))
