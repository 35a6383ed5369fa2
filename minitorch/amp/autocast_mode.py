"""``autocast``: a region in which PyTorch computes some operations in 16 bits.  Here they keep their operands' dtype.

NumPy's float16 is emulated, many times slower than float32, and it has no bfloat16: lower precision would cost time and
gain nothing on a CPU.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

from minitorch.backend.array_module import why_no_cupy
from minitorch.core.device import Device
from minitorch.core.dtype import bfloat16, float16


class _Regions(threading.local):
    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}


_regions = _Regions()
_told = False


class autocast:
    """A ``with`` block or decorator for mixed precision.  Operations inside keep the dtype of their operands.

    That is said in a warning, once.  Results are at least as precise as PyTorch's, but in float32 where PyTorch's are
    in 16 bits.  Use it with :class:`GradScaler` as in PyTorch.

    Args:
        device_type: "cpu" or "cuda".
        dtype: what PyTorch would compute in.
        enabled: ``False``: nothing happens, nothing is said.
        cache_enabled: whether PyTorch would keep converted weights; no difference here.

    Raises:
        ValueError: ``device_type`` is no string.
        RuntimeError: there is no such type of device.

    >>> import minitorch as torch
    >>> with torch.autocast("cpu", enabled=False):
    ...     torch.ones(2).dtype
    torch.float32
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = Device(device_type).type
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._enabled = bool(enabled) and self._can_be_enabled()
        self._outer: list[bool] = []

    def _can_be_enabled(self) -> bool:
        if self.device == "cuda" and why_no_cupy() is not None:
            warnings.warn("CUDA is not available. Disabling autocast.", UserWarning, stacklevel=3)
            return False
        name = str(self.fast_dtype).rpartition(".")[2]
        if name not in ("float16", "bfloat16"):
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                "Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=3,
            )
            return False
        return True

    def __enter__(self) -> autocast:
        global _told
        self._outer.append(_regions.enabled.get(self.device, False))
        _regions.enabled[self.device] = self._enabled
        if self._enabled and not _told:
            _told = True
            warnings.warn(
                "autocast: operations keep the dtype of their operands, float32 where PyTorch computes in 16 bits. "
                "Results are at least as precise, and no faster.",
                UserWarning,
                stacklevel=2,
            )
        return self

    def __exit__(self, *exc: object) -> None:
        _regions.enabled[self.device] = self._outer.pop()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def is_autocast_available(device_type: str) -> bool:
    """Whether :class:`autocast` takes this type of device."""
    return device_type in ("cpu", "cuda")


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread is inside an enabled :class:`autocast` region for the type of device.

    >>> import minitorch as torch
    >>> torch.is_autocast_enabled("cpu")
    False
    """
    return _regions.enabled.get(device_type, False)


def get_autocast_dtype(device_type: str) -> Any:
    """What PyTorch computes in where :class:`autocast` is given no dtype: bfloat16 on a CPU, float16 on a GPU."""
    if device_type == "cpu":
        return bfloat16
    return float16


def custom_fwd(fwd: Callable | None = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Marks ``forward`` of a custom function for mixed precision: there is nothing to do, so it is returned as it is.

    Raises:
        NotImplementedError: ``cast_inputs`` is given.
    """
    if cast_inputs is not None:
        raise NotImplementedError(
            "custom_fwd: cast_inputs is not supported, as autocast leaves dtypes as they are; convert with .to(dtype) "
            "in forward"
        )
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd: Callable | None = None, *, device_type: str) -> Any:
    """Marks ``backward`` of a custom function for mixed precision: it is returned as it is."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd
