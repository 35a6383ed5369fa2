"""Waiting for another thread without sleeping, for a bounded time and without the interpreter lock."""

# mypy: ignore-errors

from __future__ import annotations

from numba.core import types
from numba.extending import intrinsic

from minitorch.backend.cpu.compiling import kernel
from minitorch.backend.cpu.conv_tiles import data_of


@intrinsic
def _now(typing, counter):
    """The counter as it is in memory at this moment."""

    def generate(context, builder, sig, args):
        pointer = data_of(context, builder, sig.args[0], args[0])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(counter), generate


@kernel
def changed(counter, known, turns):
    """Whether ``counter[0]`` becomes another than ``known`` within so many turns.

    No hint to the processor that this is a waiting loop: hypervisors take it for a reason to give the core away.
    """
    turn = 0
    while turn < turns and _now(counter) == known:
        turn += 1
    return turn < turns
