"""float32 results that round differently: held against the same computation of PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

#: how much further than PyTorch's own a float32 result may lie from the float64 one
FACTOR = 3.0


def in_double(value: Any, pairs: dict[int, tuple]) -> Any:
    """``value`` with float64 in the place of float32; ``pairs`` has (old tensor, new tensor) by the old one's id."""
    if isinstance(value, torch.Tensor):
        if value.dtype is not torch.float32:
            return value
        if id(value) not in pairs:
            pairs[id(value)] = (value, value.detach().double().requires_grad_(value.requires_grad))
        return pairs[id(value)][1]
    if value is torch.float32:
        return torch.float64
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(in_double(x, pairs) for x in value)
    if isinstance(value, dict):
        return {key: in_double(x, pairs) for key, x in value.items()}
    return value


def as_exact(ours: list, theirs: list, exact: list) -> bool:
    """Whether our tensors are about as close to the exact ones as PyTorch's are."""
    if not len(ours) == len(theirs) == len(exact):
        return False
    for a, b, c in zip(ours, theirs, exact):
        if not isinstance(b, torch.Tensor):
            continue
        if a is None or c is None or b.dtype is not torch.float32 or tuple(a.shape) != tuple(b.shape):
            return False
        x, y, z = (t.detach().numpy().astype(np.float64) for t in (a, b, c))
        if not np.isfinite(z).all() or not np.isfinite(x).all():
            return False
        if np.abs(x - z).max(initial=0) > FACTOR * np.abs(y - z).max(initial=0):
            return False
    return True
