"""The version, in one place; and that of CUDA, which scripts print."""

from __future__ import annotations

__version__ = "0.1.0"
hip = None


def __getattr__(name: str) -> str | None:
    if name == "cuda":
        from minitorch.cuda.devices import cuda_version

        return cuda_version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
