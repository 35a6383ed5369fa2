"""Rearranging of images: channels and pixels."""

from __future__ import annotations

from typing import Any

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.refusals import require_tensor


@op("PixelShuffleBackward0")
def _shuffle(input: Array, r):
    *lead, channels, height, width = input.shape
    parts = input.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    moved = parts.transpose(*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return _contiguous(moved, (*lead, channels // (r * r), height * r, width * r), input)


@op("PixelUnshuffleBackward0")
def _unshuffle(input: Array, r):
    *lead, channels, height, width = input.shape
    parts = input.reshape(*lead, channels, height // r, r, width // r, r)
    n = len(lead)
    moved = parts.transpose(*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return _contiguous(moved, (*lead, channels * r * r, height // r, width // r), input)


def _contiguous(moved: Any, shape: tuple, input: Any) -> Any:
    """In the new shape, in memory of its own also where nothing moved."""
    out = moved.reshape(shape)
    return out.copy() if xp(out).may_share_memory(out, input) else out


_shuffle.rules(input=lambda g, r: _unshuffle(g, r))
_unshuffle.rules(input=lambda g, r: _shuffle(g, r))


@op("ChannelShuffleBackward0")
def _channel_shuffle(input: Array, groups):
    shape = input.shape
    parts = input.reshape(shape[0], groups, shape[1] // groups, *shape[2:])
    return _contiguous(parts.swapaxes(1, 2), shape, input)


_channel_shuffle.rules(input=lambda g, groups, input_shape: _channel_shuffle(g, input_shape[1] // groups))


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Channels become pixels: (\\*, C·r², H, W) -> (\\*, C, H·r, W·r) (Shi et al. 2016, arXiv:1609.05158).

    Raises:
        RuntimeError: fewer than 3 dimensions, or channels that r² does not divide.

    >>> import minitorch as torch
    >>> torch.nn.functional.pixel_shuffle(torch.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    require_tensor(input, "pixel_shuffle")
    r, shape = upscale_factor, input._data.shape
    if len(shape) < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if r < 1:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={shape[-3]} is not divisible by {r * r}"
        )
    return _shuffle(input, r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Pixels become channels, the inverse of :func:`pixel_shuffle`: (\\*, C, H·r, W·r) -> (\\*, C·r², H, W).

    Raises:
        RuntimeError: fewer than 3 dimensions, or a height or width that r does not divide.
    """
    require_tensor(input, "pixel_unshuffle")
    r, shape = downscale_factor, input._data.shape
    if len(shape) < 3 or r < 1 or shape[-1] % r or shape[-2] % r:
        raise RuntimeError(
            f"pixel_unshuffle expects at least 3 dimensions, height and width divisible by downscale_factor={r}, got "
            f"shape {shape}"
        )
    return _unshuffle(input, r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of (N, C, \\*) reordered so that neighbours come from different groups (Zhang et al. 2018, ShuffleNet).

    Raises:
        RuntimeError: fewer than 3 dimensions, or channels that ``groups`` does not divide.
    """
    require_tensor(input, "channel_shuffle")
    shape = input._data.shape
    if len(shape) < 3 or groups < 1 or shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle: number of channels must be divisible by groups, got shape {shape} and groups={groups}"
        )
    return _channel_shuffle(input, groups)
