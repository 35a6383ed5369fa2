"""Softmax, its logarithm, and the logarithm of a sum of exponentials."""

from __future__ import annotations

import math

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.row_reductions import row_extremes, sums
from minitorch.backend.primitives.softmax import (
    log_softmax_backward,
    log_softmax_forward,
    softmax_backward,
    softmax_forward,
)
from minitorch.core.dtype import default_dtype
from minitorch.core.op import Array, op
from minitorch.ops.dims import reduced_axes, wrap_dim
from minitorch.ops.keywords import keywords
from minitorch.ops.reduction import count_of, kept_dims, sum_array


def _in_float32(function, axis, *arrays):
    """What ``function`` gives for the arrays; float16 passes through float32."""
    dtype = arrays[0].dtype
    if dtype.itemsize != 2:
        return function(*arrays, axis)
    return function(*(a.astype(np.float32) for a in arrays), axis).astype(dtype)


@op("SoftmaxBackward0")
def _softmax(input: Array, axis):
    return _in_float32(softmax_forward, axis, input)


@op("SoftmaxBackwardData0")
def _softmax_grad(g: Array, out: Array, axis):
    return _in_float32(softmax_backward, axis, g, out)


_softmax.rules(input=_softmax_grad)
_softmax_grad.rules(
    g=_softmax_grad,
    # of sum(h·g·r - h·r·sum(g·r)) by r
    out=lambda h, g, out, axis: h * g - h * (g * out).sum(axis, keepdim=True) - g * (h * out).sum(axis, keepdim=True),
)


@op("LogSoftmaxBackward0")
def _log_softmax(input: Array, axis):
    return _in_float32(log_softmax_forward, axis, input)


@op("LogSoftmaxBackwardData0")
def _log_softmax_grad(g: Array, out: Array, axis):
    return _in_float32(log_softmax_backward, axis, g, out)


_log_softmax.rules(input=_log_softmax_grad)
_log_softmax_grad.rules(
    g=lambda h, out, axis: h - (h * out.exp()).sum(axis, keepdim=True),
    out=lambda h, g, out, axis: -(h * out.exp()) * g.sum(axis, keepdim=True),
)


def _prepared(name, input, dim, dtype):
    if dtype is not None:
        input = input.to(dtype)
    array = input._data
    if array.dtype.kind != "f":
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype}: convert with .float() or give dtype')
    return input, wrap_dim(dim, array.ndim)


@keywords
def softmax(input, dim, dtype=None):
    """``exp(input)`` divided by its sum along ``dim``: numbers between 0 and 1 that add up to 1.

    Raises:
        IndexError: no such dimension.
        NotImplementedError: the input is not of floating point (``dtype`` converts it first).

    >>> import minitorch as torch
    >>> torch.softmax(torch.zeros(4), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    input, axis = _prepared("softmax", input, dim, dtype)
    if input._data.ndim == 0:
        return _softmax(input.reshape(1), 0).reshape(())
    return input.clone() if input._data.size == 0 else _softmax(input, axis)


@keywords
def log_softmax(input, dim, dtype=None):
    """The logarithm of :func:`softmax`, without the loss of digits of computing one after the other.

    Raises: as :func:`softmax`.
    """
    input, axis = _prepared("log_softmax", input, dim, dtype)
    if input._data.ndim == 0:
        return _log_softmax(input.reshape(1), 0).reshape(())
    return input.clone() if input._data.size == 0 else _log_softmax(input, axis)


# ---- the logarithm of a sum of exponentials


@op("LogsumexpBackward0")
def _logsumexp(input: Array, axes, keepdim):
    if input.dtype.itemsize == 2:
        return _logsumexp_array(input.astype(np.float32), axes, keepdim).astype(input.dtype)
    return _logsumexp_array(input, axes, keepdim)


def _logsumexp_array(input, axes, keepdim):
    lib = xp(input)
    if count_of(input.shape, axes) == 0:
        return sum_array(input, axes, keepdim) - math.inf
    top = row_extremes(input, axes[0], True, True) if len(axes) == 1 else input.max(axis=axes, keepdims=True)
    # an infinite maximum must not be subtracted from itself
    top = lib.where(lib.isinf(top), top.dtype.type(0), top)
    out = sums(lib.exp(input - top), axes, True)
    with np.errstate(divide="ignore"):
        out = lib.log(out) + top
    return out if keepdim else out.squeeze(axes)


def _logsumexp_grad(g, input, out, axes, keepdim):
    if not keepdim:
        g, out = kept_dims(g, input._data.shape, axes), kept_dims(out, input._data.shape, axes)
    return g * (input - out).exp()


_logsumexp.rules(input=_logsumexp_grad)


@keywords
def logsumexp(input, dim, keepdim=False):
    """``log(sum(exp(input)))`` along ``dim`` (an int or several) without overflow.

    >>> import minitorch as torch
    >>> torch.logsumexp(torch.tensor([0., 0.]), dim=0)
    tensor(0.6931)
    """
    if input._data.dtype.kind != "f":
        input = input.to(default_dtype())
    return _logsumexp(input, reduced_axes(dim, input._data.ndim), keepdim)
