"""Parametrizations that are ready to use: weight normalisation, spectral normalisation, orthogonal matrices."""

from __future__ import annotations

from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.creation import eye
from minitorch.nn.functional import normalize, pad
from minitorch.nn.modules.module import Module
from minitorch.nn.utils import norms
from minitorch.nn.utils.parametrize import register_parametrization
from minitorch.ops.decompositions import linalg_qr
from minitorch.ops.joining import cat
from minitorch.ops.solving import matrix_exp, solve

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return norms.weight_of(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norms.norm_except_dim(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Computes a weight from its norms (``original0``) and its direction (``original1``).

    Salimans and Kingma 2016, arXiv:1602.07868.

    Args:
        module: is changed, and returned.
        name: the parameter.
        dim: the dimension along which there are norms; ``None``: one norm for all.

    >>> import minitorch as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2))
    >>> layer.parametrizations.weight.original0.shape
    torch.Size([2, 1])
    """
    return register_parametrization(module, name, _WeightNorm(dim), unsafe=True)


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps = dim % weight.ndim, eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = norms.as_matrix(weight.detach(), self.dim)
            u, v = norms.unit_vectors(matrix, eps)
            norms.iterate(matrix, u, v, 15, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:  # its only singular value is its norm
            return normalize(weight, dim=0, eps=self.eps)
        matrix = norms.as_matrix(weight, self.dim)
        if self.training:
            norms.iterate(matrix.detach(), self._u, self._v, self.n_power_iterations, self.eps)
        return weight / norms.largest_singular_value(matrix, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # taken to be normalised


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divides a weight, seen as a matrix, by its largest singular value: Miyato et al. 2018, arXiv:1802.05957.

    The value is estimated by power iteration, which goes on each time the weight is read in training.

    Args:
        module: is changed, and returned.
        name: the parameter.
        n_power_iterations: how many steps at a time.
        eps: keeps from dividing by 0.
        dim: the dimension of the outputs, by default that of the module's class.

    >>> import minitorch as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 3))
    >>> torch.linalg.matrix_norm(layer.weight.detach(), 2).round(decimals=1)
    tensor(1.)
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = norms.output_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


class _Orthogonal(Module):
    """``base @ map(X)``, where the map gives an orthogonal matrix for any ``X``."""

    base: Tensor | None

    def __init__(self, orthogonal_map: str) -> None:
        super().__init__()
        self.orthogonal_map = orthogonal_map
        self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        n, k = x.shape[-2:]
        wide = n < k
        if wide:
            x, n, k = x.mT, k, n
        skew = x.tril(-1)
        if n != k:  # columns of zeros make it square
            skew = pad(skew, (0, n - k))
        skew = skew - skew.mT
        if self.orthogonal_map == "matrix_exp":
            q = matrix_exp(skew)
        else:
            one = eye(n, dtype=x.dtype, device=x.device).expand_as(skew)
            q = solve(one + skew * -0.5, one + skew * 0.5)
        q = q[..., :k]
        if self.base is not None:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, value: Tensor) -> Tensor:
        """Keeps the orthogonal part of ``value`` as the base; beside it, the map starts from zero.

        The diagonal, which has no part in the map, is -1, as in PyTorch.
        """
        wide = value.shape[-2] < value.shape[-1]
        tall = value.mT if wide else value
        n = tall.shape[-1]
        q, r = linalg_qr(tall, "complete")
        signs = r.diagonal(dim1=-2, dim2=-1).sign()
        signs = signs + (signs == 0).to(signs.dtype)
        self.base = cat([q[..., :n] * signs.unsqueeze(-2), q[..., n:]], -1)
        return -eye(*value.shape[-2:], dtype=value.dtype, device=value.device).expand_as(value)


def orthogonal(
    module: Any, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Any:
    """Keeps the columns (or rows, if they are fewer) of a weight orthonormal.

    Lezcano-Casado 2019, arXiv:1909.09501: the weight is a fixed orthogonal matrix times one that is computed from the
    parameter by a smooth map.

    Args:
        module: is changed, and returned.
        name: the parameter, a matrix or a batch of them.
        orthogonal_map: ``"matrix_exp"`` (default) or ``"cayley"``.
        use_trivialization: ``True``.

    Raises:
        ValueError: not a matrix, or no such map.
        NotImplementedError: the map ``"householder"``, or ``use_trivialization=False``.

    >>> import minitorch as torch
    >>> w = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 2)).weight
    >>> torch.allclose(w @ w.mT, torch.eye(2), atol=1e-5)
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map not in (None, "matrix_exp", "cayley", "householder"):
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    if orthogonal_map == "householder" or not use_trivialization:
        raise NotImplementedError(
            'orthogonal: the maps are "matrix_exp" and "cayley", with use_trivialization=True; '
            "householder reflections are not supported"
        )
    return register_parametrization(module, name, _Orthogonal(orthogonal_map or "matrix_exp"), unsafe=True)
