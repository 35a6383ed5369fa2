"""Switches that scripts set for PyTorch's libraries.  They can be set and read; results are the same at any setting.

What is computed on a CPU is deterministic, and in full precision.
"""

from __future__ import annotations

from minitorch.backends import cuda, cudnn, mkl, mkldnn, mps, openmp, opt_einsum

__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]
