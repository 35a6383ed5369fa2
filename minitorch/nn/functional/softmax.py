"""Softmax and its relatives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.random import fill_uniform
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.softmax import log_softmax as _log_softmax_op
from minitorch.ops.softmax import softmax as _softmax_op
from minitorch.random_arrays import new_numbers


def _dim_or_default(name: str, dim: int | None, ndim: int, stacklevel: int) -> int:
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(input)`` divided by its sum along ``dim``: see :func:`minitorch.softmax`."""
    return _softmax_op(input, _dim_or_default("softmax", dim, input.ndim, _stacklevel), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of :func:`softmax`."""
    return _log_softmax_op(input, _dim_or_default("log_softmax", dim, input.ndim, _stacklevel), dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """:func:`softmax` of ``-input``."""
    return _softmax_op(-input, _dim_or_default("softmin", dim, input.ndim, _stacklevel), dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample from the distribution that ``softmax(logits)`` is, relaxed by ``tau`` so that gradients flow.

    Jang et al. 2016, arXiv:1611.00712.

    Args:
        hard: one-hot, with the gradient of the relaxed sample.
        eps: without effect, as in PyTorch.
    """
    x = logits._data
    lib, u = xp(x), new_numbers(fill_uniform, x.shape, np.float64, logits.device.ordinal, None)
    # Gumbel noise is -ln of an exponential variate, here not of 0
    noise = -lib.log(lib.maximum(-lib.log1p(-u), 2.0**-54)).astype(x.dtype)
    sample = _softmax_op((logits + wrap(noise)) / tau, dim)
    if not hard:
        return sample
    axis = wrap_dim(dim, x.ndim)
    places = lib.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - axis - 1))
    chosen = (places == lib.expand_dims(sample._data.argmax(axis), axis)).astype(x.dtype)
    return wrap(chosen) - sample.detach() + sample
