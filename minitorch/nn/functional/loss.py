"""Losses that compare an input with a target element by element.

Each is an operation with its reduction inside; the derivatives by input and target are written in operations on
Tensors, so they can be differentiated again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.activations import log1p_exp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.reduce import (
    REDUCTIONS,
    matched,
    per_element,
    reduce_tensor,
    reduced,
    reduction_of,
    weighted,
    weighted_mean,
)


def declare_loss(names: str, value: Callable, by_input: Callable, by_target: Callable) -> Callable[..., Tensor]:
    """The loss ``value(lib, input, target, *params)`` on arrays, with its derivatives on Tensors.

    Args:
        names: of the graph node: one, or those for the reductions "none", "mean" and "sum".
    """

    def declare(name: str) -> Callable[..., Tensor]:
        @op(name)
        def loss(input: Array, target: Array, params, reduction):
            return reduced(value(xp(input), input, target, *params), reduction)

        loss.rules(
            input=lambda g, input, target, params, reduction: (
                per_element(g, reduction, input) * by_input(input, target, *params)
            ),
            target=lambda g, input, target, params, reduction: (
                per_element(g, reduction, input) * by_target(input, target, *params)
            ),
        )
        return loss

    declared = [declare(name) for name in names.split()]
    if len(declared) == 1:
        return declared[0]
    by_reduction = dict(zip(REDUCTIONS, declared))
    return lambda input, target, params, reduction: by_reduction[reduction](input, target, params, reduction)


# ---- squares


@op("MseLossBackward0")
def _mse_loss(input: Array, target: Array, reduction):
    difference = input - target
    if reduction == "none":
        difference *= difference
        return difference
    flat = difference.reshape(-1)
    if flat.dtype.itemsize == 2:  # sums of float16 overflow
        total = xp(input).square(flat, dtype="f4").sum()
        return (total / flat.size if reduction == "mean" else total).astype(input.dtype)
    total = xp(input).dot(flat, flat)
    if reduction == "sum":
        return total
    return total / flat.size if flat.size else total * math.nan


@op("MseLossBackwardBackward0")
def _mse_grad(g: Array, input: Array, target: Array, scale):
    out = input - target
    out *= g * g.dtype.type(scale)
    return out


def _mse_scale(reduction: str, input: Tensor) -> float:
    return 2 / max(1, input._data.size) if reduction == "mean" else 2


def _like_g(product: Tensor, g_shape: tuple) -> Tensor:
    """A derivative by the gradient of a loss: summed if that was one number."""
    return product if product._data.shape == g_shape else product.sum()


_mse_loss.rules(
    input=lambda g, input, target, reduction: _mse_grad(g, input, target, _mse_scale(reduction, input)),
    target=lambda g, input, target, reduction: _mse_grad(g, target, input, _mse_scale(reduction, input)),
)
_mse_grad.rules(
    g=lambda h, input, target, scale, g_shape: _like_g(h * (input - target) * scale, g_shape),
    input=lambda h, g, scale: h * g * scale,
    target=lambda h, g, scale: h * g * -scale,
)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of ``(input - target)²``.

    Shape: input (\\*), target the same -> (), or (\\*) for ``reduction="none"``.

    Raises:
        ValueError: broadcasting with the target would enlarge the result.

    >>> import minitorch as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1., 2.]), torch.tensor([1., 4.]))
    tensor(2.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = matched("mse_loss", input, target)
    if weight is not None:
        return weighted_mean("mse_loss", _mse_loss(input, target, "none"), weight, reduction)
    return _mse_loss(input, target, reduction)


# ---- absolute values


_l1_loss = declare_loss(
    "AbsBackward0 MeanBackward0 SumBackward0",
    lambda lib, x, t: lib.abs(x - t),
    lambda x, t: (x - t).sign(),
    lambda x, t: (t - x).sign(),
)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The mean of ``|input - target|``.  Shapes and errors: as :func:`mse_loss`."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = matched("l1_loss", input, target)
    if weight is not None:
        return weighted_mean("l1_loss", _l1_loss(input, target, (), "none"), weight, reduction)
    return _l1_loss(input, target, (), reduction)


def _huber(lib: Any, x: Any, t: Any, delta: float) -> Any:
    size = lib.abs(x - t)
    return lib.where(size < delta, 0.5 * size * size, delta * (size - 0.5 * delta))


_huber_loss = declare_loss(
    "HuberLossBackward0",
    _huber,
    lambda x, t, delta: (x - t).clamp(-delta, delta),
    lambda x, t, delta: (t - x).clamp(-delta, delta),
)
_smooth_l1_loss = declare_loss(
    "SmoothL1LossBackward0",
    lambda lib, x, t, beta: _huber(lib, x, t, beta) / x.dtype.type(beta),
    lambda x, t, beta: ((x - t) / beta).clamp(-1, 1),
    lambda x, t, beta: ((t - x) / beta).clamp(-1, 1),
)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The mean of ``d² / (2·beta)`` where ``d = |input - target|`` is below ``beta``, of ``d - beta/2`` elsewhere.

    Girshick 2015, "Fast R-CNN".  Shapes and errors: as :func:`mse_loss`.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    input, target = matched("smooth_l1_loss", input, target)
    if beta == 0:
        return _l1_loss(input, target, (), reduction)
    return _smooth_l1_loss(input, target, (beta,), reduction)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """The mean of ``d²/2`` where ``d = |input - target|`` is below ``delta``, of ``delta·(d - delta/2)`` elsewhere.

    Huber 1964, "Robust estimation of a location parameter".  Shapes and errors: as :func:`mse_loss`.
    """
    reduction = reduction_of(None, None, reduction)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}")
    input, target = matched("huber_loss", input, target)
    if weight is not None:
        return reduce_tensor(weighted("huber_loss", _huber_loss(input, target, (delta,), "none"), weight), reduction)
    return _huber_loss(input, target, (delta,), reduction)


# ---- distributions


def _entropy(lib: Any, t: Any) -> Any:
    """``t·log(t)``, zero at zero."""
    return t * lib.log(lib.where(t == 0, 1, t))


_kl_div = declare_loss(
    "SubBackward0 MeanBackward0 SumBackward0",
    lambda lib, x, t: _entropy(lib, t) - t * x,
    lambda x, t: -t,
    lambda x, t: t.log() + 1 - x,
)
_kl_div_of_logs = declare_loss(
    "MulBackward0 MeanBackward0 SumBackward0",
    lambda lib, x, t: lib.exp(t) * (t - x),
    lambda x, t: -t.exp(),
    lambda x, t: t.exp() * (t - x + 1),
)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence ``target·(log(target) - input)`` of log-probabilities ``input`` from ``target``.

    Args:
        reduction: also ``"batchmean"``: the sum divided by the size of dimension 0, which is the divergence itself.
        log_target: the target has log-probabilities too.
    """
    loss = _kl_div_of_logs if log_target else _kl_div
    if reduction == "batchmean":
        input, target = matched("kl_div", input, target)
        total = loss(input, target, (), "sum")
        return total / input._data.shape[0] if input._data.ndim else total
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = matched("kl_div", input, target)
    return loss(input, target, (), reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood of counts ``target`` under Poisson rates ``exp(input)`` (or ``input``).

    Args:
        full: adds Stirling's approximation of ``log(target!)`` for targets above 1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.is_floating_point() or target.is_floating_point():
        input, target = matched("poisson_nll_loss", input, target)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        above = target._data > 1
        safe = target.masked_fill(wrap(~above), 1)
        stirling = safe * safe.log() - safe + (safe * (2 * math.pi)).log() * 0.5
        loss = loss + stirling * wrap(above.astype(stirling._data.dtype))
    return reduce_tensor(loss, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Minus the log-likelihood of ``target`` under a normal distribution of mean ``input`` and variance ``var``.

    Args:
        var: as the input, or with 1 in the place of one dimension, or without the last one, or a number.
        full: adds the constant ``log(2π)/2``.

    Raises:
        ValueError: ``var`` is negative or has another shape.
    """
    reduction = reduction_of(None, None, reduction)
    input, target = matched("gaussian_nll_loss", input, target)
    variance: Tensor = var if isinstance(var, Tensor) else wrap(xp(input._data).full((), var, input._data.dtype))
    array = variance._data
    shape, has = input._data.shape, array.shape
    pooled = len(has) == len(shape) and [n for n, m in zip(has, shape) if n != m] == [1]
    if has and has != shape and has != shape[:-1] and not pooled:
        raise ValueError(f"gaussian_nll_loss: var is of incorrect size: {has} for an input of shape {shape}")
    if (array < 0).any():
        raise ValueError(f"gaussian_nll_loss: var has negative entry/entries, the lowest is {float(array.min())}")
    # the floor under the variance does not change its gradient
    floored = variance + wrap(xp(array).maximum(array, eps).astype(array.dtype) - array)
    if has and has == shape[:-1]:
        floored = floored.unsqueeze(-1)
    loss = (floored.log() + (input - target) ** 2 / floored) * 0.5
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduce_tensor(loss, reduction)


_soft_margin_loss = declare_loss(
    "SoftMarginLossBackward0",
    lambda lib, x, t: log1p_exp(lib, -t * x),
    lambda x, t: -t * (-t * x).sigmoid(),
    lambda x, t: -x * (-t * x).sigmoid(),
)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean of ``log(1 + exp(-target·input))`` for targets of 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = matched("soft_margin_loss", input, target)
    return _soft_margin_loss(input, target, (), reduction)
