"""``RawModule``: kernels in CUDA C, which the stand-in cannot run as they are."""

from __future__ import annotations

from typing import Any


class RawModule:
    """The source of some kernels."""

    def __init__(self, code: str | None = None, *, options: tuple = (), backend: str = "nvrtc", **kwargs: Any) -> None:
        self.code, self.options, self.backend = code, options, backend

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code or "", name, self.options)


class RawKernel:
    """One kernel of a module."""

    def __init__(self, code: str, name: str, options: tuple = (), backend: str = "nvrtc") -> None:
        self.code, self.name, self.options = code, name, options

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0) -> None:
        raise NotImplementedError(f"the stand-in cannot run kernel {self.name}")
