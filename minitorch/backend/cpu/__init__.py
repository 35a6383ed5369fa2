"""Replacements of primitives for NumPy arrays, compiled by Numba: the extra ``fast``.

Nothing here imports Numba before a primitive that has a replacement is first called.  ``MINITORCH_NUMBA=0`` in the
environment, a missing Numba, or one that cannot compile: the portable versions run.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

_ACTIVATIONS = (
    "elu", "gelu", "gelu_tanh", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid",
    "mish", "sigmoid", "silu", "softplus", "softshrink", "softsign", "threshold",
)  # fmt: skip
_AVERAGES = [f"{kind}avg_pool_{way}" for kind in ("", "adaptive_") for way in ("forward", "backward")]
_STEPS = ("adam_step", "adam_steps", "sgd_step", "sgd_steps", "plain_together")
_ADAPTIVE = ("adadelta", "adagrad", "adamax", "nadam", "radam", "rmsprop")
# The module that has each replacement, under the primitive's name.
_REPLACEMENTS = {
    **dict.fromkeys(
        [f"{cell}_{part}" for cell in ("gru", "lstm") for part in ("slopes", "step", "step_back")],
        "minitorch.backend.cpu.recurrent",
    ),
    **dict.fromkeys(_AVERAGES, "minitorch.backend.cpu.avg_pooling"),
    "add_rows_in_order": "minitorch.backend.cpu.scatter",
    **dict.fromkeys(_ACTIVATIONS, "minitorch.backend.cpu.activations"),
    **dict.fromkeys([f"{name}_grad" for name in (*_ACTIVATIONS, "tanh")], "minitorch.backend.cpu.activations"),
    **dict.fromkeys(("erf", "exp", "log", "log1p", "tanh"), "minitorch.backend.cpu.activations"),
    "conv_bias_grad": "minitorch.backend.cpu.conv",
    "conv_forward": "minitorch.backend.cpu.conv",
    "conv_input_grad": "minitorch.backend.cpu.conv",
    "conv_weight_grad": "minitorch.backend.cpu.conv",
    "max_pool_forward": "minitorch.backend.cpu.pooling",
    "max_pool_backward": "minitorch.backend.cpu.pooling",
    "standardize": "minitorch.backend.cpu.normalization",
    "standardize_by": "minitorch.backend.cpu.normalization",
    "standardize_grad": "minitorch.backend.cpu.normalization",
    "losses_backward": "minitorch.backend.cpu.class_loss",
    "losses_forward": "minitorch.backend.cpu.class_loss",
    "log_softmax_backward": "minitorch.backend.cpu.softmax",
    "log_softmax_forward": "minitorch.backend.cpu.softmax",
    "softmax_backward": "minitorch.backend.cpu.softmax",
    "softmax_forward": "minitorch.backend.cpu.softmax",
    "add": "minitorch.backend.cpu.pointwise",
    "relu": "minitorch.backend.cpu.pointwise",
    "where_nonzero": "minitorch.backend.cpu.pointwise",
    "zero_where_zero": "minitorch.backend.cpu.pointwise",
    "matmul": "minitorch.backend.cpu.products",
    **dict.fromkeys(_STEPS, "minitorch.backend.cpu.optim_steps"),
    **dict.fromkeys([f"{name}_step" for name in _ADAPTIVE], "minitorch.backend.cpu.adaptive_steps"),
    "dropout": "minitorch.backend.cpu.random",
    "fill_integers": "minitorch.backend.cpu.random",
    "fill_normal": "minitorch.backend.cpu.random",
    "fill_uniform": "minitorch.backend.cpu.random",
    "scale_kept": "minitorch.backend.cpu.random",
}
_broken = False


def enabled() -> bool:
    """Whether compiled replacements are used: Numba is installed, works, and ``MINITORCH_NUMBA`` is not 0.

    >>> isinstance(enabled(), bool)
    True
    """
    if _broken or os.environ.get("MINITORCH_NUMBA", "1") == "0":
        return False
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return False  # kernels that are not compiled are far slower than NumPy
    return importlib.util.find_spec("numba") is not None


def find(name: str) -> Callable[..., Any] | None:
    """The replacement of the primitive ``name``, or ``None``."""
    if name not in _REPLACEMENTS or not enabled():
        return None
    try:
        return getattr(importlib.import_module(_REPLACEMENTS[name]), name)
    except Exception as error:  # a broken Numba fails in many ways, and none is a reason to stop
        _give_up(error)
        return None


def unusable(error: Exception) -> bool:
    """Whether ``error`` says that Numba cannot compile a kernel here: then it is given up with a line on stderr."""
    errors = sys.modules.get("numba.core.errors")
    if errors is None or not isinstance(error, errors.NumbaError):
        return False
    _give_up(error)
    return True


def _give_up(error: BaseException) -> None:
    global _broken
    if _broken:
        return
    _broken = True
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    print(f"minitorch: Numba cannot be used ({first_line}); going on with NumPy alone, slower.", file=sys.stderr)
