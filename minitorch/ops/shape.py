"""Views and rearrangements."""

from __future__ import annotations

import math

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.ops.dims import shape_arguments, wrap_dim


@op("ViewBackward0", view=True)
def _reshape(input: Array, shape):
    return input.reshape(shape)


_reshape.rules(input=lambda g, input_shape: _reshape(g, input_shape))


def reshape(input, *shape):
    """The same elements in another shape; one size may be -1.  Shares memory where strides allow.

    Raises:
        RuntimeError: the number of elements differs.
    """
    return _reshape(input, resolve_shape(input._data.shape, shape_arguments(shape)))


def resolve_shape(old: tuple, new: tuple) -> tuple:
    """``new`` with -1 replaced by what is left over."""
    size = math.prod(old)
    if new.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 in new:
        rest = -math.prod(new)
        if rest == 0 and size == 0:
            raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(new)} because -1 is ambiguous")
        if rest > 0 and size % rest == 0:
            new = tuple(size // rest if n == -1 else n for n in new)
    if min(new, default=0) < 0 or math.prod(new) != size:
        raise RuntimeError(f"shape '{list(new)}' is invalid for input of size {size} (shape {list(old)})")
    return new


@op("ExpandBackward0", view=True)
def _expand(input: Array, shape):
    return xp(input).broadcast_to(input, shape)


_expand.rules(input=lambda g, input_shape: sum_to(g, input_shape))


def sum_to(g, shape):
    """Sums ``g`` over the dimensions that broadcasting added to ``shape``."""
    lead = g.ndim - len(shape)
    dims = [*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and g._data.shape[lead + i] != 1)]
    return _reshape(g.sum(dims), tuple(shape)) if dims else g


def expand(input, *sizes):
    """A view with dimensions of size 1 repeated; -1 keeps a size; new dimensions go in front.

    Raises:
        RuntimeError: a size that is not 1 would change.
    """
    sizes = shape_arguments(sizes)
    old = input._data.shape
    lead = len(sizes) - len(old)
    shape = tuple(old[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(sizes))
    if lead < 0 or any(n != have and have != 1 for n, have in zip(shape[lead:], old)) or min(shape, default=0) < 0:
        raise RuntimeError(
            f"expand: the expanded size {list(sizes)} must match the existing size {list(old)} at non-singleton "
            "dimensions; new dimensions can only be added in front"
        )
    return _expand(input, shape)


@op("PermuteBackward0", view=True)
def _permute(input: Array, axes):
    return input.transpose(axes)


_permute.rules(input=lambda g, axes: _permute(g, inverse_permutation(axes)))


def inverse_permutation(axes):
    inverse = [0] * len(axes)
    for position, axis in enumerate(axes):
        inverse[axis] = position
    return tuple(inverse)


def permute(input, *dims):
    """A view with its dimensions in the order ``dims``."""
    dims = shape_arguments(dims)
    axes = tuple(wrap_dim(d, input.ndim) for d in dims)
    if len(axes) != input.ndim or len(set(axes)) != len(axes):
        raise RuntimeError(f"permute: {list(dims)} is not a permutation of the {input.ndim} dimensions")
    return _permute(input, axes)


@op("TransposeBackward0", view=True)
def _transpose(input: Array, dim0, dim1):
    return input.swapaxes(dim0, dim1)


_transpose.rules(input=lambda g, dim0, dim1: _transpose(g, dim0, dim1))


def transpose(input, dim0, dim1):
    """A view with two dimensions swapped."""
    if input.ndim == 0:
        wrap_dim(dim0, 0), wrap_dim(dim1, 0)
        return _reshape(input, ())
    return _transpose(input, wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim))
