"""Switches of products of matrices and of attention on a GPU."""

from __future__ import annotations

from importlib.util import find_spec


class _Matmul:
    """``allow_tf32`` and its like; remembered: float32 products keep the precision that CuPy gives them."""

    __slots__ = ("allow_bf16_reduced_precision_reduction", "allow_fp16_reduced_precision_reduction", "allow_tf32")

    def __init__(self) -> None:
        self.allow_tf32 = False
        self.allow_fp16_reduced_precision_reduction = True
        self.allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()
_attention = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built() -> bool:
    """Whether CuPy is installed; :func:`minitorch.cuda.is_available` says whether it works.

    >>> import minitorch as torch
    >>> isinstance(torch.backends.cuda.is_built(), bool)
    True
    """
    try:
        return find_spec("cupy") is not None
    except (ImportError, ValueError):  # something in sys.modules that has no spec
        return False


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
