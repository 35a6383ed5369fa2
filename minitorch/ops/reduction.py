"""Sums, means, products and truth over dimensions.  :mod:`.extrema`, :mod:`.variance`, :mod:`.norms` have the rest."""

from __future__ import annotations

import builtins
import math

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend import as_array, strided
from minitorch.backend.primitives.row_reductions import sums
from minitorch.core.dtype import as_dtype, bool_, int64, uint8
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import reduced_axes, shape_arguments, wrap_dim
from minitorch.ops.keywords import keywords
from minitorch.ops.shape import sum_to

# ---- what rules and other families share


def spread(g, shape, axes, keepdim):
    """A gradient by a reduced tensor, repeated along the reduced axes."""
    if not keepdim and len(g._data.shape) != len(shape):
        g = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    return g.expand(shape)


def kept_dims(out, shape, axes):
    """A reduced tensor (or array) with its reduced axes back as dimensions of size 1."""
    return out.reshape([1 if i in axes else n for i, n in enumerate(shape)])


def count_of(shape, axes):
    """How many elements are reduced to one."""
    return math.prod([shape[i] for i in axes])


def sum_array(input, axes, keepdim):
    """Sums of an array: of float16 in float32, of integers and bools in int64."""
    dtype = input.dtype
    if dtype.kind != "f":
        return input.sum(axis=axes, dtype=np.int64, keepdims=keepdim)
    if dtype.itemsize == 2:
        return input.sum(axis=axes, dtype=np.float32, keepdims=keepdim).astype(dtype)
    return sums(input, axes, keepdim)


def mean_array(input, axes, keepdim):
    """Means of an array of floating point."""
    dtype, count = input.dtype, input.size if axes is None else count_of(input.shape, axes)
    # a float is weak: it takes the type of what it divides; 0/NaN is NaN without a warning
    divisor = float(count or math.nan)
    if dtype.itemsize == 2:
        return (input.sum(axis=axes, dtype=np.float32, keepdims=keepdim) / divisor).astype(dtype)
    out = sums(input, axes, keepdim)
    if out.ndim:
        out /= divisor
        return out
    return out / divisor


# ---- sums


@op("SumBackward0")
def _sum_all(input: Array):
    return sum_array(input, None, False)


@op("SumBackward1")
def _sum(input: Array, axes, keepdim):
    return sum_array(input, axes, keepdim)


_sum_all.spec.name = "sum"  # for its messages
# Gradients as operations of their own: where no graph of them is wanted they run on arrays alone.


@op("ExpandBackward0")
def _repeated_all(g: Array, input_shape):
    return strided.expand(g, input_shape)


@op("ExpandBackward0")
def _repeated(g: Array, input_shape, axes, keepdim):
    return _repeat_array(g, input_shape, axes, keepdim)


def _repeat_array(g, shape, axes, keepdim):
    return strided.expand(g if keepdim else kept_dims(g, shape, axes), shape)


_sum_all.rules(input=_repeated_all)
_sum.rules(input=_repeated)
_repeated_all.rules(g=_sum_all)
_repeated.rules(g=lambda h, axes, keepdim: _sum(h, axes, keepdim))


@keywords
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """Sum over ``dim`` (an int, several, or all); integers and bools are summed as int64.

    ``dtype`` converts before summing.

    Raises:
        IndexError: no such dimension.

    >>> import minitorch as torch
    >>> torch.sum(torch.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    if dtype is not None:
        return _as_dtype(sum(input.to(dtype), dim, keepdim), dtype)
    if dim is None and not keepdim:
        return _sum_all(input)
    return _sum(input, reduced_axes(dim, input._data.ndim), keepdim)


def _as_dtype(result, dtype):
    """Integers are reduced as int64: back to the type asked for."""
    return result.to(as_dtype(dtype))


def sum_to_size(input, *size):
    """Sums over the dimensions that broadcasting would add to a tensor of this size.

    Raises:
        RuntimeError: a tensor of this size does not broadcast to the input's.

    >>> import minitorch as torch
    >>> torch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    if not size:
        raise TypeError("sum_to_size() missing 1 required positional argument: 'size'")
    size, shape = shape_arguments(size), input._data.shape
    lead = len(shape) - len(size)
    if lead < 0 or builtins.any(n not in (1, m) for n, m in zip(size, shape[lead:])):
        raise RuntimeError(f"sum_to_size: size {list(size)} is not expandable to size {list(shape)}.")
    return sum_to(input, size) if size else sum(input)  # only then are integers summed as int64


@op("NansumBackward0")
def _nansum(input: Array, axes, keepdim):
    return sum_array(xp(input).where(input != input, input.dtype.type(0), input), axes, keepdim)


_nansum.rules(
    input=lambda g, input, axes, keepdim: spread(g, input._data.shape, axes, keepdim).masked_fill(
        wrap(input._data != input._data), 0
    )
)


@keywords
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """:func:`sum` that counts NaN as zero.

    >>> import minitorch as torch
    >>> torch.nansum(torch.tensor([1., float("nan"), 2.]))
    tensor(3.)
    """
    if dtype is not None:
        input = input.to(dtype)
    if input._data.dtype.kind != "f":
        return sum(input, dim, keepdim, dtype=dtype)
    return _nansum(input, reduced_axes(dim, input._data.ndim), keepdim)


# ---- means


@op("MeanBackward0")
def _mean_all(input: Array):
    return mean_array(input, None, False)


@op("MeanBackward1")
def _mean(input: Array, axes, keepdim):
    return mean_array(input, axes, keepdim)


