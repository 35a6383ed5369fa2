"""Steps of optimizers by the kernels of ``source/optim_steps.cu``: one launch for all parameters of a group.

An optimizer goes through its parameters one by one.  Inside :func:`together` steps are only noted, and those with the
same options are started at the end, up to 32 parameters in one launch.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from minitorch.backend.cuda.launching import BLOCK, LIMIT, accepts, launch

_FILE = "optim_steps.cu"
_PARAMETERS = 32
_BLOCKS = 1024  # for one parameter: more elements than threads are walked over
_ARRAYS = "param", "grad", "first", "second", "third"
_TABLE = np.dtype([(name, np.uint64, _PARAMETERS) for name in _ARRAYS] + [("size", np.int32, _PARAMETERS)])


class _Noted(threading.local):
    """Steps that wait: (kernel, dtype, GPU, options) -> the arrays of each parameter."""

    steps: dict[tuple, list[tuple]] | None = None


_noted = _Noted()


class together:
    """Steps noted inside the ``with`` block are started at its end, many in one launch."""

    def __enter__(self) -> None:
        self.outer, _noted.steps = _noted.steps, {}

    def __exit__(self, error: Any, *exc: object) -> None:
        steps, _noted.steps = _noted.steps, self.outer
        for key, arrays in (steps or {}).items():
            _start(key, arrays)


def _note(kernel: str, arrays: tuple, options: tuple) -> Any:
    given = [a for a in arrays if a is not None]
    if not accepts(*given) or not all(a.flags.c_contiguous and a.shape == arrays[0].shape for a in given):
        return NotImplemented
    key = kernel, arrays[0].dtype, arrays[0].device.id, options
    if _noted.steps is None:
        _start(key, [arrays])
    else:
        _noted.steps.setdefault(key, []).append(arrays)
    return None


def _start(key: tuple, parameters: list[tuple]) -> None:
    kernel, dtype, _, options = key
    parameters = [arrays for arrays in parameters if arrays[0].size]
    for begin in range(0, len(parameters), _PARAMETERS):
        part = parameters[begin : begin + _PARAMETERS]
        table = np.zeros(1, _TABLE)
        for number, arrays in enumerate(part):
            for name, array in zip(_ARRAYS, arrays):
                if array is not None:
                    table[name][0, number] = array.data.ptr
            table["size"][0, number] = arrays[0].size
        blocks = min(-(-int(table["size"].max()) // BLOCK), _BLOCKS)
        launch(_FILE, kernel, dtype, (blocks, len(part)), BLOCK, table, *options, beside_array=part[0][0])


def sgd_step(
    param: Any, grad: Any, momentum_buffer: Any, first: bool, lr: float, momentum: float, dampening: float,
    weight_decay: float, nesterov: bool, maximize: bool,
) -> Any:  # fmt: skip
    if param.size >= LIMIT:
        return NotImplemented
    reals = float(lr), float(momentum), 1.0 - dampening, float(weight_decay)
    flags = int(nesterov), int(maximize), int(first), int(momentum_buffer is not None)
    return _note("sgd_steps", (param, grad, momentum_buffer), (*reals, *flags))


def adam_step(
    param: Any, grad: Any, exp_avg: Any, exp_avg_sq: Any, max_exp_avg_sq: Any, step: float, lr: float, beta1: float,
    beta2: float, eps: float, weight_decay: float, decoupled: bool, maximize: bool,
) -> Any:  # fmt: skip
    if param.size >= LIMIT:
        return NotImplemented
    reals = (
        lr / (1 - beta1**step), (1 - beta2**step) ** 0.5, 1.0 - beta1, float(beta2), 1.0 - beta2, float(eps),
        0.0 if decoupled else float(weight_decay), 1.0 - lr * weight_decay if decoupled else 1.0,
    )  # fmt: skip
    flags = int(maximize), int(max_exp_avg_sq is not None)
    return _note("adam_steps", (param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq), (*reals, *flags))
