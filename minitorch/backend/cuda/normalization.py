"""Normalisation by the kernels of ``source/norm.cu``: rows that lie side by side, and channels of batches."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy
from minitorch.backend.cuda.launching import BLOCK, accepts, contiguous, launch, launch_over
from minitorch.backend.cuda.teams import KEPT, WARP, team
from minitorch.backend.primitives.normalization import Layout

_FILE = "norm.cu"
_AFFINE = np.dtype({"names": ["groups", "per", "inner"], "formats": [np.int32] * 3})
_VIEW = np.dtype({"names": ["images", "channels", "inner"], "formats": [np.int32] * 3})
# Blocks that fill a GPU where each has sums to join, and where it has none; the most parts that are joined.
_BLOCKS, _MORE_BLOCKS, _PARTS = 512, 2048, 32
# Layer norm's gradients: teams that are too few for a GPU, rows that repay a team's own sums for weight and bias, and
# threads that fill a GPU.
_FEW_TEAMS, _ROWS, _THREADS = 256, 8, 1 << 18


def standardize(x: Any, weight: Any, bias: Any, layout: Layout, eps: float) -> Any:
    if not _fits(x, weight, bias):
        return NotImplemented
    x, weight, bias = _plain(x, weight, bias)
    return (_channels if _of_channels(layout) else _rows)(x, weight, bias, layout, float(eps))


def standardize_grad(g: Any, x: Any, weight: Any, mean: Any, invstd: Any, layout: Layout) -> Any:
    if not _fits(x, g, weight, mean, invstd):
        return NotImplemented
    g, x, weight, mean, invstd = _plain(g, x, weight, mean, invstd)
    return (_channels_grad if _of_channels(layout) else _rows_grad)(g, x, weight, mean, invstd, layout)


def standardize_by(x: Any, mean: Any, var: Any, weight: Any, bias: Any, eps: float) -> Any:
    if not _fits(x, mean, var, weight, bias):
        return NotImplemented
    xp = cupy()
    out, used, invstd = xp.empty(x.shape, x.dtype), xp.empty(mean.shape, x.dtype), xp.empty(mean.shape, x.dtype)
    given = _plain(x, mean, var, weight, bias)
    _launch_channels("standardize_by", x.shape, 0, x.dtype, *given, out, used, invstd, float(eps))
    return out, used, invstd


def move_statistics(
    mean: Any, var: Any, running_mean: Any, running_var: Any, momentum: float, unbias: float
) -> Any:  # fmt: skip
    moved = [a for a in (running_mean, running_var) if a is not None]
    if not accepts(mean, var, *moved) or not all(a.flags.c_contiguous for a in moved):
        return NotImplemented
    own = contiguous(mean), contiguous(var)
    numbers = float(momentum), float(unbias)
    if moved:
        launch_over(mean.size, _FILE, "move_statistics", mean.dtype, *own, running_mean, running_var, *numbers)
    return None


def _fits(x: Any, *others: Any) -> bool:
    return x.size > 0 and accepts(x, *[a for a in others if a is not None])


def _plain(*arrays: Any) -> list[Any]:
    return [None if a is None else contiguous(a) for a in arrays]


# ---- rows


@functools.lru_cache(maxsize=256)
def _seen_as_rows(layout: Layout) -> tuple[int, int, tuple[int, int, int]] | None:
    """Number and length of the rows, and how weight and bias meet them: (groups, per, inner) of the kernels."""
    view, first = layout.view, layout.axes[0]
    if layout.axes != tuple(range(first, len(view))):
        return None
    length, per = math.prod(view[first:]), math.prod(layout.affine[first:])
    return math.prod(view[:first]), length, (math.prod(layout.affine[:first]), per, length // per)


@functools.lru_cache(maxsize=256)
def _packed(kind: np.dtype, values: tuple[int, ...]) -> np.ndarray:
    return np.array([values], kind)


def _rows(x: Any, weight: Any, bias: Any, layout: Layout, eps: float) -> Any:
    seen = _seen_as_rows(layout)
    threads = None if seen is None else team(seen[1], seen[0])
    if seen is None or threads is None:
        return NotImplemented
    (rows, length, affine), (lanes, grid) = seen, threads
    xp, dtype = cupy(), x.dtype
    shape = [1 if i in layout.axes else n for i, n in enumerate(layout.view)]
    out, var, invstd = xp.empty(x.shape, dtype), xp.empty(shape, dtype), xp.empty(shape, dtype)
    mean = xp.empty(shape, dtype) if layout.centred else None
    launch(
        _FILE, "standardize_rows", dtype, grid, BLOCK, x, weight, bias, out, mean, var, invstd, eps,
        _packed(_AFFINE, affine), lanes, length, rows,
    )  # fmt: skip
    return out, mean, var, invstd


def _rows_grad(g: Any, x: Any, weight: Any, mean: Any, invstd: Any, layout: Layout) -> Any:
    seen = _seen_as_rows(layout)
    threads = None if seen is None else team(seen[1], seen[0])
    if seen is None or threads is None:
        return NotImplemented
    (rows, length, affine), (lanes, grid) = seen, threads
    gx = cupy().empty(x.shape, x.dtype)
    if weight is not None and affine == (1, length, 1) and length <= lanes * KEPT:
        sums = _layer_grad(g, x, weight, mean, invstd, gx, lanes, length, rows)
        return (gx, *sums.reshape(2, *layout.affine))
    launch(
        _FILE, "standardize_rows_backward", x.dtype, grid, BLOCK, g, x, weight, mean, invstd, gx,
        _packed(_AFFINE, affine), lanes, length, rows,
    )  # fmt: skip
    if weight is None:
        return gx, None, None
    groups, per, inner = affine
    partial = _slopes(g, x, mean, invstd, (rows // groups, groups * per, inner), groups, per)
    return (gx, *_joined(partial).reshape(2, *layout.affine))


def _layer_grad(
    g: Any, x: Any, weight: Any, mean: Any, invstd: Any, gx: Any, lanes: int, length: int, rows: int
) -> Any:  # fmt: skip
    """Writes the gradient by x; those by weight and bias are returned, (2, length)."""
    teams = min(rows, max(_FEW_TEAMS, min(rows // _ROWS, _THREADS // lanes)))
    partial = cupy().empty((teams, 2, length), x.dtype)
    launch(
        _FILE, "standardize_layer_backward", x.dtype, -(-teams * lanes // BLOCK), BLOCK, g, x, weight, mean, invstd,
        gx, partial, lanes, length, rows, teams,
    )  # fmt: skip
    return _joined(partial)


def _joined(partial: Any) -> Any:
    """The sum of parts (parts, 2, channels)."""
    return partial[0] if len(partial) == 1 else partial.sum(axis=0)


# ---- channels


def _of_channels(layout: Layout) -> bool:
    return layout.axes == (0, 2) and len(layout.view) == 3 and layout.centred


def _parts(view: tuple[int, ...], blocks: int, most: int) -> tuple[int, int]:
    """(blocks for the channels, parts of each channel), so that no part is empty."""
    images, channels, inner = view
    columns, lanes = (channels, BLOCK) if inner > 1 else (-(-channels // WARP), BLOCK // WARP)
    count = images * inner
    parts = max(1, min(blocks // columns, count // (lanes * KEPT), most))
    return columns, -(-count // -(-count // parts))


def _launch_channels(kernel: str, view: Any, joined: int, dtype: Any, *args: Any) -> None:
    """Starts a kernel that walks over the channels to write as many elements; ``joined``: parts whose sums it joins."""
    parts = (joined,) if joined else ()
    launch(_FILE, kernel, dtype, _parts(view, _MORE_BLOCKS, 65535), BLOCK, *args, _packed(_VIEW, view), *parts)


def _channels(x: Any, weight: Any, bias: Any, layout: Layout, eps: float) -> Any:
    xp, dtype, view = cupy(), x.dtype, layout.view
    grid = _parts(view, _BLOCKS, _PARTS)
    partial = xp.empty((grid[1], 2, view[1]), dtype)
    launch(_FILE, "channel_moments", dtype, grid, BLOCK, x, partial, _packed(_VIEW, view))
    out, (mean, var, invstd) = xp.empty(x.shape, dtype), xp.empty((3, *layout.affine), dtype)
    _launch_channels(
        "standardize_channels", view, grid[1], dtype, x, weight, bias, partial, out, mean, var, invstd, eps
    )  # fmt: skip
    return out, mean, var, invstd


def _slopes(g: Any, x: Any, mean: Any, invstd: Any, view: tuple[int, ...], groups: int, per: int) -> Any:
    """The gradients of weight and bias in parts, (parts, 2, channels)."""
    grid = _parts(view, _BLOCKS, _PARTS)
    partial = cupy().empty((grid[1], 2, view[1]), x.dtype)
    launch(
        _FILE, "channel_slopes", x.dtype, grid, BLOCK, g, x, mean, invstd, partial, _packed(_VIEW, view), groups, per
    )
    return partial


def _channels_grad(g: Any, x: Any, weight: Any, mean: Any, invstd: Any, layout: Layout) -> Any:
    xp, view = cupy(), layout.view
    partial = _slopes(g, x, mean, invstd, view, 0, 1)
    gx, *sums = (xp.empty(shape, x.dtype) for shape in (x.shape, layout.affine, layout.affine))
    _launch_channels(
        "standardize_channels_backward", view, len(partial), x.dtype, g, x, weight, mean, invstd, partial, gx, *sums
    )  # fmt: skip
    return (gx, None, None) if weight is None else (gx, *sums)
