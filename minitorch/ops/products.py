"""Products beside that of two matrices: chains, Kronecker's, cross and inner products, pairwise distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.products import matmul as matmul_of_arrays
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.einsum import tensordot
from minitorch.ops.keywords import keywords
from minitorch.ops.linalg import matmul
from minitorch.ops.shape import _reshape, broadcast_shapes, sum_to

# ---- chains


def _best_split(sizes: Sequence[int]) -> list[list[int]]:
    """Where to split the product of the matrices i to j so that it costs least; matrix i is sizes[i] x sizes[i + 1].

    Source: T. H. Cormen et al., "Introduction to Algorithms", matrix-chain multiplication.
    """
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], split[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return split


def multi_dot(tensors):
    """The product of several matrices, multiplied in the order that costs least.

    The first and the last may be vectors: a row and a column.

    Raises:
        RuntimeError: fewer than two tensors, or shapes do not fit.

    >>> import minitorch as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
    tensor([12., 12.])
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    shapes = [list(x._data.shape) for x in tensors]
    row, column = len(shapes[0]) == 1, len(shapes[-1]) == 1
    for i, shape in enumerate(shapes):
        if len(shape) != 2 and not (len(shape) == 1 and i in (0, len(shapes) - 1)):
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D (first and last may be 1D) but got {len(shape)}D")
        if i and shapes[i - 1][-1] != shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i - 1} and {i} with shapes {shapes[i - 1]} and {shape} cannot be multiplied"
            )
    if row:
        tensors[0] = tensors[0].unsqueeze(0)
    if column:
        tensors[-1] = tensors[-1].unsqueeze(1)
    out = _chain(tensors)
    if row:
        out = out.squeeze(0)
    return out.squeeze(-1) if column else out


def _chain(matrices: list[Tensor]) -> Tensor:
    split = _best_split([*(m._data.shape[0] for m in matrices), matrices[-1]._data.shape[1]])

    def product(i: int, j: int) -> Tensor:
        return matrices[i] if i == j else matmul(product(i, split[i][j]), product(split[i][j] + 1, j))

    return product(0, len(matrices) - 1)


def chain_matmul(*matrices, out=None):
    """:func:`minitorch.linalg.multi_dot` of matrices given one by one.

    Raises:
        RuntimeError: one is no matrix, or shapes do not fit.
    """
    from minitorch.core.out_argument import into

    for x in matrices:
        if x._data.ndim != 2:
            raise RuntimeError(f"chain_matmul: Tensor dimension is {x._data.ndim}, expected 2 instead.")
    result = matrices[0].clone() if len(matrices) == 1 else multi_dot(matrices)
    return result if out is None else into(out, result, "chain_matmul")


# ---- products of another kind


@keywords
def kron(input, other):
    """Kronecker's product: every element of ``input`` replaced by itself times ``other``.

    >>> import minitorch as torch
    >>> torch.kron(torch.tensor([[1, 2]]), torch.tensor([[1], [3]]))
    tensor([[1, 2],
            [3, 6]])
    """
    a, b = input._data.shape, other._data.shape
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    # each dimension of the one before that of the other, then the two as one
    left = _reshape(input, tuple(n for size in a for n in (size, 1)))
    right = _reshape(other, tuple(n for size in b for n in (1, size)))
    return _reshape(left * right, tuple(n * m for n, m in zip(a, b)))


@keywords
def inner(input, other):
    """Inner products of the last dimensions: ``out[i, j] = sum_k input[i, k] * other[j, k]``; a 0-d tensor multiplies.

    Raises:
        RuntimeError: the last dimensions differ.

    >>> import minitorch as torch
    >>> torch.inner(torch.tensor([1., 2.]), torch.tensor([[1., 1.], [0., 3.]]))
    tensor([3., 6.])
    """
    a, b = input._data.shape, other._data.shape
    if not a or not b:
        return input * other
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    return tensordot(input, other, ([len(a) - 1], [len(b) - 1]))


@keywords
def vecdot(x, y, *, dim=-1):
    """Inner products of vectors along ``dim``; other dimensions broadcast.

    >>> import minitorch as torch
    >>> torch.linalg.vecdot(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 1.]))
    tensor([3., 7.])
    """
    return (x * y).sum(dim)


@op("LinalgCrossBackward0")
def _cross(input: Array, other: Array, axis):
    turned, back = [1, 2, 0], [2, 0, 1]
    return input.take(turned, axis) * other.take(back, axis) - input.take(back, axis) * other.take(turned, axis)


_cross.rules(
    input=lambda g, input_shape, other, axis: sum_to(_cross(other, g, axis), input_shape),
    other=lambda g, input, other_shape, axis: sum_to(_cross(g, input, axis), other_shape),
)


