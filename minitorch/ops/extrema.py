"""The largest and the smallest: values, places, over all elements, along dimensions, of two tensors.

Where several elements are the extreme, the first is the chosen one; reductions without a place (``amax``, ``max()``)
divide their gradient evenly.
"""

from __future__ import annotations

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.backend.primitives.row_reductions import row_extremes
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.bounds import maximum, minimum
from minitorch.ops.dims import reduced_axes, wrap_dim
from minitorch.ops.gathering import placed
from minitorch.ops.keywords import keywords
from minitorch.ops.reduction import kept_dims


def check_not_empty(name, array, axes, named):
    """Raises if an axis to reduce has no element: nothing is the extreme of nothing."""
    if array.size:
        return
    if not named:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )
    for axis in axes:
        if array.shape[axis] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


# ---- without a place


def divided_evenly(g, input, out, axes, keepdim):
    """The gradient by an extreme, evenly divided among the elements that are it."""
    a, shape = input._data, input._data.shape
    if axes is None:
        axes = tuple(range(len(shape)))
    if not keepdim:
        g, out = kept_dims(g, shape, axes), kept_dims(out, shape, axes)
    chosen = a == out._data
    if not chosen.any():  # NaN
        chosen = (a != a) & (out._data != out._data)
    share = chosen.astype(a.dtype)
    share /= share.sum(axis=axes, keepdims=True)
    return g * wrap(share)


@op("MaxBackward1")
def _max_all(input: Array):
    return input.max()


@op("MinBackward1")
def _min_all(input: Array):
    return input.min()


@op("AmaxBackward0")
def _amax(input: Array, axes, keepdim):
    if len(axes) == 1:
        return row_extremes(input, axes[0], True, keepdim)
    return input.max(axis=axes, keepdims=keepdim)


@op("AminBackward0")
def _amin(input: Array, axes, keepdim):
    if len(axes) == 1:
        return row_extremes(input, axes[0], False, keepdim)
    return input.min(axis=axes, keepdims=keepdim)


for _whole in (_max_all, _min_all):
    _whole.rules(input=lambda g, input, out: divided_evenly(g, input, out, None, False))
for _axes in (_amax, _amin):
    _axes.rules(input=lambda g, input, out, axes, keepdim: divided_evenly(g, input, out, axes, keepdim))


def _over(function, name, input, dim, keepdim):
    array = input._data
    axes = reduced_axes(dim, array.ndim)
    if array.size == 0:
        check_not_empty(name, array, axes, len(axes) < array.ndim or (dim is not None and dim != ()))
    return function(input, axes, keepdim)


@keywords
def amax(input, dim=(), keepdim=False):
    """The largest element over ``dim`` (an int, several, or all); equal ones share the gradient evenly.

    Raises:
        IndexError: a dimension to reduce is empty.

    >>> import minitorch as torch
    >>> torch.amax(torch.tensor([[1., 5.], [7., 2.]]), dim=1)
    tensor([5., 7.])
    """
    return _over(_amax, "amax", input, dim, keepdim)


@keywords
def amin(input, dim=(), keepdim=False):
    """The smallest element over ``dim`` (an int, several, or all); equal ones share the gradient evenly.

    Raises:
        IndexError: a dimension to reduce is empty.
    """
    return _over(_amin, "amin", input, dim, keepdim)


@keywords
def aminmax(input, *, dim=None, keepdim=False):
    """The smallest and the largest element as a named tuple ``(min, max)``.

    >>> import minitorch as torch
    >>> low, high = torch.aminmax(torch.tensor([3., 1., 2.]))
    >>> low, high
    (tensor(1.), tensor(3.))
    """
    array = input._data
    axes = reduced_axes(dim, array.ndim)
    if array.size == 0 and dim is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    check_not_empty("aminmax", array, axes, True)
    return return_types.aminmax((_amin(input, axes, keepdim), _amax(input, axes, keepdim)))


