"""``gather``, ``scatter`` and their kin: for every element, an index says where it is along one dimension.

Indices are checked before anything is read or written.
"""

from __future__ import annotations

from typing import Any

from minitorch.backend import array_module as xp
from minitorch.core.inplace import inplace, overwrite
from minitorch.core.op import Array, op
from minitorch.core.out_argument import into
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.conversion import checked_number
from minitorch.ops.dims import wrap_dim
from minitorch.ops.index_key import check_range
from minitorch.ops.indexing import add_at, corner
from minitorch.ops.pieces import narrow
from minitorch.ops.shape import broadcast_shapes, expand, ravel, reshape


def check_index(index: Any, name: str) -> Any:
    """The array of an index tensor.

    Raises:
        TypeError: not a tensor.
        RuntimeError: not of type int32 or int64.
    """
    if not isinstance(index, Tensor):
        raise TypeError(f"{name}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if index._data.dtype.kind != "i" or index._data.dtype.itemsize < 4:
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, but got {index.dtype}")
    return index._data


def places(index: Any, dim: int) -> tuple:
    """What picks, in an array, the elements that ``index`` names along ``dim`` and its own position elsewhere."""
    module, ndim = xp(index), index.ndim
    return tuple(
        index if axis == dim else module.arange(n).reshape((1,) * axis + (n,) + (1,) * (ndim - axis - 1))
        for axis, n in enumerate(index.shape)
    )


@op("GatherBackward0")
def _gather(input: Array, index: Array, dim):
    return input[places(index, dim)]


@op("GatherBackwardBackward0")
def _gather_grad(g: Array, index: Array, shape, dim):
    whole = xp(g).zeros(shape, g.dtype)
    add_at(whole, places(index, dim), g)
    return whole


_gather.rules(input=lambda g, input_shape, index, dim: _gather_grad(g, index, input_shape, dim))
_gather_grad.rules(g=lambda h, index, dim: _gather(h, index, dim))


@op("GatherBackwardBackward0")
def placed(g: Array, index: Array, shape, dim):
    """Zeros but for ``g`` at the places ``index`` along ``dim``, which must be distinct: they are not added up."""
    whole = xp(g).zeros(shape, g.dtype)
    whole[places(index, dim)] = g
    return whole


placed.rules(g=lambda h, index, dim: _gather(h, index, dim))


def check_places(input: Tensor, dim: Any, index: Any, name: str, src: Tensor | None = None) -> int:
    """The dimension, once ``index`` (and ``src``) are known to fit."""
    array, shape = check_index(index, name), input._data.shape
    dim = wrap_dim(dim, len(shape))
    if max(array.ndim, 1) != max(len(shape), 1):
        raise RuntimeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor, got shapes "
            f"{list(array.shape)} and {list(shape)}"
        )
    for axis, n in enumerate(array.shape):
        if (axis != dim and n > shape[axis]) or (src is not None and n > src._data.shape[axis]):
            and_src = "" if src is None else f" and to be no larger size than src {list(src._data.shape)}"
            raise RuntimeError(
                f"{name}(): Size does not match at dimension {axis} expected index {list(array.shape)} to be no larger "
                f"than self {list(shape)} apart from dimension {dim}{and_src}"
            )
    check_range(array, shape[dim] if shape else 1, dim, lowest=0, name=f"{name}(): ", error=RuntimeError)
    return dim


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """``out[i][j] = input[index[i][j]][j]`` for ``dim=0``, and so on: an element for each of ``index``.

    Shape: ``index`` has as many dimensions as ``input`` and is not larger, but for ``dim``; the result has its shape.

    Raises:
        RuntimeError: ``index`` has a wrong type or shape, or is out of range.

    >>> import minitorch as torch
    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    if out is not None:
        return into(out, gather(input, dim, index), "gather", input, index, same_type=True)
    if isinstance(index, Tensor) and index._data.size == 0:  # of any type and number of dimensions
        wrap_dim(dim, input._data.ndim)
        return reshape(narrow(reshape(input, -1), 0, 0, 0), index._data.shape)
    dim = check_places(input, dim, index, "gather")
    if input._data.ndim == 0 or index._data.ndim == 0:
        return reshape(_gather(reshape(input, -1), reshape(index, -1), 0), index._data.shape)
    return _gather(input, index, dim)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """The elements that ``indices`` names along ``dim``; other dimensions broadcast.  Without ``dim``, both are flat.

    Raises:
        IndexError: an index is out of range.
        RuntimeError: other numbers of dimensions, or an index of a wrong type.
    """
    array = check_index(indices, "take_along_dim")
    if dim is None:
        input, indices, dim = ravel(input), ravel(indices), 0
        array = indices._data
    if array.ndim != input._data.ndim:
        raise RuntimeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._data.ndim} dimensions for input, and {array.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, array.ndim)
    size = input._data.shape[dim]
    check_range(array, size, dim, name="take_along_dim(): ")
    shape = broadcast_shapes(*((*s[:dim], 1, *s[dim + 1 :]) for s in (input._data.shape, array.shape)))
    whole = expand(input, (*shape[:dim], size, *shape[dim + 1 :]))
    return _gather(whole, expand(indices, (*shape[:dim], array.shape[dim], *shape[dim + 1 :])), dim)


@op("ScatterAddBackward0")
def _scatter_add(input: Array, index: Array, src: Array, dim, write):
    out = input if write else input.copy()
    add_at(out, places(index, dim), src)
    return out


@op("ScatterBackward0")
def _scatter(input: Array, index: Array, src: Array, dim, write):
    out = input if write else input.copy()
    out[places(index, dim)] = src
    return out


@op("ScatterBackward1")
def _scatter_value(input: Array, index: Array, value, dim, write):
    out = input if write else input.copy()
    out[places(index, dim)] = value
    return out


_scatter_add.rules(input=lambda g: g, src=lambda g, index, dim: _gather(g, index, dim))
_scatter.rules(
    input=lambda g, index, dim: _scatter_value(g, index, 0, dim, False),
    src=lambda g, index, dim: _gather(g, index, dim),
)
_scatter_value.rules(input=lambda g, index, dim: _scatter_value(g, index, 0, dim, False))


def _prepared(name: str, input: Tensor, dim: int, index: Tensor, src: Any) -> tuple[Any, tuple]:
    """The op for ``src`` and its arguments, all checked; 0-d tensors are left to the caller."""
    if not isinstance(src, Tensor):
        dim = check_places(input, dim, index, name)
        return _scatter_value, (index, checked_number(src, input._data.dtype, name), dim)
    if src.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}")
    if src._data.ndim != index._data.ndim:
        raise RuntimeError(
            f"{name}(): Index tensor must have the same number of dimensions as src tensor, got shapes "
            f"{list(index._data.shape)} and {list(src._data.shape)}"
        )
    dim = check_places(input, dim, index, name, src)
    return _scatter, (index, corner(src, index._data.shape), dim)


def with_dims(self: Tensor, function: Any, *args: Any) -> Tensor:
    """Calls an op on tensors that may be 0-d, for which index arithmetic has no axis."""
    if self._data.ndim and all(a._data.ndim for a in args if isinstance(a, Tensor)):
        return function(self, *args)
    flat = [reshape(a, -1) if isinstance(a, Tensor) else a for a in (self, *args)]
    return reshape(function(*flat), self._data.shape)


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Tensor:
    """``input`` with ``out[index[i][j]][j] = src[i][j]`` for ``dim=0``, and so on; ``src`` may be a number.

    ``reduce="add"`` or ``"multiply"`` combines with what is there.  Where several elements of ``src`` meet, one of them
    stays.

    Raises:
        RuntimeError: ``index`` has a wrong type or shape, or is out of range; ``src`` has another dtype.
    """
    src = value if src is None else src
    if reduce is not None:
        return _scatter_with(input, dim, index, src, reduce)
    function, args = _prepared("scatter", input, dim, index, src)
    return with_dims(input, function, *args, False)


def _scatter_with(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str) -> Tensor:
    if reduce not in ("add", "multiply"):
        raise RuntimeError(f"scatter(): reduce argument must be either add or multiply, got {reduce!r}")
    if not isinstance(src, Tensor):
        number = checked_number(src, input._data.dtype, "scatter")
        src = wrap(xp(input._data).full(index._data.shape, number, input._data.dtype))
    from minitorch.ops.scatter_reduce import scatter_reduce

    return scatter_reduce(input, dim, index, src, "sum" if reduce == "add" else "prod")


def scatter_(
    self: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Tensor:
    """In-place :func:`scatter`."""
    src = value if src is None else src
    if reduce is not None or self._data.ndim == 0:
        return inplace(scatter, "scatter_")(self, dim, index, src, reduce=reduce)
    function, args = _prepared("scatter_", self, dim, index, src)
    return overwrite(function, "scatter_", self, *args)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """``input`` with ``src[i][j]`` added at ``[index[i][j]][j]`` for ``dim=0``, and so on; repeated places add up.

    Raises:
        RuntimeError: ``index`` has a wrong type or shape, or is out of range; ``src`` has another dtype.
    """
    _, args = _prepared("scatter_add", input, dim, index, tensor_argument(src, "scatter_add"))
    return with_dims(input, _scatter_add, args[0], args[1], args[2], False)


def scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """In-place :func:`scatter_add`."""
    if self._data.ndim == 0:
        return inplace(scatter_add)(self, dim, index, src)
    _, args = _prepared("scatter_add_", self, dim, index, tensor_argument(src, "scatter_add_"))
    return overwrite(_scatter_add, "scatter_add_", self, *args)


def tensor_argument(src: Any, name: str) -> Tensor:
    if not isinstance(src, Tensor):
        raise TypeError(f"{name}(): argument 'src' must be Tensor, not {type(src).__name__}")
    return src
