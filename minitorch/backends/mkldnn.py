"""Intel's oneDNN: not used.  Its switches are remembered and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

enabled = False
deterministic = False
allow_tf32 = True


def is_available() -> bool:
    """False: oneDNN is not used."""
    return False


@contextmanager
def flags(enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True) -> Iterator[None]:
    """A ``with`` block with other settings.

    >>> import minitorch as torch
    >>> with torch.backends.mkldnn.flags(deterministic=True):
    ...     torch.backends.mkldnn.deterministic
    True
    """
    inside = dict(locals())
    outside = {name: globals()[name] for name in inside}
    globals().update(inside)
    try:
        yield
    finally:
        globals().update(outside)
