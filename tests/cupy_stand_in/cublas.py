"""``cupy.cuda.cublas``: the one call that the package makes, with cuBLAS's own view of matrices.

cuBLAS gets addresses and believes whatever it is told about them.  Here each must be the address of a living array on
the handle's GPU, of the elements that the call names, and everything that the call reads or writes must lie inside it;
else it is an ``AssertionError``, which no program takes for a refusal.  Matrices are stored by columns, ``alpha`` and
``beta`` are addresses in host memory, and TF32 rounds factors as the hardware does.

Source: NVIDIA, "cuBLAS" documentation, cublasGemmStridedBatchedEx().
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from . import counting, runtime, surface
from .array import addresses

_HANDLE = 0xB1A5000
#: cudaDataType_t
TYPES = {0: np.dtype(np.float32), 1: np.dtype(np.float64), 2: np.dtype(np.float16)}
FULL, TF32, DOUBLE = 68, 77, 70  # cublasComputeType_t
#: what each type of sums takes as factors
TAKES = {FULL: (0, 2), TF32: (0,), DOUBLE: (1,)}
_INTS = {"transa", "transb", "m", "n", "k", "lda", "ldb", "ldc", "batchCount", "computeType", "algo"}
#: tests set it to have the next calls refused, with this status
refusing: list[str] = []


class CUBLASError(RuntimeError):
    """An answer of cuBLAS other than success."""


def get_cublas_handle() -> int:
    """The library's handle for the current GPU."""
    return _HANDLE + runtime.current()


def _memory(label: str, address: int, kind: int, rows: int, columns: int, ld: int, step: int, count: int) -> Any:
    """The ``count`` matrices (rows, columns) at an address, as a view of the stand-in's memory."""
    array = addresses.get(address)
    assert array is not None, f"{label} is not the address of a living array"
    assert array._device == runtime.current(), f"{label} is on GPU {array._device}, not {runtime.current()}"
    dtype = TYPES[kind]
    assert array.dtype == dtype, f"{label} is said to be {dtype} and is {array.dtype}"
    assert ld >= max(1, rows), f"the leading dimension {ld} of {label} is below its {rows} rows"
    owner = array if array.base is None else array.base
    low, high = np.lib.array_utils.byte_bounds(owner._host)
    last = address + ((count - 1) * step + (columns - 1) * ld + rows) * dtype.itemsize
    assert low <= address and step >= 0 and last <= high, f"{label} leaves its array by {last - high} bytes"
    flat = np.frombuffer((ctypes.c_char * (high - address)).from_address(address), dtype)
    size = dtype.itemsize
    return np.lib.stride_tricks.as_strided(flat, (count, rows, columns), (step * size, size, ld * size))


def _number(label: str, address: int, compute: int) -> float:
    """A coefficient, whose type is that of the sums."""
    for array in list(addresses.values()):
        low, high = np.lib.array_utils.byte_bounds(array._host)
        assert not low <= address < high, f"{label} must be in host memory: the handle is in host pointer mode"
    return (ctypes.c_double if compute == DOUBLE else ctypes.c_float).from_address(address).value


def to_tf32(array: np.ndarray) -> np.ndarray:
    """float32 rounded to 10 bits of mantissa."""
    return ((array.view(np.uint32) + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def gemmStridedBatchedEx(*args: int) -> None:
    """``C[i] = alpha * op(A[i]) @ op(B[i]) + beta * C[i]`` for matrices stored by columns."""
    if not all(type(a) is int for a in args):
        raise TypeError(f"gemmStridedBatchedEx takes integers, not {args}")
    g = surface.bind("cuda.cublas.gemmStridedBatchedEx", args, {})
    for name in _INTS:
        if not -(1 << 31) <= g[name] < 1 << 31:
            raise OverflowError(f"{name} = {g[name]}: value too large to convert to int")
    assert g["handle"] == get_cublas_handle(), "a handle of another GPU than the current one"
    assert g["transa"] in (0, 1) and g["transb"] in (0, 1) and g["algo"] == -1
    m, n, k, count, compute = g["m"], g["n"], g["k"], g["batchCount"], g["computeType"]
    assert min(m, n, k, count) > 0, "nothing to multiply"
    assert g["Atype"] == g["Btype"] == g["Ctype"] and g["Atype"] in TAKES[compute], "types that do not go together"
    if refusing:
        raise CUBLASError(refusing[0])
    shapes = {"A": (k, m) if g["transa"] else (m, k), "B": (n, k) if g["transb"] else (k, n), "C": (m, n)}
    a, b, c = [
        _memory(x, g[x], g[f"{x}type"], *shape, g[f"ld{x.lower()}"], g[f"stride{x}"], count)
        for x, shape in shapes.items()
    ]
    assert count == 1 or g["strideC"] >= g["ldc"] * (n - 1) + m, "results that overlap"
    assert not np.may_share_memory(a, c) and not np.may_share_memory(b, c), "a result on top of a factor"
    alpha, beta = _number("alpha", g["alpha"], compute), _number("beta", g["beta"], compute)
    a, b = (x.swapaxes(1, 2) if turned else x for x, turned in ((a, g["transa"]), (b, g["transb"])))
    if compute == TF32:
        a, b = to_tf32(np.ascontiguousarray(a)), to_tf32(np.ascontiguousarray(b))
    sums = np.float64 if compute == DOUBLE else np.float32
    with np.errstate(all="ignore"):
        result = alpha * np.matmul(a.astype(sums, copy=False), b.astype(sums, copy=False))
        c[...] = result if beta == 0 else result + beta * c  # with beta 0, C is not read: NaN there is no matter
    counting.launch("gemmStridedBatchedEx", (a, b), (c,), operations=2 * count * m * n * k)
