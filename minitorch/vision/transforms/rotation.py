"""Turning arrays: for every pixel of the result the place in the image that it comes from, read there.

The rules are Pillow's, so that a tensor looks as the PIL image does: where the samples lie, what counts as outside, and
that outermost pixels repeat for samples half a pixel from the edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module

_FIXED = 1 << 16  # Pillow finds the nearest pixel in steps of 1/65536


def rotation_matrix(
    width: int, height: int, angle: float, center: Sequence[float] | None, expand: bool
) -> tuple[list[float], int, int]:
    """Six numbers that lead from the result's (x, y) back to the image's, and the result's width and height."""
    x0, y0 = (width / 2.0, height / 2.0) if center is None else center
    turn = -math.radians(angle % 360.0)
    # 15 digits: a turn by 90 degrees shall have zeros
    cos, sin = round(math.cos(turn), 15), round(math.sin(turn), 15)
    matrix = [cos, sin, x0 - cos * x0 - sin * y0, -sin, cos, y0 + sin * x0 - cos * y0]
    if expand:
        corners = [_place(matrix, x, y) for x, y in ((0, 0), (width, 0), (width, height), (0, height))]
        xs, ys = zip(*corners)
        new_width = math.ceil(max(xs)) - math.floor(min(xs))
        new_height = math.ceil(max(ys)) - math.floor(min(ys))
        matrix[2], matrix[5] = _place(matrix, -(new_width - width) / 2.0, -(new_height - height) / 2.0)
        width, height = new_width, new_height
    return matrix, width, height


def _place(matrix: Sequence[float], x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + b * y + c, d * x + e * y + f


def _cubic_weights(d: Any) -> list[Any]:
    # Keys' cubic convolution with a = -1, for samples at -1, 0, 1 and 2
    return [
        d * (-1 + d * (2 - d)),
        1 + d * d * (-2 + d),
        d * (1 + d * (1 - d)),
        d * d * (-1 + d),
    ]


def rotate_array(
    array: Any,
    rows: int,
    columns: int,
    angle: float,
    method: str,
    expand: bool,
    center: Sequence[float] | None,
    fill: Any,
) -> Any:
    """``array`` turned counter-clockwise by ``angle`` degrees in the plane of its axes ``rows`` and ``columns``.

    Args:
        method: "nearest", "bilinear" or "bicubic".
        fill: what stands for places outside, broadcastable to the array with the two axes last.

    Returns:
        An array of the same dtype.
    """
    xp, dtype = array_module(array), array.dtype
    planes = xp.moveaxis(array, (rows, columns), (-2, -1))
    height, width = planes.shape[-2:]
    quarters, rest = divmod(angle % 360.0, 90)
    if rest == 0 and center is None and (quarters in (0, 2) or expand or width == height):
        return xp.moveaxis(xp.rot90(planes, int(quarters), (-2, -1)), (-2, -1), (rows, columns))
    matrix, new_width, new_height = rotation_matrix(width, height, angle, center, expand)
    if method == "nearest":
        out, outside = _nearest(xp, planes, matrix, new_width, new_height)
    else:
        out, outside = _interpolated(xp, planes, matrix, new_width, new_height, method)
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            out = xp.clip(xp.rint(out), info.min, info.max)
    out = xp.where(outside, xp.asarray(fill, dtype=dtype), out.astype(dtype, copy=False))
    return xp.moveaxis(out, (-2, -1), (rows, columns))


def _nearest(xp: Any, planes: Any, matrix: Sequence[float], width: int, height: int) -> tuple[Any, Any]:
    a, b, c, d, e, f = matrix
    steps = [math.floor(v * _FIXED + 0.5) for v in (a, b, a * 0.5 + b * 0.5 + c, d, e, d * 0.5 + e * 0.5 + f)]
    xs, ys = xp.arange(width), xp.arange(height)[:, None]
    x = (steps[2] + ys * steps[1] + xs * steps[0]) >> 16
    y = (steps[5] + ys * steps[4] + xs * steps[3]) >> 16
    size_y, size_x = planes.shape[-2:]
    outside = (x < 0) | (x >= size_x) | (y < 0) | (y >= size_y)
    return planes[..., xp.clip(y, 0, size_y - 1), xp.clip(x, 0, size_x - 1)], outside


def _interpolated(xp: Any, planes: Any, matrix: Sequence[float], width: int, height: int, method: str) -> tuple:
    size_y, size_x = planes.shape[-2:]
    x, y = _place(matrix, xp.arange(width) + 0.5, xp.arange(height)[:, None] + 0.5)  # type: ignore[arg-type]
    outside = (x < 0) | (x >= size_x) | (y < 0) | (y >= size_y)
    x, y = x - 0.5, y - 0.5
    left, top = xp.floor(x), xp.floor(y)
    right_part, lower_part = x - left, y - top
    compute = np.float32 if planes.dtype.itemsize < 4 or planes.dtype == np.float32 else np.float64
    if method == "bilinear":
        taps, of_x, of_y = (0, 1), [1 - right_part, right_part], [1 - lower_part, lower_part]
    else:
        taps, of_x, of_y = (-1, 0, 1, 2), _cubic_weights(right_part), _cubic_weights(lower_part)  # type: ignore[assignment]
    values = planes.astype(compute, copy=False)
    columns = [xp.clip(left + tap, 0, size_x - 1).astype(np.intp) for tap in taps]
    out = xp.zeros((*planes.shape[:-2], height, width), compute)
    for tap, weight_y in zip(taps, of_y):
        line = xp.clip(top + tap, 0, size_y - 1).astype(np.intp)
        for column, weight_x in zip(columns, of_x):
            out += values[..., line, column] * (weight_y * weight_x).astype(compute)
    return out, outside
