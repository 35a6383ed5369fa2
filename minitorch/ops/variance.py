"""Variance and standard deviation, alone or beside the mean; covariance of variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.dtype import default_dtype
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import reduced_axes
from minitorch.ops.keywords import keywords
from minitorch.ops.reduction import count_of, mean_array, spread, sum_array


def _moments(input, axes, correction):
    """(variance, mean) as arrays with the reduced axes kept.

    Deviations are squared, as the difference of mean square and squared mean would lose all digits of a large mean.
    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", The American
    Statistician 37 (1983), the corrected two-pass algorithm.
    """
    dtype = input.dtype
    if dtype.itemsize == 2:
        variance, mean = _moments(input.astype(np.float32), axes, correction)
        return variance.astype(dtype), mean.astype(dtype)
    if len(axes) == input.ndim and input.size > 1 and input.flags.c_contiguous:
        return _whole_moments(input, correction)
    count = count_of(input.shape, axes)
    mean = mean_array(input, axes, True)
    deviation = input - mean
    # what the mean lost to rounding shows in the sum of the deviations, and is taken out again
    lost = sum_array(deviation, axes, True)
    deviation *= deviation
    total = sum_array(deviation, axes, True)
    if count:
        total -= lost * lost / float(count)
    total /= float(max(count - correction, 0))
    return total, mean


def _whole_moments(input, correction):
    """:func:`_moments` of all elements, for which a sum of squares is one product."""
    flat = input.reshape(-1)
    mean = mean_array(flat, None, False)
    deviation = flat - mean
    lost = deviation.sum()
    total = (deviation @ deviation - lost * lost / flat.size) / float(max(flat.size - correction, 0))
    shape = (1,) * input.ndim
    return total.reshape(shape), mean.reshape(shape)


def _shaped(array, axes, keepdim):
    return array if keepdim else array.squeeze(axes)


@op("VarBackward0")
def _var(input: Array, axes, correction, keepdim):
    return _shaped(_moments(input, axes, correction)[0], axes, keepdim)


def _var_grad(g, input, axes, correction, keepdim):
    shape = input._data.shape
    freedom = count_of(shape, axes) - correction
    g = spread(g, shape, axes, keepdim)
    return g * (2 / freedom if freedom > 0 else math.nan) * (input - input.mean(axes, keepdim=True))


_var.rules(input=_var_grad)


@op("StdBackward0")
def _std(input: Array, axes, correction, keepdim):
    return _shaped(xp(input).sqrt(_moments(input, axes, correction)[0]), axes, keepdim)


def _std_grad(g, input, out, axes, correction, keepdim):
    # where nothing varies the derivative is infinite: 0 is the subgradient of choice
    slope = (g / (out * 2)).masked_fill(wrap(out._data == 0), 0)
    return _var_grad(slope, input, axes, correction, keepdim)


_std.rules(input=_std_grad)


@op("VarMeanBackward0", multiple=True)
def _var_mean(input: Array, axes, correction, keepdim):
    return tuple(_shaped(a, axes, keepdim) for a in _moments(input, axes, correction))


def _var_mean_grad(g, input, axes, correction, keepdim):
    by_variance, by_mean = (*g, None)[:2]
    grad = None
    if by_variance is not None:
        grad = _var_grad(by_variance, input, axes, correction, keepdim)
    if by_mean is not None:
        shape = input._data.shape
        part = spread(by_mean / (count_of(shape, axes) or 1), shape, axes, keepdim)
        grad = part if grad is None else grad + part
    return grad


_var_mean.rules(input=_var_mean_grad)


def _arguments(name, input, dim, unbiased, keepdim, correction):
    """What the ops take; ``var(x, False)`` gives ``unbiased`` by the place of ``dim``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if input._data.dtype.kind != "f":
        raise RuntimeError(f"{name}: std and var only support floating point and complex dtypes, got {input.dtype}")
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{name}() takes either 'unbiased' or 'correction', not both")
        correction = int(unbiased)
    return reduced_axes(dim, input._data.ndim), 1 if correction is None else correction, keepdim


