"""Reductions: sums, means, extrema, norms."""

from __future__ import annotations

from minitorch.core.op import Array, op
from minitorch.ops.dims import reduced_axes


@op("SumBackward1")
def _sum(input: Array, axes, keepdim):
    return input.sum(axis=axes, keepdims=keepdim)


_sum.rules(input=lambda g, input_shape, axes, keepdim: _spread(g, input_shape, axes, keepdim))


def _spread(g, shape, axes, keepdim):
    """A gradient by a reduced tensor, repeated along the reduced axes."""
    if not keepdim and len(g._data.shape) != len(shape):
        g = g.reshape([1 if i in axes else n for i, n in enumerate(shape)])
    return g.expand(shape)


def sum(input, dim=None, keepdim=False, *, dtype=None):
    """Sum over ``dim`` (an int, several, or all); integers and bools are summed as int64.

    >>> import minitorch as torch
    >>> torch.sum(torch.ones(2, 3), dim=1)
    tensor([3., 3.])
    """
    if dtype is not None:
        input = input.to(dtype)
    elif input._data.dtype.kind in "iub" and input._data.dtype.num != 7:
        input = input.long()
    return _sum(input, reduced_axes(dim, input.ndim), keepdim)
