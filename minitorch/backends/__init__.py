"""Switches that scripts set for PyTorch's libraries.  They can be set and read; few of them change anything.

What is computed on a CPU is deterministic, and in full precision.  On a GPU ``cuda.matmul.allow_tf32`` lets products of
float32 matrices be rounded.
"""

from __future__ import annotations

import sys
from types import ModuleType

from minitorch.backends import cpu, cuda, cudnn, mkl, mkldnn, mps, nnpack, openmp, opt_einsum
from minitorch.backends.precision import Precision

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum"]


class _Backends(ModuleType):
    """The package as a module with a switch for all libraries together."""

    _all = Precision("none")

    @property
    def fp32_precision(self) -> str:
        """How exactly float32 is computed with: what was last set for all, or "none"."""
        return self._all.fp32_precision

    @fp32_precision.setter
    def fp32_precision(self, precision: str) -> None:
        for switch in (self._all, cuda.matmul, cudnn.conv, cudnn.rnn):
            switch.fp32_precision = precision  # type: ignore[attr-defined]


sys.modules[__name__].__class__ = _Backends
