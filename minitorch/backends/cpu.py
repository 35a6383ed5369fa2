"""The processor."""

from __future__ import annotations


def get_cpu_capability() -> str:
    """The widest vector instructions of this processor that NumPy uses, in PyTorch's words.

    >>> import minitorch as torch
    >>> torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
    True
    """
    import numpy as np

    configuration = np.show_config(mode="dicts").get("SIMD Extensions", {})  # type: ignore[call-overload]
    found = {*configuration.get("baseline", ()), *configuration.get("found", ())}
    wide = any(name.startswith(("AVX512", "X86_V4")) for name in found)
    return "AVX512" if wide else "AVX2" if found & {"AVX2", "X86_V3"} else "DEFAULT"
