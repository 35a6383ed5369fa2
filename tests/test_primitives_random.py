"""Random numbers in bulk: their bits, their values, and compiled loops that give the same ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from minitorch.backend import cpu, primitives
from minitorch.backend.primitives.random import threshold
from minitorch.backend.primitives.random_normal import normal_pairs

KEY = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
SIZES = [(1,), (2,), (7,), (3, 5), (8,), (70_001,), (5, 1024, 20)]
needs_numba = pytest.mark.skipif(not cpu.enabled(), reason="needs Numba")


def philox(counter: int, key: tuple[int, int]) -> list[int]:
    """Philox4x64-10 as Salmon et al. 2011 define it, in whole numbers of Python."""
    words, (k0, k1) = [counter, 0, 0, 0], key
    for _ in range(10):
        a, b = 0xD2E7470EE14C6C93 * words[0], 0xCA5A826395121157 * words[2]
        words = [b >> 64 ^ words[1] ^ k0, b % 2**64, a >> 64 ^ words[3] ^ k1, a % 2**64]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % 2**64, (k1 + 0xBB67AE8584CAA73B) % 2**64
    return words


def words(count: int) -> list[int]:
    return [word for block in range(-(-count // 4)) for word in philox(block + 1, KEY)][:count]


def filled(function: Any, shape: Any, dtype: str, *args: Any, key: tuple[int, int] = KEY) -> np.ndarray:
    out = np.empty(shape, dtype)
    assert function(out, key, *args) is None
    return out


def test_the_cipher() -> None:
    """The first of the known answers that come with Random123, the authors' own library."""
    known = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox(0, (0, 0)) == known


