"""Sequences of different lengths in one tensor: padded to the longest, or packed without gaps.

Packed, the elements of all sequences at time 0 come first, then those at time 1, and so on, the longest sequence first
each time; ``batch_sizes`` has how many there are at each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minitorch import creation
from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.joining import stack


@op("PackPaddedSequenceBackward0")
def _take_rows(input: Array, at, count):
    return input.take(at, axis=0)


@op("PackPaddedSequenceBackwardBackward0")
def _put_rows(rows: Array, at, count, value):
    out = xp(rows).full((count, *rows.shape[1:]), value, rows.dtype)
    out[at] = rows
    return out


_take_rows.rules(input=lambda g, at, count: _put_rows(g, at, count, 0))
_put_rows.rules(rows=lambda h, at, count: _take_rows(h, at, count))


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Fields):
    """Sequences without padding: see :func:`pack_padded_sequence`, which makes it.

    Args:
        data: (rows, \\*), all elements by time.
        batch_sizes: int64, the number of sequences that have an element at each time.
        sorted_indices: where each sequence was before they were sorted by falling length, ``None``: they were.
        unsorted_indices: the inverse of it.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            raise ValueError("PackedSequence: batch_sizes is missing; pack_padded_sequence and pack_sequence know it")
        if batch_sizes.is_cuda:
            raise ValueError(
                "PackedSequence: batch_sizes should always be on CPU; pack_sequence and pack_padded_sequence make "
                "them so"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> PackedSequence:
        if data is self.data:
            return self
        order = None if self.sorted_indices is None else self.sorted_indices.to(data.device)
        back = None if self.unsorted_indices is None else self.unsorted_indices.to(data.device)
        return PackedSequence(data, self.batch_sizes, order, back)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with ``data.to(...)``."""
        return self._with(self.data.to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        return self._with(self.data.cuda(*args, **kwargs))

    def cpu(self) -> PackedSequence:
        return self._with(self.data.cpu())

    def pin_memory(self) -> PackedSequence:
        return self._with(self.data.pin_memory())

    def double(self) -> PackedSequence:
        return self._with(self.data.double())

    def float(self) -> PackedSequence:
        return self._with(self.data.float())

    def half(self) -> PackedSequence:
        return self._with(self.data.half())

    def long(self) -> PackedSequence:
        return self._with(self.data.long())

    def int(self) -> PackedSequence:
        return self._with(self.data.int())

    def short(self) -> PackedSequence:
        return self._with(self.data.short())

    def char(self) -> PackedSequence:
        return self._with(self.data.char())

    def byte(self) -> PackedSequence:
        return self._with(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        return self.data.is_pinned()


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each number went."""
    if permutation is None:
        return None
    order = permutation._data
    lib = xp(order)
    inverse = lib.empty_like(order)
    inverse[order] = lib.arange(order.size)
    return wrap(inverse)


def _lengths(lengths: Any) -> np.ndarray:
    host = lengths.cpu()._data if isinstance(lengths, Tensor) else np.asarray(lengths)
    return host.astype(np.int64)


def _places(batch_sizes: np.ndarray, batch: int) -> np.ndarray:
    """Row number in (T·N, \\*) of every packed row."""
    present = np.arange(batch) < batch_sizes[:, None]
    return np.flatnonzero(present)


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs sequences that were padded to one length.

    Shape: input (T, N, \\*), or (N, T, \\*) with ``batch_first``; lengths (N,), on the CPU.

    Args:
        enforce_sorted: the lengths must fall; ``False`` sorts the sequences and keeps how to undo it.

    Raises:
        RuntimeError: a length is not above zero, they do not fall, or there are not as many as sequences.

    >>> import minitorch as torch
    >>> padded = torch.tensor([[1, 3], [2, 0]])
    >>> torch.nn.utils.rnn.pack_padded_sequence(padded, [2, 1]).data
    tensor([1, 3, 2])
    """
    sizes = _lengths(lengths)
    if batch_first:
        input = input.transpose(0, 1)
    if input._data.ndim < 2:
        raise IndexError(f"pack_padded_sequence: expected an input of 2 dimensions or more, got {tuple(input.shape)}")
    longest, batch = input._data.shape[:2]
    if not batch or not longest:
        raise RuntimeError("Cannot pack empty tensors.")
    if sizes.shape != (batch,):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} (batch_size={batch})"
        )
    if sizes.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: "
            f"{int(sizes.min())}"
        )
    if sizes.max() > longest:
        raise RuntimeError(f"pack_padded_sequence: a length of {int(sizes.max())} is beyond the input's, {longest}")
    sorted_indices = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes, sorted_indices = sizes[order], wrap(order).to(input.device)
        input = input.index_select(1, sorted_indices)
    elif (sizes[1:] > sizes[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement."
        )
    batch_sizes = (sizes > np.arange(sizes[0])[:, None]).sum(axis=1)
    at = xp(input._data).asarray(_places(batch_sizes, batch))
    data = _take_rows(input.reshape(longest * batch, *input._data.shape[2:]), at, longest * batch)
    return PackedSequence(data, wrap(batch_sizes), sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded tensor (T, N, \\*) or (N, T, \\*), and the lengths: the inverse of :func:`pack_padded_sequence`.

    Args:
        total_length: T; default: the longest sequence's length.

    Raises:
        ValueError: ``total_length`` is less than that.
    """
    batch_sizes = sequence.batch_sizes._data
    longest, batch = batch_sizes.size, int(batch_sizes[0])
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    rest = sequence.data._data.shape[1:]
    at = xp(sequence.data._data).asarray(_places(batch_sizes, batch))
    padded = _put_rows(sequence.data, at, longest * batch, padding_value).reshape(longest, batch, *rest)
    lengths = wrap((batch_sizes[:, None] > np.arange(batch)).sum(axis=0))
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L, \\*) of different lengths as one tensor (T, N, \\*), or (N, T, \\*) with ``batch_first``.

    Args:
        padding_side: "right" or "left": where the padding is.

    Raises:
        RuntimeError: no sequences, or they differ in more than their length.

    >>> import minitorch as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    parts = list(sequences)
    if not parts:
        raise RuntimeError("received an empty list of sequences")
    rest = parts[0]._data.shape[1:]
    for k, part in enumerate(parts):
        if part._data.ndim == 0 or part._data.shape[1:] != rest:
            raise RuntimeError(
                f"pad_sequence: sequences may differ in their first dimension only: number 0 has shape "
                f"{tuple(parts[0].shape)}, number {k} {tuple(part.shape)}"
            )
    longest = max(len(part) for part in parts)
    padded = stack([_padded(part, longest, padding_value, padding_side == "left") for part in parts])
    return padded if batch_first else padded.transpose(0, 1)


def _padded(part: Tensor, length: int, value: float, left: bool) -> Tensor:
    missing = length - len(part)
    if not missing:
        return part
    at = xp(part._data).arange(len(part)) + (missing if left else 0)
    return _put_rows(part, at, length, value)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences without their padding: the inverse of :func:`pad_sequence`."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(padded_sequences, _lengths(lengths).tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of sequences (L, \\*).

    Raises:
        RuntimeError: as :func:`pad_sequence` and :func:`pack_padded_sequence`.

    >>> import minitorch as torch
    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])]).batch_sizes
    tensor([2, 1])
    """
    lengths = creation.tensor([len(sequence) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The list of sequences: the inverse of :func:`pack_sequence`."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
