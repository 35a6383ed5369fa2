"""Dropout layers."""

from __future__ import annotations

from collections.abc import Callable

from minitorch.core.tensor import Tensor
from minitorch.nn import functional as F
from minitorch.nn.modules.module import Module


class _Dropout(Module):
    function: Callable[..., Tensor]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return type(self).function(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, sets each element to zero with probability ``p`` and divides the others by ``1 - p``."""

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """In training, sets whole channels of (N, C, L) to zero with probability ``p``."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """In training, sets whole channels of (N, C, H, W) to zero with probability ``p``."""

    function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """In training, sets whole channels of (N, C, D, H, W) to zero with probability ``p``."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for SELU networks."""

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """:class:`AlphaDropout` of whole channels."""

    function = staticmethod(F.feature_alpha_dropout)
