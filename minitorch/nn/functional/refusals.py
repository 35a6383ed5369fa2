"""What functions refuse in the same words."""

from __future__ import annotations

from typing import Any, NoReturn

from minitorch.core.tensor import Tensor


def require_tensor(value: Any, name: str, argument: str = "input") -> None:
    """Raises TypeError if ``value`` is no Tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}(): argument '{argument}' must be Tensor, not {type(value).__name__}")


def refuse_dtype(name: str, input: Tensor) -> NoReturn:
    """Raises PyTorch's class for an operation that there is not for the dtype of ``input``."""
    raise NotImplementedError(f'"{name}" not implemented for {input.dtype}: convert the input with .float()')
