"""Parts of a tensor as views: one slice, several, windows that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend import strided
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import shape_arguments, wrap_dim
from minitorch.ops.indexing import add_at
from minitorch.ops.joining import _piece


def _dim_of(input: Tensor, dim: Any, name: str) -> int:
    if input._data.ndim == 0:
        raise RuntimeError(f"{name}() cannot be applied to a 0-dim tensor.")
    return wrap_dim(dim, input._data.ndim)


def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """A view of ``length`` slices along ``dim``, from ``start`` on.

    Raises:
        IndexError: ``start`` is out of range.
        RuntimeError: the piece leaves the dimension.

    >>> import minitorch as torch
    >>> torch.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    dim = _dim_of(input, dim, "narrow")
    if isinstance(start, Tensor) and (start._data.ndim or start._data.dtype.kind not in "iu"):
        raise RuntimeError(
            f"narrow(): start must be an 0-dim integral Tensor, got {start.dtype}, {start.ndim} dimensions"
        )
    size, start = input._data.shape[dim], start.__index__()
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, got {length}.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [{-size}, {size}], but got {start})")
    start += size if start < 0 else 0
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return _piece(input, dim, start, length)


@op("SelectBackward0", view=True)
def _select(input: Array, dim, index):
    return input[(slice(None),) * dim + (index, Ellipsis)]


@op("SelectBackwardBackward0")
def _select_grad(g: Array, shape, dim, index):
    whole = xp(g).zeros(shape, g.dtype)
    whole[(slice(None),) * dim + (index,)] = g
    return whole


_select.rules(input=lambda g, input_shape, dim, index: _select_grad(g, input_shape, dim, index))
_select_grad.rules(g=lambda h, dim, index: _select(h, dim, index))


def select(input: Tensor, dim: int, index: Any) -> Tensor:
    """A view of one slice along ``dim``, without that dimension.

    Raises:
        IndexError: ``index`` is out of range.
    """
    if input._data.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = wrap_dim(dim, input._data.ndim), index.__index__()
    size = input._data.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._data.shape)} at dimension {dim}"
        )
    return _select(input, dim, index)


# ---- several pieces


@op("SplitBackward0", multiple=True, view=True)
def _split(input: Array, dim, bounds):
    lead = (slice(None),) * dim
    return tuple(input[(*lead, slice(start, stop))] for start, stop in bounds)


def _split_grad(gs: tuple, shape: tuple, dim: int, bounds: tuple) -> Tensor:
    from minitorch.ops.joining import cat

    first = next(g for g in gs if g is not None)
    parts = []
    for index, (start, stop) in enumerate(bounds):
        part = gs[index] if index < len(gs) else None
        if part is None:
            size = (*shape[:dim], stop - start, *shape[dim + 1 :])
            part = wrap(xp(first._data).zeros(size, first._data.dtype))
        parts.append(part)
    return cat(parts, dim)


