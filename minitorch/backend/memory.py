"""The C library's allocator, taught to keep what arrays give back: freed memory serves the next step.

By itself glibc hands large blocks back to the system at once and asks for them anew, and every fresh page costs a
fault when it is first touched: in a training step that took longer than the arithmetic.  ``MINITORCH_KEEP_MEMORY=0``
in the environment leaves the allocator as it is.
"""

from __future__ import annotations

import ctypes
import os
import sys

# From malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
# Blocks up to this size come from the heap (the largest that glibc accepts on 64 bits is 32 MiB) ...
_LARGEST_IN_HEAP = 32 << 20
# ... which shrinks only when so much of its end is free.
_KEPT = 1 << 30


def keep_freed_memory() -> bool:
    """Sets the allocator's thresholds; ``False`` where it is another than glibc's or the environment says no."""
    if not sys.platform.startswith("linux") or os.environ.get("MINITORCH_KEEP_MEMORY", "1") == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP) and mallopt(_M_TRIM_THRESHOLD, _KEPT)
    return bool(kept and mallopt(_M_TOP_PAD, 1 << 20))
