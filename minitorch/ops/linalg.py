"""Products of matrices and vectors.  Every one that BLAS knows is one call of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.primitives.products import matmul as matmul_of_arrays
from minitorch.core.inplace import inplace
from minitorch.core.op import Array, op
from minitorch.core.out_argument import into
from minitorch.core.promotion import cast
from minitorch.core.tensor import Tensor
from minitorch.ops.shape import _reshape, broadcast_shapes, sum_to


def _turned(array: Any, flag: bool) -> Any:
    return array.swapaxes(-1, -2) if flag else array


@op("MmBackward0")
def _mm(input: Array, mat2: Array, t1, t2):
    """``input @ mat2``, each transposed first if its flag says so: that keeps the rules free of extra views."""
    return matmul_of_arrays(input.T if t1 else input, mat2.T if t2 else mat2)


_mm.rules(
    input=lambda g, mat2, t1, t2: _mm(mat2, g, t2, True) if t1 else _mm(g, mat2, False, not t2),
    mat2=lambda g, input, t1, t2: _mm(g, input, True, t1) if t2 else _mm(input, g, not t1, False),
)


@op("BmmBackward0")
def _bmm(input: Array, mat2: Array, t1, t2):
    return matmul_of_arrays(_turned(input, t1), _turned(mat2, t2))


_bmm.rules(
    input=lambda g, input_shape, mat2, t1, t2: sum_to(
        _bmm(mat2, g, t2, True) if t1 else _bmm(g, mat2, False, not t2), input_shape
    ),
    mat2=lambda g, input, mat2_shape, t1, t2: sum_to(
        _bmm(g, input, True, t1) if t2 else _bmm(input, g, not t1, False), mat2_shape
    ),
)


@op("MvBackward0")
def _mv(input: Array, vec: Array, turned):
    return matmul_of_arrays(input.T if turned else input, vec)


@op("OuterBackward0")
def _outer(input: Array, vec2: Array):
    return input[:, None] * vec2


_mv.rules(
    input=lambda g, vec, turned: _outer(vec, g) if turned else _outer(g, vec),
    vec=lambda g, input, turned: _mv(input, g, not turned),
)
_outer.rules(
    input=lambda g, vec2: _mv(g, vec2, False),
    vec2=lambda g, input: _mv(g, input, True),
)


@op("DotBackward0")
def _dot(input: Array, tensor: Array):
    return matmul_of_arrays(input, tensor)


_dot.rules(
    input=lambda g, tensor: tensor * g,
    tensor=lambda g, input: input * g,
)


# ---- what users call


def check_types(name: str, a: Any, b: Any) -> None:
    """Raises unless both are tensors of one dtype other than bool."""
    for position, x in enumerate((a, b)):
        if not isinstance(x, Tensor):
            which = ("input", "other")[position]
            raise TypeError(f"{name}(): argument '{which}' must be Tensor, not {type(x).__name__}")
    if a._data.dtype is not b._data.dtype and a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"{name}: expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}; cast one with .to()"
        )
    if a._data.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool': cast to an integer type first")


def _cannot_multiply(name: str, a: tuple, b: tuple) -> RuntimeError:
    return RuntimeError(
        f"{name}: mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a))} and {'x'.join(map(str, b))})"
    )


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of two matrices: (n, k), (k, m) -> (n, m).

    Raises:
        RuntimeError: not matrices, shapes do not fit or dtypes differ.
    """
    if out is not None:
        return into(out, mm(input, mat2), "mm")
    check_types("mm", input, mat2)
    a, b = input._data.shape, mat2._data.shape
    if len(a) != 2 or len(b) != 2:
        raise RuntimeError(
            f"mm: {'self' if len(a) != 2 else 'mat2'} must be a matrix, got shapes {list(a)} and {list(b)}"
        )
    if a[1] != b[0]:
        raise _cannot_multiply("mm", a, b)
    return _mm(input, mat2, False, False)


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of the matrices of two batches: (b, n, k), (b, k, m) -> (b, n, m).

    Raises:
        RuntimeError: not three dimensions, shapes do not fit or dtypes differ.
    """
    if out is not None:
        return into(out, bmm(input, mat2), "bmm")
    check_types("bmm", input, mat2)
    a, b = input._data.shape, mat2._data.shape
    if len(a) != 3 or len(b) != 3:
        raise RuntimeError(
            f"bmm: {'batch1' if len(a) != 3 else 'batch2'} must be a 3D tensor, got shapes {list(a)} and {list(b)}"
        )
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"bmm: Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: "
            f"[{b[0]}, {b[1]}]."
        )
    return _bmm(input, mat2, False, False)


def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix times vector: (n, m), (m) -> (n).

    Raises:
        RuntimeError: shapes do not fit or dtypes differ.
    """
    if out is not None:
        return into(out, mv(input, vec), "mv")
    check_types("mv", input, vec)
    a, b = input._data.shape, vec._data.shape
    if len(a) != 2 or len(b) != 1:
        raise RuntimeError(f"mv: vector + matrix @ vector expected, got {len(a)}, {len(b)} dimensions")
    if a[1] != b[0]:
        raise RuntimeError(f"mv: size mismatch, got mat ({a[0]}x{a[1]}), vec ({b[0]})")
    return _mv(input, vec, False)


