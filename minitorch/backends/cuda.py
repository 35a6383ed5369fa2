"""Switches of products of matrices and of attention on a GPU."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from minitorch.backend.reduced_precision import allow_tf32 as set_tf32


class _Matmul:
    """Precision of products: ``allow_tf32`` is for float32 on a GPU, the others are remembered and change nothing."""

    __slots__ = ("_tf32", "allow_bf16_reduced_precision_reduction", "allow_fp16_reduced_precision_reduction")

    def __init__(self) -> None:
        self._tf32 = False
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True

    @property
    def allow_tf32(self) -> bool:
        """Whether factors may be rounded to TF32."""
        return self._tf32

    @allow_tf32.setter
    def allow_tf32(self, allowed: bool) -> None:
        self._tf32 = bool(allowed)
        set_tf32(self._tf32)


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
