"""Padding: constants, reflection, replication and wrapping around."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.backend import array_module as xp
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor
from minitorch.nn.functional.refusals import require_tensor

#: (before, after) for every dimension
Pads = tuple[tuple[int, int], ...]


def _inner(pads: Pads, shape: Sequence[int]) -> tuple[slice, ...]:
    return tuple([slice(lo, lo + n) for (lo, _), n in zip(pads, shape)])


@op("ConstantPadNdBackward0")
def constant_pad(input: Array, pads, value):
    """``value`` around ``input``; ``pads``: (before, after) of every dimension, none negative."""
    shape = tuple([n + lo + hi for n, (lo, hi) in zip(input.shape, pads)])
    out = xp(input).full(shape, value, dtype=input.dtype)
    out[_inner(pads, input.shape)] = input
    return out


@op("SliceBackward0")
def _crop(input: Array, begins, shape):
    return input[tuple([slice(b, b + n) for b, n in zip(begins, shape)])].copy()


constant_pad.rules(input=lambda g, pads, input_shape: _crop(g, [lo for lo, _ in pads], input_shape))
_crop.rules(input=lambda g, begins, shape, input_shape: constant_pad(g, _around(begins, shape, input_shape), 0))


def _around(begins: Sequence[int], shape: Sequence[int], whole: Sequence[int]) -> Pads:
    return tuple([(b, n - b - m) for b, m, n in zip(begins, shape, whole)])


# ---- padding with what is there


def _span(axis: int, begin: int | None, end: int | None, step: int | None = None) -> tuple:
    return (*(slice(None),) * axis, slice(begin, end, step))


def _borders(axis: int, lo: int, hi: int, n: int, mode: str) -> list[tuple[tuple, tuple]]:
    """Pairs (part of the padded axis, part of the inner one that is repeated there)."""
    end = lo + n
    if mode == "reflect":
        # element 1 next to the border, then 2, ...: backwards on the left
        left = _span(axis, 1, lo + 1), _span(axis, lo - 1 if lo else None, None, -1)
        parts = [(left[1], left[0])] if lo else []
        if hi:
            parts.append((_span(axis, end, end + hi), _span(axis, n - 2, n - 2 - hi if n - 2 - hi >= 0 else None, -1)))
        return parts
    if mode == "replicate":
        parts = [(_span(axis, 0, lo), _span(axis, 0, 1))] if lo else []
        return parts + ([(_span(axis, end, end + hi), _span(axis, n - 1, n))] if hi else [])
    parts = [(_span(axis, 0, lo), _span(axis, n - lo, n))] if lo else []
    return parts + ([(_span(axis, end, end + hi), _span(axis, 0, hi))] if hi else [])


def _declare(name: str) -> Any:
    @op(f"{name}Backward0")
    def repeat_pad(input: Array, pads, mode):
        shape = tuple([n + lo + hi for n, (lo, hi) in zip(input.shape, pads)])
        out = xp(input).empty(shape, input.dtype)
        out[_inner(pads, input.shape)] = input
        for axis, ((lo, hi), n) in enumerate(zip(pads, input.shape)):
            for border, source in _borders(axis, lo, hi, n, mode):
                # the corners are filled when the last of their axes is
                out[border] = out[_span(axis, lo, lo + n)][source]
        return out

    repeat_pad.rules(input=lambda g, pads, mode: _fold_pad(g, pads, mode))
    return repeat_pad


_REPEAT = {
    (mode, dims): _declare(f"{name}{dims}D")
    for mode, name in (("reflect", "ReflectionPad"), ("replicate", "ReplicationPad"), ("circular", "CircularPad"))
    for dims in (1, 2, 3)
}


@op("PadBackward0")
def _fold_pad(g: Array, pads, mode):
    """The transpose of padding: every border is added to where it was read."""
    for axis, (lo, hi) in reversed(list(enumerate(pads))):
        if not lo and not hi:
            continue
        n = g.shape[axis] - lo - hi
        inner = g[_span(axis, lo, lo + n)].copy()
        for border, source in _borders(axis, lo, hi, n, mode):
            part = g[border]
            inner[source] += part.sum(axis=axis, keepdims=True) if mode == "replicate" else part
        g = inner
    return g


_fold_pad.rules(g=lambda h, pads, mode: _REPEAT[mode, 1](h, pads, mode))


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements around ``input``.

    Args:
        pad: (before, after) of the last dimension, then of the one before it, and so on; negative numbers cut off.
        mode: ``"constant"`` fills with ``value`` (0); ``"reflect"`` mirrors without repeating the border,
            ``"replicate"`` repeats the border, ``"circular"`` wraps around.  These three need a channel dimension
            (1 to 3 padded dimensions, with or without a batch).

    Raises:
        RuntimeError: more pads than dimensions, or more padding than ``mode`` can take from the input.

    >>> import minitorch as torch
    >>> torch.nn.functional.pad(torch.tensor([[1., 2., 3.]]), (1, 2), mode="reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    require_tensor(input, "pad")
    if not all(hasattr(p, "__index__") for p in pad):
        raise TypeError(f"pad: argument 'pad' must be ints, got {pad!r}")
    sizes = tuple([p.__index__() for p in pad])
    ndim, shape = input._data.ndim, input._data.shape
    if len(sizes) % 2 or len(sizes) > 2 * ndim:
        raise RuntimeError(
            f"pad: padding length must be divisible by two and at most twice the number of dimensions ({ndim}), got "
            f"{list(sizes)}"
        )
    padded = len(sizes) // 2
    pads = ((0, 0),) * (ndim - padded) + tuple([sizes[i : i + 2] for i in range(len(sizes) - 2, -1, -2)])
    if mode != "constant":
        _check_mode(shape, pads, padded, sizes, mode, value)
    mirrors = mode in ("reflect", "replicate")
    target = [n + lo + hi for n, (lo, hi) in zip(shape, pads)]
    if min(sizes, default=0) < 0:
        inner = target if mirrors else [n + min(0, lo) + min(0, hi) for n, (lo, hi) in zip(shape, pads)]
        if any(m < mirrors and m != n for m, n in zip(inner, shape)):
            raise RuntimeError(f"pad: padding {list(sizes)} cuts off all there is of an input of shape {shape}")
        begins, pads = [max(0, -lo) for lo, _ in pads], tuple([(max(lo, 0), max(hi, 0)) for lo, hi in pads])
        if mirrors:  # what is cut off is still mirrored on the other side
            return _crop(_REPEAT[mode, padded](input, pads, mode), begins, target)
        input = _crop(input, begins, inner)
    if mode == "constant":
        return constant_pad(input, pads, 0 if value is None else value)
    return _REPEAT[mode, padded](input, pads, mode)


def _check_mode(shape: tuple, pads: Pads, padded: int, sizes: tuple, mode: str, value: float | None) -> None:
    """Whether ``mode`` can pad so much of an input of this shape."""
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}: use constant, reflect, replicate or circular")
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if padded not in (1, 2, 3) or len(shape) not in (padded + 1, padded + 2):
        raise NotImplementedError(
            f"pad: mode {mode!r} pads the last 1, 2 or 3 dimensions of (C, ...) or (N, C, ...), got {list(sizes)} for "
            f"an input of shape {shape}"
        )
    for axis, (n, (lo, hi)) in enumerate(zip(shape, pads)):
        if not lo and not hi:
            continue
        most = n - 1 if mode == "reflect" else n
        if mode != "replicate" and max(lo, hi) > most:
            raise RuntimeError(
                f"pad: padding ({lo}, {hi}) of dimension {axis} must be at most {most} for mode {mode!r}: the input "
                f"has shape {shape}"
            )
        if n == 0:
            raise RuntimeError(f"pad: mode {mode!r} cannot pad the empty dimension {axis} of an input of shape {shape}")