def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of two vectors.

    Raises:
        RuntimeError: not vectors of one length and dtype.

    >>> import minitorch as torch
    >>> torch.dot(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor(11.)
    """
    if out is not None:
        return into(out, dot(input, tensor), "dot")
    check_types("dot", input, tensor)
    a, b = input._data.shape, tensor._data.shape
    if len(a) != 1 or len(b) != 1:
        raise RuntimeError(f"dot: 1D tensors expected, but got {len(a)}D and {len(b)}D tensors")
    if a != b:
        raise RuntimeError(
            f"dot: inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number of "
            "elements"
        )
    return _dot(input, tensor)


def vdot(input: Tensor, other: Tensor) -> Tensor:
    """:func:`dot` (tensors are real)."""
    return dot(input, other)


def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Every product of an element of one vector and one of another: (n), (m) -> (n, m)."""
    if out is not None:
        return into(out, outer(input, vec2), "outer")
    if input._data.ndim != 1 or vec2._data.ndim != 1:
        raise RuntimeError(
            f"outer: Expected 1-D arguments self and vec2, got {input._data.ndim}-D and {vec2._data.ndim}-D"
        )
    if input.dtype is not vec2.dtype:
        return _reshape(input, (-1, 1)) * vec2
    return _outer(input, vec2)


def ger(input: Tensor, vec2: Tensor) -> Tensor:
    """Alias of :func:`outer`."""
    return outer(input, vec2)


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix product with broadcasting: the last two dimensions are matrices, those before a batch.

    A vector counts as a row on the left and as a column on the right; the dimension is dropped again.

    Raises:
        RuntimeError: a 0-d tensor, shapes do not fit or dtypes differ.

    >>> import minitorch as torch
    >>> torch.matmul(torch.ones(5, 2, 3), torch.ones(3, 4)).shape
    torch.Size([5, 2, 4])
    """
    if out is not None:
        return into(out, matmul(input, other), "matmul")
    check_types("matmul", input, other)
    a, b = input._data.shape, other._data.shape
    n, m = len(a), len(b)
    if n == 2 and m == 2:
        if a[1] != b[0]:
            raise _cannot_multiply("matmul", a, b)
        return _mm(input, other, False, False)
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if n == 1 and m == 1:
        return dot(input, other)
    if m == 1:
        if a[-1] != b[0]:
            raise RuntimeError(f"matmul: size mismatch, got input ({'x'.join(map(str, a))}), vec ({b[0]})")
        if n == 2:
            return _mv(input, other, False)
        return _reshape(_mv(_reshape(input, (_count(a[:-1]), a[-1])), other, False), a[:-1])
    if n == 1:
        if a[0] != b[-2]:
            raise _cannot_multiply("matmul", (1, a[0]), b)
        if m == 2:
            return _mv(other, input, True)
        return _reshape(_bmm(_reshape(input, (1, a[0])), other, False, False), (*b[:-2], b[-1]))
    if a[-1] != b[-2]:
        raise _cannot_multiply("matmul", (_count(a[:-1]), a[-1]) if m == 2 else a, b)
    if m == 2:  # one large product instead of a batch of small ones
        return _reshape(_mm(_reshape(input, (_count(a[:-1]), a[-1])), other, False, False), (*a[:-1], b[1]))
    if a[:-2] != b[:-2]:
        broadcast_shapes(a[:-2], b[:-2])
    return _bmm(input, other, False, False)


def _count(sizes: tuple) -> int:
    return int(np.prod(sizes, dtype=np.int64))


# ---- with a summand


@op("AddmmBackward0")
def _addmm(input: Array, mat1: Array, mat2: Array, t1, t2, beta, alpha):
    """``beta * input + alpha * mat1 @ mat2``, each factor transposed first if its flag says so."""
    out = matmul_of_arrays(mat1.T if t1 else mat1, mat2.T if t2 else mat2)
    return _add_onto(out, input, beta, alpha)


def _add_onto(out: Any, input: Any, beta: Any, alpha: Any) -> Any:
    if alpha != 1:
        out *= out.dtype.type(alpha)
    if beta == 0:
        return out
    out += input if beta == 1 else input * out.dtype.type(beta)
    return out


def _scaled(g: Tensor, factor: Any) -> Tensor:
    return g if factor == 1 else g * factor


_addmm.rules(
    input=lambda g, input_shape, beta: sum_to(_scaled(g, beta), input_shape),
    mat1=lambda g, mat2, t1, t2, alpha: _scaled(_mm(mat2, g, t2, True) if t1 else _mm(g, mat2, False, not t2), alpha),
    mat2=lambda g, mat1, t1, t2, alpha: _scaled(_mm(g, mat1, True, t1) if t2 else _mm(mat1, g, not t1, False), alpha),
)


def _check_summand(name: str, input: Tensor, shape: tuple) -> None:
    from minitorch.ops.shape import expanded_shape

    expanded_shape(input._data.shape, shape)


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """``beta * input + alpha * mat1 @ mat2``; ``input`` broadcasts.  With ``beta=0``, NaN in ``input`` is ignored.

    Raises:
        RuntimeError: shapes do not fit or dtypes differ.
    """
    if out is not None:
        return into(out, addmm(input, mat1, mat2, beta=beta, alpha=alpha), "addmm")
    check_types("addmm", mat1, mat2)
    check_types("addmm", input, mat1)
    a, b = mat1._data.shape, mat2._data.shape
    if len(a) != 2 or len(b) != 2 or a[1] != b[0]:
        raise _cannot_multiply("addmm", a, b)
    _check_summand("addmm", input, (a[0], b[1]))
    return _addmm(input, mat1, mat2, False, False, beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * mat @ vec``."""
    product = mv(mat, vec)
    _check_summand("addmv", input, product._data.shape)
    return _sum_of(input, product, beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * outer(vec1, vec2)``."""
    product = outer(vec1, vec2)
    _check_summand("addr", input, product._data.shape)
    return _sum_of(input, product, beta, alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * bmm(batch1, batch2)``."""
    product = bmm(batch1, batch2)
    _check_summand("baddbmm", input, product._data.shape)
    return _sum_of(input, product, beta, alpha)


def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """``beta * input + alpha * (the sum of the products of the matrices of two batches)``."""
    check_types("addbmm", batch1, batch2)
    a, b = batch1._data.shape, batch2._data.shape
    if len(a) != 3 or len(b) != 3 or a[0] != b[0] or a[2] != b[1]:
        raise _cannot_multiply("addbmm", a, b)
    # the batch is one more summed dimension: a single product
    left = _reshape(batch1.transpose(0, 1), (a[1], a[0] * a[2]))
    product = _mm(left, _reshape(batch2, (b[0] * b[1], b[2])), False, False)
    _check_summand("addbmm", input, product._data.shape)
    return _sum_of(input, product, beta, alpha)


def _sum_of(input: Tensor, product: Tensor, beta: Any, alpha: Any) -> Tensor:
    kind = product._data.dtype
    product = _scaled(product, cast(alpha, kind))
    return product if beta == 0 else _scaled(input, cast(beta, kind)) + product


addmm_, addmv_, addr_, baddbmm_, addbmm_ = (inplace(f) for f in (addmm, addmv, addr, baddbmm, addbmm))
