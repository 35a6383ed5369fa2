"""Distances, similarities and unit vectors."""

from __future__ import annotations

from minitorch.core.tensor import Tensor
from minitorch.ops.diagonals import triu_indices
from minitorch.ops.shape import broadcast_tensors


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between the vectors along ``dim``; norms are at least ``eps``.  The two broadcast first.

    >>> import minitorch as torch
    >>> torch.nn.functional.cosine_similarity(torch.tensor([1., 0.]), torch.tensor([1., 1.]), dim=0)
    tensor(0.7071)
    """
    if x1._data.shape != x2._data.shape:
        x1, x2 = broadcast_tensors(x1, x2)
    return (_unit(x1, dim, eps) * _unit(x2, dim, eps)).sum(dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    return x / _norm(x, 2.0, dim).clamp(min=eps)


def _norm(x: Tensor, p: float, dim: int) -> Tensor:
    return x.norm(p, dim, keepdim=True)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """``input`` divided by its p-norm along ``dim``, or by ``eps`` if that is larger."""
    return input / _norm(input, p, dim).clamp(min=eps)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of the differences of all pairs of rows: (N, D) -> (N·(N - 1)/2,), in the order (0, 1), (0, 2), ...

    Raises:
        RuntimeError: the input is not 2-D.

    >>> import minitorch as torch
    >>> torch.nn.functional.pdist(torch.tensor([[0., 0.], [3., 4.], [0., 1.]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    if input._data.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._data.ndim}D")
    first, second = triu_indices(len(input), len(input), 1, device=input.device)
    return (input[first] - input[second]).norm(p, -1)
