"""The names of :mod:`minitorch.amp` before they took the type of device."""

from __future__ import annotations

import warnings
from typing import Any

from minitorch import amp
from minitorch.core.dtype import float16

__all__ = ["GradScaler", "autocast"]


def _say(name: str) -> None:
    warnings.warn(
        f"`minitorch.cuda.amp.{name}(args...)` is deprecated. Please use "
        f"`minitorch.amp.{name}('cuda', args...)` instead.",
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
