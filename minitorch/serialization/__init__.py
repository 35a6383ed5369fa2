"""Objects to files and back: ``save`` and ``load`` in PyTorch's format, and safetensors.

Nothing here runs what a file says: see ``unpickling``.
"""

from __future__ import annotations

from minitorch.serialization.loading import load
from minitorch.serialization.saving import save
from minitorch.serialization.tensors import load_safetensors, save_safetensors

__all__ = ["load", "load_safetensors", "save", "save_safetensors"]
