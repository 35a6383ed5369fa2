"""Softmax and its logarithm along one dimension, with their gradients.

``x``, ``g`` and ``out`` are of one floating-point type and one shape, of at least one dimension and one element;
``axis`` is not negative.  Each function returns a new array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive
from minitorch.backend.primitives.row_reductions import row_extremes, sums

__all__ = ["log_softmax_backward", "log_softmax_forward", "masked_softmax", "softmax_backward", "softmax_forward"]


@primitive
def softmax_forward(x: Any, axis: int) -> Any:
    """``exp(x - max) / sum(exp(x - max))`` along ``axis``; the maximum is taken off so that nothing overflows."""
    out = x - row_extremes(x, axis, True, True)
    array_module(x).exp(out, out=out)
    out /= sums(out, (axis,), True)
    return out


@primitive
def softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """The gradient by the input: ``out * (g - sum(g * out))``, where ``out`` is the softmax."""
    product = g * out
    array_module(g).subtract(g, sums(product, (axis,), True), out=product)
    product *= out
    return product


@primitive
def log_softmax_forward(x: Any, axis: int) -> Any:
    """``x - max - log(sum(exp(x - max)))`` along ``axis``."""
    lib = array_module(x)
    out = x - row_extremes(x, axis, True, True)
    out -= lib.log(sums(lib.exp(out), (axis,), True))
    return out


@primitive
def log_softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """The gradient by the input: ``g - exp(out) * sum(g)``, where ``out`` is the logarithm of the softmax."""
    lib = array_module(g)
    product = lib.exp(out)
    product *= sums(g, (axis,), True)
    return lib.subtract(g, product, out=product)


@primitive
def masked_softmax(scores: Any, scale: float, mask: Any, hidden: Any, zeros: bool) -> Any:
    """Softmax over the last axis of ``scores * scale + mask``, without the places that are ``hidden``.

    Args:
        scores: (..., S), of at least two dimensions; it may be empty.
        mask: broadcast to the scores' shape, or ``None``.
        hidden: of bool, broadcast to the scores' shape, or ``None``.
        zeros: whether a row of which all places are hidden, or minus infinity, gets zeros; otherwise it gets NaN.
    """
    lib = array_module(scores)
    out = scores * scores.dtype.type(scale)
    if mask is not None:
        out += mask
    if hidden is not None:
        lib.copyto(out, out.dtype.type(-np.inf), where=hidden)
    peak = out.max(axis=-1, keepdims=True)
    if zeros:
        peak = lib.where(peak == -np.inf, peak.dtype.type(0), peak)
    out -= peak
    lib.exp(out, out=out)
    total = out.sum(axis=-1, keepdims=True)
    if zeros:
        total = lib.where(total == 0, total.dtype.type(1), total)
    out /= total
    return out
