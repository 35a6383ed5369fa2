"""Convolutional layers."""

from __future__ import annotations

import math
from typing import Any

from minitorch import creation
from minitorch.core.tensor import Tensor
from minitorch.nn import functional as F
from minitorch.nn import init
from minitorch.nn.functional.conv import convolution, ntuple, pads_of
from minitorch.nn.functional.conv_transpose import transposed
from minitorch.nn.modules.module import Module
from minitorch.nn.parameter import Parameter

_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions have: arguments, weight and bias.  Subclasses fix ``dims``."""

    dims: int
    transposed = False
    weight: Tensor
    bias: Tensor | None
    padding: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError(f"in_channels must be divisible by groups, got {in_channels} and {groups}")
        if out_channels % groups:
            raise ValueError(f"out_channels must be divisible by groups, got {out_channels} and {groups}")
        if padding_mode not in _MODES:
            raise ValueError(f"padding_mode must be one of {_MODES}, but got padding_mode={padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = ntuple(kernel_size, self.dims, "kernel_size", ValueError)
        self.stride = ntuple(stride, self.dims, "stride", ValueError)
        self.dilation = ntuple(dilation, self.dims, "dilation", ValueError)
        pads = pads_of(padding, self.kernel_size, self.stride, self.dilation, ValueError)
        self.padding = padding if isinstance(padding, str) else ntuple(padding, self.dims, "padding", ValueError)
        self.output_padding = ntuple(output_padding, self.dims, "output_padding", ValueError)
        self.groups = groups
        self.padding_mode = padding_mode
        # for F.pad: last dimension first
        self._reversed_padding = [p for pair in reversed(pads) for p in pair]
        shape = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(creation.empty((*shape, *self.kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(creation.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        # a = √5 makes the bound 1/√fan_in
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._reversed_padding, mode=self.padding_mode), 0
        return convolution(self.dims, input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.kernel_size):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.kernel_size):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.kernel_size):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_ConvNd):
    """Slides ``weight`` over the input (cross-correlation) and adds ``bias``.

    Args:
        in_channels, out_channels: size of dimension 1 before and after.
        kernel_size, stride, dilation: an int, or one for each spatial dimension.
        padding: an int, one for each spatial dimension, ``"same"`` (keeps the size; stride 1) or ``"valid"`` (none).
        groups: channels fall into this many groups that do not see each other.
        bias: whether to add one.
        padding_mode: what surrounds the input: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Shape: (N, C, \\*spatial) or (C, \\*spatial); weight (out_channels, in_channels / groups, \\*kernel_size), bias
    (out_channels,), both drawn uniformly from ±1/√(in_channels / groups · kernel elements).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )


class Conv1d(_Conv):
    __doc__ = _Conv.__doc__
    dims = 1


class Conv2d(_Conv):
    __doc__ = f"""{_Conv.__doc__}
    >>> import minitorch as torch
    >>> torch.nn.Conv2d(3, 6, 5)(torch.randn(4, 3, 32, 32)).shape
    torch.Size([4, 6, 28, 28])
    """
    dims = 2


class Conv3d(_Conv):
    __doc__ = _Conv.__doc__
    dims = 3


class _ConvTranspose(_ConvNd):
    """Transposed convolution: the gradient of a convolution by its input, with weights of its own.

    Args:
        padding: ``dilation * (kernel_size - 1) - padding`` zeros surround the input.
        output_padding: added to one side of the output's size, to choose among the sizes that one stride makes equal.
        others: as for convolution; ``padding_mode`` must be ``"zeros"``.

    Shape: (N, C, \\*spatial) or (C, \\*spatial); weight (in_channels, out_channels / groups, \\*kernel_size); size
    after: ``(size - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1``.
    """

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        padding = ntuple(padding, self.dims, "padding")
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        more = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return transposed(
            self.dims,
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            more,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """What makes the output as large as asked for.

        Raises:
            ValueError: no output padding below the stride does.
        """
        size = tuple(output_size)
        if len(size) == input.ndim:
            size = size[-self.dims :]
        if len(size) != self.dims:
            raise ValueError(
                f"{type(self).__name__}: for {input.ndim}D input, output_size must have {self.dims} or {input.ndim} "
                f"elements (got {len(size)})"
            )
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                input.shape[-self.dims :], self.stride, self.padding, self.dilation, self.kernel_size
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride)]
        if any(n < low or n > high for n, low, high in zip(size, least, most)):
            raise ValueError(
                f"requested an output size of {list(size)}, but valid sizes range from {least} to {most} (for an input "
                f"of {list(input.shape[-self.dims :])})"
            )
        return tuple([n - low for n, low in zip(size, least)])


class ConvTranspose1d(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    dims = 1


class ConvTranspose2d(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    dims = 2


class ConvTranspose3d(_ConvTranspose):
    __doc__ = _ConvTranspose.__doc__
    dims = 3
