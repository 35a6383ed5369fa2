"""Bringing an array to mean 0 and variance 1 over some axes: what batch, layer, group and instance normalisation share.

The input is seen as ``view``, whose ``axes`` are brought to mean 0 and variance 1; ``affine`` is the shape in which
weight and bias meet that view.  For (N, C, \\*d) with S the product of d:

=========  =================  ========  ==============
kind       view               axes      affine
=========  =================  ========  ==============
batch      (N, C, S)          0, 2      (1, C, 1)
instance   (N, C, S)          2         (1, C, 1)
group      (N, G, C / G, S)   2, 3      (1, G, C / G, 1)
layer      (M, D)             1         (1, D)
=========  =================  ========  ==============
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive

__all__ = ["Layout", "dot", "layout_of", "move_statistics", "standardize", "standardize_by", "standardize_grad"]


class Layout:
    """See the module.  ``centred=False``: only divide by the root of the mean square (RMSNorm)."""

    __slots__ = ("affine", "affine_axes", "axes", "centred", "inner", "samples", "view")

    def __init__(
        self, view: tuple[int, ...], axes: tuple[int, ...], affine: tuple[int, ...], centred: bool = True
    ) -> None:
        self.view, self.axes, self.affine, self.centred = view, axes, affine, centred
        self.samples = max(1, math.prod([view[a] for a in axes]))
        #: what the gradients of weight and bias are summed over
        self.affine_axes = tuple([i for i, n in enumerate(affine) if n == 1])
        #: axes that are normalised over and share weight and bias: what sums over them leave is small
        self.inner = tuple([a for a in axes if affine[a] == 1])


layout_of = lru_cache(maxsize=256)(Layout)


def dot(a: Any, b: Any, axes: tuple[int, ...]) -> Any:
    """``(a * b).sum(axes, keepdims=True)`` without the product in memory."""
    total = array_module(a).einsum(_subscripts(a.ndim, axes), a, b)
    return total.reshape([1 if i in axes else n for i, n in enumerate(a.shape)])


@lru_cache(maxsize=64)
def _subscripts(ndim: int, axes: tuple[int, ...]) -> str:
    letters = "abcd"[:ndim]
    return f"{letters},{letters}->" + "".join([x for i, x in enumerate(letters) if i not in axes])


def _over(values: Any, axes: tuple[int, ...]) -> Any:
    """The sum over those of the axes that are still there."""
    left = tuple([a for a in axes if values.shape[a] != 1])
    return values.sum(axis=left, keepdims=True) if left else values


@primitive
def standardize(x: Any, weight: Any, bias: Any, layout: Layout, eps: float) -> tuple[Any, Any, Any, Any]:
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with the mean, the variance and 1 / the root.

    ``x`` has the shape ``layout.view``; ``weight`` and ``bias``, either of which may be ``None``, that of
    ``layout.affine``.  The mean is ``None`` if the layout is not centred.
    """
    mean, out = None, x
    if layout.centred:
        mean = x.sum(axis=layout.axes, keepdims=True)
        mean /= layout.samples
        out = x - mean
    var = dot(out, out, layout.axes) / x.dtype.type(layout.samples)
    invstd = 1 / array_module(x).sqrt(var + x.dtype.type(eps))
    scale = invstd
    if weight is not None and layout.inner:
        scale, weight = scale * weight, None
    if out is x:
        out = x * scale
    else:
        out *= scale
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out, mean, var, invstd


@primitive
def standardize_grad(g: Any, x: Any, weight: Any, mean: Any, invstd: Any, layout: Layout) -> tuple[Any, Any, Any]:
    """The gradients by ``x`` and, where the same sums give them, by ``weight`` and ``bias`` (else ``None``).

    The arguments are as :func:`standardize` took and gave them; ``g`` has the shape ``layout.view``, gradients by
    weight and bias that of ``layout.affine``.

    With x centred, s = 1 / std and w the weight: s·w·g - x·s³·mean(w·g·x) - s·mean(w·g).
    """
    own = layout.centred
    if own:
        x = x - mean
    axes = layout.axes
    by_weight = by_bias = None
    if layout.inner:
        total, along = g.sum(axis=layout.inner, keepdims=True), dot(g, x, layout.inner)
        if weight is not None:
            by_weight, by_bias = _over(along * invstd, layout.affine_axes), _over(total, layout.affine_axes)
            total, along = total * weight, along * weight
        total, along = _over(total, axes), _over(along, axes)
        slope = g * (invstd if weight is None else invstd * weight)
        total, along = total * invstd, along * invstd
    else:
        slope = g * invstd
        if weight is not None:
            by_weight = dot(slope, x, layout.affine_axes)
            slope *= weight
        total, along = slope.sum(axis=axes, keepdims=True), dot(slope, x, axes)
    along *= invstd * invstd / -layout.samples
    out = array_module(x).multiply(x, along, out=x if own else None)
    out += slope
    if layout.centred:
        out -= total / layout.samples
    return out, by_weight, by_bias


@primitive
def standardize_by(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` with given statistics; a copy of the mean; 1 / the root.

    ``x`` is (N, C, S), all others (1, C, 1); ``weight`` and ``bias`` may be ``None``.  The root is taken in the type of
    ``var``; the results have that of ``x``.
    """
    invstd = (1 / array_module(x).sqrt(var + var.dtype.type(eps))).astype(x.dtype, copy=False)
    mean = mean.astype(x.dtype)  # not the array that a later batch moves
    scale = invstd if weight is None else invstd * weight
    out = x * scale
    out += -mean * scale if bias is None else bias - mean * scale
    return out, mean, invstd


@primitive
def move_statistics(
    mean: Any, var: Any, running_mean: Any, running_var: Any, momentum: float, unbias: float
) -> None:  # fmt: skip
    """Moves the running statistics, either of which may be ``None``, towards a batch's, in place.

    Each becomes ``running + momentum * (own - running)``, where a batch's own variance counts ``unbias`` times.  All
    have as many elements as there are channels, whatever their shape.
    """
    if running_mean is not None:
        _approach(running_mean, mean, momentum)
    if running_var is not None:
        _approach(running_var, var * unbias, momentum)


def _approach(running: Any, own: Any, momentum: float) -> None:
    running += (own.reshape(running.shape) - running) * running.dtype.type(momentum)
