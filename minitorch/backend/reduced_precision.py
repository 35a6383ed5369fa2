"""Products of float32 matrices in TF32, on GPUs that have it."""

from __future__ import annotations

import numpy as np

from minitorch.backend.array_module import cupy, why_no_cupy


def allow_tf32(allowed: bool) -> None:
    """Lets cuBLAS round factors to 10 bits of mantissa, or forbids it; does nothing where there is no GPU.

    CuPy has the switch under names that it does not promise to keep: where they are gone, precision stays full.
    """
    if why_no_cupy() is not None:
        return
    try:
        core = cupy()._core
        kinds = core._routines_linalg
        core.set_compute_type(np.float32, kinds.COMPUTE_TYPE_TF32 if allowed else kinds.COMPUTE_TYPE_DEFAULT)
    except AttributeError:
        pass
