"""Running sums, products and extrema along a dimension; differences and integrals by the trapezoidal rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.backend.primitives.scan import linear_recurrence, running, running_wide
from minitorch.core.dtype import as_dtype
from minitorch.core.inplace import inplace
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.ops.dims import wrap_dim
from minitorch.ops.gathering import _gather_grad
from minitorch.ops.joining import cat
from minitorch.ops.keywords import keywords

#: running sums lose digits element by element: they are kept in the next wider type
_WIDER = {"float16": np.float32, "float32": np.float64, "float64": np.float64}


@op("CumsumBackward0")
def _cumsum(input: Array, axis, reverse):
    """Running sums from the first element on or, with ``reverse``, from the last."""
    if reverse:
        input = xp(input).flip(input, axis)
    if input.dtype.kind != "f":
        out = input.cumsum(axis=axis, dtype=np.int64)
    else:
        out = running_wide("add", input, axis, _WIDER[input.dtype.name])
    return xp(out).flip(out, axis) if reverse else out


_cumsum.rules(input=lambda g, axis, reverse: _cumsum(g, axis, not reverse))


def _prepared(input: Tensor, dim: int, dtype: Any) -> tuple[Tensor, int]:
    if dtype is not None:
        input = input.to(as_dtype(dtype))
    return input, wrap_dim(dim, input._data.ndim)


def _along(function: Any, input: Tensor, *args: Any) -> Tensor:
    """Calls an op along an axis, which a 0-d tensor does not have."""
    if input._data.ndim:
        return function(input, *args)
    return function(input.reshape(1), *args).reshape(())


@keywords
def cumsum(input, dim, *, dtype=None):
    """Running sum along ``dim``; integers and bools are summed as int64.

    >>> import minitorch as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    input, axis = _prepared(input, dim, dtype)
    out = _along(_cumsum, input, axis, False)
    return out if dtype is None else out.to(as_dtype(dtype))


@op("CumprodBackward0")
def _cumprod(input: Array, axis):
    if input.dtype.kind != "f":
        return input.cumprod(axis=axis, dtype=np.int64)
    return running_wide("multiply", input, axis, _WIDER[input.dtype.name])


@keywords
def cumprod(input, dim, *, dtype=None):
    """Running product along ``dim``; integers and bools are multiplied as int64.

    >>> import minitorch as torch
    >>> torch.cumprod(torch.tensor([1., 2., 3.]), dim=0)
    tensor([1., 2., 6.])
    """
    input, axis = _prepared(input, dim, dtype)
    out = _along(_cumprod, input, axis)
    return out if dtype is None else out.to(as_dtype(dtype))


# ---- gradients of products without a division, which a zero would spoil


@op("RecurrenceBackward0")
def _recurrence(factor: Array, summand: Array, axis, reverse):
    """``y[k] = factor[k] * y[k - 1] + summand[k]``, or with ``k + 1`` instead of ``k - 1`` from the end."""
    if reverse:
        lib = xp(factor)
        return lib.flip(linear_recurrence(lib.flip(factor, axis), lib.flip(summand, axis), axis), axis)
    return linear_recurrence(factor, summand, axis)


def _shifted(x: Tensor, axis: int, by: int, fill: float) -> Tensor:
    """``x`` moved along ``axis`` by one place, to the end (1) or to the front (-1); ``fill`` enters."""
    size = x._data.shape[axis]
    filler = wrap(xp(x._data).full([1 if i == axis else n for i, n in enumerate(x._data.shape)], fill, x._data.dtype))
    rest = x.narrow(axis, 0 if by > 0 else 1, size - 1)
    return cat([filler, rest] if by > 0 else [rest, filler], axis)


def _recurrence_grad(g, factor, axis, reverse):
    """The gradient by the summand: the same recurrence backwards, with each factor where the other end needs it."""
    return _recurrence(_shifted(factor, axis, 1 if reverse else -1, 0), g, axis, not reverse)


_recurrence.rules(
    factor=lambda g, factor, out, axis, reverse: (
        _recurrence_grad(g, factor, axis, reverse) * _shifted(out, axis, -1 if reverse else 1, 0)
    ),
    summand=lambda g, factor, axis, reverse: _recurrence_grad(g, factor, axis, reverse),
)


def _cumprod_grad(g, input, axis):
    # element k: the product of those before, times the sum of what is behind, each with the factors up to there
    if input._data.size == 0:
        return g
    before = _cumprod(_shifted(input, axis, 1, 1), axis)
    return before * _recurrence(_shifted(input, axis, -1, 0), g, axis, True)


_cumprod.rules(input=_cumprod_grad)


def product_of_others(input: Tensor, axis: int) -> Tensor:
    """For each element the product of all others along ``axis``."""
    if input._data.size == 0:
        return input
    before = _cumprod(_shifted(input, axis, 1, 1), axis)
    behind = _cumprod(_shifted(input.flip(axis), axis, 1, 1), axis).flip(axis)
    return before * behind


# ---- running extrema


@op("CummaxBackward0", aux=True)
def _cummax(input: Array, axis, largest):
    out = input.copy() if input.size == 0 else running("maximum" if largest else "minimum", input, axis)
    reached = input == out
    if input.dtype.kind == "f":
        reached |= input != input
    shape = [1] * input.ndim
    shape[axis] = -1
    place = xp(input).arange(input.shape[axis]).reshape(shape)
    places = xp(input).where(reached, place, 0)
    return out, (places if places.size == 0 else running("maximum", places, axis))


