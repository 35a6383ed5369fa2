"""How many threads work on one row: the Python side of ``source/teams.cuh``."""

from __future__ import annotations

from minitorch.backend.cuda.launching import BLOCK

#: elements of a row that a thread keeps in registers, as in the source
KEPT = 8
WARP = 32
# Elements of a row from which a larger block is worth its place.
_LONG = 8192


def team(length: int, rows: int, apart: bool = False) -> tuple[int, int, int]:
    """(threads of a row, blocks, threads of a block) for ``rows`` of ``length`` elements.

    ``apart``: the elements of a row do not lie side by side, those of neighbouring rows do.

    >>> team(10, 64), team(1000, 64), team(10, 64, apart=True)
    ((16, 4, 256), (256, 64, 256), (8, 2, 256))
    """
    if apart:
        return BLOCK // WARP, -(-rows // WARP), BLOCK
    if length <= WARP * KEPT:
        lanes = min(WARP, 1 << (length - 1).bit_length())
        return lanes, -(-rows * lanes // BLOCK), BLOCK
    lanes = BLOCK if length < _LONG else 2 * BLOCK
    return lanes, rows, lanes
