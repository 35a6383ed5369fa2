"""Pooling layers."""

from __future__ import annotations

from typing import Any

from minitorch.core.tensor import Tensor
from minitorch.nn.functional.adaptive_pooling import adaptive_avg_pool, adaptive_max_pool
from minitorch.nn.functional.conv import ntuple
from minitorch.nn.functional.pooling import avg_pool, lp_pool, max_pool, window
from minitorch.nn.functional.unpooling import max_unpool
from minitorch.nn.modules.module import Module


class _MaxPool(Module):
    """The largest element of each window.

    Args:
        kernel_size: size of the window, an int or one for each spatial dimension, as all that follow.
        stride: from one window to the next; default: the window's size.
        padding: on both sides; never the largest.
        dilation: between elements of a window.
        return_indices: also returns the flat place of each maximum in its plane (for unpooling).
        ceil_mode: also windows that reach beyond the input.

    Shape: (N, C, \\*spatial) or (C, \\*spatial).
    """

    dims: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode
        window(self.dims, kernel_size, self.stride, padding, dilation, "max")  # refuses what no call could use

    def forward(self, input: Tensor) -> Any:
        return max_pool(
            self.dims,
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    __doc__ = _MaxPool.__doc__
    dims = 1


class MaxPool2d(_MaxPool):
    __doc__ = f"""{_MaxPool.__doc__}
    >>> import minitorch as torch
    >>> torch.nn.MaxPool2d(2, 2)(torch.randn(1, 6, 28, 28)).shape
    torch.Size([1, 6, 14, 14])
    """
    dims = 2


class MaxPool3d(_MaxPool):
    __doc__ = _MaxPool.__doc__
    dims = 3


class _MaxUnpool(Module):
    """Maxima back at the places that max pooling with ``return_indices=True`` gave, with zeros around.

    Called with (input, indices, output_size=None).
    """

    dims: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size = ntuple(kernel_size, self.dims, "kernel_size")
        self.stride = ntuple(stride if stride is not None else kernel_size, self.dims, "stride")
        self.padding = ntuple(padding, self.dims, "padding")

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return max_unpool(self.dims, input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    __doc__ = _MaxUnpool.__doc__
    dims = 1


class MaxUnpool2d(_MaxUnpool):
    __doc__ = _MaxUnpool.__doc__
    dims = 2


class MaxUnpool3d(_MaxUnpool):
    __doc__ = _MaxUnpool.__doc__
    dims = 3


class AvgPool1d(Module):
    """The mean of each window: see :class:`AvgPool2d`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = ntuple(kernel_size, 1, "kernel_size")
        self.stride = ntuple(stride if stride is not None else kernel_size, 1, "stride")
        self.padding = ntuple(padding, 1, "padding")
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        window(1, self.kernel_size, self.stride, self.padding, 1, "avg")

    def forward(self, input: Tensor) -> Tensor:
        return avg_pool(
            1, input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad, None
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """The mean of each window.

    Args:
        kernel_size, stride, padding, ceil_mode: as for max pooling.
        count_include_pad: padding counts as zeros; otherwise it is left out of the mean.
        divisor_override: what sums are divided by, instead of the window's size.

    Shape: (N, C, \\*spatial) or (C, \\*spatial).
    """

    dims = 2

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override
        window(self.dims, kernel_size, self.stride, padding, 1, "avg")

    def forward(self, input: Tensor) -> Tensor:
        return avg_pool(
            self.dims,
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool3d(AvgPool2d):
    __doc__ = AvgPool2d.__doc__
    dims = 3


class _LPPool(Module):
    """``(sum of input**p) ** (1/p)`` over each window, p being ``norm_type``."""

    dims: int

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return lp_pool(self.dims, input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    __doc__ = _LPPool.__doc__
    dims = 1


class LPPool2d(_LPPool):
    __doc__ = _LPPool.__doc__
    dims = 2


class LPPool3d(_LPPool):
    __doc__ = _LPPool.__doc__
    dims = 3


class _AdaptiveAvgPool(Module):
    """Means over windows chosen so that the output has ``output_size`` (``None``: that of the input)."""

    dims: int

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return adaptive_avg_pool(self.dims, input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    __doc__ = _AdaptiveAvgPool.__doc__
    dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    __doc__ = _AdaptiveAvgPool.__doc__
    dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    __doc__ = _AdaptiveAvgPool.__doc__
    dims = 3


class _AdaptiveMaxPool(Module):
    """Maxima over windows chosen so that the output has ``output_size``, with their places if asked for."""

    dims: int

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return adaptive_max_pool(self.dims, input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    __doc__ = _AdaptiveMaxPool.__doc__
    dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    __doc__ = _AdaptiveMaxPool.__doc__
    dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    __doc__ = _AdaptiveMaxPool.__doc__
    dims = 3
