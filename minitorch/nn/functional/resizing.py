"""Resizing by nearest neighbours, and by linear and cubic interpolation, one axis after the other."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import avg_pool_forward
from minitorch.backend.primitives.workspace import compute_dtype
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.adaptive_pooling import adaptive_avg_pool
from minitorch.nn.functional.refusals import refuse_dtype, require_tensor

#: number of spatial dimensions, way of reading one axis, for the modes that have only one
_MODES = {"linear": (1, "linear"), "bilinear": (2, "linear"), "bicubic": (2, "cubic"), "trilinear": (3, "linear")}
_CUBIC = -0.75


def _cubic(x: np.ndarray) -> np.ndarray:
    """The kernel of Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -0.75."""
    near = ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1
    far = ((_CUBIC * x - 5 * _CUBIC) * x + 8 * _CUBIC) * x - 4 * _CUBIC
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


@lru_cache(maxsize=256)
def _taps(
    size: int, out: int, kind: str, align_corners: bool, scale: float | None, single: bool
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """What each output element of an axis is made of: (index, weight) of each of the 1, 2 or 4 elements read for it.

    ``single``: nearest neighbours are looked for in float32, whose rounding decides which of two it is, as in PyTorch.
    """
    rows = np.arange(out)
    if kind.startswith("nearest"):
        real: Any = np.float32 if single else np.float64
        step = real(1 / scale) if scale is not None else real(size) / real(out)
        if kind == "nearest":
            places = rows.astype(real) * step
        else:
            places = (rows.astype(real) + real(0.5)) * step - real(0.5) + real(0.5)
        index = np.minimum(np.floor(places.astype(np.float32)).astype(np.int64), size - 1)
        return ((index, np.ones(out)),)
    if kind == "linear" and size == out:
        return ((rows, np.ones(out)),)
    if align_corners:
        centres = rows * ((size - 1) / (out - 1) if out > 1 else 0.0)
    else:
        centres = (rows + 0.5) * (size / out if scale is None else 1 / scale) - 0.5
    if kind == "linear":
        centres = np.maximum(centres, 0)
        first = np.minimum(np.floor(centres).astype(np.int64), size - 1)
        share = np.where(first < size - 1, centres - first, 0.0)
        return (first, 1 - share), (np.minimum(first + 1, size - 1), share)
    first = np.floor(centres).astype(np.int64)
    return tuple([(np.clip(first + t, 0, size - 1), _cubic(np.abs(centres - first - t))) for t in range(-1, 3)])


@lru_cache(maxsize=16)
def _matrix(size: int, out: int, *how: Any) -> np.ndarray:
    """:func:`_taps` as a matrix (out, size)."""
    weights = np.zeros((out, size))
    for index, weight in _taps(size, out, *how):
        np.add.at(weights, (np.arange(out), index), weight)
    return weights


def _ways(input_sizes: tuple, sizes: tuple, kind: str, align_corners: bool, scales: tuple, dtype: Any) -> list[tuple]:
    single = dtype.itemsize < 8
    return [(n, m, kind, align_corners, s, single) for n, m, s in zip(input_sizes, sizes, scales)]


def _resized(input: Any, ways: list[tuple]) -> Any:
    lib, first_axis, nearest = xp(input), input.ndim - len(ways), ways[0][2].startswith("nearest")
    out = input if nearest else input.astype(compute_dtype(input.dtype), copy=False)
    for axis, way in enumerate(ways, first_axis):
        taps = _taps(*way)
        if nearest or len(taps) == 1:
            out = lib.take(out, lib.asarray(taps[0][0]), axis=axis)
            continue
        total, shape = None, (-1, *[1] * (input.ndim - axis - 1))
        for index, weight in taps:
            part = lib.take(out, lib.asarray(index), axis=axis)
            part *= lib.asarray(weight.astype(out.dtype)).reshape(shape)
            total = part if total is None else lib.add(total, part, out=total)
        out = total
    return lib.ascontiguousarray(out, input.dtype)


def _resized_bytes(input: Any, ways: list[tuple]) -> Any:
    """:func:`_resized` of uint8 in integers, one axis after the other from the last on, each rounded to a byte.

    Weights are integers of 15 bits, as in Pillow's and PyTorch's resampling of images.
    """
    lib, out = xp(input), input
    for axis in range(input.ndim - 1, input.ndim - 1 - len(ways), -1):
        taps = _joined(_taps(*ways[axis - input.ndim]))
        bits = 15 - math.frexp(max(float(weight.max()) for _, weight in taps))[1]
        total, shape = lib.int32(1 << (bits - 1)), (-1, *[1] * (input.ndim - axis - 1))
        for index, weight in taps:
            whole = lib.asarray(np.trunc(weight * (1 << bits) + np.copysign(0.5, weight)).astype(np.int32))
            total = total + lib.take(out, lib.asarray(index), axis=axis) * whole.reshape(shape)
        out = lib.clip(total >> bits, 0, 255).astype(np.uint8)
    return out


def _joined(taps: tuple) -> list[tuple[np.ndarray, np.ndarray]]:
    """Taps that meet in one element at the border, with one weight for it."""
    weights = [weight.copy() for _, weight in taps]
    for i in range(len(taps) - 1, 0, -1):
        meet = taps[i][0] == taps[i - 1][0]
        weights[i - 1] += np.where(meet, weights[i], 0)
        weights[i][meet] = 0
    return [(index, weight) for (index, _), weight in zip(taps, weights)]


def _back(g: Any, ways: list[tuple]) -> Any:
    """The transpose of :func:`_resized`."""
    lib, out = xp(g), g.astype(compute_dtype(g.dtype), copy=False)
    for axis, way in enumerate(ways, g.ndim - len(ways)):
        weights = lib.asarray(_matrix(*way).astype(out.dtype))
        out = lib.moveaxis(lib.matmul(lib.moveaxis(out, axis, -1), weights), -1, axis)
    return lib.ascontiguousarray(out, g.dtype)


@op("UpsampleBackwardBackward0")
def _grad(g: Array, spatial, kind, align_corners, scales):
    sizes = g.shape[g.ndim - len(spatial) :]
    return _back(g, _ways(spatial, sizes, kind, align_corners, scales, g.dtype))


def _declare(name: str) -> Any:
    @op(f"Upsample{name}Backward0")
    def resize(input: Array, sizes, kind, align_corners, scales):
        spatial = input.shape[input.ndim - len(sizes) :]
        ways = _ways(spatial, sizes, kind, align_corners, scales, input.dtype)
        if input.dtype == np.uint8 and not kind.startswith("nearest"):
            return _resized_bytes(input, ways)
        return _resized(input, ways)

    resize.rules(
        input=lambda g, input_shape, sizes, kind, align_corners, scales: _grad(
            g, tuple(input_shape[-len(sizes) :]), kind, align_corners, scales
        )
    )
    return resize


_NAMES = {
    ("linear", 1): "Linear1D",
    ("linear", 2): "Bilinear2D",
    ("linear", 3): "Trilinear3D",
    ("cubic", 2): "Bicubic2D",
}
for _dims in (1, 2, 3):
    _NAMES["nearest", _dims], _NAMES["nearest-exact", _dims] = f"Nearest{_dims}D", f"NearestExact{_dims}D"
_RESIZE = {key: _declare(name) for key, name in _NAMES.items()}
_grad.rules(
    g=lambda h, g_shape, spatial, kind, align_corners, scales: _RESIZE[kind, len(spatial)](
        h, tuple(g_shape[-len(spatial) :]), kind, align_corners, scales
    )
)


# ---- whole factors: no indices


@op("UpsampleBackwardBackward0")
def _sum_blocks(g: Array, factors):
    return avg_pool_forward(g, factors, factors, ((0, 0),) * len(factors), divisor_override=1)


def _declare_repeat(dims: int) -> Any:
    @op(f"UpsampleNearest{dims}DBackward0")
    def repeat(input: Array, factors):
        """Every element ``factors`` times along the last axes."""
        lib, lead = xp(input), input.ndim - len(factors)
        split = [n for size in input.shape[lead:] for n in (size, 1)]
        wide = [n for size, k in zip(input.shape[lead:], factors) for n in (size, k)]
        out = lib.broadcast_to(input.reshape(*input.shape[:lead], *split), (*input.shape[:lead], *wide))
        out = out.reshape(*input.shape[:lead], *[n * k for n, k in zip(input.shape[lead:], factors)])
        return out.copy() if all(k == 1 for k in factors) else out

    repeat.rules(input=lambda g, factors: _sum_blocks(g, factors))
    return repeat


_REPEAT = {dims: _declare_repeat(dims) for dims in (1, 2, 3)}
_sum_blocks.rules(g=lambda h, factors: _REPEAT[len(factors)](h, factors))


@lru_cache(maxsize=256)
def _whole_factors(ways: tuple) -> tuple | None:
    """How often each element is repeated, if nearest neighbours come to that."""
    factors = []
    for way in ways:
        size, out = way[:2]
        if out % size or not np.array_equal(_taps(*way)[0][0], np.arange(out) // (out // size)):
            return None
        factors.append(out // size)
    return tuple(factors)


# ---- arguments


def _target(spatial: tuple, size: Any, scale_factor: Any, recompute: bool | None) -> tuple[tuple, tuple]:
    """Sizes and the scales that positions are computed with (``None``: those of the sizes)."""
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    given, what = (size, "size") if scale_factor is None else (scale_factor, "scale_factor")
    values = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(spatial)
    if len(values) != len(spatial):
        raise ValueError(
            f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(spatial)} and {what} of {given}. Give one number, or {len(spatial)} of them"
        )
    if scale_factor is None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if not all(hasattr(n, "__index__") for n in values):
            raise TypeError(f"interpolate: size must be an int or ints, got {size!r}")
        return tuple([n.__index__() for n in values]), (None,) * len(spatial)
    sizes = tuple([math.floor(n * float(s)) for n, s in zip(spatial, values)])
    return sizes, (None,) * len(spatial) if recompute else tuple([float(s) for s in values])


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resizes the last 1, 2 or 3 dimensions.

    Shape: (N, C, \\*spatial) -> (N, C, \\*size).

    Args:
        size: after resizing, or else ``scale_factor``.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (3-D input), ``"bilinear"`` and ``"bicubic"`` (4-D),
            ``"trilinear"`` (5-D), ``"area"`` (means).
        align_corners: the centres of the corner elements stay in place, instead of the outer borders.
        recompute_scale_factor: positions follow from the rounded size instead of ``scale_factor``.

    Raises:
        ValueError: ``size`` and ``scale_factor`` both or neither, or arguments that the mode does not have.
        NotImplementedError: an unknown mode, one for other inputs, integers, or ``antialias``.

    >>> import minitorch as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    require_tensor(input, "interpolate")
    shape, dtype = input._data.shape, input._data.dtype
    if antialias:
        raise NotImplementedError(
            "interpolate: antialias=True is not supported; use minitorch.vision.transforms.Resize"
        )
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError("align_corners can only be set with the modes linear, bilinear, bicubic and trilinear")
        dims, kind = len(shape) - 2, mode
        if dims not in (1, 2, 3):
            raise NotImplementedError(f"interpolate: expected an input of 3, 4 or 5 dimensions, got shape {shape}")
    elif mode not in _MODES:
        raise NotImplementedError(
            f"interpolate: unknown mode {mode!r}: use nearest, nearest-exact, linear, bilinear, bicubic, trilinear or "
            "area"
        )
    else:
        dims, kind = _MODES[mode]
        if len(shape) != dims + 2:
            raise NotImplementedError(f"interpolate: mode {mode!r} needs {dims + 2} dimensions, got shape {shape}")
    sizes, scales = _target(shape[2:], size, scale_factor, recompute_scale_factor)
    if min(sizes) < 1 or 0 in shape[1:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(shape)}, output {list(sizes)}"
        )
    if mode == "area":
        return adaptive_avg_pool(dims, input, sizes)
    if dtype.kind != "f" and not (dtype == np.uint8 and (dims == 2 or kind.startswith("nearest"))):
        refuse_dtype(f"interpolate {mode}", input)
    if kind == "nearest":
        factors = _whole_factors(tuple(_ways(shape[2:], sizes, kind, False, scales, dtype)))
        if factors is not None:
            return _REPEAT[dims](input, factors)
    return _RESIZE[kind, dims](input, sizes, kind, bool(align_corners), scales)


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The older name of :func:`interpolate`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older name of :func:`interpolate` by nearest neighbours."""
    return interpolate(input, size, scale_factor)


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The older name of :func:`interpolate` with ``mode="bilinear", align_corners=True``."""
    return interpolate(input, size, scale_factor, "bilinear", True)
