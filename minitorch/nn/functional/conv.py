"""Convolution over 1, 2 or 3 spatial dimensions, and the checks that transposed convolution shares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from numbers import Integral
from typing import Any

from minitorch.backend.primitives import conv_bias_grad, conv_forward, conv_input_grad, conv_weight_grad
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


@op("ConvolutionBackward0")
def _conv(input: Array, weight: Array, bias: Array | None, stride, padding, dilation, groups):
    return conv_forward(input, weight, stride, padding, dilation, groups, bias)


@op("ConvolutionBackwardBackward0")
def _conv_input_grad(g: Array, weight: Array, input_shape, stride, padding, dilation, groups):
    return conv_input_grad(g, weight, input_shape[2:], stride, padding, dilation, groups)


@op("ConvolutionBackwardBackward0")
def _conv_weight_grad(g: Array, input: Array, weight_shape, stride, padding, dilation, groups):
    return conv_weight_grad(input, g, weight_shape[2:], stride, padding, dilation, groups)


@op("SumBackward1")
def _sum_channels(g: Array):
    """Sums over images and places: what the gradient of a bias is."""
    return conv_bias_grad(g)


# A convolution is linear in the input and in the weight, so the three operations are each other's derivatives.
_conv.rules(input=_conv_input_grad, weight=_conv_weight_grad, bias=_sum_channels)
_conv_input_grad.rules(
    g=lambda h, weight, stride, padding, dilation, groups: _conv(h, weight, None, stride, padding, dilation, groups),
    weight=lambda h, g, weight_shape, stride, padding, dilation, groups: _conv_weight_grad(
        g, h, weight_shape, stride, padding, dilation, groups
    ),
)
_conv_weight_grad.rules(
    g=lambda h, input, stride, padding, dilation, groups: _conv(input, h, None, stride, padding, dilation, groups),
    input=lambda h, g, input_shape, stride, padding, dilation, groups: _conv_input_grad(
        g, h, input_shape, stride, padding, dilation, groups
    ),
)
_sum_channels.rules(g=lambda h, g_shape: h.reshape(1, -1, *[1] * (len(g_shape) - 2)).expand(g_shape))


# ---- arguments


def ntuple(value: Any, dims: int, name: str, error: type[Exception] = RuntimeError) -> Ints:
    """One int for each spatial dimension.

    Raises:
        TypeError: not an int or a sequence of ints.
        error: another number of them: RuntimeError from functions, ValueError from layers.
    """
    if type(value) is int:
        return (value,) * dims
    if isinstance(value, Integral) and not isinstance(value, bool):  # NumPy's integers
        return (int(value),) * dims
    try:
        values = tuple([v.__index__() for v in value])
    except (TypeError, AttributeError):
        raise TypeError(f"{name} must be an int or a sequence of {dims} ints, got {value!r}") from None
    if len(values) == 1:
        return values * dims
    if len(values) != dims:
        raise error(f"{name} must be an int or a sequence of {dims} ints, got {value!r}")
    return values


def pads_of(padding: Any, kernel: Ints, stride: Ints, dilation: Ints, error: type[Exception] = RuntimeError) -> Pads:
    """The (before, after) padding of each dimension that an int, ints, "same" or "valid" stands for.

    Raises:
        error: an unknown word, or "same" with a stride.
    """
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if padding != "same":
            raise error(f"Invalid padding string {padding!r}, should be one of 'valid', 'same' or ints")
        if any(s != 1 for s in stride):
            raise error("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple([(t // 2, t - t // 2) for t in totals])
    return tuple([(p, p) for p in ntuple(padding, len(kernel), "padding", error)])


def check_geometry(stride: Ints, dilation: Ints, pads: Sequence[tuple[int, int]]) -> None:
    """Raises RuntimeError for a stride, dilation or padding that no convolution can have."""
    for name, values, least in (
        ("stride", stride, 1),
        ("dilation", dilation, 1),
        ("padding", [p for pair in pads for p in pair], 0),
    ):
        if min(values) < least:
            raise RuntimeError(f"convolution: {name} must be at least {least}, got {values}")


def describe(weight_shape: tuple, transposed: bool, groups: int) -> str:
    """The layer that a weight of this shape belongs to, for messages."""
    dims = len(weight_shape) - 2
    first, second = weight_shape[0], weight_shape[1] * groups
    inputs, outputs = (first, second) if transposed else (second, first)
    kernel = tuple(weight_shape[2:])
    name = "ConvTranspose" if transposed else "Conv"
    return f"{name}{dims}d({inputs} -> {outputs}, kernel_size={kernel}{'' if groups == 1 else f', groups={groups}'})"


def check_shapes(dims: int, x: tuple, w: tuple, groups: int, transposed: bool) -> None:
    """Whether an input of shape ``x`` meets a weight of shape ``w``.

    Raises:
        RuntimeError: numbers of dimensions, channels or groups do not fit.
    """
    if len(w) != dims + 2:
        name = f"conv{'_transpose' if transposed else ''}{dims}d"
        raise RuntimeError(f"{name}: weight must have {dims + 2} dimensions, got shape {w}")
    if groups < 1:
        raise RuntimeError(f"convolution: groups must be at least 1, got {groups}")
    name, letters = describe(w, transposed, groups), {1: "L", 2: "H, W", 3: "D, H, W"}[dims]
    if len(x) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{name} got input of shape {x}: expected {dims + 1} dimensions (C, {letters}) or {dims + 2} "
            f"(N, C, {letters})"
        )
    channels = w[0] if transposed else w[1] * groups
    if x[-dims - 1] != channels:
        raise RuntimeError(
            f"{name} got input of shape {x}: dimension {len(x) - dims - 1} (channels) must be {channels}"
        )
    if w[0] % groups or 0 in w[2:]:
        raise RuntimeError(
            f"{name}: weight of shape {w} cannot be divided into {groups} groups"
            if w[0] % groups
            else f"{name}: weight of shape {w} has no elements"
        )


def check_types(input: Any, weight: Any, bias: Any, groups: int, transposed: bool) -> None:
    """What else must fit.

    Raises:
        TypeError: an argument is no Tensor.
        RuntimeError: dtypes differ, or ``bias`` has another shape.
        NotImplementedError: there is no such operation on the dtype.
    """
    for name, value in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Tensor) and not (value is None and name == "bias"):
            raise TypeError(f"convolution: argument '{name}' must be Tensor, not {type(value).__name__}")
    x, w = input._data, weight._data
    name = describe(w.shape, transposed, groups)
    if x.dtype != w.dtype:
        raise RuntimeError(
            f"{name} got input of {input.dtype}: its weight is {weight.dtype}; convert the input with .to()"
        )
    if x.dtype.kind == "b":
        raise NotImplementedError(
            f"{name} is not implemented for {input.dtype}: convert input and weight with .float()"
        )
    if bias is not None:
        outputs = w.shape[1] * groups if transposed else w.shape[0]
        if bias._data.shape != (outputs,):
            raise RuntimeError(f"{name} got bias of shape {bias._data.shape}: it must be ({outputs},)")
        if bias._data.dtype != w.dtype:
            raise RuntimeError(f"{name} got bias of {bias.dtype}: its weight is {weight.dtype}")


@lru_cache(maxsize=512, typed=True)
def _arguments(
    dims: int, x: tuple, w: tuple, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Ints, Pads, Ints]:
    """Stride, padding and dilation for each dimension, checked: layers ask for the same ones at every call."""
    check_shapes(dims, x, w, groups, False)
    kernel = w[2:]
    strides, dilations = ntuple(stride, dims, "stride"), ntuple(dilation, dims, "dilation")
    pads = pads_of(padding, kernel, strides, dilations)
    check_geometry(strides, dilations, pads)
    padded = tuple([n + lo + hi for n, (lo, hi) in zip(x[-dims:], pads)])
    reach = tuple([d * (k - 1) + 1 for k, d in zip(kernel, dilations)])
    if any(n < r for n, r in zip(padded, reach)):
        raise RuntimeError(
            f"{describe(w, False, groups)} got input of shape {x}: its spatial size with padding, {padded}, is smaller "
            f"than the kernel, {reach}; pad the input or use fewer layers that shrink it"
        )
    return strides, pads, dilations


def hashable(value: Any) -> Any:
    return tuple(value) if type(value) is list else value


def convolution(
    dims: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    """Convolution over ``dims`` dimensions: see :func:`conv2d`."""
    try:
        x, w = input._data, weight._data
        shape = x.shape
        strides, pads, dilations = _arguments(dims, shape, w.shape, stride, padding, dilation, groups)
    except (TypeError, AttributeError):
        check_types(input, weight, bias, groups, False)
        stride, padding, dilation = hashable(stride), hashable(padding), hashable(dilation)
        strides, pads, dilations = _arguments(dims, shape, w.shape, stride, padding, dilation, groups)
    dtype = x.dtype
    if (
        dtype is not w.dtype
        or dtype.kind == "b"
        or (bias is not None and (bias._data.shape != w.shape[:1] or bias._data.dtype is not dtype))
    ):
        check_types(input, weight, bias, groups, False)
    if len(shape) == dims + 1:
        return _conv(input.unsqueeze(0), weight, bias, strides, pads, dilations, groups).squeeze(0)
    return _conv(input, weight, bias, strides, pads, dilations, groups)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) along one dimension: see :func:`conv2d`.

    Shape: input (N, C, L) or (C, L), weight (O, C / groups, kL).
    """
    return convolution(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Slides ``weight`` over ``input`` (cross-correlation) and adds ``bias``.

    Shape: input (N, C, H, W) or (C, H, W), weight (O, C / groups, kH, kW), bias (O,) -> (N, O, H', W') with
    ``H' = (H + 2·padding - dilation·(kH - 1) - 1) // stride + 1``.

    Args:
        padding: zeros on both sides of each dimension; ``"same"`` keeps the size (stride 1), ``"valid"`` adds none.
        groups: input and output channels fall into this many groups that do not see each other.

    Raises:
        RuntimeError: shapes or dtypes do not fit, or the kernel is larger than the padded input.

    >>> import minitorch as torch
    >>> x = torch.arange(9.).reshape(1, 1, 3, 3)
    >>> torch.nn.functional.conv2d(x, torch.ones(1, 1, 2, 2))
    tensor([[[[ 8., 12.],
              [20., 24.]]]])
    """
    return convolution(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution over three dimensions: see :func:`conv2d`.

    Shape: input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, kD, kH, kW).
    """
    return convolution(3, input, weight, bias, stride, padding, dilation, groups)
