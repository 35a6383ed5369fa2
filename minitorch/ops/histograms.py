"""Histograms with their edges, in one dimension and in several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch import return_types
from minitorch.backend import array_module as xp
from minitorch.core.tensor import Tensor, wrap

_NAME = "torch.histogramdd"


def histogram(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False, out: Any = None
) -> Any:
    """How many elements fall between the edges of bins: a named tuple ``(hist, bin_edges)``.

    Bins have their lower edge and not their upper one; the last has both.

    Args:
        input: all of its elements, of a floating-point dtype.
        bins: how many of equal width, or a vector of ascending edges.
        range: the first and the last edge, by default the extremes of the elements.
        weight: what each element counts for, in the shape of ``input``.
        density: heights whose sum, each times the width of its bin, is 1.

    Raises:
        RuntimeError: bins, range or weight are not like that.

    >>> import minitorch as torch
    >>> torch.histogram(torch.tensor([1., 2., 1.]), 2, range=(0., 2.)).hist
    tensor([0., 3.])
    """
    flat = input.reshape(-1, 1)
    counts = histogramdd(
        flat, [bins], range=range, weight=None if weight is None else _of_shape(weight, input), density=density
    )
    result: tuple = (counts.hist, counts.bin_edges[0])
    if out is not None:
        from minitorch.core.out_argument import into

        result = tuple(into(o, r, "histogram") for o, r in zip(out, result))
    return return_types.histogram(result)


def _of_shape(weight: Tensor, input: Tensor) -> Tensor:
    if weight.shape != input.shape:
        raise RuntimeError(
            f"{_NAME}: if weight tensor is provided it should have the same shape as the input, {list(input.shape)}, "
            f"but got {list(weight.shape)}"
        )
    return weight.reshape(-1)


def histogramdd(
    input: Tensor, bins: Any, *, range: Any = None, weight: Tensor | None = None, density: bool = False
) -> Any:
    """:func:`histogram` of points: the rows of ``input`` (..., D) are counted in a grid of D dimensions.

    Args:
        bins: a number for all dimensions, one for each, or a vector of edges for each.
        range: the first and the last edge of each dimension: 2 · D numbers.
        weight: (...), what each point counts for.
        density: see :func:`histogram`.

    >>> import minitorch as torch
    >>> torch.histogramdd(torch.tensor([[0., 1.], [1., 0.], [1., 1.]]), [2, 2]).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    array = input._data
    if array.dtype.kind != "f":
        raise NotImplementedError(f'"histogramdd" not implemented for {input.dtype}: convert with .float()')
    if array.ndim < 2:
        raise RuntimeError(f"{_NAME}: input tensor should have at least 2 dimensions, but got {array.ndim}")
    lib, dims = xp(array), array.shape[-1]
    points = array.reshape(-1, dims)
    given = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(given) != dims:
        raise RuntimeError(f"{_NAME}: got {len(given)} numbers or edges of bins for {dims} dimensions")
    if range is not None and len(range) != 2 * dims:
        raise RuntimeError(f"{_NAME}: for a {dims}-dimensional histogram range should have {2 * dims} elements, "
                           f"but got {len(range)}")  # fmt: skip
    bounds = [None] * dims if range is None else [tuple(range[2 * d : 2 * d + 2]) for d in np.arange(dims)]
    edges = [_edges(lib, points[:, d], given[d], bounds[d], d) for d in np.arange(dims)]
    weights = None
    if weight is not None:
        if weight._data.shape != array.shape[:-1]:
            raise RuntimeError(
                f"{_NAME}: if weight tensor is provided it should have the same shape as the input tensor excluding "
                f"its innermost dimension, but got input with shape {list(array.shape)} and weight with shape "
                f"{list(weight._data.shape)}"
            )
        weights = weight._data.reshape(-1)
    hist = _count(lib, points, edges, weights).astype(array.dtype)
    if density:
        with np.errstate(all="ignore"):  # of nothing it is NaN
            hist = hist / hist.sum()
            for d, edge in enumerate(edges):
                hist = hist / lib.diff(edge).reshape(-1, *[1] * (dims - d - 1))
    return return_types.histogramdd((wrap(hist.astype(array.dtype)), tuple(wrap(edge) for edge in edges)))


def _edges(lib: Any, values: Any, bins: Any, bounds: Sequence | None, d: Any) -> Any:
    if isinstance(bins, Tensor):
        if bins._data.ndim != 1:
            raise RuntimeError(
                f"{_NAME}: bins tensor should have one dimension, but got {bins._data.ndim} dimensions in the bins "
                f"tensor for dimension {d}"
            )
        if bins._data.dtype != values.dtype:
            raise RuntimeError(f"{_NAME}: input tensor and bins tensors should have the same dtype")
        return bins._data.copy()
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {d}")
    low, high = (0.0, 1.0) if not values.size else (float(values.min()), float(values.max()))
    if bounds is not None:
        low, high = map(float, bounds)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{_NAME}: dimension {d}'s range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{_NAME}: min should not exceed max, but got min {low} max {high} for dimension {d}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return lib.linspace(low, high, bins + 1, dtype=values.dtype)


def _count(lib: Any, points: Any, edges: list, weights: Any) -> Any:
    shape = tuple(len(edge) - 1 for edge in edges)
    place = lib.zeros(len(points), np.int64)
    inside = lib.ones(len(points), bool)
    for values, edge, size in zip(points.T, edges, shape):
        index = lib.searchsorted(edge, values, side="right") - 1
        index = lib.where(values == edge[-1], size - 1, index)  # the last bin has both its edges
        inside &= (index >= 0) & (index < size)
        place = place * size + index
    kept = None if weights is None else weights[inside]
    return lib.bincount(place[inside], weights=kept, minlength=math.prod(shape)).reshape(shape)
