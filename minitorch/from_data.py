"""Arrays out of what tensors are made from: numbers, nested sequences, other libraries' arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitorch.backend.array_module import cupy, is_array, to_host
from minitorch.core.device import device_of
from minitorch.core.dtype import DType, default_dtype
from minitorch.core.promotion import scalar_dtype
from minitorch.core.tensor import Tensor


def array_of(data: Any, wanted: DType | None, device: Any) -> tuple[Any, Any]:
    """Numbers or another library's array as an array, and where its tensor goes: what is on a GPU stays there."""
    if not is_array(data):
        if not hasattr(data, "__cuda_array_interface__"):
            return _host_array(data, wanted), device
        data = cupy().asarray(data)
    return data, device_of(data) if device is None and not isinstance(data, np.ndarray) else device


def _host_array(data: Any, wanted: DType | None = None) -> np.ndarray:
    """Nested sequences of numbers, arrays and tensors as one array of PyTorch's type for them, or of ``wanted``.

    Python floats must not pass through the default type on their way to a wider one.
    """
    if isinstance(data, np.ndarray):
        return data
    if isinstance(data, np.generic):
        return np.asarray(data)
    if isinstance(data, (bool, int, float)):
        return np.array(data) if wanted is not None else np.array(data, scalar_dtype(data).numpy)
    if isinstance(data, (str, bytes)) or not hasattr(data, "__len__"):
        if hasattr(data, "__array__"):
            return np.asarray(data)
        raise TypeError(f"new(): data must be a number, a sequence or an array, not {type(data).__name__}")
    first: Any = data
    while not isinstance(first, (Tensor, np.ndarray)) and hasattr(first, "__len__") and not isinstance(first, str):
        if len(first) == 0:
            break
        first = first[0]
    if isinstance(first, Tensor):
        data = _detached(data)
    try:
        array = np.array(data)
    except ValueError as error:
        raise ValueError(
            f"cannot make a tensor of nested sequences of unequal lengths: expected the same length at every level "
            f"({error})"
        ) from None
    if array.dtype.kind not in "fiub" or array.dtype == object:
        kind = "strings" if array.dtype.kind in "US" else "complex numbers" if array.dtype.kind == "c" else "objects"
        raise TypeError(f"cannot make a tensor of {kind} (for example {first!r:.60})")
    plain = array.dtype.kind == "f" and not isinstance(first, (np.generic, np.ndarray, Tensor))
    if wanted is None and (array.size == 0 or plain):
        return array.astype(default_dtype().numpy)
    return array


def _detached(data: Any) -> Any:
    if isinstance(data, Tensor):
        host = to_host(data._data)
        return host.astype(np.float32) if host.dtype.kind == "V" else host
    return [_detached(item) for item in data] if isinstance(data, (list, tuple)) else data
