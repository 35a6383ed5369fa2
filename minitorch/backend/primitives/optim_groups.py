"""Steps of many parameters with the same options: lists of arrays, which are changed in place.

The equations are those of :mod:`.optim_steps`, where a step of one parameter is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain
from typing import Any

import numpy as np

from minitorch.backend.array_module import beside
from minitorch.backend.primitives.optim_steps import adam_step, sgd_step
from minitorch.backend.primitives.registry import primitive

__all__ = ["adam_steps", "plain_together", "sgd_steps"]


def _together(param: Any) -> AbstractContextManager:
    """A context for the steps of many parameters: on the GPU of ``param``, one kernel then serves all of them."""
    if type(param) is np.ndarray:
        return nullcontext()
    from minitorch.backend.cuda.optim_steps import together

    context = ExitStack()
    context.enter_context(beside(param))
    context.enter_context(together())
    return context


def _form(array: Any) -> tuple[Any, ...]:
    return type(array), array.shape, array.dtype


def _plain(array: Any) -> bool:
    flags = array.flags
    return flags.carray if isinstance(array, np.ndarray) else flags.c_contiguous


@primitive
def plain_together(arrays: Sequence[Any], *others: Sequence[Any]) -> bool:
    """Whether all arrays are contiguous and writeable, of one type and dtype, and those at one place of the lists of
    one shape."""
    forms = list(map(_form, arrays))
    return (
        len({(kind, dtype) for kind, _, dtype in forms}) == 1
        and all(list(map(_form, other)) == forms for other in others)
        and all(map(_plain, chain(arrays, *others)))
    )


@primitive
def sgd_steps(params: Sequence[Any], grads: Sequence[Any], momentum_buffers: Any, *options: Any) -> None:
    """:func:`sgd_step` of each parameter; ``momentum_buffers`` is ``None`` without momentum.  No array comes twice."""
    with _together(params[0]):
        for param, grad, buffer in zip(params, grads, momentum_buffers or [None] * len(params)):
            sgd_step(param, grad, buffer, *options)


@primitive
def adam_steps(
    params: Sequence[Any],
    grads: Sequence[Any],
    exp_avgs: Sequence[Any],
    exp_avg_sqs: Sequence[Any],
    max_exp_avg_sqs: Any,
    *options: Any,
) -> None:
    """:func:`adam_step` of each parameter; ``max_exp_avg_sqs`` may be ``None``.  No array comes twice."""
    peaks = max_exp_avg_sqs or [None] * len(params)
    with _together(params[0]):
        for param, grad, mean, square, peak in zip(params, grads, exp_avgs, exp_avg_sqs, peaks):
            adam_step(param, grad, mean, square, peak, *options)
