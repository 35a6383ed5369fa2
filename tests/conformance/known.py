"""Where a result is meant to differ from PyTorch's: the operation, which of its checks, and the reason.

A pattern of a check is compared with names such as ``float64 3 value``, ``int64 0 inplace``, ``error 2``.
"""

from __future__ import annotations

import fnmatch

#: (names of operations, checks, reason)
KNOWN = (
    (
        "__radd__ __rmul__ __rand__ __ror__ __rxor__ __rmatmul__ __rmod__ __rpow__ __rsub__",
        "error *",
        "a method of a C class refuses to be called on a Python number; ours are functions of Python, which compute",
    ),
    (
        "linalg.norm.subgradients_at_zero",
        "* second",
        "the second derivative of a norm at 0: PyTorch has NaN, ours is that of the subgradient 0",
    ),
    (
        "nn.CTCLoss",
        "float32 * gradient",
        "PyTorch adds up in float32 and is up to 1e-4 from its own float64 gradients; ours, in float64, 1e-7",
    ),
    (
        "addbmm",
        "* 1 inplace | * 3 inplace | * 4 inplace | * 5 inplace",
        "addbmm_ of PyTorch gives a tensor that would have to broadcast the shape of the result; ours refuses, as "
        "every other in-place operation does",
    ),
)


def known(name: str, check: str) -> str | None:
    """The reason for a difference, ``None`` if there is none to be had."""
    for names, checks, reason in KNOWN:
        if name in names.split() and any(fnmatch.fnmatchcase(check, pattern) for pattern in checks.split(" | ")):
            return reason
    return None
