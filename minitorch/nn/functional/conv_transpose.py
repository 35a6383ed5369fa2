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
    _check,
    _conv,
    _conv_weight_grad,
    _describe,
    _sum_channels,
    check_geometry,
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
        g, input, weight_shape[2:], stride, padding, dilation, groups
    ),
    bias=lambda g: _sum_channels(g),
)


@lru_cache(maxsize=512)
def _arguments(
    dims: int, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any
) -> tuple[Ints, Pads, Ints, Ints]:
    """Stride, padding, output padding and dilation for each dimension, checked."""
    strides, dilations = ntuple(stride, dims, "stride"), ntuple(dilation, dims, "dilation")
    pads = tuple([(p, p) for p in ntuple(padding, dims, "padding")])
    check_geometry(strides, dilations, groups, pads)
    more = ntuple(output_padding, dims, "output_padding")
    if any(m < 0 or m >= max(s, d) for m, s, d in zip(more, strides, dilations)):
        raise RuntimeError(
            f"conv_transpose{dims}d: output padding must be smaller than either stride or dilation, got "
            f"output_padding={more}, stride={strides}, dilation={dilations}"
        )
    return strides, pads, more, dilations


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
    x, w = input._data, weight._data
    given = [hashable(a) for a in (stride, padding, output_padding)]
    strides, pads, more, dilations = _arguments(dims, *given, groups, hashable(dilation))
    _check(input, weight, bias, groups, dims, True)
    if x.ndim == dims + 1:
        args = (stride, padding, output_padding, groups, dilation)
        return transposed(dims, input.unsqueeze(0), weight, bias, *args).squeeze(0)
    kernel, inner = w.shape[2:], x.shape[2:]
    spatial = tuple(
        [
            (n - 1) * s - lo - hi + d * (k - 1) + 1 + m
            for n, s, (lo, hi), d, k, m in zip(inner, strides, pads, dilations, kernel, more)
        ]
    )
    if min(spatial) < 1:
        raise RuntimeError(
            f"{_describe(w, True, groups)} got input of shape {x.shape}: the output's spatial size would be {spatial}; "
            "use less padding"
        )
    # With output_padding above the stride the convolution back has more outputs than there are inputs: add zeros.
    back = conv_output_shape(spatial, kernel, strides, pads, dilations)
    if back != inner:
        input = constant_pad(input, ((0, 0), (0, 0), *[(0, m - n) for n, m in zip(inner, back)]), 0)
    return _conv_transpose(input, weight, bias, spatial, strides, pads, dilations, groups)


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
