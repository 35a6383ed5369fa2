"""The names of :mod:`minitorch.amp` before they took the type of device."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from minitorch import amp
from minitorch.core.dtype import float16

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


def _say(name: str, arguments: str = "'cuda', args...") -> None:
    warnings.warn(
        f"`minitorch.cuda.amp.{name}(args...)` is deprecated. Please use `minitorch.amp.{name}({arguments})` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(amp.autocast):
    """:class:`minitorch.amp.autocast` for "cuda"."""

    def __init__(self, enabled: bool = True, dtype: Any = float16, cache_enabled: bool = True) -> None:
        _say("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """:class:`minitorch.amp.GradScaler` for "cuda"."""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _say("GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd: Callable | None = None, *, cast_inputs: Any = None) -> Any:
    """:func:`minitorch.amp.custom_fwd` for "cuda"."""
    _say("custom_fwd", "args..., device_type='cuda'")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Callable) -> Any:
    """:func:`minitorch.amp.custom_bwd` for "cuda"."""
    _say("custom_bwd", "args..., device_type='cuda'")
    return amp.custom_bwd(bwd, device_type="cuda")
