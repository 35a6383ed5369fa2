"""The loops of :mod:`.recurrent`, compiled: row after row, in loops of few arrays each, so that LLVM makes vectors."""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.elementary import inlined, logistic, tanh
from minitorch.backend.cpu.parts import shared


@inlined
def _logistic_over(row, x):
    for j in range(row.size):
        row[j] = logistic(row[j] + x[j])


@inlined
def _times(row, factor):
    for j in range(row.size):
        row[j] *= factor[j]


@inlined
def _logistic_slope(gate, factor, out):
    one = gate.dtype.type(1)
    for j in range(gate.size):
        out[j] = gate[j] * (one - gate[j]) * factor[j]


@inlined
def _tanh_slope(value, factor, out):
    one = value.dtype.type(1)
    for j in range(value.size):
        out[j] = (one - value[j] * value[j]) * factor[j]


@shared
def lstm_step(first, last, gates, x, cell, cells_before, tanh_cells, out):
    size = cell.shape[1]
    for n in range(first, last):
        row, added = gates[n], x[n]
        c, before, turned, result = cell[n], cells_before[n], tanh_cells[n], out[n]
        i, f, g, o = row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]
        _logistic_over(row[: 2 * size], added[: 2 * size])
        _logistic_over(o, added[3 * size :])
        middle = added[2 * size : 3 * size]
        for j in range(g.size):
            g[j] = tanh(g[j] + middle[j])
        for j in range(c.size):
            before[j] = c[j]
        for j in range(c.size):
            c[j] = f[j] * c[j] + i[j] * g[j]
        for j in range(c.size):
            turned[j] = tanh(c[j])
        for j in range(result.size):
            result[j] = o[j] * turned[j]


@shared
def lstm_slopes(first, last, gates, cells_before, tanh_cells, out, by_c):
    size = cells_before.shape[1]
    for n in range(first, last):
        row, to, turned = gates[n], out[n], tanh_cells[n]
        i, f, g, o = row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]
        _logistic_slope(i, g, to[:size])
        _logistic_slope(f, cells_before[n], to[size : 2 * size])
        _tanh_slope(g, i, to[2 * size : 3 * size])
        _logistic_slope(o, turned, to[3 * size :])
        _tanh_slope(turned, o, by_c[n])


@shared
def lstm_step_back(first, last, slopes, cell_slopes, gates, by_h, by_c):
    size = by_h.shape[1]
    for n in range(first, last):
        row, h, c, slope = slopes[n], by_h[n], by_c[n], cell_slopes[n]
        for j in range(c.size):
            c[j] += h[j] * slope[j]
        _times(row[:size], c)
        _times(row[size : 2 * size], c)
        _times(row[2 * size : 3 * size], c)
        _times(row[3 * size :], h)
        _times(c, gates[n, size : 2 * size])


@shared
def gru_step(first, last, gates, x, h, candidates, out):
    size = h.shape[1]
    for k in range(first, last):
        row, added, state, candidate, result = gates[k], x[k], h[k], candidates[k], out[k]
        r, z, n = row[:size], row[size : 2 * size], row[2 * size :]
        _logistic_over(row[: 2 * size], added[: 2 * size])
        rest = added[2 * size :]
        for j in range(n.size):
            candidate[j] = n[j]
        for j in range(n.size):
            n[j] = tanh(rest[j] + r[j] * n[j])
        for j in range(n.size):
            result[j] = (state[j] - n[j]) * z[j] + n[j]


@shared
def gru_slopes(first, last, gates, before, candidates, by_x, by_hidden):
    size = before.shape[1]
    one = gates.dtype.type(1)
    for k in range(first, last):
        row, to, hidden, state = gates[k], by_x[k], by_hidden[k], before[k]
        r, z, n = row[:size], row[size : 2 * size], row[2 * size :]
        by_r, by_z, by_n = to[:size], to[size : 2 * size], to[2 * size :]
        for j in range(n.size):
            by_n[j] = (one - n[j] * n[j]) * (one - z[j])
        for j in range(n.size):
            by_z[j] = z[j] * (one - z[j]) * (state[j] - n[j])
        _logistic_slope(r, by_n, by_r)
        _times(by_r, candidates[k])
        for j in range(hidden.size):
            hidden[j] = to[j]
        _times(hidden[2 * size :], r)


@shared
def gru_step_back(first, last, by_x, by_hidden, gates, by_h):
    size = by_h.shape[1]
    for k in range(first, last):
        h = by_h[k]
        for block in range(3):
            _times(by_x[k, block * size : (block + 1) * size], h)
            _times(by_hidden[k, block * size : (block + 1) * size], h)
        _times(h, gates[k, size : 2 * size])
