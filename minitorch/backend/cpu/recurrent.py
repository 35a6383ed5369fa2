"""The steps of recurrent cells in one pass over each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.cpu import recurrent_kernels as kernels
from minitorch.backend.cpu.arrays import plain
from minitorch.backend.cpu.threads import parts

# Elements that are worth another thread.
_LEAST = 1 << 12


def _suits(blocks: int, wide: tuple[np.ndarray, ...], narrow: tuple[np.ndarray, ...]) -> bool:
    """Whether loops can take arrays (N, blocks·H) and (N, H) as they are."""
    rows, size = narrow[0].shape
    shapes = all(a.shape == (rows, blocks * size) for a in wide) and all(a.shape == (rows, size) for a in narrow)
    return shapes and rows * size > 0 and plain(*wide, *narrow)


def _run(kernel: Any, *arrays: np.ndarray) -> None:
    rows, width = arrays[0].shape
    kernel(rows, parts(rows, _LEAST // width), *arrays)


def lstm_step(
    gates: np.ndarray,
    x: np.ndarray,
    cell: np.ndarray,
    cells_before: np.ndarray,
    tanh_cells: np.ndarray,
    out: np.ndarray,
) -> Any:
    if not _suits(4, (gates, x), (cell, cells_before, tanh_cells, out)):
        return NotImplemented
    return _run(kernels.lstm_step, gates, x, cell, cells_before, tanh_cells, out)


def lstm_slopes(gates: np.ndarray, cells_before: np.ndarray, tanh_cells: np.ndarray) -> Any:
    if not _suits(4, (gates,), (cells_before, tanh_cells)):
        return NotImplemented
    out, by_c = np.empty_like(gates), np.empty_like(cells_before)
    _run(kernels.lstm_slopes, gates, cells_before, tanh_cells, out, by_c)
    return out, by_c


def lstm_step_back(
    slopes: np.ndarray, cell_slopes: np.ndarray, gates: np.ndarray, by_h: np.ndarray, by_c: np.ndarray
) -> Any:
    if not _suits(4, (slopes, gates), (cell_slopes, by_h, by_c)):
        return NotImplemented
    return _run(kernels.lstm_step_back, slopes, cell_slopes, gates, by_h, by_c)


def gru_step(gates: np.ndarray, x: np.ndarray, h: np.ndarray, candidates: np.ndarray, out: np.ndarray) -> Any:
    if not _suits(3, (gates, x), (h, candidates, out)):
        return NotImplemented
    return _run(kernels.gru_step, gates, x, h, candidates, out)


def gru_slopes(gates: np.ndarray, before: np.ndarray, candidates: np.ndarray) -> Any:
    if not _suits(3, (gates,), (before, candidates)):
        return NotImplemented
    by_x, by_hidden = np.empty_like(gates), np.empty_like(gates)
    _run(kernels.gru_slopes, gates, before, candidates, by_x, by_hidden)
    return by_x, by_hidden


def gru_step_back(by_x: np.ndarray, by_hidden: np.ndarray, gates: np.ndarray, by_h: np.ndarray) -> Any:
    if not _suits(3, (by_x, by_hidden, gates), (by_h,)):
        return NotImplemented
    return _run(kernels.gru_step_back, by_x, by_hidden, gates, by_h)
