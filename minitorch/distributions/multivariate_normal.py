"""The normal distribution of vectors."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.distributions import constraints
from minitorch.distributions.distribution import Distribution
from minitorch.ops.decompositions import cholesky
from minitorch.ops.shape import broadcast_shapes
from minitorch.ops.solving import cholesky_inverse, inv, solve_triangular
from minitorch.sampling import randn


def squared_distance(scale_tril: Tensor, away: Tensor) -> Tensor:
    """``awayᵀ (L Lᵀ)⁻¹ away``, for vectors and matrices that broadcast."""
    batch = broadcast_shapes(scale_tril.shape[:-2], away.shape[:-1])
    n = away.shape[-1]
    factors, columns = scale_tril.expand(*batch, n, n), away.unsqueeze(-1).expand(*batch, n, 1)
    return solve_triangular(factors, columns, upper=False).square().sum((-2, -1))


def half_logdet(scale_tril: Tensor) -> Tensor:
    """Half the logarithm of the determinant of ``L Lᵀ``."""
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """The normal distribution of vectors of length n.

    Args:
        loc: (..., n), the mean.
        covariance_matrix: (..., n, n), positive definite;
        precision_matrix: or its inverse;
        scale_tril: or its lower Cholesky factor, which saves computing it.
        validate_args: see :class:`Distribution`.

    >>> import minitorch as torch
    >>> d = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
    >>> d.log_prob(torch.zeros(2))
    tensor(-1.8379)
    >>> d.rsample((5,)).shape
    torch.Size([5, 2])
    """

    has_rsample = True
    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.ndim < 1:
            raise ValueError("loc must be at least one-dimensional.")
        choices = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {name: matrix for name, matrix in choices.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.ndim < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        self.__dict__[name] = matrix.expand(*batch, *matrix.shape[-2:])
        self.loc = loc.expand(*batch, loc.shape[-1])
        super().__init__(batch, loc.shape[-1:], validate_args)
        if name != "scale_tril":
            self.__dict__["scale_tril"] = cholesky(matrix if name == "covariance_matrix" else inv(matrix)).expand(
                *batch, *matrix.shape[-2:]
            )

    @cached_property
    def covariance_matrix(self) -> Tensor:
        """``scale_tril @ scale_tril.mT``."""
        return self.scale_tril @ self.scale_tril.mT

    @cached_property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance matrix."""
        return cholesky_inverse(self.scale_tril)

    @cached_property
    def scale_tril(self) -> Tensor:
        """The lower Cholesky factor of the covariance matrix."""
        raise AttributeError("scale_tril is set when the distribution is made")

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale_tril.square().sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n = self._event_shape[0]
        distance = squared_distance(self.scale_tril, value - self.loc)
        return -0.5 * (n * math.log(2 * math.pi) + distance) - half_logdet(self.scale_tril)

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + half_logdet(self.scale_tril)

    def __repr__(self) -> str:
        return f"MultivariateNormal(loc: {self.loc.size()}, covariance: {self.scale_tril.size()})"
