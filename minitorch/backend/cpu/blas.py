"""The OpenBLAS that NumPy's wheels carry: its number of threads, and its products for compiled kernels.

Kernels get the address of a product as a number, so nothing is linked; where there is none, NumPy is called instead.
"""

from __future__ import annotations

import ctypes
import glob
import os
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np


class OpenBlas(NamedTuple):
    get_num_threads: Callable[[], int]
    set_num_threads: Callable[[int], None]
    #: addresses of ``cblas_sgemm`` and ``cblas_dgemm``, which count in 64 bits; 0: there are none
    gemm: dict[str, int]


@lru_cache(maxsize=1)
def openblas() -> OpenBlas | None:
    """The library beside NumPy; ``None`` with another BLAS."""
    folder = os.path.dirname(np.__file__)
    for path in [
        *glob.glob(os.path.join(folder, "..", "numpy.libs", "*openblas*")),
        *glob.glob(os.path.join(folder, ".dylibs", "*openblas*")),
    ]:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
            get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
            set_ = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
            if get is not None and set_ is not None:
                # Only where integers have 64 bits, as the kernels pass them.
                products = {
                    letter: getattr(library, f"{prefix}cblas_{name}gemm{suffix}", None) if suffix else None
                    for letter, name in (("f", "s"), ("d", "d"))
                }
                return OpenBlas(get, set_, {letter: _address(function) for letter, function in products.items()})
    return None


def _address(function: object) -> int:
    return 0 if function is None else ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


@lru_cache(maxsize=2)
def gemm_address(letter: str) -> int:
    """Where the product of matrices of dtype ``letter`` ("f" or "d") is; 0: nowhere."""
    library = openblas()
    return 0 if library is None else library.gemm[letter]