@keywords
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance over ``dim`` (an int, several, or all): squared deviations from the mean, summed and divided by
    ``n - correction``.

    ``correction`` is 1 by default (Bessel's); ``unbiased=False`` means 0.

    Raises:
        RuntimeError: the input is not of floating point.

    >>> import minitorch as torch
    >>> torch.var(torch.tensor([[1., 3.], [2., 6.]]), dim=1)
    tensor([2., 8.])
    """
    return _var(input, *_arguments("var", input, dim, unbiased, keepdim, correction))


@keywords
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation: the square root of :func:`var`.

    >>> import minitorch as torch
    >>> torch.std(torch.tensor([1., 5.]), correction=0)
    tensor(2.)
    """
    return _std(input, *_arguments("std", input, dim, unbiased, keepdim, correction))


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """``(var, mean)`` in one go; arguments as those of :func:`var`.

    >>> import minitorch as torch
    >>> torch.var_mean(torch.tensor([1., 3.]))
    (tensor(2.), tensor(2.))
    """
    return _var_mean(input, *_arguments("var_mean", input, dim, unbiased, keepdim, correction))


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """``(std, mean)``; arguments as those of :func:`var`."""
    axes, correction, keepdim = _arguments("std_mean", input, dim, unbiased, keepdim, correction)
    return _std(input, axes, correction, keepdim), input.mean(axes, keepdim=keepdim)


# ---- several variables


def _weights(name: str, weights: Any, observations: int, kind: str) -> Tensor:
    array = weights._data
    if array.ndim > 1:
        raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {array.ndim}")
    if array.dtype.kind not in kind:
        wanted = "floating point" if kind == "f" else "integral"
        raise RuntimeError(f"cov(): expected {name} to have {wanted} dtype but got {weights.dtype}")
    if array.size != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{array.size} != {observations}"
        )
    if (array < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return weights.reshape(-1)


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables (rows) over observations (columns); a vector is one variable.

    Args:
        correction: taken from the number of observations: 1 for the unbiased estimate.
        fweights: (n,) integers: how often each observation was made.
        aweights: (n,) floats: the weight of each observation.

    Raises:
        RuntimeError: more than two dimensions, or unfit weights.

    >>> import minitorch as torch
    >>> torch.cov(torch.tensor([[0., 1., 2.], [4., 2., 0.]]))
    tensor([[ 1., -2.],
            [-2.,  4.]])
    """
    array = input._data
    if array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {array.ndim} dimensions"
        )
    if array.dtype.kind != "f":
        input = input.to(default_dtype())
    x = input.reshape(1, -1) if array.ndim < 2 else input
    count = x._data.shape[1]
    weights = None
    if fweights is not None:
        weights = _weights("fweights", fweights, count, "iu")
    if aweights is not None:
        given = _weights("aweights", aweights, count, "f")
        weights = given if weights is None else weights * given
    if weights is None:
        x, freedom = x - x.mean(1, keepdim=True), count - correction
        weighted = x
    else:
        total = weights.sum()
        x = x - ((x * weights).sum(1, keepdim=True) / total)
        weighted = x * weights
        freedom = total - (correction if aweights is None else correction * (weights * given).sum() / total)
    # too few observations divide by zero
    freedom = freedom.clamp(min=0) if isinstance(freedom, Tensor) else float(max(freedom, 0))
    out = x @ weighted.mT / freedom
    return out.squeeze()


def corrcoef(input):
    """Pearson's correlation coefficients of variables (rows) over observations (columns).

    Raises:
        RuntimeError: more than two dimensions.

    >>> import minitorch as torch
    >>> torch.corrcoef(torch.tensor([[0., 1., 2.], [4., 2., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input._data.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._data.ndim} dimensions"
        )
    c = cov(input)
    if c._data.ndim == 0:
        return c / c
    deviation = c.diagonal().sqrt()
    return (c / deviation.unsqueeze(-1) / deviation.unsqueeze(0)).clip(-1, 1)
