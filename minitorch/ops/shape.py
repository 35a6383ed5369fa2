"""Other shapes for the same elements: reshape, flatten, squeeze, expand.  :mod:`.axes` reorders dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minitorch.backend import strided
from minitorch.core.dtype import DType
from minitorch.core.op import Array, op
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor
from minitorch.ops.dims import reduced_axes, shape_arguments, wrap_dim


@op("ViewBackward0", view=True)
def _reshape(input: Array, shape):
    return input.reshape(shape)


_reshape.rules(on_arrays=True, input=lambda g, input_shape: g.reshape(input_shape))


def reshape(input: Tensor, *sizes: Any, shape: Sequence[int] | None = None) -> Tensor:
    """The same elements in another shape; one size may be -1.  Shares memory where strides allow, else copies.

    Raises:
        RuntimeError: the number of elements differs.

    >>> import minitorch as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshape(input, resolve_shape(input._data.shape, shape_arguments(sizes if shape is None else (shape,))))


def view(input: Tensor, *sizes: Any) -> Tensor:
    """The same memory in another shape; one size may be -1.  ``view(dtype)`` reads the bytes as another type.

    Raises:
        RuntimeError: the number of elements differs, or the strides allow no view (use ``reshape``).
    """
    if len(sizes) == 1 and isinstance(sizes[0], DType):
        return _view_as_type(input, sizes[0])
    array = input._data
    out = _reshape(input, resolve_shape(array.shape, shape_arguments(sizes)))
    if not strided.shares_memory(out._data, array) and array.size:
        raise RuntimeError(
            f"view size is not compatible with input tensor's size and stride (shape {list(array.shape)}, strides "
            f"{list(strided.element_strides(array))}): at least one dimension spans across two contiguous subspaces. "
            "Use .reshape(...) instead."
        )
    return out


def _view_as_type(input: Tensor, dtype: DType) -> Tensor:
    array = input._data
    if array.itemsize != dtype.itemsize:
        if array.ndim == 0:
            raise RuntimeError("self.dim() cannot be 0 to view a tensor as a dtype of another element size")
        if array.strides[-1] != array.itemsize or array.shape[-1] * array.itemsize % dtype.itemsize:
            raise RuntimeError(
                f"view({dtype}): the last dimension (size {array.shape[-1]}, {array.itemsize} bytes an element) must "
                "be "
                f"contiguous and divisible into elements of {dtype.itemsize} bytes"
            )
    return _bits(input, dtype.numpy)


@op(view=True)
def _bits(input: Array, dtype):
    return input.view(dtype)


def resolve_shape(old: tuple, new: tuple) -> tuple:
    """``new`` with -1 replaced by what is left over."""
    if -1 not in new:
        if min(new, default=0) >= 0 and math.prod(new) == math.prod(old):
            return new
    elif new.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    else:
        size, rest = math.prod(old), -math.prod(new)
        if rest == 0 and size == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(new)} because the unspecified dimension size -1 "
                "can be any value and is ambiguous"
            )
        if rest > 0 and size % rest == 0:
            filled = tuple(size // rest if n == -1 else n for n in new)
            if min(filled) >= 0:
                return filled
    bad = [n for n in new if n < -1]
    if bad:
        raise RuntimeError(f"invalid shape dimension {bad[0]} in shape {list(new)}")
    raise RuntimeError(f"shape '{list(new)}' is invalid for input of size {math.prod(old)} (shape {list(old)})")


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.view(other.shape)``."""
    return view(input, other._data.shape)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.reshape(other.shape)``."""
    return reshape(input, other._data.shape)


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view where possible."""
    return _reshape(input, (input._data.size,))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions ``start_dim`` to ``end_dim`` (inclusive) merged into one.

    Raises:
        RuntimeError: ``start_dim`` comes after ``end_dim``.

    >>> import minitorch as torch
    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    shape = input._data.shape
    start, end = wrap_dim(start_dim, len(shape), "start_dim"), wrap_dim(end_dim, len(shape), "end_dim")
    if start > end:
        raise RuntimeError(f"flatten() has invalid args: start_dim ({start_dim}) cannot come after end_dim ({end_dim})")
    if start == end and shape:
        return input
    return _reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Dimension ``dim`` split into several of the given sizes, one of which may be -1.

    Raises:
        RuntimeError: the sizes do not multiply up to that of the dimension.
    """
    shape = input._data.shape
    dim = wrap_dim(dim, len(shape))
    sizes = shape_arguments((sizes,))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        parts = resolve_shape((shape[dim],), sizes)
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the "
            f"input tensor of shape {list(shape)}"
        ) from None
    return view(input, (*shape[:dim], *parts, *shape[dim + 1 :]))


# ---- dimensions of size 1