def test_which_bits_make_an_element() -> None:
    bits = words(20)
    halves = [half for word in bits for half in (word % 2**32, word >> 32)]
    uniform = filled(primitives.fill_uniform, 40, "float32")
    assert uniform.tolist() == [half / 2**8 // 1 / 2**24 for half in halves]
    assert filled(primitives.fill_uniform, 20, "float64").tolist() == [(word >> 11) / 2**53 for word in bits]
    for low, high in ((0, 2), (-5, 1000), (0, 2**32), (-(2**40), 2**41 + 1), (-(2**63), 2**63 - 1)):
        integers = filled(primitives.fill_integers, 20, "int64", low, high)
        assert integers.tolist() == [low + (word * (high - low) >> 64) for word in bits]
    yes = filled(primitives.fill_bernoulli, 40, "bool", 0.3)
    assert yes.tolist() == [half < 0.3 * 2**32 for half in halves]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers_are_box_and_mullers(dtype: str) -> None:
    bits = words(200)
    if dtype == "float32":
        pairs = [((word % 2**32 // 2 + 0.5) / 2**31, (word >> 32) / 2**32) for word in bits]
    else:
        pairs = [((a // 2**11 + 0.5) / 2**53, b / 2**64) for a, b in zip(bits[::2], bits[1::2])]
    expected = []
    for u, v in pairs:
        # the angle within its quadrant goes from -π/4 to π/4
        quadrant, rest = divmod(v * 4, 1)
        angle = (quadrant + (rest if rest < 0.5 else rest - 1)) * math.pi / 2
        expected += [math.sqrt(-2 * math.log(u)) * f(angle) for f in (math.cos, math.sin)]
    found = filled(primitives.fill_normal, len(expected), dtype)
    tolerance = 1e-6 if dtype == "float32" else 4e-15
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    odd = filled(primitives.fill_normal, 9, dtype, 2.0, 3.0)
    np.testing.assert_allclose(odd, np.array(expected[:9]) * 3 + 2, rtol=0, atol=8 * tolerance)


@pytest.mark.parametrize(("dtype", "most"), [("float32", 6.7), ("float64", 8.7)])
def test_the_ends_of_the_normal_distribution(dtype: str, most: float) -> None:
    """The least u gives the largest number, and u = 1 gives 0; nothing is infinite or NaN."""
    unsigned = np.dtype(dtype).str.replace("f", "u")
    top = np.iinfo(unsigned).max
    first = np.array([0, 0, top, top, top // 2, 1 << 20], unsigned)
    second = np.array([0, top, 0, top // 3, top // 4, top // 2], unsigned)
    out = np.empty((2, 6), dtype)
    normal_pairs(first, second, out)
    radius = np.hypot(*out)
    assert most - 0.1 < radius[0] < most
    assert most - 0.1 < radius[1] < most
    assert (radius[2:4] < 1e-3).all()
    assert np.isfinite(out).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_normal_distribution(dtype: str) -> None:
    x = filled(primitives.fill_normal, 400_000, dtype).astype(np.float64)
    n = x.size
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - moment) < 5 * math.sqrt(variance / n), power
    # the greatest distance of the distribution functions (Kolmogorov, Smirnov): above this once in some 10,000 keys
    places = np.sort(x)[::100]
    expected = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in places])
    assert np.abs(expected - np.arange(0, n, 100) / n).max() < 2.2 / math.sqrt(n)
    share = (np.abs(x) > 3).mean()
    assert abs(share - 0.0027) < 5 * math.sqrt(0.0027 / n)
    a, b = x[::2], x[1::2]
    for left, right in ((a, b), (a**2, b**2), (x[:-1], x[1:]), (a[:-1], a[1:])):
        assert abs(np.corrcoef(left, right)[0, 1]) < 5 / math.sqrt(left.size)


def test_keys_are_streams_of_their_own() -> None:
    base = filled(primitives.fill_uniform, 4000, "float64")
    for key in ((KEY[0] + 1, KEY[1]), (KEY[0], KEY[1] + 1), (KEY[1], KEY[0]), (0, 0)):
        other = filled(primitives.fill_uniform, 4000, "float64", key=key)
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / math.sqrt(4000)


@pytest.mark.parametrize("p", [0.0, 1e-12, 0.3, 1 - 1e-12, 1.0])
def test_probabilities(p: float) -> None:
    for size in (100, 100_000):
        share = filled(primitives.fill_bernoulli, size, "bool", p).mean()
        assert abs(share - p) <= 5 * math.sqrt(p * (1 - p) / size)
    assert threshold(p) == round(p * 2**32)


# ---- compiled loops give the same bits

FILLS = [
    ("fill_uniform", "float32", (0.0, 1.0)),
    ("fill_uniform", "float32", (-0.3, 0.7)),
    ("fill_uniform", "float64", (2, 5)),
    ("fill_normal", "float32", (0.0, 1.0)),
    ("fill_normal", "float32", (0.3, 2.7)),
    ("fill_normal", "float64", (0.0, 1.0)),
    ("fill_normal", "float64", (-3, 1e-3)),
    ("fill_integers", "int64", (-3, 7)),
    ("fill_integers", "int64", (-(2**63), 2**63 - 1)),
]


@needs_numba
@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize(("name", "dtype", "args"), FILLS)
def test_compiled_fills(name: str, dtype: str, args: tuple, shape: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch.backend.cpu import random as compiled

    for least in ("_NORMAL", "_UNIFORM", "_INTEGERS"):  # small arrays too
        monkeypatch.setattr(compiled, least, 0)
    function = getattr(primitives, name)
    assert getattr(compiled, name)(np.empty(shape, dtype), KEY, *args) is None
    found, expected = filled(function, shape, dtype, *args), filled(function.portable, shape, dtype, *args)
    assert found.tobytes() == expected.tobytes()


@needs_numba
@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [1.0, 0.7, 0.25, 0.0])
def test_compiled_dropout(shape: tuple, dtype: str, p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from minitorch.backend.cpu import random as compiled

    monkeypatch.setattr(compiled, "_DROPOUT", 0)
    x = np.asarray(np.random.default_rng(0).standard_normal(shape), dtype)
    if x.size > 1:
        x.reshape(-1)[:2] = np.nan, np.inf
    scale = 1 / p if p else 0.0
    kept, told = np.empty(shape, bool), np.empty(shape, bool)
    found = primitives.dropout(x, kept, KEY, p, scale)
    primitives.fill_bernoulli.portable(told, KEY, p)
    with np.errstate(invalid="ignore"):
        expected = primitives.scale_kept.portable(x, told, scale)
    np.testing.assert_array_equal(kept, told)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(primitives.scale_kept(x, kept, scale), expected)
    assert found.dtype == dtype
    assert found.shape == shape


@needs_numba
def test_threads_do_not_change_the_numbers() -> None:
    from minitorch.backend.cpu.threads import get_num_threads, set_num_threads

    before = get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            found.append(filled(primitives.fill_normal, 200_001, "float32").tobytes())
    finally:
        set_num_threads(before)
    assert found[0] == found[1] == found[2]
