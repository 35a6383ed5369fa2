"""Intel's MKL."""

from __future__ import annotations

from typing import Any

import numpy as np


def is_available() -> bool:
    """Whether NumPy's products of matrices come from MKL.

    >>> import minitorch as torch
    >>> isinstance(torch.backends.mkl.is_available(), bool)
    True
    """
    configuration: Any = np.show_config(mode="dicts")
    return "mkl" in str(configuration.get("Build Dependencies", {}).get("blas", {}).get("name", "")).lower()