@op("SqueezeBackward1", view=True)
def _squeeze(input: Array, shape):
    return input.reshape(shape)


_squeeze.rules(input=lambda g, input_shape: _reshape(g, input_shape))


def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """A view without dimensions of size 1: all of them, or those named by ``dim``."""
    shape = input._data.shape
    axes = reduced_axes(dim, len(shape)) if dim is None or dim != () else ()
    return _squeeze(input, tuple(n for i, n in enumerate(shape) if n != 1 or i not in axes))


@op("UnsqueezeBackward0", view=True)
def _unsqueeze(input: Array, shape):
    return input.reshape(shape)


_unsqueeze.rules(input=lambda g, input_shape: _reshape(g, input_shape))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """A view with a dimension of size 1 put in at ``dim``.

    >>> import minitorch as torch
    >>> torch.zeros(3).unsqueeze(-1).shape
    torch.Size([3, 1])
    """
    shape = input._data.shape
    dim = wrap_dim(dim, len(shape) + 1)
    return _unsqueeze(input, (*shape[:dim], 1, *shape[dim:]))


def _at_least(name: str, shapes: Any) -> Any:
    def function(*tensors: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
            return tuple(map(function, tensors[0]))
        if len(tensors) != 1:
            return tuple(map(function, tensors))
        shape = shapes(tensors[0]._data.shape)
        return tensors[0] if shape is None else _reshape(tensors[0], shape)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A view with at least {name[8]} dimension(s), or a tuple of them for several tensors."
    return function


atleast_1d = _at_least("atleast_1d", lambda s: (1,) if not s else None)
atleast_2d = _at_least("atleast_2d", lambda s: (1, *(s or (1,))) if len(s) < 2 else None)
atleast_3d = _at_least("atleast_3d", lambda s: None if len(s) > 2 else (*s, 1) if len(s) == 2 else (1, *(s or (1,)), 1))


# ---- broadcasting


@op("ExpandBackward0", view=True)
def _expand(input: Array, shape):
    return strided.expand(input, shape)


_expand.rules(input=lambda g, input_shape: sum_to(g, input_shape))


def sum_to(g: Tensor, shape: tuple) -> Tensor:
    """Sums ``g`` over the dimensions that broadcasting added to ``shape``."""
    has = g._data.shape
    if has == shape:
        return g
    lead = len(has) - len(shape)
    dims = [*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and has[lead + i] != 1)]
    if dims:
        g = g.sum(dims)
    return g if g._data.shape == tuple(shape) else _reshape(g, tuple(shape))


def expand(input: Tensor, *sizes: Any, implicit: bool = False) -> Tensor:
    """A view with dimensions of size 1 repeated; -1 keeps a size; new dimensions go in front.

    Raises:
        RuntimeError: a size that is not 1 would change.

    >>> import minitorch as torch
    >>> torch.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return _expand(input, expanded_shape(input._data.shape, shape_arguments(sizes)))


def expanded_shape(old: tuple, sizes: tuple) -> tuple:
    """The shape that ``expand(*sizes)`` gives to a tensor of shape ``old``."""
    lead = len(sizes) - len(old)
    if lead < 0:
        raise RuntimeError(
            f"expand(): the number of sizes provided ({len(sizes)}) must be greater or equal to the number of "
            "dimensions "
            f"in the tensor ({len(old)}); sizes {list(sizes)}, tensor {list(old)}"
        )
    shape = list(sizes)
    for i, n in enumerate(sizes):
        have = old[i - lead] if i >= lead else 1
        if n == -1 and i >= lead:
            shape[i] = have
        elif n < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                if i < lead and n == -1
                else f"expand(): sizes must not be negative (but for -1), got {list(sizes)}"
            )
        elif n != have and have != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                "dimension "
                f"{i}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(old)}"
            )
    return tuple(shape)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.expand(other.shape)``."""
    return expand(input, other._data.shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """``input.expand(size)``."""
    return expand(input, size)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes have after broadcasting.

    Raises:
        RuntimeError: they do not broadcast.

    >>> import minitorch as torch
    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    sizes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    ndim = max(map(len, sizes), default=0)
    result = [1] * ndim
    for size in sizes:
        for axis, n in enumerate(size, ndim - len(size)):
            if n != 1 and result[axis] not in (1, n):
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape: "
                    f"{', '.join(str(list(s)) for s in sizes)} differ at dimension {axis} ({result[axis]} and {n})"
                )
            if n != 1:
                result[axis] = n
    return Size(result)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of the tensors, expanded to their common shape."""
    if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
        tensors = tuple(tensors[0])
    shape = tuple(broadcast_shapes(*(t._data.shape for t in tensors)))
    return tuple(t if t._data.shape == shape else _expand(t, shape) for t in tensors)
