"""Sliding blocks of images as columns, and the way back."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend.primitives.conv_geometry import Geometry, geometry
from minitorch.backend.primitives.workspace import compute_dtype
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.conv import Ints, Pads, hashable, ntuple
from minitorch.nn.functional.refusals import require_tensor


@op("Im2ColBackward0", kinds="fb")
def _unfold(input: Array, shapes):
    """Blocks of (N, C, H, W) as columns (N, C · taps, blocks)."""
    g, lib = geometry(*shapes), xp(input)
    images, channels = input.shape[:2]
    padded = input
    if g.pads:
        padded = lib.zeros((images, channels, *g.padded), input.dtype)
        padded[(..., *g.interior)] = input
    columns = lib.empty((images, channels, g.taps, *g.out), input.dtype)
    for tap, place in enumerate(g.tap_slices(0, g.out[0])):
        columns[:, :, tap] = padded[(..., *place)]
    return columns.reshape(images, channels * g.taps, math.prod(g.out))


@op("Col2ImBackward0", kinds="fb")
def _fold(input: Array, shapes):
    """Columns (N, C · taps, blocks) added where :func:`_unfold` reads them: (N, C, H, W)."""
    g, lib = geometry(*shapes), xp(input)
    images, channels = input.shape[0], input.shape[1] // g.taps
    columns = input.reshape(images, channels, g.taps, *g.out)
    sums = lib.zeros((images, channels, *g.padded), compute_dtype(input.dtype))
    for tap, place in enumerate(g.tap_slices(0, g.out[0])):
        sums[(..., *place)] += columns[:, :, tap]
    return lib.ascontiguousarray(sums[(..., *g.interior)], input.dtype)


_unfold.rules(input=_fold)
_fold.rules(input=_unfold)


@lru_cache(maxsize=256, typed=True)
def _shapes(
    spatial: Ints, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Ints, Ints, Ints, Pads, Ints]:
    """What :func:`geometry` takes, checked."""
    kernels, dilations = ntuple(kernel, 2, "kernel_size"), ntuple(dilation, 2, "dilation")
    strides, pads = ntuple(stride, 2, "stride"), ntuple(padding, 2, "padding")
    for name, values, least in (
        ("kernel size", kernels, 1),
        ("dilation", dilations, 1),
        ("padding", pads, 0),
        ("stride", strides, 1),
    ):
        if min(values) < least:
            raise RuntimeError(f"{name} should be {'greater than zero' if least else 'non-negative'}, but got {values}")
    shapes = (spatial, kernels, strides, tuple([(p, p) for p in pads]), dilations)
    if min(geometry(*shapes).out) < 1:
        raise RuntimeError(
            f"Given spatial size {spatial}, kernel_size={kernels}, dilation={dilations}, padding={pads}, calculated "
            f"shape of the array of sliding blocks as {geometry(*shapes).out}, but its components must be at least "
            "one; use a smaller kernel or more padding"
        )
    return shapes


def _geometry(name: str, spatial: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Geometry, tuple]:
    sizes = ntuple(spatial, 2, "output_size" if name == "fold" else "input")
    shapes = _shapes(sizes, hashable(kernel), hashable(dilation), hashable(padding), hashable(stride))
    return geometry(*shapes), shapes


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """The sliding blocks of images as columns: what a convolution multiplies its weight with.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C · kH · kW, blocks), blocks row by row.

    Raises:
        RuntimeError: another number of dimensions, or no room for a block.
        NotImplementedError: the input is not of floating point.

    >>> import minitorch as torch
    >>> torch.nn.functional.unfold(torch.arange(9.).reshape(1, 3, 3), 2)
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.],
            [3., 4., 6., 7.],
            [4., 5., 7., 8.]])
    """
    require_tensor(input, "unfold")
    shape = input._data.shape
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            f"unfold: expected 3 dimensions (C, H, W) or 4 (N, C, H, W), none but N empty, got input of shape {shape}"
        )
    _, shapes = _geometry("unfold", shape[-2:], kernel_size, dilation, padding, stride)
    return _unfold(input, shapes) if len(shape) == 4 else _unfold(input.unsqueeze(0), shapes).squeeze(0)


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns added up where :func:`unfold` reads them: not its inverse, but its transpose.

    Shape: (N, C · kH · kW, blocks) or (C · kH · kW, blocks) -> (N, C, \\*output_size).

    Raises:
        RuntimeError: the columns are not those of an image of ``output_size``.
        NotImplementedError: the input is not of floating point.

    >>> import minitorch as torch
    >>> torch.nn.functional.fold(torch.ones(4, 4), output_size=3, kernel_size=2)
    tensor([[[1., 2., 1.],
             [2., 4., 2.],
             [1., 2., 1.]]])
    """
    require_tensor(input, "fold")
    shape = input._data.shape
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            f"fold: expected 2 dimensions (C·taps, blocks) or 3 (N, C·taps, blocks), none but N empty, got input of "
            f"shape {shape}"
        )
    g, shapes = _geometry("fold", output_size, kernel_size, dilation, padding, stride)
    if shape[-2] % g.taps:
        raise RuntimeError(
            f"fold: expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input of shape {shape} and kernel_size={g.kernel}"
        )
    if shape[-1] != math.prod(g.out):
        raise RuntimeError(
            f"fold: given output_size={g.spatial}, kernel_size={g.kernel}, dilation={g.dilation}, padding={g.padding}, "
            f"stride={g.stride}, expected size of input's last dimension to match the number of sliding blocks "
            f"{' * '.join(map(str, g.out))} = {math.prod(g.out)}, but got input of shape {shape}"
        )
    return _fold(input, shapes) if len(shape) == 3 else _fold(input.unsqueeze(0), shapes).squeeze(0)
