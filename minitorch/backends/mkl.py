"""Intel's MKL."""

from __future__ import annotations

from typing import Any

import numpy as np

VERBOSE_OFF, VERBOSE_ON = 0, 1


class verbose:
    """A ``with`` block in which PyTorch would have MKL report its calls; here nothing is reported."""

    def __init__(self, enable: int) -> None:
        self.enable = enable

    def __enter__(self) -> verbose:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


def is_available() -> bool:
    """Whether NumPy's products of matrices come from MKL.

    >>> import minitorch as torch
    >>> isinstance(torch.backends.mkl.is_available(), bool)
    True
    """
    configuration: Any = np.show_config(mode="dicts")
    return "mkl" in str(configuration.get("Build Dependencies", {}).get("blas", {}).get("name", "")).lower()
