"""Elements repeated, reversed, shifted or combined: copies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend import strided, to_host
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.axes import _transpose
from minitorch.ops.dims import shape_arguments, wrap_dim
from minitorch.ops.index_slices import _index_select
from minitorch.ops.joining import stack
from minitorch.ops.shape import _expand, _reshape


@op("FlipBackward0")
def _flip(input: Array, axes):
    return xp(input).ascontiguousarray(xp(input).flip(input, axes)) if axes and input.ndim else input.copy()


_flip.rules(input=lambda g, axes: _flip(g, axes))


def _axes(dims: tuple, ndim: int) -> tuple:
    axes = tuple(wrap_dim(d, ndim) for d in dims)
    for d, axis in zip(dims, axes):
        if axes.count(axis) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return axes


def flip(input: Tensor, *order: Any, dims: Sequence[int] | None = None) -> Tensor:
    """A copy with the order of the elements along ``dims`` reversed.

    >>> import minitorch as torch
    >>> torch.arange(3).flip(0)
    tensor([2, 1, 0])
    """
    if dims is None and not order:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    return _flip(input, _axes(shape_arguments(order if dims is None else (dims,)), input._data.ndim))


def fliplr(input: Tensor) -> Tensor:
    """:func:`flip` of dimension 1."""
    if input._data.ndim < 2:
        raise RuntimeError(f"fliplr(): Input must be >= 2-d, got {input._data.ndim}-d")
    return _flip(input, (1,))


def flipud(input: Tensor) -> Tensor:
    """:func:`flip` of dimension 0."""
    if input._data.ndim < 1:
        raise RuntimeError("flipud(): Input must be >= 1-d, got 0-d")
    return _flip(input, (0,))


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy turned by ``k`` quarter turns, from the first of ``dims`` towards the second.

    Raises:
        RuntimeError: ``dims`` are not two different dimensions.
    """
    ndim = input._data.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    first, second = wrap_dim(dims[0], ndim), wrap_dim(dims[1], ndim)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    turns = k % 4
    if turns == 0:
        return input.clone()
    if turns == 2:
        return _flip(input, (first, second))
    return _transpose(_flip(input, (second if turns == 1 else first,)), first, second)


@op("RollBackward0")
def _roll(input: Array, shifts, axes):
    return xp(input).roll(input, shifts, axes)


_roll.rules(
    input=lambda g, shifts, axes: _roll(g, -shifts if axes is None else tuple(-s for s in shifts), axes),
)


def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """A copy with the elements moved ``shifts`` places along ``dims``; what leaves at the end enters in front.

    Without ``dims``, the tensor is shifted as if it were flat.

    Raises:
        RuntimeError: no shifts, or unequal numbers of shifts and dims.

    >>> import minitorch as torch
    >>> torch.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    by = shape_arguments((shifts,))
    if not by:
        raise RuntimeError("roll: `shifts` required")
    along = () if dims is None else shape_arguments((dims,))
    if not along and len(by) == 1:
        return _roll(input, by[0], None)
    if len(by) != len(along):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}")
    return _roll(input, by, tuple(wrap_dim(d, input._data.ndim) for d in along))


# ---- repeated


def _tiled(input: Tensor, times: tuple) -> Tensor:
    """Each dimension repeated as a whole; ``times`` has an entry for each."""
    shape = input._data.shape
    if all(n == 1 for n in times):
        return input.clone()
    apart = _reshape(input, tuple(n for pair in zip((1,) * len(shape), shape) for n in pair))
    spread = _expand(apart, tuple(n for pair in zip(times, shape) for n in pair))
    out = _reshape(spread, tuple(n * m for n, m in zip(times, shape)))
    # Where nothing had to move the reshape is still a view of the repeated memory.
    return out.clone() if strided.shares_memory(out._data, input._data) else out


def repeat(input: Tensor, *sizes: Any, repeats: Sequence[int] | None = None) -> Tensor:
    """A copy with the whole tensor repeated along each dimension; further sizes are dimensions in front.

    Raises:
        RuntimeError: fewer numbers than dimensions, or a negative one.

    >>> import minitorch as torch
    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = shape_arguments(sizes if repeats is None else (repeats,))
    shape = input._data.shape
    if len(times) < len(shape):
        raise RuntimeError(
            f"repeat(): Number of dimensions of repeat dims ({len(times)}) can not be smaller than number of "
            "dimensions "
            f"of tensor ({len(shape)})"
        )
    if min(times, default=0) < 0:
        raise RuntimeError(f"repeat(): numbers must not be negative, got {list(times)}")
    return _tiled(_reshape(input, (1,) * (len(times) - len(shape)) + shape), times)


