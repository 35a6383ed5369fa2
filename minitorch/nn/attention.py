"""Which way attention is computed: PyTorch's choices, of which there is one here."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager


class SDPBackend(enum.Enum):
    """The ways that PyTorch has."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """A ``with`` block for attention by ``backends``; it is computed in the same way at any choice.

    Raises:
        ValueError: not one of :class:`SDPBackend` or a list of such.

    >>> from minitorch.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
    ...     pass
    """
    chosen = backends if isinstance(backends, (list, tuple)) else [backends]
    if not all(isinstance(one, SDPBackend) for one in chosen):
        raise ValueError(f"sdpa_kernel: expected SDPBackend or a list of them, got {backends!r}")
    yield
