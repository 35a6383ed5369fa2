"""Transposed convolution over 1, 2 or 3 spatial dimensions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from minitorch.backend.primitives import conv_input_grad, conv_output_shape
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.conv import (
    Ints,
    Pads,
    _conv,
    _conv_weight_grad,
    _sum_channels,
    check_geometry,
    check_shapes,
    check_types,
    describe,
    hashable,
    ntuple,
)
from minitorch.nn.functional.padding import constant_pad


@op("ConvolutionBackward0")
def _conv_transpose(input: Array, weight: Array, bias: Array | None, spatial, stride, padding, dilation, groups):
    out = conv_input_grad(input, weight, spatial, stride, padding, dilation, groups)
    if bias is not None:
        out += bias.reshape(-1, *[1] * len(spatial))
    return out


_conv_transpose.rules(
    input=lambda g, weight, stride, padding, dilation, groups: _conv(
        g, weight, None, stride, padding, dilation, groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: _conv_weight_grad(
        input, g, weight_shape, stride, padding, dilation, groups
    ),
    bias=_sum_channels,
)


@lru_cache(maxsize=512, typed=True)
def _arguments(
    dims: int, x: tuple, w: tuple, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any
) -> tuple[Ints, Ints, Pads, Ints]:
    """The result's spatial shape; stride, padding and dilation for each dimension, checked."""
    check_shapes(dims, x, w, groups, True)
    strides, dilations = ntuple(stride, dims, "stride"), ntuple(dilation, dims, "dilation")
    pads = tuple([(p, p) for p in ntuple(padding, dims, "padding")])
    check_geometry(strides, dilations, pads)
    more = ntuple(output_padding, dims, "output_padding")
    if any(m < 0 or m >= max(s, d) for m, s, d in zip(more, strides, dilations)):
        raise RuntimeError(
            f"conv_transpose{dims}d: output padding must be smaller than either stride or dilation, got "
            f"output_padding={more}, stride={strides}, dilation={dilations}"
        )
    spatial = tuple(
        [
            (n - 1) * s - 2 * lo + d * (k - 1) + 1 + m
            for n, s, (lo, _), d, k, m in zip(x[-dims:], strides, pads, dilations, w[2:], more)
        ]
    )
    if min(spatial) < 1:
        raise RuntimeError(
            f"{describe(w, True, groups)} got input of shape {x}: the output's spatial size would be {spatial}; "
            "use less padding"
        )
    return spatial, strides, pads, dilations


def transposed(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    """Transposed convolution over ``dims`` dimensions: see :func:`conv_transpose2d`."""
    check_types(input, weight, bias, groups, True)
    stride, padding, output_padding = hashable(stride), hashable(padding), hashable(output_padding)
    shape, w = input._data.shape, weight._data.shape
    spatial, strides, pads, dilations = _arguments(
        dims, shape, w, stride, padding, output_padding, groups, hashable(dilation)
    )
    batch = input.unsqueeze(0) if len(shape) == dims + 1 else input
    # With output_padding above the stride the convolution back has more outputs than there are inputs: add zeros.
    back = conv_output_shape(spatial, w[2:], strides, pads, dilations)
    if back != shape[-dims:]:
        batch = constant_pad(batch, ((0, 0), (0, 0), *[(0, m - n) for n, m in zip(shape[-dims:], back)]), 0)
    out = _conv_transpose(batch, weight, bias, spatial, strides, pads, dilations, groups)
    return out if batch is input or len(shape) == dims + 2 else out.squeeze(0)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution along one dimension: see :func:`conv_transpose2d`."""
    return transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """The transpose of the linear map :func:`conv2d`: what its gradient by the input is.

    Shape: input (N, C, H, W) or (C, H, W), weight (C, O / groups, kH, kW), bias (O,) -> (N, O, H', W') with
    ``H' = (H - 1)·stride - 2·padding + dilation·(kH - 1) + output_padding + 1``.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or ``output_padding`` is not below stride or dilation.
    """
    return transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Transposed convolution over three dimensions: see :func:`conv_transpose2d`."""
    return transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
