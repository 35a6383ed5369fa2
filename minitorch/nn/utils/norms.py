"""What weight and spectral normalisation compute, for the parametrizations and for the older hooks."""

from __future__ import annotations

from typing import Any

from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn.functional import normalize
from minitorch.sampling import randn


def norm_except_dim(v: Tensor, dim: int | None) -> Tensor:
    """The norm over all dimensions but ``dim``, which are kept with size 1; of all of ``v`` for ``None`` or -1."""
    if dim is None or dim == -1:
        return v.norm()
    rest = [d for d in range(v.ndim) if d != dim % v.ndim]
    return v.square().sum(rest, keepdim=True).sqrt() if rest else v.abs()


def weight_of(g: Tensor, v: Tensor, dim: int | None) -> Tensor:
    """``v`` with the norms ``g``: Salimans and Kingma 2016, arXiv:1602.07868."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """``weight`` with a row for each index along ``dim``."""
    return weight.movedim(dim, 0).flatten(1) if weight.ndim > 1 else weight


def unit_vectors(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Random vectors to begin with."""
    sizes = matrix.shape
    return tuple(normalize(randn(n, dtype=matrix.dtype, device=matrix.device), dim=0, eps=eps) for n in sizes)  # type: ignore[return-value]


def iterate(matrix: Tensor, u: Tensor, v: Tensor, times: int, eps: float) -> None:
    """Brings ``u`` and ``v``, in place, nearer to the singular vectors of the largest singular value."""
    with no_grad():
        for _ in range(times):
            u.copy_(normalize(matrix.mv(v), dim=0, eps=eps))
            v.copy_(normalize(matrix.mT.mv(u), dim=0, eps=eps))


def largest_singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Its estimate, for vectors that :func:`iterate` found: Miyato et al. 2018, arXiv:1802.05957."""
    return u.clone().dot(matrix.mv(v.clone()))  # copies: the next iteration changes the vectors in place


def output_dim(module: Any) -> int:
    """The dimension of the outputs in a module's weight."""
    from minitorch.nn.modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

    return 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
