"""Whether our result is PyTorch's: types, shapes, values within PyTorch's tolerances."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import minitorch

#: relative and absolute, as ``torch.testing.assert_close`` has them
TOLERANCES = {torch.float16: (1e-3, 1e-5), torch.float32: (1.3e-6, 1e-5), torch.float64: (1e-7, 1e-7)}


class Different(Exception):
    """Says what is different; the first word names the kind: dtype, shape, value, type."""


def tolerances(info: Any, dtype: torch.dtype) -> tuple[float, float]:
    """PyTorch's for the type, or the widest that the database has for any of its own tests of this operation."""
    rtol, atol = TOLERANCES.get(dtype, (0.0, 0.0))
    for entry in info.decorators:
        if getattr(entry, "device_type", None) in (None, "cpu"):
            for decorator in getattr(entry, "decorators", (entry,)):
                override = getattr(decorator, "d", {}).get(dtype)
                if hasattr(override, "rtol"):
                    rtol, atol = max(rtol, override.rtol), max(atol, override.atol)
    return rtol, atol


def compare(ours: Any, theirs: Any, tolerance: tuple[float, float], values: bool = True, strict: bool = True) -> None:
    """Compares results of any structure; without ``values`` what random results have in common.

    Raises:
        Different: says where.
    """
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, minitorch.Tensor):
            raise Different(f"type {type(ours).__name__}, PyTorch Tensor")
        _compare_tensors(ours, theirs, tolerance, values, strict)
    elif isinstance(theirs, (tuple, list)):
        if not isinstance(ours, (tuple, list)) or len(ours) != len(theirs):
            raise Different(
                f"type {type(ours).__name__} {_length(ours)}, PyTorch {type(theirs).__name__} {len(theirs)}"
            )
        fields = getattr(theirs, "__match_args__", None) or getattr(theirs, "_fields", None)
        if fields and not all(hasattr(ours, name) for name in fields):
            raise Different(f"type without the fields {', '.join(fields)}")
        for a, b in zip(ours, theirs):
            compare(a, b, tolerance, values, strict)
    elif isinstance(theirs, torch.dtype):
        if repr(ours) != repr(theirs):
            raise Different(f"dtype {ours}, PyTorch {theirs}")
    elif type(theirs) is float:
        if type(ours) is not float:
            raise Different(f"type {type(ours).__name__}, PyTorch float")
        rtol, atol = TOLERANCES[torch.float64] if tolerance == (0.0, 0.0) else tolerance
        if values and not np.isclose(ours, theirs, rtol, atol, equal_nan=True):
            raise Different(f"value {ours}, PyTorch {theirs}")
    elif type(ours) is not type(theirs) or (values and ours != theirs):
        raise Different(f"value {ours!r:.60}, PyTorch {theirs!r:.60}")


def _length(x: Any) -> str:
    return str(len(x)) if isinstance(x, (tuple, list)) else ""


def _compare_tensors(ours: Any, theirs: Any, tolerance: tuple[float, float], values: bool, strict: bool) -> None:
    if strict and repr(ours.dtype) != repr(theirs.dtype):
        raise Different(f"dtype {ours.dtype}, PyTorch {theirs.dtype}")
    if tuple(ours.shape) != tuple(theirs.shape):
        raise Different(f"shape {list(ours.shape)}, PyTorch {list(theirs.shape)}")
    if strict and ours.requires_grad and not theirs.requires_grad:  # where only PyTorch's does, gradients are compared
        raise Different(f"requires_grad {ours.requires_grad}, PyTorch {theirs.requires_grad}")
    if not values or not theirs.numel():
        return
    a, b = ours.detach().numpy(), theirs.detach().clone().numpy()  # a clone of PyTorch's zeros without memory has some
    if b.dtype.kind == "f":
        rtol, atol = max(tolerance, TOLERANCES.get(theirs.dtype, (0.0, 0.0)))
        good = np.isclose(a, b, rtol, atol, equal_nan=True)
    else:
        good = a == b
    if not good.all():
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        wrong, expected = a[where], b[where]
        raise Different(f"value {wrong} at {list(where)} of {list(b.shape)}, PyTorch {expected} ({(~good).sum()} such)")