_cummax.rules(input=lambda g, input_shape, axis, aux: _gather_grad(g, wrap(aux), input_shape, axis))


def _running_extreme(result: Any, input: Tensor, dim: int, largest: bool) -> Any:
    axis = wrap_dim(dim, input._data.ndim)
    if input._data.ndim:
        values, places = _cummax(input, axis, largest)
        return result((values, wrap(places)))
    values, places = _cummax(input.reshape(1), 0, largest)
    return result((values.reshape(()), wrap(places.reshape(()))))


@keywords
def cummax(input, dim):
    """The largest element so far along ``dim`` and where it was last: a named tuple ``(values, indices)``.

    >>> import minitorch as torch
    >>> torch.cummax(torch.tensor([1., 3., 2.]), dim=0).values
    tensor([1., 3., 3.])
    """
    return _running_extreme(return_types.cummax, input, dim, True)


@keywords
def cummin(input, dim):
    """The smallest element so far along ``dim`` and where it was last: a named tuple ``(values, indices)``."""
    return _running_extreme(return_types.cummin, input, dim, False)


# ---- the logarithm of a running sum of exponentials


@op("LogcumsumexpBackward0")
def _logcumsumexp(input: Array, axis):
    if input.size == 0:
        return input.copy()
    return running("logaddexp", input, axis)


def _logcumsumexp_grad(g, input, out, axis):
    # by element k: exp(input[k] - out[k]) * sum over j >= k of g[j] * exp(out[k] - out[j]), none of which overflows
    if input._data.size == 0:
        return g
    step = out - _shifted(out, axis, -1, np.inf)
    decay = step.exp().masked_fill(wrap(step._data != step._data), 0)
    share = input - out
    share = share.exp().masked_fill(wrap(share._data != share._data), 0)
    return share * _recurrence(decay, g, axis, True)


_logcumsumexp.rules(input=_logcumsumexp_grad)


@keywords
def logcumsumexp(input, dim):
    """``log(cumsum(exp(input)))`` along ``dim`` without overflow.

    Raises:
        NotImplementedError: the input is not of floating point.

    >>> import minitorch as torch
    >>> torch.logcumsumexp(torch.tensor([0., 0., 0.]), dim=0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    if input._data.dtype.kind != "f":
        raise NotImplementedError(f"logcumsumexp is not implemented for {input.dtype}: convert with .float()")
    return _along(_logcumsumexp, input, wrap_dim(dim, input._data.ndim))


# ---- differences and integrals


@keywords
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """Differences of neighbours along ``dim``, taken ``n`` times; ``prepend`` and ``append`` are joined on before.

    Raises:
        RuntimeError: a 0-d tensor, or a negative ``n``.

    >>> import minitorch as torch
    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if input._data.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    axis = wrap_dim(dim, input._data.ndim)
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    parts = [x for x in (prepend, input, append) if x is not None]
    if n == 0:
        return input.clone()
    out = parts[0] if len(parts) == 1 else cat(parts, axis)
    for _ in range(min(n, out._data.shape[axis])):
        size = out._data.shape[axis] - 1
        last, first = out.narrow(axis, 1, size), out.narrow(axis, 0, size)
        out = last ^ first if out._data.dtype.kind == "b" else last - first
    return out


def _trapezoids(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> tuple[Any, int]:
    """The areas between neighbouring samples, or ``None`` if there are no two; and the axis."""
    shape = y._data.shape
    if not shape:
        raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    axis = wrap_dim(dim, len(shape))
    size = shape[axis]
    if x is not None and not isinstance(x, Tensor):
        x, dx = None, x
    width: Any = 1 if dx is None else dx
    if x is not None:
        if x._data.ndim == 1:
            if x._data.shape[0] != size:
                raise RuntimeError(
                    f"{name}: There must be one `x` value for each sample point, got {x._data.shape[0]} for {size}"
                )
            x = x.reshape([size if i == axis else 1 for i in range(len(shape))])
            width = diff(x, dim=axis)
        else:
            width = diff(x, dim=x._data.ndim - (len(shape) - axis))
    if size == 0:
        return None, axis
    pairs = y.narrow(axis, 0, size - 1) + y.narrow(axis, 1, size - 1)
    return pairs * width / 2, axis


def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of samples ``y`` along ``dim`` by the trapezoidal rule, at the points ``x`` or ``dx`` (1) apart.

    Raises:
        RuntimeError: ``x`` has another number of points than ``y``.

    >>> import minitorch as torch
    >>> torch.trapezoid(torch.tensor([1., 2., 3.]))
    tensor(4.)
    """
    areas, axis = _trapezoids("trapezoid", y, x, dx, dim)
    return y.sum(axis) if areas is None else areas.sum(axis)


def trapz(y, x=None, *, dx=None, dim=-1):
    """Alias of :func:`trapezoid`."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The running integral: :func:`trapezoid` up to each sample but the first."""
    areas, axis = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    return y if areas is None else areas.cumsum(axis)


cumsum_, cumprod_ = inplace(cumsum, "cumsum_"), inplace(cumprod, "cumprod_")
