"""The steps of recurrent cells beside their matrix products, in place; see :mod:`minitorch.nn.functional.recurrent`.

Arrays are (N, H), those of gates (N, 4H) or (N, 3H): one block of H columns a gate.  ``gates`` comes as the product of
the hidden state and the weights and becomes the gates; ``x`` is the projected input.  Gradients go two ways: for all
steps at once ``slopes`` finds what the running gradients are to be multiplied by, and step by step, the last one first,
``step_back`` multiplies.  All arrays are of one dtype, float32 or float64, and those written in C order.
"""

from __future__ import annotations

from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.registry import primitive

__all__ = ["gru_slopes", "gru_step", "gru_step_back", "lstm_slopes", "lstm_step", "lstm_step_back"]


def _block(array: Any, blocks: int, first: int, count: int = 1) -> Any:
    size = array.shape[1] // blocks
    return array[:, first * size : (first + count) * size]


def _sigmoid_over(lib: Any, x: Any) -> None:
    """The logistic function in place; an exponential that overflows gives zero, as it should."""
    lib.negative(x, out=x)
    lib.exp(x, out=x)
    x += 1
    lib.reciprocal(x, out=x)


@primitive
def lstm_step(gates: Any, x: Any, cell: Any, cells_before: Any, tanh_cells: Any, out: Any) -> None:
    """i, f, g, o are σ, σ, tanh, σ of ``gates + x``;  c = f·c + i·g;  ``out`` = o·tanh(c).

    ``cell`` (c) is moved on; ``cells_before`` and ``tanh_cells`` get c as it was and tanh(c).
    """
    lib = array_module(gates)
    cells_before[...] = cell
    gates += x
    i, f, g, o = (_block(gates, 4, k) for k in range(4))
    tanh_g = lib.tanh(g)
    _sigmoid_over(lib, gates)  # all of it is one piece of memory: quicker than three of the four blocks
    g[...] = tanh_g
    cell *= f
    cell += i * g
    lib.tanh(cell, out=tanh_cells)
    lib.multiply(o, tanh_cells, out=out)


@primitive
def lstm_slopes(gates: Any, cells_before: Any, tanh_cells: Any) -> tuple[Any, Any]:
    """By what the gradient of c is multiplied for those of i, f and g, and that of h for the one of o, (N, 4H); and by
    what that of h is multiplied for its share in the one of c, (N, H)."""
    lib = array_module(gates)
    i, _, g, o = (_block(gates, 4, k) for k in range(4))
    out = 1 - gates
    for k in (0, 1, 3):
        part = _block(out, 4, k)
        part *= _block(gates, 4, k)
    by_i, by_f, by_g, by_o = (_block(out, 4, k) for k in range(4))
    by_i *= g
    by_f *= cells_before
    lib.multiply(g, g, out=by_g)
    lib.subtract(1, by_g, out=by_g)
    by_g *= i
    by_o *= tanh_cells
    return out, (1 - tanh_cells * tanh_cells) * o


@primitive
def lstm_step_back(slopes: Any, cell_slopes: Any, gates: Any, by_h: Any, by_c: Any) -> None:
    """``slopes`` become the gradients by the gates, ``by_c`` that of the cell before; ``by_h`` is that of h."""
    by_c += by_h * cell_slopes
    blocks = slopes.reshape(len(slopes), 4, by_h.shape[1])
    blocks[:, :3] *= by_c[:, None]
    blocks[:, 3] *= by_h
    by_c *= _block(gates, 4, 1)


@primitive
def gru_step(gates: Any, x: Any, h: Any, candidates: Any, out: Any) -> None:
    """r, z = σ(``gates + x``) in the first two blocks;  n = tanh(x + r·candidate) in the third, of which ``candidates``
    get what was there;  ``out`` = (h - n)·z + n."""
    lib = array_module(gates)
    r, z, n = (_block(gates, 3, k) for k in range(3))
    candidates[...] = n
    both = _block(gates, 3, 0, 2)
    both += _block(x, 3, 0, 2)
    _sigmoid_over(lib, both)
    n *= r
    n += _block(x, 3, 2)
    lib.tanh(n, out=n)
    lib.subtract(h, n, out=out)
    out *= z
    out += n


@primitive
def gru_slopes(gates: Any, before: Any, candidates: Any) -> tuple[Any, Any]:
    """By what the gradient of h is multiplied to be those of the projected input and of the hidden state's, (N, 3H)
    each; ``before`` is h before the step."""
    lib = array_module(gates)
    r, z, n = (_block(gates, 3, k) for k in range(3))
    by_x = 1 - gates
    by_r, by_z, by_n = (_block(by_x, 3, k) for k in range(3))
    lib.multiply(n, n, out=by_n)
    lib.subtract(1, by_n, out=by_n)
    by_n *= by_z  # still 1 - z
    by_z *= z * (before - n)
    by_r *= r * by_n
    by_r *= candidates
    by_hidden = by_x.copy()
    part = _block(by_hidden, 3, 2)
    part *= r
    return by_x, by_hidden


@primitive
def gru_step_back(by_x: Any, by_hidden: Any, gates: Any, by_h: Any) -> None:
    """Both slopes become gradients, and ``by_h`` what of it reaches the state before past the product."""
    for slope in (by_x, by_hidden):
        blocks = slope.reshape(len(by_h), 3, by_h.shape[1])
        blocks *= by_h[:, None]
    by_h *= _block(gates, 3, 1)
