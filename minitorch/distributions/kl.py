"""Kullback-Leibler divergences in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.distributions.bernoulli import Bernoulli
from minitorch.distributions.beta import Beta
from minitorch.distributions.categorical import Categorical
from minitorch.distributions.dirichlet import Dirichlet
from minitorch.distributions.distribution import Distribution
from minitorch.distributions.exponential import Exponential
from minitorch.distributions.gamma import Gamma
from minitorch.distributions.independent import Independent, sum_rightmost
from minitorch.distributions.laplace import Laplace
from minitorch.distributions.multivariate_normal import MultivariateNormal, half_logdet, squared_distance
from minitorch.distributions.normal import Normal
from minitorch.distributions.uniform import Uniform
from minitorch.ops.masking import where
from minitorch.ops.solving import solve_triangular
from minitorch.ops.special_functions import digamma, lgamma

_formulas: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable], Callable]:
    """Decorates the function that gives the divergence of a ``type_p`` from a ``type_q``.

    Raises:
        TypeError: not subclasses of :class:`Distribution`.
    """
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise TypeError(f"register_kl: expected a subclass of Distribution, got {kind!r}")

    def register(function: Callable) -> Callable:
        _formulas[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The expected value, under ``p``, of ``log p - log q``: one number an element of the batch.

    Raises:
        NotImplementedError: there is no formula for the two; :func:`register_kl` adds one.

    >>> import minitorch as torch
    >>> from minitorch.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1., 1.), Normal(0., 1.))
    tensor(0.5000)
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            formula = _formulas.get((kind_p, kind_q))
            if formula is not None:
                return formula(p, q)
    raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__}, q type {type(q).__name__}")


def _infinite_outside(inside: Tensor, value: Tensor) -> Tensor:
    return where(inside, value, math.inf)


@register_kl(Normal, Normal)
def _normals(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _laplaces(p: Any, q: Any) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Uniform, Uniform)
def _uniforms(p: Any, q: Any) -> Tensor:
    value = ((q.high - q.low) / (p.high - p.low)).log()
    return _infinite_outside((q.low <= p.low) & (q.high >= p.high), value)


@register_kl(Uniform, Normal)
def _uniform_normal(p: Any, q: Any) -> Tensor:
    width = p.high - p.low
    spread = width.square() / 12 + ((p.high + p.low) / 2 - q.loc).square()
    return 0.5 * math.log(2 * math.pi) + (q.scale / width).log() + 0.5 * spread / q.scale.square()


@register_kl(Bernoulli, Bernoulli)
def _bernoullis(p: Any, q: Any) -> Tensor:
    # log p/q and log (1-p)/(1-q) by log-odds: softplus(-x) is -log sigmoid(x)
    from minitorch.nn.functional import softplus

    ones = _or_zero(p.probs, softplus(-q.logits) - softplus(-p.logits), q.probs)
    return ones + _or_zero(1 - p.probs, softplus(q.logits) - softplus(p.logits), 1 - q.probs)


def _or_zero(weight: Tensor, value: Tensor, other: Tensor) -> Tensor:
    """``weight * value``: 0 for no weight, infinite where the other distribution has none."""
    return where(weight.eq(0), 0.0, where(other.eq(0), math.inf, weight * value))


@register_kl(Categorical, Categorical)
def _categoricals(p: Any, q: Any) -> Tensor:
    return _or_zero(p.probs, p.logits - q.logits, q.probs).sum(-1)


@register_kl(Exponential, Exponential)
def _exponentials(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gammas(p: Any, q: Any) -> Tensor:
    return (
        q.concentration * (p.rate / q.rate).log()
        + lgamma(q.concentration)
        - lgamma(p.concentration)
        + (p.concentration - q.concentration) * digamma(p.concentration)
        + (q.rate - p.rate) * (p.concentration / p.rate)
    )


def _as_gamma(exponential: Any) -> Gamma:
    return Gamma(exponential.rate * 0 + 1, exponential.rate, validate_args=False)


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Tensor:
    return _gammas(_as_gamma(p), q)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Any, q: Any) -> Tensor:
    return _gammas(p, _as_gamma(q))


@register_kl(Dirichlet, Dirichlet)
def _dirichlets(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    normalisers = lgamma(a.sum(-1)) - lgamma(b.sum(-1)) - (lgamma(a) - lgamma(b)).sum(-1)
    return normalisers + ((a - b) * (digamma(a) - digamma(a.sum(-1, keepdim=True)))).sum(-1)


@register_kl(Beta, Beta)
def _betas(p: Any, q: Any) -> Tensor:
    return _dirichlets(p._dirichlet, q._dirichlet)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normals(p: Any, q: Any) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two Multivariate Normals with different event shapes, {list(p.event_shape)} and "
            f"{list(q.event_shape)}, cannot be computed"
        )
    batch = (p.loc + q.loc).shape[:-1]
    n = p.event_shape[0]
    factor = q.scale_tril.expand(*batch, n, n)
    trace = solve_triangular(factor, p.scale_tril.expand(*batch, n, n), upper=False).square().sum((-2, -1))
    distance = squared_distance(q.scale_tril, q.loc - p.loc)
    return half_logdet(q.scale_tril) - half_logdet(p.scale_tril) + 0.5 * (trace + distance - n)


@register_kl(Independent, Independent)
def _independents(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independent distributions whose events have different numbers of dimensions")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
