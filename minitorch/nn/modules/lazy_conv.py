"""Convolutions that take their number of input channels from the first input."""

from __future__ import annotations

from typing import Any

from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn.modules.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from minitorch.nn.modules.lazy import LazyModuleMixin
from minitorch.nn.parameter import UninitializedParameter


class _LazyConv(LazyModuleMixin):
    """The lazy half of a lazy convolution; the other half is a convolution."""

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        names = self._names
        given = dict(zip(names, args))
        if len(args) > len(names):
            raise TypeError(f"{type(self).__name__} takes at most {len(names) + 2} arguments, got {len(args) + 2}")
        for key, value in kwargs.items():
            if key in given or key not in names:
                raise TypeError(f"{type(self).__name__} got an unexpected or repeated argument {key!r}")
            given[key] = value
        bias = given.pop("bias", True)
        super().__init__(0, 0, kernel_size, bias=False, **given)  # type: ignore[call-arg]
        self.out_channels = out_channels
        device, dtype = given.get("device"), given.get("dtype")
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    _names: tuple[str, ...] = (
        "stride", "padding", "dilation", "groups", "bias", "padding_mode", "device", "dtype",
    )  # fmt: skip

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Allocates weight and bias for the channels of ``input``.

        Raises:
            RuntimeError: ``input`` has another number of dimensions than this layer takes.
            ValueError: its channels cannot be divided into the groups.
        """
        if not self.has_uninitialized_params():
            return
        if input.ndim not in (self.dims + 1, self.dims + 2):
            raise RuntimeError(
                f"Expected {self.dims + 1}D (unbatched) or {self.dims + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {list(input.shape)}"
            )
        channels = input.shape[-self.dims - 1]
        if channels % self.groups:
            raise ValueError(f"in_channels must be divisible by groups, got {channels} and {self.groups}")
        with no_grad():
            self.in_channels = channels
            each = self.out_channels // self.groups
            shape = (channels, each) if self.transposed else (self.out_channels, channels // self.groups)
            self.weight.materialize((*shape, *self.kernel_size))
            if self.bias is not None:
                self.bias.materialize((self.out_channels,))
            self.reset_parameters()


class _LazyConvTranspose(_LazyConv):
    _names = (
        "stride", "padding", "output_padding", "groups", "bias", "dilation", "padding_mode", "device", "dtype",
    )  # fmt: skip


class LazyConv1d(_LazyConv, Conv1d):  # type: ignore[misc]
    """:class:`Conv1d` that takes ``in_channels`` from its first input and then is a :class:`Conv1d`."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):  # type: ignore[misc]
    """:class:`Conv2d` that takes ``in_channels`` from its first input and then is a :class:`Conv2d`.

    >>> import minitorch as torch
    >>> layer = torch.nn.LazyConv2d(6, 5)
    >>> layer(torch.randn(1, 3, 8, 8)).shape
    torch.Size([1, 6, 4, 4])
    >>> layer
    Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):  # type: ignore[misc]
    """:class:`Conv3d` that takes ``in_channels`` from its first input and then is a :class:`Conv3d`."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):  # type: ignore[misc]
    """:class:`ConvTranspose1d` that takes ``in_channels`` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):  # type: ignore[misc]
    """:class:`ConvTranspose2d` that takes ``in_channels`` from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):  # type: ignore[misc]
    """:class:`ConvTranspose3d` that takes ``in_channels`` from its first input."""

    cls_to_become = ConvTranspose3d
