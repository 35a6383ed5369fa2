"""How exactly float32 matrices are multiplied on a GPU: the one place that knows what scripts asked for.

TF32 rounds factors to 10 bits of mantissa and sums in float32, on GPUs from the Ampere generation on.  CuPy has a
switch for its own products under names that it does not promise to keep; without them those keep full precision.
"""

from __future__ import annotations

import numpy as np

from minitorch.backend.array_module import cupy_if_used, when_found

LEVELS = ("highest", "high", "medium")
_level = "highest"


def level() -> str:
    """One of ``LEVELS``; all but the first let factors be rounded to TF32."""
    return _level


def set_level(name: str) -> None:
    """From now on products are as precise as ``name`` says."""
    global _level
    _level = name
    _tell_cupy()


def tf32_allowed() -> bool:
    """Whether factors may be rounded to TF32."""
    return _level != "highest"


def _tell_cupy(count: int = 1) -> None:
    """Has CuPy's own products follow, once CuPy is in use: a switch alone is no reason to import it."""
    library = cupy_if_used()
    try:
        kinds = library._core._routines_linalg
        kind = kinds.COMPUTE_TYPE_TF32 if tf32_allowed() else kinds.COMPUTE_TYPE_DEFAULT
        library._core.set_compute_type(np.float32, kind)
    except AttributeError:
        pass


when_found.append(_tell_cupy)
