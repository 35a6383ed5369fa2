"""The loops of :mod:`.pointwise`, compiled.  Arrays have one dimension."""

# mypy: ignore-errors

from __future__ import annotations

from minitorch.backend.cpu.parts import elementwise


@elementwise
def relu(x, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if x[i] < zero else x[i]  # NaN is not below zero


@elementwise
def where_nonzero(y, g, out):
    zero = g.dtype.type(0)
    for i in range(g.size):
        out[i] = g[i] if y[i] != zero else zero


@elementwise
def zero_where_zero(y, g):
    zero = g.dtype.type(0)
    for i in range(g.size):
        g[i] = g[i] if y[i] != zero else zero


@elementwise
def add(x, y, out):
    for i in range(x.size):
        out[i] = x[i] + y[i]
