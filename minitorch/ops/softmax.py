"""Softmax and its logarithm."""

from __future__ import annotations

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.ops.dims import wrap_dim


@op("SoftmaxBackward0")
def _softmax(input: Array, axis):
    out = input - input.max(axis=axis, keepdims=True)  # no exponential overflows
    xp(input).exp(out, out=out)
    out /= out.sum(axis=axis, keepdims=True)
    return out


@op("SoftmaxBackwardData0")
def _softmax_grad(g: Array, result: Array, axis):
    product = g * result
    product -= result * product.sum(axis=axis, keepdims=True)
    return product


def _softmax_grad_by_result(h, g, result, axis):
    # of sum(h·g·r - h·r·sum(g·r)) by r
    return h * g - h * (g * result).sum(axis, keepdim=True) - g * (h * result).sum(axis, keepdim=True)


_softmax.rules(input=lambda g, out, axis: _softmax_grad(g, out, axis))
_softmax_grad.rules(
    g=lambda h, result, axis: _softmax_grad(h, result, axis),
    result=_softmax_grad_by_result,
)


@op("LogSoftmaxBackward0")
def _log_softmax(input: Array, axis):
    lib = xp(input)
    out = input - input.max(axis=axis, keepdims=True)
    out -= lib.log(lib.exp(out).sum(axis=axis, keepdims=True))
    return out


@op("LogSoftmaxBackwardData0")
def _log_softmax_grad(g: Array, result: Array, axis):
    out = xp(g).exp(result)
    out *= g.sum(axis=axis, keepdims=True)
    return xp(g).subtract(g, out, out=out)


_log_softmax.rules(input=lambda g, out, axis: _log_softmax_grad(g, out, axis))
_log_softmax_grad.rules(
    g=lambda h, result, axis: h - (h * result.exp()).sum(axis, keepdim=True),
    result=lambda h, g, result, axis: -(h * result.exp()) * g.sum(axis, keepdim=True),
)


def _prepared(name, input, dim, dtype):
    if dtype is not None:
        input = input.to(dtype)
    array = input._data
    if array.dtype.kind != "f":
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype}: convert with .float() or give dtype')
    return input, wrap_dim(dim, array.ndim)


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


def log_softmax(input, dim, dtype=None):
    """The logarithm of :func:`softmax`, without the loss of digits of computing one after the other.

    Raises: as :func:`softmax`.
    """
    input, axis = _prepared("log_softmax", input, dim, dtype)
    if input._data.ndim == 0:
        return _log_softmax(input.reshape(1), 0).reshape(())
    return input.clone() if input._data.size == 0 else _log_softmax(input, axis)