@keywords
def linalg_cross(input, other, *, dim=-1):
    """The cross product of vectors of length 3 along ``dim``; other dimensions broadcast.

    Raises:
        RuntimeError: the dimension is not of size 3, or numbers of dimensions differ.

    >>> import minitorch as torch
    >>> torch.linalg.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    a, b = input._data.shape, other._data.shape
    if len(a) != len(b):
        raise RuntimeError(f"linalg.cross: inputs must have the same number of dimensions, got {list(a)} and {list(b)}")
    axis = wrap_dim(dim, len(a))
    if a[axis] != 3 or b[axis] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {a[axis]} and {b[axis]}")
    broadcast_shapes(a, b)
    if input.dtype is not other.dtype:
        from minitorch.core.promotion import promote_types

        dtype = promote_types(input.dtype, other.dtype)
        input, other = input.to(dtype), other.to(dtype)
    return _cross(input, other, axis)


@keywords
def cross(input, other, dim=None):
    """:func:`minitorch.linalg.cross`; without ``dim`` along the first dimension of size 3.

    Raises:
        RuntimeError: no dimension of size 3.
    """
    if dim is None:
        shape = input._data.shape
        if 3 not in shape:
            raise RuntimeError(f"cross: no dimension of size 3 in input of shape {list(shape)}")
        dim = shape.index(3)
    return linalg_cross(input, other, dim=dim)


def linalg_vander(x, *, N=None):
    """Vandermonde's matrices: the powers 0 to ``N - 1`` (default: as many as there are) of every element, in rows.

    Raises:
        RuntimeError: ``N`` is below 2.

    >>> import minitorch as torch
    >>> torch.linalg.vander(torch.tensor([2., 3.]), N=3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    x = x if x._data.ndim else x.reshape(1)
    count = x._data.shape[-1] if N is None else N
    if count < 2 and N is not None:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, got {N}.")
    lib, dtype = xp(x._data), x._data.dtype
    return x.unsqueeze(-1) ** wrap(lib.arange(count).astype(dtype if dtype.kind == "f" else np.int64))


def vander(x, N=None, increasing=False):
    """:func:`minitorch.linalg.vander` of a vector, by default with falling powers.

    Raises:
        RuntimeError: ``x`` is no vector.
    """
    if x._data.ndim != 1:
        raise RuntimeError(f"vander: x must be a one-dimensional tensor, got {x._data.ndim} dimensions.")
    count = x._data.shape[0] if N is None else N
    if count < 2:
        ones = x.new_ones((x._data.shape[0], count))
        return ones if x._data.dtype.kind == "f" else ones.long()
    powers = linalg_vander(x, N=count)
    return powers if increasing else powers.flip(1)


# ---- distances

#: from this many vectors on, distances come from one matrix product
_BY_PRODUCT_FROM = 25


@op("CdistBackward0")
def _euclidean(x1: Array, x2: Array):
    lib = xp(x1)
    if min(x1.shape[-2], x2.shape[-2]) <= _BY_PRODUCT_FROM:
        gap = x1[..., :, None, :] - x2[..., None, :, :]
        gap *= gap
        return lib.sqrt(gap.sum(axis=-1))
    squares = (x1 * x1).sum(axis=-1)[..., :, None] + (x2 * x2).sum(axis=-1)[..., None, :]
    squares -= 2 * matmul_of_arrays(x1, x2.swapaxes(-1, -2))
    return lib.sqrt(lib.maximum(squares, 0))


def _pull(g: Tensor, x1: Tensor, x2: Tensor, out: Tensor) -> Tensor:
    """The gradient by the first points: each is drawn along the unit vectors from the second ones."""
    weight = (g / out).masked_fill(wrap(out._data == 0), 0)
    return sum_to(weight.sum(-1, keepdim=True) * x1 - weight @ x2, x1._data.shape)


_euclidean.rules(
    x1=lambda g, x1, x2, out: _pull(g, x1, x2, out),
    x2=lambda g, x1, x2, out: _pull(g.mT, x2, x1, out.mT),
)


@keywords
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The distance by the ``p``-norm of every row of ``x1`` from every row of ``x2``.

    Shape: (\\*, P, M) and (\\*, R, M), batches broadcasting, give (\\*, P, R).

    Raises:
        RuntimeError: fewer than two dimensions, other lengths of rows, integers, or a negative ``p``.

    >>> import minitorch as torch
    >>> torch.cdist(torch.tensor([[0., 0.]]), torch.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    for which, x in (("X1", x1), ("X2", x2)):
        if x._data.dtype.kind != "f":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {which} got: {x.dtype}")
        if x._data.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {which} got: {x._data.ndim}D")
    if x1._data.shape[-1] != x2._data.shape[-1]:
        raise RuntimeError(
            f"cdist: X1 and X2 must have the same number of columns. X1: {x1._data.shape[-1]} X2: {x2._data.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    broadcast_shapes(x1._data.shape[:-2], x2._data.shape[:-2])
    if p == 2:
        return _euclidean(x1, x2)
    gap: Any = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    return gap.norm(p, -1)
