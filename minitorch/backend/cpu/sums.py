"""Sums over runs of memory for compiled loops.

LLVM makes vectors of them, so elements are not added one after the other.
"""

# mypy: ignore-errors

from __future__ import annotations

from numba.core import types

from minitorch.backend.cpu.compiling import routine


def _sum(function):
    return routine(function, returns=lambda run, *_: run.dtype, reorder=True)


@_sum
def sum_of(run):
    total = run.dtype.type(0)
    for i in range(run.size):
        total += run[i]
    return total


@_sum
def dot(run, other):
    total = run.dtype.type(0)
    for i in range(run.size):
        total += run[i] * other[i]
    return total


@_sum
def squares_about(run, mean):
    total = run.dtype.type(0)
    for i in range(run.size):
        total += (run[i] - mean) * (run[i] - mean)
    return total


@_sum
def dot_about(run, other, mean):
    """The sum of products with the distances of ``other`` from ``mean``."""
    total = run.dtype.type(0)
    for i in range(run.size):
        total += run[i] * (other[i] - mean)
    return total


@routine(returns=lambda run, *_: types.UniTuple(run.dtype, 2), reorder=True)
def weighted_sums(run, weight, other, mean):
    total, along = run.dtype.type(0), run.dtype.type(0)
    for i in range(run.size):
        slope = run[i] * weight[i]
        total += slope
        along += slope * (other[i] - mean)
    return total, along
