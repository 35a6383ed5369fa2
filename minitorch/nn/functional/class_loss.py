"""Cross-entropy with class numbers on a GPU: nothing waits for the classes to be looked at."""

from __future__ import annotations

from typing import Any

from minitorch.backend import array_module as xp
from minitorch.backend.index_flags import flags_beside, raise_at_once
from minitorch.backend.primitives.class_loss import class_loss_backward, class_loss_forward
from minitorch.core.grad_mode import state
from minitorch.core.op import Array, op
from minitorch.core.tensor import Tensor, wrap
from minitorch.nn.functional.softmax import softmax


def _declare(name: str) -> Any:
    @op(name, aux=True)
    def loss(input: Array, classes, ignore_index, reduction):
        flags, shape = flags_beside(input), input.shape

        def error(wrong: int) -> IndexError:
            return IndexError(
                f"cross_entropy: Target {wrong} is out of bounds: for input of shape {shape} classes go from 0 to "
                f"{shape[1] - 1} ({shape[1]} classes)"
            )

        slot = flags.slot(("cross_entropy", shape[1]), error)
        result, log_sums, weight = class_loss_forward(input, classes, ignore_index, reduction, flags.memory, slot)
        raise_at_once(flags)
        return result, (log_sums, weight)

    loss.rules(input=_rule)
    return loss


def _rule(g: Tensor, input: Tensor, classes: Any, ignore_index: int, aux: Any) -> Tensor:
    log_sums, weight = aux
    if not state.enabled:
        return wrap(class_loss_backward(g._data, input._data, classes, log_sums, weight, ignore_index))
    # The gradient will be differentiated: every step as an operation of its own.
    lib, number, dtype = xp(classes), input._data.shape[1], input._data.dtype
    numbers = lib.arange(number).reshape(1, -1, *[1] * (input.ndim - 2))
    counts = ((classes != ignore_index) & (classes >= 0) & (classes < number))[:, None]
    each = g.unsqueeze(1) if g.ndim else g
    hit = (numbers == classes[:, None]).astype(dtype)
    return (softmax(input, 1) - wrap(hit)) * wrap(lib.where(counts, weight, 0).astype(dtype)) * each


_class_loss, _class_loss_2d = _declare("NllLossBackward0"), _declare("NllLoss2DBackward0")


def class_loss(input: Tensor, classes: Any, ignore_index: int, reduction: str) -> Tensor:
    """The cross-entropy of scores (N, C, \\*d) and the array ``classes`` (N, \\*d) of class numbers, int64."""
    return (_class_loss if input.ndim == 2 else _class_loss_2d)(input, classes, ignore_index, reduction)[0]
