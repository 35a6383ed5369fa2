"""Dimensions in another order: all of these are views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.ops.dims import shape_arguments, wrap_dim


@op("PermuteBackward0", view=True)
def _permute(input: Array, axes):
    return input.transpose(axes)


_permute.rules(input=lambda g, axes: _permute(g, inverse_permutation(axes)))


def inverse_permutation(axes: Sequence[int]) -> tuple[int, ...]:
    """Where each dimension went."""
    inverse = [0] * len(axes)
    for position, axis in enumerate(axes):
        inverse[axis] = position
    return tuple(inverse)


def permute(input: Tensor, *order: Any, dims: Sequence[int] | None = None) -> Tensor:
    """A view with its dimensions in the order ``dims``.

    Raises:
        RuntimeError: the dims are not a permutation of all dimensions.

    >>> import minitorch as torch
    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    dims = shape_arguments(order if dims is None else (dims,))
    ndim = input._data.ndim
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    axes = tuple(wrap_dim(d, ndim) for d in dims)
    if len(set(axes)) != ndim:
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {list(dims)}")
    return _permute(input, axes)


@op("TransposeBackward0", view=True)
def _transpose(input: Array, dim0, dim1):
    return input.swapaxes(dim0, dim1)


_transpose.rules(input=lambda g, dim0, dim1: _transpose(g, dim0, dim1))


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions swapped."""
    ndim = input._data.ndim
    dim0, dim1 = wrap_dim(dim0, ndim, "dim0"), wrap_dim(dim1, ndim, "dim1")
    return _transpose(input, dim0, dim1) if ndim else _permute(input, ())


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Alias of :func:`transpose`."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Alias of :func:`transpose`."""
    return transpose(input, dim0, dim1)


@op("TBackward0", view=True)
def _t(input: Array):
    return input.T


_t.rules(input=lambda g: _t(g))


def t(input: Tensor) -> Tensor:
    """The transposed matrix; tensors with fewer dimensions as they are.

    Raises:
        RuntimeError: the tensor has more than two dimensions.
    """
    if input._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return _t(input)


def reversed_axes(input: Tensor) -> Tensor:
    """``x.T``: a view with all dimensions in reverse order (in PyTorch deprecated but for matrices)."""
    ndim = input._data.ndim
    return _t(input) if ndim == 2 else _permute(input, tuple(range(ndim))[::-1])


def matrix_transposed(input: Tensor) -> Tensor:
    """``x.mT``: a view with the last two dimensions swapped.

    Raises:
        RuntimeError: the tensor has fewer than two dimensions.
    """
    ndim = input._data.ndim
    if ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {ndim}-D tensor of shape "
            f"{list(input._data.shape)}."
        )
    return _transpose(input, ndim - 2, ndim - 1)


def adjoint(input: Tensor) -> Tensor:
    """``x.mT`` as a function (tensors are real).

    Raises:
        RuntimeError: the tensor has fewer than two dimensions.
    """
    return matrix_transposed(input)


def hermitian_transposed(input: Tensor) -> Tensor:
    """``x.H``: the transposed matrix (tensors are real).

    Raises:
        RuntimeError: the tensor is not a matrix.
    """
    if input._data.ndim not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {input._data.ndim}-D tensor.")
    return _t(input)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """A view with the dimensions ``source`` moved to the positions ``destination``; the others keep their order.

    Raises:
        RuntimeError: unequal numbers of dims, or one appears twice.
    """
    ndim = input._data.ndim
    froms = [source] if isinstance(source, int) else list(source)
    tos = [destination] if isinstance(destination, int) else list(destination)
    if len(froms) != len(tos):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({froms} dims) should contain the same number "
            "of dims "
            f"as destination ({tos} dims)"
        )
    old, new = [wrap_dim(d, ndim) for d in froms], [wrap_dim(d, ndim) for d in tos]
    if len(set(old)) != len(old) or len(set(new)) != len(new):
        raise RuntimeError(f"movedim: repeated dim in source ({froms}) or destination ({tos})")
    rest = iter(i for i in range(ndim) if i not in old)
    at = dict(zip(new, old))
    return _permute(input, tuple(at[i] if i in at else next(rest) for i in range(ndim)))


def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Alias of :func:`movedim`."""
    return movedim(input, source, destination)