def tile(input: Tensor, *sizes: Any, dims: Sequence[int] | None = None) -> Tensor:
    """:func:`repeat` where missing numbers in front count as 1."""
    times = shape_arguments(sizes if dims is None else (dims,))
    return repeat(input, (1,) * (input._data.ndim - len(times)) + times)


def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """A copy with each slice along ``dim`` repeated ``repeats`` times: an int, or a tensor with a number for each.

    Without ``dim`` the tensor is taken as flat.  ``repeat_interleave(repeats)`` gives the indices that do this.

    Raises:
        RuntimeError: a negative number, or not one for each slice.

    >>> import minitorch as torch
    >>> torch.tensor([1, 2]).repeat_interleave(torch.tensor([1, 2]))
    tensor([1, 2, 2])
    """
    if repeats is None:
        return _repeated_numbers(input, input._data.size)
    if dim is None:
        input, dim = _reshape(input, (input._data.size,)), 0
    dim = wrap_dim(dim, input._data.ndim)
    if input._data.ndim == 0:
        input = _reshape(input, (1,))
    size = input._data.shape[dim]
    if not isinstance(repeats, Tensor):
        repeats = wrap(xp(input._data).asarray(repeats))
    if repeats._data.size == 1:
        repeats = _expand(_reshape(repeats, (1,)), (size,))
    if repeats._data.shape != (size,):
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats of shape "
            f"{list(repeats._data.shape)} and input.size({dim}) = {size}"
        )
    index = _repeated_numbers(repeats, size)
    if output_size is not None and output_size != index._data.size:
        raise RuntimeError(
            f"repeat_interleave(): output_size is {output_size}, the repeats add up to {index._data.size}"
        )
    return _index_select(input, index, dim)


def _repeated_numbers(repeats: Tensor, size: int) -> Tensor:
    array = repeats._data
    if array.ndim != 1:
        raise RuntimeError(f"repeat_interleave only accepts 1D vector as repeat, got {array.ndim}D")
    if array.dtype.kind not in "iu":
        raise RuntimeError(f"repeats has to be Long or Int tensor, got {repeats.dtype}")
    if size and int(array.min()) < 0:
        raise RuntimeError(f"Repeats must be non-negative, got {int(array.min())}")
    numbers = np.repeat(np.arange(size), to_host(array))
    return wrap(xp(array).asarray(numbers))


# ---- combined


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Grids of coordinates: one tensor for each vector, that vector along one dimension and the same along all others.

    ``indexing="xy"`` swaps the first two dimensions of the grids, as for pictures.

    Raises:
        RuntimeError: not vectors, of several dtypes, or another ``indexing``.

    >>> import minitorch as torch
    >>> x, y = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if len(tensors) == 1 and not isinstance(tensors[0], Tensor):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in tensors:
        if t._data.ndim > 1:
            raise RuntimeError(f"meshgrid: Expected 0D or 1D tensors in the list but got shape {list(t._data.shape)}")
        if t._data.dtype != tensors[0]._data.dtype:
            raise RuntimeError(
                f"meshgrid expects all tensors to have the same dtype, got {tensors[0].dtype} and {t.dtype}"
            )
    swap = indexing == "xy" and len(tensors) > 1
    order = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    shape = tuple(t._data.size for t in order)
    count = len(shape)
    grids = [
        _expand(_reshape(t, (1,) * i + (t._data.size,) + (1,) * (count - i - 1)), shape) for i, t in enumerate(order)
    ]
    if swap:
        grids[:2] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All tuples with one element of each vector, one row each."""
    for t in tensors:
        if t._data.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t._data.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return _reshape(stack([_reshape(g, (g._data.size,)) for g in meshgrid(*tensors)], 1), (-1, len(tensors)))


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of ``r`` elements of a vector, one row each, in order.

    >>> import minitorch as torch
    >>> torch.combinations(torch.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input._data.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._data.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    module, n = xp(input._data), input._data.size
    if r == 0:
        return wrap(module.empty((0,), input._data.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.fromiter(itertools.chain.from_iterable(choose(range(n), r)), np.int64).reshape(-1, r)
    return _reshape(_index_select(input, wrap(module.asarray(rows.reshape(-1))), 0), (len(rows), r))
