"""Recurrent layers over whole sequences: one operation for each layer and direction.

The projection of all inputs is one matrix product before it (:func:`linear`), so a step multiplies the hidden state
alone; the gradients of the weights are one product over all steps after it.  Each cell has its equation in ``formula``
(on Tensors, which also gives gradients of gradients), and beside it ``step`` and ``slopes``: the same on arrays,
without a pass or a copy too many.

Rows are packed: the examples of one step lie together, and ``steps`` has the (start, stop) of each in the order of
processing.  Examples are sorted by falling length, so those of any step are the first ones of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitorch.backend import array_module as xp
from minitorch.backend.primitives import recurrent as primitives
from minitorch.core.engine import grad
from minitorch.core.grad_mode import enable_grad, state
from minitorch.core.op import Arrays, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.activation import relu
from minitorch.nn.functional.dropout import dropout as drop
from minitorch.nn.functional.linear import linear
from minitorch.ops.joining import cat, stack


class Cell:
    """A walk over the steps and what it leaves for the gradients.  ``states`` is (h,) or (h, c), (N, H) each."""

    #: blocks of H rows in the weights
    parts: int

    def __init__(self, x: Any, states: Sequence[Any], weight: Any) -> None:
        self.x, self.states, self.weight = x, [s.copy() for s in states], weight
        rows, lib = len(x), xp(x)
        self.lib, self.turned = lib, weight.T
        self.size = x.shape[1] // self.parts
        self.gates = lib.empty_like(x)
        self.before = lib.empty((rows, states[0].shape[1]), x.dtype)  # the hidden state that each step starts from
        self.out = lib.empty_like(self.before)

    def part(self, array: Any, first: int, count: int = 1) -> Any:
        """Columns of some of the blocks."""
        return array[:, first * self.size : (first + count) * self.size]

    def run(self, steps: Sequence[tuple[int, int]]) -> None:
        hidden = self.states[0]
        for start, stop in steps:
            h = hidden[: stop - start]
            self.before[start:stop] = h
            self.step(slice(start, stop), h)
            h[...] = self.out[start:stop]

    def step(self, at: slice, h: Any) -> None:
        """Fills ``gates[at]`` and ``out[at]`` from ``x[at]`` and ``h``."""
        raise NotImplementedError

    def gradients(self, steps: Sequence[tuple[int, int]], by_out: Any, by_states: Sequence[Any]) -> list[Any]:
        """Backpropagation through time: the gradients by x, states and weights."""
        lib = self.lib
        running = [lib.zeros_like(s) if g is None else g.copy() for s, g in zip(self.states, by_states)]
        slopes = self.slopes()
        for start, stop in reversed(steps):
            at, count = slice(start, stop), stop - start
            if by_out is not None:
                running[0][:count] += by_out[at]
            self.step_back(at, slopes, [r[:count] for r in running])
        by_x, by_hidden = slopes[0], slopes[-1]
        return [by_x, *running, lib.matmul(by_hidden.T, self.before), *self.more_gradients(by_hidden)]

    def slopes(self) -> list[Any]:
        """For all steps at once what the running gradients are multiplied by; first and last become the gradients by
        the projections of input and hidden state."""
        raise NotImplementedError

    def step_back(self, at: slice, slopes: list[Any], running: list[Any]) -> None:
        """Multiplies the running gradients into ``slopes[at]`` and moves them one step back."""
        raise NotImplementedError

    def more_gradients(self, by_hidden: Any) -> list[Any]:
        """By weights beyond the one of the hidden state."""
        return []

    @staticmethod
    def formula(x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        """The next states."""
        raise NotImplementedError


class TanhCell(Cell):
    """``h' = tanh(x + W h)`` (Elman 1990, "Finding structure in time")."""

    parts = 1

    def step(self, at: slice, h: Any) -> None:
        out = self.lib.matmul(h, self.turned, out=self.out[at])
        out += self.x[at]
        self.activate(out)

    def activate(self, out: Any) -> None:
        self.lib.tanh(out, out=out)

    def slopes(self) -> list[Any]:
        return [1 - self.out * self.out]

    def step_back(self, at: slice, slopes: list[Any], running: list[Any]) -> None:
        (slope,), (by_h,) = slopes, running
        slope[at] *= by_h
        self.lib.matmul(slope[at], self.weight, out=by_h)

    @staticmethod
    def formula(x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        return ((x + linear(states[0], weights[0])).tanh(),)


class ReluCell(TanhCell):
    """``h' = max(x + W h, 0)``."""

    def activate(self, out: Any) -> None:
        self.lib.maximum(out, 0, out=out)

    def slopes(self) -> list[Any]:
        return [(self.out > 0).astype(self.out.dtype)]

    @staticmethod
    def formula(x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        return (relu(x + linear(states[0], weights[0])),)


class LstmCell(Cell):
    """``i, f, g, o = x + W h``; ``c' = σ(f)·c + σ(i)·tanh(g)``; ``h' = σ(o)·tanh(c')``, projected by a second weight if
    there is one (Hochreiter and Schmidhuber 1997; Gers et al. 2000; Sak et al. 2014, arXiv:1402.1128)."""

    parts = 4

    def __init__(self, x: Any, states: Sequence[Any], weight: Any, projection: Any = None) -> None:
        super().__init__(x, states, weight)
        self.projection = projection
        self.cells_before = self.lib.empty((len(x), self.size), x.dtype)
        self.tanh_cells = self.lib.empty_like(self.cells_before)

    def step(self, at: slice, h: Any) -> None:
        lib, c, gates = self.lib, self.states[1][: len(h)], self.gates[at]
        lib.matmul(h, self.turned, out=gates)
        out = self.out[at] if self.projection is None else lib.empty_like(c)
        primitives.lstm_step(gates, self.x[at], c, self.cells_before[at], self.tanh_cells[at], out)
        if self.projection is not None:
            lib.matmul(out, self.projection.T, out=self.out[at])

    def slopes(self) -> list[Any]:
        out, by_c = primitives.lstm_slopes(self.gates, self.cells_before, self.tanh_cells)
        if self.projection is not None:
            self.by_projected = self.lib.empty_like(self.out)
        return [out, by_c, out]

    def step_back(self, at: slice, slopes: list[Any], running: list[Any]) -> None:
        gates, by_h, by_c = slopes[0][at], running[0], running[1]
        by_projected = by_h
        if self.projection is not None:
            self.by_projected[at] = by_h
            by_h = self.lib.matmul(by_h, self.projection)
        primitives.lstm_step_back(gates, slopes[1][at], self.gates[at], by_h, by_c)
        self.lib.matmul(gates, self.weight, out=by_projected)

    def more_gradients(self, by_hidden: Any) -> list[Any]:
        if self.projection is None:
            return []
        return [self.lib.matmul(self.by_projected.T, self.part(self.gates, 3) * self.tanh_cells)]

    @staticmethod
    def formula(x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        h, c = states
        i, f, g, o = (x + linear(h, weights[0])).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h if len(weights) == 1 else linear(h, weights[1]), c)


class GruCell(Cell):
    """``r, z = σ(x + W h + b)``; ``n = tanh(x + r·(W h + b))``; ``h' = (1 - z)·n + z·h`` (Cho et al. 2014,
    arXiv:1406.1078, with the reset after the product)."""

    parts = 3

    def __init__(self, x: Any, states: Sequence[Any], weight: Any, bias: Any = None) -> None:
        super().__init__(x, states, weight)
        self.bias = bias
        self.candidates = self.lib.empty((len(x), self.size), x.dtype)  # W h + b of the third block

    def step(self, at: slice, h: Any) -> None:
        lib, gates, out = self.lib, self.gates[at], self.out[at]
        lib.matmul(h, self.turned, out=gates)
        if self.bias is not None:
            gates += self.bias
        primitives.gru_step(gates, self.x[at], h, self.candidates[at], out)

    def slopes(self) -> list[Any]:
        return list(primitives.gru_slopes(self.gates, self.before, self.candidates))

    def step_back(self, at: slice, slopes: list[Any], running: list[Any]) -> None:
        (by_h,) = running
        primitives.gru_step_back(slopes[0][at], slopes[1][at], self.gates[at], by_h)
        by_h += self.lib.matmul(slopes[1][at], self.weight)

    def more_gradients(self, by_hidden: Any) -> list[Any]:
        return [] if self.bias is None else [by_hidden.sum(axis=0)]

    @staticmethod
    def formula(x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> Sequence[Tensor]:
        (h,) = states
        (xr, xz, xn), (hr, hz, hn) = x.chunk(3, 1), linear(h, *weights).chunk(3, 1)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        n = (xn + r * hn).tanh()
        return ((1 - z) * n + z * h,)


@op("RnnBackward0", aux=True, multiple=True)
def _unroll(tensors: Arrays, cell, count, steps):
    """(x, *states, *weights) -> (the hidden state after every step, *the last states)."""
    dtype = tensors[0].dtype
    if dtype.itemsize == 2:
        tensors = [a.astype(np.float32) for a in tensors]
    x, states, weights = tensors[0], tensors[1 : 1 + count], tensors[1 + count :]
    walk = cell(x, states, *weights)
    walk.run(steps)
    return tuple([a.astype(dtype, copy=False) for a in (walk.out, *walk.states)]), walk


def _unroll_rule(g: tuple, tensors: Sequence[Tensor], cell: type[Cell], count: int, steps: Any, aux: Cell) -> list:
    if state.enabled:  # to be differentiated again
        return _by_formula(g, tensors, cell, count, steps)
    dtype = tensors[0]._data.dtype
    arrays = [None if one is None else one._data.astype(aux.x.dtype, copy=False) for one in g]
    arrays += [None] * (1 + count - len(arrays))  # outputs beyond the last one used
    return [wrap(a.astype(dtype, copy=False)) for a in aux.gradients(steps, arrays[0], arrays[1:])]


_unroll.rules(tensors=_unroll_rule)


def _by_formula(g: tuple, tensors: Sequence[Tensor], cell: type[Cell], count: int, steps: Any) -> list:
    with enable_grad():
        # Aliases: where one input was computed from another, the gradient must end at each.
        alias = [t.view_as(t) if t.requires_grad else t for t in tensors]
        x, states, weights = alias[0], alias[1 : 1 + count], alias[1 + count :]
        outputs: dict[int, Tensor] = {}
        for start, stop in steps:
            n = stop - start
            new = cell.formula(x[start:stop], [s[:n] for s in states], weights)
            outputs[start] = new[0]
            states = [a if n == len(s) else cat([a, s[n:]]) for a, s in zip(new, states)]
        results = [cat([outputs[start] for start in sorted(outputs)]), *states]
    used = [k for k, one in enumerate(g) if one is not None and results[k].requires_grad]
    needed = [a for a in alias if a.requires_grad]
    found = iter(grad([results[k] for k in used], needed, [g[k] for k in used], create_graph=True, allow_unused=True))
    return [next(found) if a.requires_grad else None for a in alias]


def unroll(
    cell: type[Cell],
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    steps: Sequence[tuple[int, int]],
) -> tuple[Tensor, ...]:
    """A layer in one direction.

    Args:
        cell: its equation.
        x: the projected inputs (rows, parts·H), biases included.
        states: (N, H) each, from which the first step starts.
        weights: those of the hidden state.
        steps: the rows of each step, in the order of processing.

    Returns:
        The hidden state after every step (rows, H), and the states after the last.
    """
    return _unroll((x, *states, *weights), cell, len(states), tuple(steps))[0]


def step(cell: type[Cell], x: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The next states of one step: x (N, D), states (N, H), weights as in :func:`layers`."""
    projected, hidden_weights = _projected(cell, x, weights)
    return unroll(cell, projected, states, hidden_weights, ((0, len(x)),))[1:]


def _projected(cell: type[Cell], x: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """The projection of the inputs, and the weights that are left for the steps."""
    by_input, by_hidden, *rest = weights
    if len(rest) < 2:  # no biases, perhaps a projection of the hidden state
        return linear(x, by_input), [by_hidden, *rest]
    bias, hidden_bias, *rest = rest
    if cell is GruCell:  # whose reset gate is a factor of one of the two
        return linear(x, by_input, bias), [by_hidden, hidden_bias]
    return linear(x, by_input, bias + hidden_bias), [by_hidden, *rest]


def layers(
    cell: type[Cell],
    x: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Sequence[Tensor]],
    steps: Sequence[tuple[int, int]],
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> tuple[Tensor, list[Tensor]]:
    """Recurrent layers on top of each other.

    Args:
        x: the inputs (rows, D), packed.
        states: (L·directions, N, H) each.
        weights: for each layer and direction those of the input (parts·H, D) and of the hidden state (parts·H, H), the
            two biases or none, and for an LSTM the projection of the hidden state or none.
        steps: the rows of each step, in the order of time.
        dropout: probability of a zero between layers.

    Returns:
        The outputs of the last layer (rows, directions·H), and the last states.
    """
    directions = 2 if bidirectional else 1
    last: list[tuple[Tensor, ...]] = []
    for first in range(0, len(weights), directions):
        if first and dropout:
            x = drop(x, dropout)
        outputs = []
        for k in range(first, first + directions):
            projected, hidden_weights = _projected(cell, x, weights[k])
            order = steps if k == first else steps[::-1]
            out, *ends = unroll(cell, projected, [s[k] for s in states], hidden_weights, order)
            outputs.append(out)
            last.append(tuple(ends))
        x = outputs[0] if directions == 1 else cat(outputs, 1)
    return x, [stack(ends) for ends in zip(*last)]
