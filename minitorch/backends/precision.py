"""PyTorch's newer words for the precision of float32: "ieee" for all of it, "tf32", or "none" for what else is set."""

from __future__ import annotations


def checked(precision: str) -> str:
    """``precision``, if it is one of the words.

    Raises:
        RuntimeError: it is not.
    """
    if precision not in ("ieee", "tf32", "none"):
        raise RuntimeError(f"Unknown precision: expected 'ieee', 'tf32' or 'none', got {precision!r}")
    return precision


class Precision:
    """A switch that is remembered."""

    __slots__ = ("_precision",)

    def __init__(self, precision: str) -> None:
        self._precision = precision

    @property
    def fp32_precision(self) -> str:
        """What was last set."""
        return self._precision

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        self._precision = checked(precision)
