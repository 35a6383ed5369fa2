"""Helpers for gradients and parameters."""

from importlib import import_module
from typing import Any

from minitorch.nn.utils import rnn
from minitorch.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from minitorch.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

_LAZY = frozenset({"parametrizations", "parametrize", "stateless"})
_HOOKS = frozenset({"remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"})


def __getattr__(name: str) -> Any:
    """What few programs need, when it is asked for."""
    if name in _LAZY:
        return import_module(f"{__name__}.{name}")
    if name in _HOOKS:
        return getattr(import_module(f"{__name__}.norm_hooks"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
