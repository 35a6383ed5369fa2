"""Replacements of primitives for CuPy arrays: kernels in CUDA C (``source/``), compiled by CuPy when first called.

A kernel takes float32 and float64 arrays of fewer than 2³¹ elements; for others the portable version runs.  With
``MINITORCH_CUDA_KERNELS=0`` in the environment it always does; products of matrices, which are calls of cuBLAS, stay.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

# The module that has each replacement, under the primitive's name: calls of libraries, and kernels.
_CALLS = {
    "matmul": "minitorch.backend.cuda.products",
    "matmul_into": "minitorch.backend.cuda.products",
}
_REPLACEMENTS = {
    "add_rows_in_order": "minitorch.backend.cuda.scatter",
    "adam_step": "minitorch.backend.cuda.optim_steps",
    "avg_pool_backward": "minitorch.backend.cuda.pooling",
    "avg_pool_forward": "minitorch.backend.cuda.pooling",
    "class_loss_backward": "minitorch.backend.cuda.class_loss",
    "class_loss_forward": "minitorch.backend.cuda.class_loss",
    "conv_forward": "minitorch.backend.cuda.cudnn",
    "conv_input_grad": "minitorch.backend.cuda.cudnn",
    "conv_weight_grad": "minitorch.backend.cuda.cudnn",
    "dropout": "minitorch.backend.cuda.random",
    "fill_bernoulli": "minitorch.backend.cuda.random",
    "fill_integers": "minitorch.backend.cuda.random",
    "fill_normal": "minitorch.backend.cuda.random",
    "fill_uniform": "minitorch.backend.cuda.random",
    "flag_outside": "minitorch.backend.cuda.index_check",
    "log_softmax_backward": "minitorch.backend.cuda.softmax",
    "log_softmax_forward": "minitorch.backend.cuda.softmax",
    "masked_softmax": "minitorch.backend.cuda.softmax",
    "max_pool_backward": "minitorch.backend.cuda.pooling",
    "max_pool_forward": "minitorch.backend.cuda.pooling",
    "move_statistics": "minitorch.backend.cuda.normalization",
    "scale_kept": "minitorch.backend.cuda.random",
    "sgd_step": "minitorch.backend.cuda.optim_steps",
    "softmax_backward": "minitorch.backend.cuda.softmax",
    "softmax_forward": "minitorch.backend.cuda.softmax",
    "standardize": "minitorch.backend.cuda.normalization",
    "standardize_by": "minitorch.backend.cuda.normalization",
    "standardize_grad": "minitorch.backend.cuda.normalization",
    "where_nonzero": "minitorch.backend.cuda.pointwise",
}


def enabled() -> bool:
    """Whether kernels replace what array calls do badly."""
    return os.environ.get("MINITORCH_CUDA_KERNELS", "1") != "0"


def find(name: str) -> Callable[..., Any] | None:
    """The replacement of the primitive ``name``, or ``None``."""
    module = _CALLS.get(name) or (_REPLACEMENTS.get(name) if enabled() else None)
    return None if module is None else getattr(importlib.import_module(module), name)
