"""Transposed convolution over 1, 2 or 3 spatial dimensions."""

from __future__ import annotations

from typing import Any

from minitorch.backend.primitives import conv_input_grad, conv_output_shape
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.conv import (
    Ints,
    Pads,
    _check,
    _conv,
    _conv_weight_grad,
    _describe,
    _sum_channels,
    check_geometry,
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
        g, input, weight_shape[2:], stride, padding, dilation, groups
    ),
    bias=lambda g: _sum_channels(g),
)


def conv_transpose_nd(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    padding: Ints,
    output_padding: Ints,
    groups: int,
    dilation: Ints,
) -> Tensor:
    """The transposed convolution with arguments in full."""
    x, w = input._data, weight._data
    dims = len(stride)
    if x.ndim != dims + 2 or w.ndim != x.ndim or x.shape[1] != w.shape[0] or x.dtype is not w.dtype:
        _check(input, weight, bias, groups, dims, True)
        if x.ndim == dims + 1:
            args = (stride, padding, output_padding, groups, dilation)
            return conv_transpose_nd(input.unsqueeze(0), weight, bias, *args).squeeze(0)
    spatial = tuple(
        [
            (n - 1) * s - 2 * p + d * (k - 1) + 1 + more
            for n, s, p, d, k, more in zip(x.shape[2:], stride, padding, dilation, w.shape[2:], output_padding)
        ]
    )
    for more, s, d in zip(output_padding, stride, dilation):
        if more < 0 or more >= max(s, d):
            raise RuntimeError(
                f"{_describe(w, True, groups)}: output padding must be smaller than either stride or dilation, got "
                f"output_padding={output_padding}, stride={stride}, dilation={dilation}"
            )
    pads = tuple([(p, p) for p in padding])
    # With output_padding above the stride, the convolution back would have more outputs than there are inputs.
    if min(spatial) < 1 or conv_output_shape(spatial, w.shape[2:], stride, pads, dilation) != x.shape[2:]:
        if min(spatial) < 1:
            raise RuntimeError(
                f"{_describe(w, True, groups)} got input of shape {x.shape}: the output's spatial size would be "
                f"{spatial}; use less padding"
            )
        return _with_large_output_padding(input, weight, bias, stride, pads, output_padding, groups, dilation)
    return _conv_transpose(input, weight, bias, spatial, stride, pads, dilation, groups)


def _with_large_output_padding(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Ints,
    pads: Pads,
    output_padding: Ints,
    groups: int,
    dilation: Ints,
) -> Tensor:
    """Zeros after the input make up for what the convolution back would read there."""
    spatial = tuple(
        [
            (n - 1) * s - lo - hi + d * (k - 1) + 1 + more
            for n, s, (lo, hi), d, k, more in zip(
                input._data.shape[2:], stride, pads, dilation, weight._data.shape[2:], output_padding
            )
        ]
    )
    needed = conv_output_shape(spatial, weight._data.shape[2:], stride, pads, dilation)
    extra = tuple([(0, m - n) for n, m in zip(input._data.shape[2:], needed)])
    input = constant_pad(input, ((0, 0), (0, 0), *extra), 0.0)
    return _conv_transpose(input, weight, bias, spatial, stride, pads, dilation, groups)


def _transposed(
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    strides, dilations = ntuple(stride, dims, "stride"), ntuple(dilation, dims, "dilation")
    paddings = ntuple(padding, dims, "padding")
    check_geometry(strides, dilations, groups, [(p, p) for p in paddings])
    _check(input, weight, bias, groups, dims, True)
    more = ntuple(output_padding, dims, "output_padding")
    return conv_transpose_nd(input, weight, bias, strides, paddings, more, groups, dilations)


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
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


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
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


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
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