@op("MeanBackward0")
def _shared_all(g: Array, input_shape):
    return strided.expand(as_array(g / float(math.prod(input_shape) or 1)), input_shape)


@op("MeanBackward1")
def _shared(g: Array, input_shape, axes, keepdim):
    share = as_array(g / float(count_of(input_shape, axes) or 1))
    return _repeat_array(share, input_shape, axes, keepdim)


_mean_all.rules(input=_shared_all)
_mean.rules(input=_shared)
_shared_all.rules(g=_mean_all)
_shared.rules(g=lambda h, axes, keepdim: _mean(h, axes, keepdim))


@keywords
def mean(input, dim=None, keepdim=False, *, dtype=None):
    """Mean over ``dim`` (an int, several, or all); NaN where there is nothing to average.

    Raises:
        RuntimeError: the input is not of floating point (``dtype`` converts it first).

    >>> import minitorch as torch
    >>> torch.mean(torch.tensor([[1., 2.], [3., 6.]]), dim=1)
    tensor([1.5000, 4.5000])
    """
    if dtype is not None:
        input = input.to(dtype)
    if input._data.dtype.kind != "f":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype}; convert with .float() or give dtype"
        )
    if dim is None and not keepdim:
        return _mean_all(input)
    return _mean(input, reduced_axes(dim, input._data.ndim), keepdim)


@keywords
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """:func:`mean` of the elements that are not NaN.

    Raises:
        RuntimeError: the input is not of floating point.
    """
    if input._data.dtype.kind != "f":
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    present = wrap(input._data == input._data)
    total = nansum(input, dim, keepdim, dtype=dtype)
    return total / sum(present, dim, keepdim).to(total.dtype)


# ---- products


@op("ProdBackward0")
def _prod_all(input: Array):
    return _prod_array(input, None, False)


@op("ProdBackward1")
def _prod(input: Array, axis, keepdim):
    return _prod_array(input, axis, keepdim)


def _prod_array(input, axis, keepdim):
    dtype = input.dtype
    if dtype.kind != "f":
        return input.prod(axis=axis, dtype=np.int64, keepdims=keepdim)
    if dtype.itemsize == 2:
        return input.prod(axis=axis, dtype=np.float32, keepdims=keepdim).astype(dtype)
    return input.prod(axis=axis, keepdims=keepdim)


def _prod_grad(g, input, out, axis, keepdim):
    if not keepdim and input._data.ndim:
        g, out = g.unsqueeze(axis), out.unsqueeze(axis)
    if not builtins.bool((input._data == 0).any()):
        return g * out / input
    # By a factor: the product of those before it, times that of those behind.
    from minitorch.ops.cumulative import product_of_others

    return g * product_of_others(input, axis)


def _prod_all_grad(g, input, out):
    if not builtins.bool((input._data == 0).any()):
        return g * out / input
    return _prod_grad(g.reshape(1), input.reshape(-1), out.reshape(1), 0, True).reshape(input._data.shape)


_prod_all.rules(input=_prod_all_grad)
_prod.rules(input=lambda g, input, out, axis, keepdim: _prod_grad(g, input, out, axis, keepdim))


@keywords
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """Product of all elements or, with ``dim`` (an int), along one dimension; integers are multiplied as int64.

    Raises:
        IndexError: no such dimension.
        TypeError: ``dim`` is not an int.

    >>> import minitorch as torch
    >>> torch.prod(torch.tensor([[1., 2.], [3., 4.]]), dim=0)
    tensor([3., 8.])
    """
    if dtype is not None:
        return _as_dtype(prod(input.to(dtype), dim, keepdim), dtype)
    if dim is None:
        return _prod_all(input)
    axis = wrap_dim(dim, input._data.ndim)
    return _prod(input, axis, keepdim) if input._data.ndim else _prod_all(input)


# ---- truth


def _truth(name, input, dim, keepdim):
    array = input._data
    # () means no dimension here, where the sums above take it for all
    axes = () if dim is not None and not isinstance(dim, int) and not dim else reduced_axes(dim, array.ndim)
    result = wrap(getattr(array, name)(axis=axes, keepdims=keepdim))
    return result.to(uint8 if array.dtype == np.uint8 else bool_)


@keywords
def all(input, dim=None, keepdim=False):
    """Whether all elements (along ``dim``: an int, several, or all) are true, that is not zero.  uint8 stays uint8.

    >>> import minitorch as torch
    >>> torch.all(torch.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return _truth("all", input, dim, keepdim)


@keywords
def any(input, dim=None, keepdim=False):
    """Whether any element (along ``dim``: an int, several, or all) is true, that is not zero.  uint8 stays uint8.

    >>> import minitorch as torch
    >>> torch.any(torch.tensor([[0., 0.], [0., 2.]]), dim=1)
    tensor([False,  True])
    """
    return _truth("any", input, dim, keepdim)


@keywords
def count_nonzero(input, dim=None):
    """How many elements (along ``dim``: an int, several, or all) are not zero; int64.

    >>> import minitorch as torch
    >>> torch.count_nonzero(torch.tensor([[1, 0], [2, 3]]), dim=0)
    tensor([2, 1])
    """
    array = input._data
    return wrap((array != 0).sum(axis=reduced_axes(dim, array.ndim), dtype=int64.numpy))


def check_float(input, name):
    """Raises unless ``input`` is a tensor of floating point."""
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    if input._data.dtype.kind != "f":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {input.dtype}")
