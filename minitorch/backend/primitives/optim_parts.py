"""What the steps of optimizers are made of: arrays part by part, and passes that write into scratch memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from minitorch.backend.primitives.workspace import scratch

# Elements of one part: the five or six arrays of a step then share a level-2 cache, and the calls cost little beside.
_PART = 1 << 15
_SINGLE = np.dtype(np.float32)


def parts(xp: Any, *arrays: Any) -> Iterable[tuple]:
    """The same part of all arrays, one part after the other; ``None`` stands for itself.

    The order is parameter, gradient, states.  Parts of arrays of 16 bits are float32 copies, written back when the
    next part is asked for, the gradient's excepted.
    """
    param = arrays[0]
    if (xp is np and param.size > _PART) or param.itemsize == 2:
        return _cut(xp, arrays)
    return (arrays,) if param.size else ()


def _cut(xp: Any, arrays: tuple) -> Iterator[tuple]:
    if all(a is None or a.flags.c_contiguous for a in arrays):
        arrays = tuple([None if a is None else a.reshape(-1) for a in arrays])
    length, size = len(arrays[0]), arrays[0].size
    rows = max(1, _PART * length // size) if xp is np and size > _PART else length
    for first in range(0, length, rows) if size else ():
        part = tuple([None if a is None else a[first : first + rows] for a in arrays])
        if arrays[0].itemsize == 2:
            yield from _widened(xp, part)
        else:
            yield part


def _widened(xp: Any, arrays: tuple) -> Iterator[tuple]:
    wide = []
    for index, a in enumerate(arrays):
        if a is not None:
            copy = scratch(xp, f"optim.wide{index}", a.shape, _SINGLE)
            copy[...] = a
            wide.append(copy)
        else:
            wide.append(None)
    yield tuple(wide)
    for index, (a, copy) in enumerate(zip(arrays, wide)):
        if a is not None and index != 1:
            a[...] = copy


def room_for(xp: Any, like: Any, purpose: str) -> Any:
    return scratch(xp, purpose, like.shape, like.dtype)


def slope(xp: Any, p: Any, g: Any, weight_decay: float, maximize: bool, room: Any) -> Any:
    """The gradient to go down: with its sign turned for ``maximize``, with the L2 penalty; ``g`` or in ``room``."""
    if weight_decay:
        xp.multiply(p, weight_decay, out=room)
        return xp.subtract(room, g, out=room) if maximize else xp.add(room, g, out=room)
    return xp.negative(g, out=room) if maximize else g


def decayed(xp: Any, p: Any, g: Any, lr: float, weight_decay: float, decoupled: bool, maximize: bool, room: Any) -> Any:
    """:func:`slope`; ``decoupled`` weight decay shrinks the parameter itself and leaves the gradient alone."""
    if decoupled and weight_decay:
        p *= 1 - lr * weight_decay
        weight_decay = 0.0
    return slope(xp, p, g, weight_decay, maximize, room)


def blend(xp: Any, average: Any, g: Any, weight: float, room: Any) -> None:
    """average += weight (g - average), from the end that is nearer: as PyTorch's ``lerp`` rounds."""
    xp.subtract(g, average, out=room)
    if weight < 0.5:
        room *= weight
        average += room
    else:
        room *= 1.0 - weight
        xp.subtract(g, room, out=average)


def add_square(xp: Any, average: Any, g: Any, decay: float, weight: float, room: Any) -> None:
    """average = decay average + weight g²."""
    average *= decay
    xp.multiply(g, weight, out=room)
    room *= g
    average += room


def add_quotient(xp: Any, p: Any, numerator: Any, denominator: Any, scale: float, room: Any) -> None:
    """p += scale numerator / denominator."""
    xp.multiply(numerator, scale, out=room)
    room /= denominator
    p += room
