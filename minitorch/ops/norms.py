"""Norms of vectors and of all elements.  :mod:`.matrix_norms` has those of matrices."""

from __future__ import annotations

import math

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.dtype import as_dtype
from minitorch.core.op import Array, op
from minitorch.core.tensor import wrap
from minitorch.ops.dims import reduced_axes, wrap_dim
from minitorch.ops.keywords import keywords
from minitorch.ops.reduction import check_float, kept_dims, sum_array


@op("LinalgVectorNormBackward0")
def _vector_norm(input: Array, ord, axes, keepdim):
    if input.dtype.itemsize == 2:
        return _norm_array(input.astype(np.float32), ord, axes, keepdim).astype(input.dtype)
    return _norm_array(input, ord, axes, keepdim)


def _norm_array(input, ord, axes, keepdim):
    lib = xp(input)
    if ord == 2:
        if len(axes) == input.ndim and not keepdim and input.flags.c_contiguous:
            flat = input.reshape(-1)
            return lib.sqrt(flat @ flat)
        return lib.sqrt(sum_array(input * input, axes, keepdim))
    if ord == 0:
        return (input != 0).sum(axis=axes, keepdims=keepdim).astype(input.dtype)
    size = lib.abs(input)
    if ord == 1:
        return sum_array(size, axes, keepdim)
    if math.isinf(ord):
        return size.max(axis=axes, keepdims=keepdim) if ord > 0 else size.min(axis=axes, keepdims=keepdim)
    with np.errstate(divide="ignore"):  # a negative power of 0
        return lib.power(sum_array(lib.power(size, ord), axes, keepdim), 1 / ord)


def _norm_grad(g, input, out, ord, axes, keepdim):
    shape = input._data.shape
    if not keepdim:
        g, out = kept_dims(g, shape, axes), kept_dims(out, shape, axes)
    if ord == 2:
        return input * (g / out).masked_fill(wrap(out._data == 0), 0)
    if ord == 0:
        return g.expand(shape) * 0
    if ord == 1:
        return g * input.sign()
    if math.isinf(ord):
        chosen = xp(input._data).abs(input._data) == out._data
        share = chosen.astype(input._data.dtype) / chosen.sum(axis=axes, keepdims=True).astype(input._data.dtype)
        return g * input.sign() * wrap(share)
    zero = wrap(input._data == 0)
    size = input.abs().masked_fill(zero, 1)
    slope = input.sign() * size ** (ord - 1)
    return slope * (g * out ** (1 - ord)).masked_fill(wrap(out._data == 0), 0)


_vector_norm.rules(input=_norm_grad)


@keywords
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """``sum(|x|**ord)**(1/ord)`` over ``dim`` (an int, several, or all).

    ``ord`` may also be ``inf`` (the largest absolute value), ``-inf`` (the smallest) and 0 (the number of elements that
    are not zero).

    Raises:
        RuntimeError: ``x`` is not of floating point, or empty where the norm needs an element.

    >>> import minitorch as torch
    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    check_float(x, "linalg.vector_norm")
    if dtype is not None:
        if as_dtype(dtype).itemsize < x.dtype.itemsize:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({x.dtype}) should be convertible without narrowing to "
                f"the specified dtype ({dtype})"
            )
        x = x.to(dtype)
    array = x._data
    axes = reduced_axes(dim, array.ndim)
    if isinstance(ord, str):
        raise TypeError(f"linalg.vector_norm: ord must be a number, got {ord!r}; matrix_norm takes 'fro' and 'nuc'")
    if array.size == 0 and (ord < 0 or ord == math.inf) and (not axes or 0 in [array.shape[i] for i in axes]):
        where = "an empty tensor" if dim is None else f"the dimensions {list(axes)} because one of them is empty"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on {where}: the operation does not have an identity"
        )
    return _vector_norm(x, float(ord), axes, keepdim)


@keywords
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """The ``p``-norm of all elements or along ``dim``; ``"fro"`` is 2, ``"nuc"`` the sum of singular values.

    Raises: as :func:`minitorch.linalg.vector_norm`.

    >>> import minitorch as torch
    >>> torch.norm(torch.tensor([[3., 4.], [6., 8.]]), dim=1)
    tensor([ 5., 10.])
    """
    if p is None or p == "fro":
        p = 2
    if isinstance(p, str):
        from minitorch.ops.matrix_norms import matrix_norm

        return matrix_norm(input, p, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, p, dim, keepdim, dtype=dtype)


@keywords
def renorm(input, p, dim, maxnorm):
    """Scales the slices along ``dim`` whose ``p``-norm is above ``maxnorm`` down to it.

    Raises:
        RuntimeError: fewer than two dimensions, ``p`` not positive, or ``maxnorm`` negative.

    >>> import minitorch as torch
    >>> torch.renorm(torch.tensor([[3., 4.], [0.3, 0.4]]), 2, 0, 1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    ndim = input._data.ndim
    if ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {ndim} dimensions")
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got {p}")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    axis = wrap_dim(dim, ndim)
    size = vector_norm(input, p, tuple(i for i in range(ndim) if i != axis), True)
    # a little below the bound, as rounding must not lift the result above it
    factor = (maxnorm / (size + 1e-7)).masked_fill(wrap(size._data <= maxnorm), 1)
    return input * factor


@keywords
def dist(input, other, p=2):
    """The ``p``-norm of ``input - other``, which broadcast.

    >>> import minitorch as torch
    >>> torch.dist(torch.tensor([0., 0.]), torch.tensor([3., 4.]))
    tensor(5.)
    """
    return vector_norm(input - other, p)