# ---- with a place


@op("MaxBackward0", aux=True)
def _max_dim(input: Array, axis, keepdim):
    return row_extremes(input, axis, True, keepdim), input.argmax(axis=axis)


@op("MinBackward0", aux=True)
def _min_dim(input: Array, axis, keepdim):
    return row_extremes(input, axis, False, keepdim), input.argmin(axis=axis)


def place_grad(g, shape, axis, places, keepdim):
    """``g`` at the places that were chosen along ``axis``, 0 elsewhere."""
    if not keepdim:
        g = g.unsqueeze(axis)
    return placed(g, wrap(xp(places).expand_dims(places, axis)), shape, axis)


for _dim in (_max_dim, _min_dim):
    _dim.rules(input=lambda g, input_shape, axis, aux, keepdim: place_grad(g, input_shape, axis, aux, keepdim))


def _extreme(name, function, whole, pairwise, result, input, dim, keepdim):
    if dim is None:
        if input._data.size == 0:
            check_not_empty(name, input._data, (), False)
        return whole(input)
    if isinstance(dim, Tensor):
        return pairwise(input, dim)
    array = input._data
    axis = wrap_dim(dim, array.ndim)
    check_not_empty(name, array, (axis,), True)
    if array.ndim == 0:
        values, places = function(input.reshape(1), 0, False)
    else:
        values, places = function(input, axis, keepdim)
        if keepdim:
            places = xp(array).expand_dims(places, axis)
    return result((values, wrap(places)))


@keywords
def max(input, dim=None, keepdim=False, *, other=None):
    """The largest of all elements; with ``dim`` (an int) a named tuple ``(values, indices)``; with another tensor
    :func:`maximum` of the two.

    NaN counts as the largest.

    Raises:
        IndexError: the dimension is empty.
        RuntimeError: there is no element at all.

    >>> import minitorch as torch
    >>> x = torch.tensor([[1., 5.], [7., 2.]])
    >>> x.max()
    tensor(7.)
    >>> values, indices = torch.max(x, dim=1)
    >>> indices
    tensor([1, 0])
    """
    dim = dim if other is None else other
    return _extreme("max", _max_dim, _max_all, maximum, return_types.max, input, dim, keepdim)


@keywords
def min(input, dim=None, keepdim=False, *, other=None):
    """The smallest of all elements; with ``dim`` (an int) a named tuple ``(values, indices)``; with another tensor
    :func:`minimum` of the two.

    NaN counts as the smallest.

    Raises: as :func:`max`.
    """
    dim = dim if other is None else other
    return _extreme("min", _min_dim, _min_all, minimum, return_types.min, input, dim, keepdim)


def _place(name, input, dim, keepdim):
    array = input._data
    if array.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input; convert with .int()")
    if dim is None:
        if array.size == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        places = getattr(array, name)()
        return wrap(places.reshape((1,) * array.ndim) if keepdim else places)
    axis = wrap_dim(dim, array.ndim)
    check_not_empty(name, array, (axis,), True)
    if array.ndim == 0:
        return wrap(getattr(array, name)())
    places = getattr(array, name)(axis=axis)
    return wrap(xp(array).expand_dims(places, axis) if keepdim else places)


@keywords
def argmax(input, dim=None, keepdim=False):
    """Where the largest element is: in the flattened tensor, or along ``dim`` (an int); of equal ones the first; int64.

    Raises:
        IndexError: the dimension is empty.

    >>> import minitorch as torch
    >>> torch.argmax(torch.tensor([[1., 5.], [7., 2.]]), dim=1)
    tensor([1, 0])
    """
    return _place("argmax", input, dim, keepdim)


@keywords
def argmin(input, dim=None, keepdim=False):
    """Where the smallest element is: in the flattened tensor, or along ``dim`` (an int); of equal ones the first.

    Raises:
        IndexError: the dimension is empty.
    """
    return _place("argmin", input, dim, keepdim)
