"""Probability distributions: drawing numbers, their log-probabilities, and gradients through both."""

from minitorch.distributions import constraints
from minitorch.distributions.base import Distribution
from minitorch.distributions.beta import Beta, Dirichlet
from minitorch.distributions.discrete import Bernoulli, Categorical, OneHotCategorical
from minitorch.distributions.divergence import kl_divergence, register_kl
from minitorch.distributions.gamma import Exponential, Gamma
from minitorch.distributions.independent import Independent
from minitorch.distributions.location_scale import Laplace, Normal, Uniform
from minitorch.distributions.multivariate_normal import MultivariateNormal

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "Gamma",
    "Independent",
    "Laplace",
    "MultivariateNormal",
    "Normal",
    "OneHotCategorical",
    "Uniform",
    "kl_divergence",
    "register_kl",
]
