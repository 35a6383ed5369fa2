"""Gradients: ``backward``, ``grad``, grad modes, custom functions, numerical checks."""

from minitorch.autograd.function import Function
from minitorch.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from minitorch.core.engine import backward, grad
from minitorch.core.grad_mode import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_detect_anomaly,
    set_grad_enabled,
)
from minitorch.core.tensor import Tensor


def Variable(tensor: Tensor, requires_grad: bool = False) -> Tensor:
    """The tensor itself: variables and tensors have been one since PyTorch 0.4."""
    return tensor.requires_grad_() if requires_grad else tensor


__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> object:
    if name == "functional":  # few programs need it
        from importlib import import_module

        return import_module("minitorch.autograd.functional")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
