"""Sampling of images at given places, and grids of places from affine maps."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import pooling
from minitorch.core.op import Array, op
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.pointwise import times
from minitorch.nn.functional.refusals import refuse_dtype, require_tensor

_CUBIC = -0.75


@op("GatherBackward0")
def _read(input: Array, where, spatial):
    """Elements of the planes of (N, C, \\*spatial) at flat places (N, P): (N, C, P)."""
    planes = input.reshape(*input.shape[:2], -1)
    return xp(input).take_along_axis(planes, _for_channels(where, input.shape[1]), 2)


@op("GatherBackwardBackward0")
def _write(g: Array, where, spatial):
    """The transpose of :func:`_read`: elements added at their places."""
    places = xp(g).ascontiguousarray(_for_channels(where, g.shape[1]))
    return pooling.max_pool_backward(g, places, (math.prod(spatial),)).reshape(*g.shape[:2], *spatial)


def _for_channels(where: Any, channels: int) -> Any:
    return xp(where).broadcast_to(where[:, None], (len(where), channels, where.shape[1]))


_read.rules(input=_write)
_write.rules(g=_read)


@op("GridSamplerBackward0")
def _read_nearest(input: Array, grid: Array, where, spatial):
    planes = input.reshape(*input.shape[:2], -1)
    return xp(input).take_along_axis(planes, _for_channels(where, input.shape[1]), 2)


# Which element is the nearest changes in jumps: the grid has a gradient of zero.
_read_nearest.rules(input=_write, grid=lambda g, grid: grid.detach() * 0)


# ---- places


def _unnormalised(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """-1 to 1 as places of elements: the centres of the outer elements, or their outer borders."""
    return (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) * 0.5


def _reflected(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """Places mirrored at the outer centres or borders until they lie between them."""
    low, high = (0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)
    span = high - low
    if span <= 0:
        return x * 0
    lib, away = xp(x._data), (x - low).abs()
    with np.errstate(invalid="ignore"):
        flips = lib.floor(away._data / span)
        odd = flips % 2 == 1
    rest = away - wrap((flips * span).astype(x._data.dtype))
    sign = lib.where(odd, -1, 1).astype(x._data.dtype)
    return times(rest, sign) + wrap(lib.where(odd, span + low, low).astype(x._data.dtype))


def _placed(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """What a place outside the image stands for."""
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, size, align_corners)
    return x.clamp(0, size - 1)


def _index(places: Any, size: int) -> tuple[Any, Any]:
    """Whole numbers as indices that can be read, and whether they were inside."""
    inside = (places >= 0) & (places <= size - 1)
    with np.errstate(invalid="ignore"):
        return xp(places).where(inside, places, 0).astype(np.int64), inside


def _sum_of_taps(input: Tensor, axes: Sequence[Sequence[tuple[Any, Any, Tensor]]]) -> Tensor:
    """The sum over all combinations of one (index, inside, weight) of each axis of weight times element."""
    spatial = tuple(input._data.shape[2:])
    total: Any = None
    for taps in itertools.product(*axes):
        where: Any = 0
        inside: Any = True
        weight: Any = None
        for size, (index, within, share) in zip(spatial, taps):
            where, inside = where * size + index, inside & within
            weight = share if weight is None else weight * share
        part = _read(input, where, spatial) * times(weight, inside.astype(input._data.dtype)).unsqueeze(1)
        total = part if total is None else total + part
    return total


def _linear_taps(x: Tensor, size: int) -> list:
    first = xp(x._data).floor(x._data)
    share = x - wrap(first)
    return [(*_index(first, size), 1 - share), (*_index(first + 1, size), share)]


def _cubic_taps(x: Tensor, size: int, padding_mode: str, align_corners: bool) -> list:
    first = xp(x._data).floor(x._data)
    share = x - wrap(first)
    taps = []
    for tap in range(-1, 3):
        place = _placed(wrap(first + tap), size, padding_mode, align_corners)
        d = share - tap if tap < 1 else tap - share  # at most 1 for the inner two, between 1 and 2 for the others
        if tap in (0, 1):
            weight = ((_CUBIC + 2) * d - (_CUBIC + 3)) * d * d + 1
        else:
            weight = ((_CUBIC * d - 5 * _CUBIC) * d + 8 * _CUBIC) * d - 4 * _CUBIC
        taps.append((*_index(place._data, size), weight))
    return taps


# ---- functions


def _check(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    require_tensor(input, "grid_sample")
    require_tensor(grid, "grid_sample", "grid")
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"grid_sample: expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: {padding_mode!r}"
        )
    x, places = input._data.shape, grid._data.shape
    if len(x) not in (4, 5) or len(places) != len(x) or places[0] != x[0] or places[-1] != len(x) - 2:
        raise RuntimeError(
            f"grid_sample got input of shape {x} and grid of shape {places}: expected (N, C, H, W) and (N, H', W', 2), "
            "or (N, C, D, H, W) and (N, D', H', W', 3)"
        )
    if 0 in x[2:]:
        raise RuntimeError(f"grid_sample: expected input to have non-empty spatial dimensions, got shape {x}")
    if mode == "bicubic" and len(x) != 4:
        raise RuntimeError("grid_sample: bicubic interpolation only supports 4D input")
    refuse_mixed("grid_sample", input._data, grid._data)
    if input._data.dtype != grid._data.dtype:
        raise RuntimeError(f"grid_sample: input is {input.dtype} and grid {grid.dtype}: convert one of them with .to()")
    if input._data.dtype.kind != "f":
        refuse_dtype("grid_sample", input)


def _choose_corners(align_corners: bool | None, name: str) -> bool:
    if align_corners is None:
        warnings.warn(
            f"{name}: align_corners=False is the default; pass it to say that -1 and 1 are the image's outer borders",
            stacklevel=3,
        )
    return bool(align_corners)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The image read at the places of ``grid``: the sampler of Jaderberg et al. 2015, arXiv:1506.02025.

    Shape: input (N, C, H, W), grid (N, H', W', 2) of (x, y), both from -1 (left, top) to 1 -> (N, C, H', W'); or
    (N, C, D, H, W) and (N, D', H', W', 3) of (x, y, z).

    Args:
        mode: ``"bilinear"`` (in 5 dimensions trilinear), ``"nearest"`` or ``"bicubic"``.
        padding_mode: what lies outside: ``"zeros"``, the ``"border"``, or the image's ``"reflection"``.
        align_corners: -1 and 1 are the centres of the outer elements, instead of their outer borders.

    Raises:
        ValueError: an unknown ``mode`` or ``padding_mode``.
        RuntimeError: shapes or dtypes do not fit.

    >>> import minitorch as torch
    >>> image = torch.arange(4.).reshape(1, 1, 2, 2)
    >>> torch.nn.functional.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[1.5000]]]])
    """
    _check(input, grid, mode, padding_mode)
    corners = _choose_corners(align_corners, "grid_sample")
    spatial, out_shape = tuple(input._data.shape[2:]), grid._data.shape[:-1]
    flat = grid.reshape(grid._data.shape[0], -1, len(spatial))
    # the grid's order is x, y, z; the image's dimensions are z, y, x
    places = [_unnormalised(x, n, corners) for x, n in zip(reversed(flat.unbind(-1)), spatial)]
    if mode == "bicubic":
        result = _sum_of_taps(input, [_cubic_taps(x, n, padding_mode, corners) for x, n in zip(places, spatial)])
    else:
        places = [_placed(x, n, padding_mode, corners) for x, n in zip(places, spatial)]
        if mode == "bilinear":
            result = _sum_of_taps(input, [_linear_taps(x, n) for x, n in zip(places, spatial)])
        else:
            where: Any = 0
            inside: Any = True
            for x, n in zip(places, spatial):
                index, within = _index(xp(x._data).rint(x._data), n)
                where, inside = where * n + index, inside & within
            result = _read_nearest(input, grid, where, spatial)
            result = times(result, inside[:, None].astype(input._data.dtype))
    return result.reshape(out_shape[0], input._data.shape[1], *out_shape[1:])


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places that affine maps read for each element of a result, as :func:`grid_sample` takes them.

    Shape: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); or (N, 3, 4), (N, C, D, H, W) -> (N, D, H, W, 3).

    Raises:
        ValueError: ``theta`` has another shape or no floating-point numbers, or a size is not positive.
        NotImplementedError: ``size`` has another length.

    >>> import minitorch as torch
    >>> theta = torch.tensor([[[1., 0., 0.], [0., 1., 0.]]])
    >>> torch.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    require_tensor(theta, "affine_grid", "theta")
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(size)
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {size}."
        )
    dims = len(size) - 2
    if theta._data.ndim != 3 or theta._data.shape[-2:] != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got "
            f"{tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if theta._data.shape[0] != size[0]:
        raise RuntimeError(f"affine_grid: size {size} asks for {size[0]} grids, theta has {theta._data.shape[0]}")
    corners = _choose_corners(align_corners, "affine_grid")
    lib, dtype = xp(theta._data), theta._data.dtype
    axes = []
    for n in size[2:]:
        places = lib.linspace(-1, 1, n, dtype=dtype) if n > 1 else lib.zeros(1, dtype)
        axes.append(places if corners else places * dtype.type((n - 1) / n))
    grids = lib.meshgrid(*axes, indexing="ij")
    # columns x, y, z, 1 for every element
    base = lib.stack([*[g.reshape(-1) for g in reversed(grids)], lib.ones(grids[0].size, dtype)], axis=1)
    return (wrap(base) @ theta.mT).reshape(size[0], *size[2:], dims)
