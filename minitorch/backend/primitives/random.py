"""Random numbers in bulk: each array is a function of a key alone, the same on every device.

The bits are those of Philox4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): block
number b, from 0 on, is what the cipher makes of the counter b + 1 under the key, four words of 64 bits.  An element's
bits depend on its place (in C order) only, so any number of threads may each make their own part:

==============================  ==================================================  =======================
element i of                    its bits                                            its value
==============================  ==================================================  =======================
uniform float32                 half i: word i // 2, the lower half first           upper 24 bits · 2⁻²⁴
uniform float64                 word i                                              upper 53 bits · 2⁻⁵³
normal float32, float64         halves, words 2·(i // 2) and the one behind         :mod:`.random_normal`
integers in ``range(a, b)``     word i                                              a + (word·(b - a) >> 64)
Bernoulli with p, dropout       half i                                              half < p·2³², rounded
==============================  ==================================================  =======================

An integer's probability is off by less than 2⁻⁶⁴, that of a Bernoulli number by at most 2⁻³³.

The portable versions take the bits from NumPy's own Philox, which makes these words; for arrays of another library they
fill a NumPy array and copy it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.random_normal import normal_pairs
from minitorch.backend.primitives.registry import primitive

__all__ = ["dropout", "fill_bernoulli", "fill_integers", "fill_normal", "fill_uniform", "scale_kept", "threshold"]

#: the two words of 64 bits that the numbers of an array are a function of
Key = tuple[int, int]
_CHUNK = 1 << 15  # numbers that are made at once: they stay in the cache
_thread = threading.local()


def _philox(key: Key) -> np.random.Generator:
    """NumPy's generator at the beginning of the stream of ``key``: one for each thread, sent back and forth."""
    try:
        generator, state = _thread.philox
    except AttributeError:
        generator = np.random.Generator(np.random.Philox(0))
        state = {
            "bit_generator": "Philox",
            "state": {"counter": np.zeros(4, np.uint64), "key": np.zeros(2, np.uint64)},
            "buffer": np.zeros(4, np.uint64),
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        _thread.philox = generator, state
    words = state["state"]["key"]
    words[0], words[1] = key
    generator.bit_generator.state = state
    return generator


def _on_host(function: Callable) -> Callable:
    """Has ``function`` fill a NumPy array where another library's is to be filled, and copies it there."""

    @functools.wraps(function)
    def fill(out: Any, *args: Any) -> None:
        if isinstance(out, np.ndarray):
            function(out, *args)
            return
        values = np.empty(out.shape, out.dtype)
        function(values, *args)
        out[...] = array_module(out).asarray(values)

    return fill


@primitive
@_on_host
def fill_uniform(out: Any, key: Key, low: float = 0.0, high: float = 1.0) -> None:
    """Fills ``out`` (float32 or float64, in C order) with uniform numbers u·(high - low) + low, u in [0, 1)."""
    _philox(key).random(dtype=out.dtype, out=out)
    if (low, high) != (0, 1):
        out *= high - low
        out += low


@primitive
@_on_host
def fill_normal(out: Any, key: Key, mean: float = 0.0, std: float = 1.0) -> None:
    """Fills ``out`` (float32 or float64, in C order) with normal numbers z·std + mean."""
    raw, flat = _philox(key).bit_generator.random_raw, out.reshape(-1)
    for first in range(0, flat.size, _CHUNK):
        part = flat[first : first + _CHUNK]
        pairs = -(-part.size // 2)
        words = raw(pairs * out.itemsize // 4).view(np.uint32 if out.itemsize == 4 else np.uint64)
        values = np.empty(2 * pairs, out.dtype)
        normal_pairs(words[::2], words[1::2], values.reshape(-1, 2).T)
        values *= std
        values += mean
        part[...] = values[: part.size]


@primitive
@_on_host
def fill_integers(out: Any, key: Key, low: int, high: int) -> None:
    """Fills ``out`` (int64, in C order) with integers from ``low`` up to but not including ``high``.

    The two are between -2⁶³ and 2⁶³, and less than 2⁶⁴ apart.
    """
    raw, flat = _philox(key).bit_generator.random_raw, out.reshape(-1)
    for first in range(0, flat.size, _CHUNK):
        part = flat[first : first + _CHUNK]
        product = _upper_half(raw(part.size), high - low)
        np.add(product.view(np.int64), np.int64(low), out=part)


def _upper_half(words: np.ndarray, factor: int) -> np.ndarray:
    """The upper 64 bits of products of 128, from products of halves."""
    upper, lower = (np.uint64(half) for half in divmod(factor, 1 << 32))
    half, mask = np.uint64(32), np.uint64((1 << 32) - 1)
    carry = words & mask
    cross = carry * upper if upper else None
    carry *= lower
    carry >>= half
    words >>= half
    carry += words * lower
    if cross is None:
        carry >>= half
        return carry
    cross += carry & mask
    cross >>= half
    carry >>= half
    words *= upper
    words += carry
    words += cross
    return words


def threshold(p: float) -> int:
    """Below which of the 2³² values of a half lie those that stand for yes, for a probability of ``p``."""
    return round(p * 4294967296.0)


@primitive
@_on_host
def fill_bernoulli(out: Any, key: Key, p: float) -> None:
    """Fills ``out`` (bool, in C order): each element is True with probability ``p``."""
    limit, flat = threshold(p), out.reshape(-1)
    if limit == 1 << 32:
        flat[...] = True
        return
    raw = _philox(key).bit_generator.random_raw
    for first in range(0, flat.size, _CHUNK):
        part = flat[first : first + _CHUNK]
        np.less(raw(-(-part.size // 2)).view(np.uint32)[: part.size], np.uint32(limit), out=part)


@primitive
def scale_kept(g: Any, kept: Any, scale: float) -> Any:
    """``g · scale`` where ``kept`` (bool, of the same shape) is True, elsewhere ``g · 0``."""
    factor = kept.astype(g.dtype)
    factor *= g.dtype.type(scale)
    return g * factor


@primitive
def dropout(x: Any, kept: Any, key: Key, p: float, scale: float) -> Any:
    """:func:`scale_kept` of ``x``; fills ``kept`` (in C order), whose elements are True with probability ``p``."""
    fill_bernoulli(kept, key, p)
    return scale_kept(x, kept, scale)
