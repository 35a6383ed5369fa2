"""Fractional max pooling: windows at random places, for any ratio of sizes.

Graham 2014, arXiv:1412.6071.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.conv import Ints, ntuple
from minitorch.ops.gathering import gather
from minitorch.sampling import rand

_AXES = {2: ("height", "width"), 3: ("time", "height", "width")}


def _starts(samples: Any, size: int, kernel: int, count: int) -> Any:
    """Where the windows along one dimension begin: at multiples of a fraction, rounded down from a random start."""
    lib = xp(samples)
    if count == 1:
        return lib.full((*samples.shape, 1), size - kernel, np.int64)
    step = (size - kernel) / (count - 1)
    shift = samples[..., None].astype(samples.dtype)
    places = ((lib.arange(count) + shift) * step).astype(np.int64) - (shift * step).astype(np.int64)
    places[..., -1] = size - kernel
    return places


def _maxima(planes: Any, starts: list, kernels: Ints, spatial: Ints) -> Any:
    """The place, in a flattened plane, of the maximum of each window: (planes, windows)."""
    lib, dims = xp(planes), len(spatial)
    place: Any = 0
    for d in range(dims):
        along = starts[d][..., None] + lib.arange(kernels[d])  # (planes, windows, elements of a window) along d
        shape = [len(planes), *[1] * (2 * dims)]
        shape[1 + d], shape[1 + dims + d] = along.shape[1:]
        place = place * spatial[d] + along.reshape(shape)
    windows = math.prod([s.shape[-1] for s in starts])  # said, since of no planes nothing could be inferred
    place = place.reshape(len(planes), windows, math.prod(kernels))
    elements = lib.take_along_axis(planes[:, None, :], place, -1)
    return lib.take_along_axis(place, elements.argmax(-1)[..., None], -1)[..., 0]


def _sizes(name: str, dims: int, input: Tensor, kernels: Ints, output_size: Any, output_ratio: Any) -> Ints:
    spatial = tuple(input.shape[-dims:])
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratios = (output_ratio,) * dims if isinstance(output_ratio, (int, float)) else tuple(output_ratio)
        sizes: Ints = tuple(int(n * ratio) for n, ratio in zip(spatial, ratios))
    else:
        sizes = ntuple(output_size, dims, "output_size")
    for axis, n, kernel, out in zip(_AXES[dims], spatial, kernels, sizes):
        if out < 1 or out + kernel - 1 > n:
            raise RuntimeError(f"{name}(): pool {axis} {kernel} too large relative to input {axis} {n}, for size {out}")
    return sizes


def _pool(
    dims: int,
    input: Tensor,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Tensor | None,
) -> Any:
    name = f"fractional_max_pool{dims}d"
    if input.ndim not in (dims + 1, dims + 2):
        raise IndexError(
            f"{name}: expected input of {dims + 1} or {dims + 2} dimensions, got shape {list(input.shape)}"
        )
    kernels = ntuple(kernel_size, dims, "kernel_size")
    sizes = _sizes(name, dims, input, kernels, output_size, output_ratio)
    lead, spatial = tuple(input.shape[:-dims]), tuple(input.shape[-dims:])
    if samples is None:
        kind = input.dtype if input.dtype.is_floating_point else None
        samples = rand(*(lead if len(lead) == 2 else (1, *lead)), dims, dtype=kind, device=input.device)
    draws = samples._data.reshape(-1, dims)
    if len(draws) != math.prod(lead):
        raise RuntimeError(f"{name}: expected {math.prod(lead)} random samples, one for each plane, got {len(draws)}")
    # PyTorch's order of the samples: width before height in two dimensions, but time, height, width in three
    order = range(dims)[::-1] if dims == 2 else range(dims)
    starts = [_starts(draws[:, i], spatial[d], kernels[d], sizes[d]) for d, i in enumerate(order)]
    flat = input.reshape(-1, math.prod(spatial))
    where = wrap(_maxima(flat._data, starts, kernels, spatial))
    shape = (*lead, *sizes)
    out = gather(flat, 1, where).reshape(shape)
    return (out, where.reshape(shape)) if return_indices else out


def _declare(dims: int) -> Callable:
    def pool(
        input: Tensor,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        return _pool(dims, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)

    pool.__name__ = pool.__qualname__ = f"fractional_max_pool{dims}d"
    example = "    >>> import minitorch as torch\n    >>> x = torch.rand(1, 2, 9, 9)\n" + (
        "    >>> torch.nn.functional.fractional_max_pool2d(x, 3, output_ratio=0.5).shape\n"
        "    torch.Size([1, 2, 4, 4])\n"
    )
    pool.__doc__ = f"""The maxima of windows at random places, so that {dims} dimensions get any smaller size.

    Args:
        input: (N, C, ...) or (C, ...).
        kernel_size: of the windows.
        output_size: how many windows along each dimension;
        output_ratio: or how many for each element, between 0 and 1.
        return_indices: also where the maxima are, as places in the flattened plane.

    Raises:
        ValueError: neither size nor ratio.
        RuntimeError: so many windows of this size do not fit.

{example if dims == 2 else ""}    """
    return pool


fractional_max_pool2d = _declare(2)
fractional_max_pool3d = _declare(3)
