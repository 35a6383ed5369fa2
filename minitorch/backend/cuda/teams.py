"""How many threads work on one row: the Python side of ``source/teams.cuh``."""

from __future__ import annotations

from minitorch.backend.cuda.launching import BLOCK

#: elements of a row that a thread keeps in registers, as in the source
KEPT = 8
WARP = 32
# Blocks that leave much of a GPU idle, and the elements of a row, side by side or apart, from which it takes them
# longer than array calls, which share out a row, take for their more passes.  Estimates from latencies, not measured.
_FEW, _LONGEST, _LONGEST_APART = 64, 1 << 16, 1 << 10


def team(length: int, rows: int, apart: bool = False) -> tuple[int, int] | None:
    """(threads of a row, blocks) for ``rows`` of ``length`` elements; ``None``: better left alone.

    ``apart``: the elements of a row do not lie side by side, those of neighbouring rows do.

    >>> team(10, 64), team(1000, 64), team(10, 64, apart=True), team(100000, 1)
    ((16, 4), (256, 64), (8, 2), None)
    """
    if apart:
        lanes, grid = BLOCK // WARP, -(-rows // WARP)
    else:
        lanes = min(WARP, 1 << (length - 1).bit_length()) if length <= WARP * KEPT else BLOCK
        grid = -(-rows * lanes // BLOCK)
    if grid < _FEW and length > (_LONGEST_APART if apart else _LONGEST):
        return None
    return lanes, grid
