"""Switches of products of matrices and of attention on a GPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from minitorch.backend import reduced_precision
from minitorch.backends.precision import checked


class _Matmul:
    """Precision of products of float32 matrices: ``allow_tf32``, or ``fp32_precision`` ("tf32", "ieee").

    The other switches are remembered.  float16 is summed in float32; cuBLAS may add the parts of a long sum in float16,
    as it may in PyTorch unless ``allow_fp16_reduced_precision_reduction`` is false there.
    """

    __slots__ = (
        "allow_bf16_reduced_precision_reduction",
        "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction",
    )

    def __init__(self) -> None:
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True
        self.allow_fp16_accumulation = False

    @property
    def allow_tf32(self) -> bool:
        """Whether a GPU may round factors to TF32; :func:`minitorch.set_float32_matmul_precision` sets the same."""
        return reduced_precision.tf32_allowed()

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        reduced_precision.set_level("high" if allowed else "highest")

    @property
    def fp32_precision(self) -> str:
        """What the switch says in PyTorch's newer words: "tf32" where :attr:`allow_tf32` is true, else "ieee"."""
        return "tf32" if self.allow_tf32 else "ieee"

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        self.allow_tf32 = checked(precision) == "tf32"


matmul = _Matmul()
_attention = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built() -> bool:
    """Whether CuPy is installed; :func:`minitorch.cuda.is_available` says whether it works.

    >>> import minitorch as torch
    >>> isinstance(torch.backends.cuda.is_built(), bool)
    True
    """
    if "cupy" in sys.modules:
        return sys.modules["cupy"] is not None
    return find_spec("cupy") is not None


def flash_sdp_enabled() -> bool:
    """What :func:`enable_flash_sdp` was last given; attention is computed in one way only."""
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Remembered; attention is computed in one way only."""
    _attention["flash"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What :func:`enable_mem_efficient_sdp` was last given."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Remembered; attention is computed in one way only."""
    _attention["mem_efficient"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What :func:`enable_math_sdp` was last given."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Remembered; attention is computed in one way only."""
    _attention["math"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What :func:`enable_cudnn_sdp` was last given."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Remembered; attention is computed in one way only."""
    _attention["cudnn"] = bool(enabled)


_preferred = {"linalg": "default", "blas": "default"}


def preferred_linalg_library(backend: str | None = None) -> str:
    """What was last set, "default" to begin with; CuPy calls cuSOLVER in any case."""
    return _prefer("linalg", backend, ("default", "cusolver", "magma"))


def preferred_blas_library(backend: str | None = None) -> str:
    """What was last set, "default" to begin with; CuPy calls cuBLAS in any case."""
    return _prefer("blas", backend, ("default", "cublas", "cublaslt", "ck", "hipblaslt"))


def _prefer(kind: str, backend: str | None, known: tuple[str, ...]) -> str:
    if backend is not None:
        if backend not in known:
            raise RuntimeError(f"Unknown input value. Choose from: {', '.join(known)}; got {backend!r}.")
        _preferred[kind] = backend
    return _preferred[kind]


@contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[None]:
    """A ``with`` block with other settings of attention, which is computed in one way only."""
    before = dict(_attention)
    _attention.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _attention.update(before)
