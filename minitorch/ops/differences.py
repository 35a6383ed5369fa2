"""``gradient``: the slope of sampled functions by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.ops.dims import reduced_axes
from minitorch.ops.joining import cat


def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivative along each dimension: second-order differences inside, one-sided ones at the ends.

    Args:
        spacing: between samples: a number for all dimensions (1), or for each one a number or a vector of coordinates.
        dim: a dimension or several; all by default.
        edge_order: 1 or 2: the order of the differences at the ends.

    Raises:
        RuntimeError: another ``edge_order``, too few samples for it, or a number of spacings that does not fit.

    >>> import minitorch as torch
    >>> torch.gradient(torch.tensor([1., 2., 4., 7., 11.]))
    (tensor([1.0000, 1.5000, 2.5000, 3.5000, 4.0000]),)
    >>> torch.gradient(torch.tensor([0., 1., 9.]), spacing=(torch.tensor([0., 1., 3.]),))
    (tensor([1., 2., 4.]),)
    """
    axes = reduced_axes(dim, input.ndim)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if any(input.shape[axis] <= edge_order for axis in axes):
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    steps = _steps(spacing, len(axes))
    return tuple(_along(input, axis, step, edge_order) for axis, step in zip(axes, steps))


def _steps(spacing: Any, count: int) -> list[Any]:
    if isinstance(spacing, Tensor) and spacing.ndim:
        raise TypeError(
            "gradient(): argument 'spacing' must be a number or a tuple of numbers or Tensors, not a Tensor"
        )
    if not isinstance(spacing, Sequence):
        return [1 if spacing is None else spacing] * count
    if len(spacing) != count:
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length {count}, one for each "
            f"dimension, but got a list of length {len(spacing)}"
        )
    return list(spacing)


def _along(x: Tensor, axis: int, step: Any, edge_order: int) -> Tensor:
    size = x.shape[axis]

    def at(start: int, length: int = 1) -> Tensor:
        return x.narrow(axis, start % size, length)

    if isinstance(step, Tensor) and step.ndim:
        if tuple(step.shape) != (size,):
            raise RuntimeError(
                f"torch.gradient expected {size} coordinates, as many as samples, got {list(step.shape)}"
            )
        gaps = (step[1:] - step[:-1]).reshape(-1, *[1] * (x.ndim - axis - 1))
        before, after = gaps[:-1], gaps[1:]
        # the derivative, in the middle, of the parabola through three points
        inside = (before / after * (at(2, size - 2) - at(1, size - 2))
                  + after / before * (at(1, size - 2) - at(0, size - 2))) / (before + after)  # fmt: skip
        ends = _end(at, gaps[0], gaps[1:2], edge_order, 1), _end(at, gaps[-1], gaps[-2:-1], edge_order, -1)
    else:
        inside = (at(2, size - 2) - at(0, size - 2)) / (2 * step)
        ends = _end(at, step, step, edge_order, 1), _end(at, step, step, edge_order, -1)
    return cat([ends[0], inside.to(ends[0].dtype), ends[1]], axis)


def _end(at: Any, near: Any, far: Any, order: int, sign: int) -> Tensor:
    """The derivative at the first sample (``sign`` 1) or the last one (-1), with the gaps next to it."""
    first, second = (at(0), at(1)) if sign > 0 else (at(-1), at(-2))
    slope = (second - first) / near
    if order == 2:  # of the parabola through three points
        third = at(2) if sign > 0 else at(-3)
        slope = slope + near / (near + far) * (slope - (third - second) / far)
    return slope * sign