_split.rules(input=lambda g, input_shape, dim, bounds: _split_grad(g, input_shape, dim, bounds))


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces along ``dim``: of one size (the last may be smaller) or of the given sizes.

    Raises:
        RuntimeError: a negative size, or sizes that do not add up to that of the dimension.

    >>> import minitorch as torch
    >>> torch.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    dim = _dim_of(tensor, dim, "split")
    size, step = tensor._data.shape[dim], split_size_or_sections
    if step < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    if step == 0 and size:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
    starts = range(0, size, step) if size else (0,)
    return _split(tensor, dim, tuple((start, min(start + step, size)) for start in starts))


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces of the given sizes along ``dim``."""
    dim, sizes = _dim_of(input, dim, "split_with_sizes"), shape_arguments((split_sizes,))
    size = input._data.shape[dim]
    if min(sizes, default=0) < 0:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got {list(sizes)}"
        )
    if sum(sizes) != size:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {size} (input tensor's size at dimension {dim}), "
            f"but got split_sizes={list(sizes)}"
        )
    bounds, start = [], 0
    for n in sizes:
        bounds.append((start, start + n))
        start += n
    return _split(input, dim, tuple(bounds))


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` views of equally long pieces along ``dim``; the last may be smaller.

    Raises:
        RuntimeError: ``chunks`` is not positive.
    """
    dim = _dim_of(input, dim, "chunk")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input._data.shape[dim]
    if not size:
        return _split(input, dim, ((0, 0),) * chunks)
    return split(input, -(-size // chunks), dim)


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of pieces along ``dim``: as many as said, as equal as can be, or cut at the given indices.

    Raises:
        RuntimeError: the number of sections is not positive.

    >>> import minitorch as torch
    >>> torch.tensor_split(torch.arange(5), 3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    dim = _dim_of(input, dim, "tensor_split")
    size = input._data.shape[dim]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
        small, longer = divmod(size, sections)
        cuts = [i * small + min(i, longer) for i in range(1, sections)]
    else:
        cuts = [min(max(i + size if i < 0 else i, 0), size) for i in shape_arguments((indices_or_sections,))]
    starts, stops = [0, *cuts], [*cuts, size]
    if cuts != sorted(cuts):  # pieces that overlap: their gradients cannot just be joined
        return tuple(_piece(input, dim, a, max(b - a, 0)) for a, b in zip(starts, stops))
    return _split(input, dim, tuple(zip(starts, stops)))


def _sections(input: Tensor, indices_or_sections: Any, dim: int, name: str) -> tuple[Tensor, ...]:
    size = input._data.shape[dim]
    if isinstance(indices_or_sections, int) and (indices_or_sections <= 0 or size % indices_or_sections):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {size} is not "
            f"divisible by the split_size {indices_or_sections}!"
        )
    return tensor_split(input, indices_or_sections, dim)


def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along dimension 1 (vectors: 0) into equal parts or at indices."""
    if input._data.ndim < 1:
        raise RuntimeError(
            "torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimensions!"
        )
    return _sections(input, indices_or_sections, min(1, input._data.ndim - 1), "hsplit")


def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along dimension 0 into equal parts or at indices."""
    if input._data.ndim < 2:
        raise RuntimeError(
            f"torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with {input._data.ndim} "
            "dimensions!"
        )
    return _sections(input, indices_or_sections, 0, "vsplit")


def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """:func:`tensor_split` along dimension 2 into equal parts or at indices."""
    if input._data.ndim < 3:
        raise RuntimeError(
            f"torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with {input._data.ndim} "
            "dimensions!"
        )
    return _sections(input, indices_or_sections, 2, "dsplit")


@op("UnbindBackward0", multiple=True, view=True)
def _unbind(input: Array, dim):
    lead = (slice(None),) * dim
    return tuple(input[(*lead, i, Ellipsis)] for i in range(input.shape[dim]))


def _unbind_grad(gs: tuple, shape: tuple, dim: int) -> Tensor:
    from minitorch.ops.joining import stack

    first = next(g for g in gs if g is not None)
    nothing = None
    parts = list(gs) + [None] * (shape[dim] - len(gs))
    for index, part in enumerate(parts):
        if part is None:
            if nothing is None:
                nothing = wrap(xp(first._data).zeros(first._data.shape, first._data.dtype))
            parts[index] = nothing
    return stack(parts, dim)


_unbind.rules(input=lambda g, input_shape, dim: _unbind_grad(g, input_shape, dim))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of all slices along ``dim``, without that dimension."""
    if input._data.ndim == 0:
        raise IndexError("unbind() cannot be applied to a 0-dim tensor.")
    return _unbind(input, wrap_dim(dim, input._data.ndim))


# ---- windows


@op("UnfoldBackward0", view=True)
def _unfold(input: Array, dim, size, step):
    strides = input.strides
    count = (input.shape[dim] - size) // step + 1
    shape = (*input.shape[:dim], count, *input.shape[dim + 1 :], size)
    return strided.windows(input, shape, (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim]))


@op("UnfoldBackwardBackward0")
def _unfold_grad(g: Array, shape, dim, size, step):
    whole = xp(g).zeros(shape, g.dtype)
    lead = (slice(None),) * dim
    count = g.shape[dim]
    for offset in range(size):  # a window's elements do not meet each other: each offset is one plain sum
        whole[(*lead, slice(offset, offset + (count - 1) * step + 1, step))] += g[..., offset]
    return whole


_unfold.rules(input=lambda g, input_shape, dim, size, step: _unfold_grad(g, input_shape, dim, size, step))
_unfold_grad.rules(g=lambda h, dim, size, step: _unfold(h, dim, size, step))


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of all windows of ``size`` slices along a dimension, ``step`` apart; windows are the last dimension.

    Raises:
        RuntimeError: the windows are larger than the dimension, or ``step`` is not positive.

    >>> import minitorch as torch
    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    dim = wrap_dim(dimension, input._data.ndim)
    if input._data.ndim == 0:
        return narrow(input.reshape(1), 0, 0, size)
    have = input._data.shape[dim]
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > have:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {have} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return _unfold(input, dim, size, step)


@op("AsStridedBackward0", view=True)
def _as_strided(input: Array, size, stride, offset, source):
    return strided.as_strided(input, size, stride, offset)


@op("AsStridedBackwardBackward0")
def _moved(g: Array, size, stride, offset, source):
    """Sums the elements of ``g``, laid out in memory as said, and reads them as ``source`` is laid out."""
    module = xp(g)
    shape, strides, start, total = source
    memory = module.zeros(total, g.dtype)
    add_at(memory, (_element_numbers(size, stride, offset, module),), g)
    return memory[_element_numbers(shape, strides, start, module)]


def _turned_round(g: Tensor, size: Any, stride: Any, offset: int, source: tuple) -> Tensor:
    shape, strides, start, total = source
    return _moved(g, shape, strides, start, (size, stride, offset, total))


_as_strided.rules(
    input=lambda g, size, stride, offset, source: _moved(g, size, stride, offset, source),
)
# Exact where the source's own elements do not overlap.
_moved.rules(g=lambda h, size, stride, offset, source: _turned_round(h, size, stride, offset, source))


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view of the memory behind ``input`` by sizes and strides (in elements); elements may overlap.

    Raises:
        RuntimeError: unequal numbers of sizes and strides, or the view leaves the memory.
    """
    sizes, strides = shape_arguments((size,)), shape_arguments((stride,))
    if len(sizes) != len(strides):
        raise RuntimeError(f"mismatch in length of strides and shape: size {list(sizes)}, stride {list(strides)}")
    array = input._data
    start = strided.offset_in_owner(array)
    source = (array.shape, strided.element_strides(array), start, strided.owner_of(array).size)
    return _as_strided(input, sizes, strides, start if storage_offset is None else storage_offset, source)


def _element_numbers(shape: tuple, strides: tuple, offset: int, module: Any) -> Any:
    """Where in memory each element lies."""
    places = module.full((), offset, dtype="int64")
    for n, s in zip(shape, strides):
        places = places[..., None] + module.arange(n) * s
    return places
