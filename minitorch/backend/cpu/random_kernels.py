"""The loops of :mod:`.random`, compiled.  Arrays have one dimension; their numbers begin with block ``first``.

A few hundred words are made at a time by integer arithmetic and then turned into numbers by loops that LLVM can put
into vectors.  The steps, and their order, are those of :mod:`minitorch.backend.primitives.random_normal`.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minitorch.backend.cpu.compiling import entry, kernel
from minitorch.backend.primitives.random_normal import STEPS

_BLOCKS = 128  # made at once
_WORDS = 4 * _BLOCKS
# Salmon et al. 2011, table 2 and section 3.3: the multipliers and what a round adds to the key
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)


@intrinsic
def _upper_half(typing, a, b):
    """The upper 64 bits of a product of 128."""

    def generate(context, builder, sig, args):
        wide = ir.IntType(128)
        product = builder.mul(*[builder.zext(x, wide) for x in args])
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


def _same_bits_as(kind):
    @intrinsic
    def cast(typing, value):
        def generate(context, builder, sig, args):
            return builder.bitcast(args[0], context.get_data_type(kind))

        return kind(value), generate

    return cast


@kernel
def _philox(words, k0, k1, first):
    """Blocks from number ``first`` on."""
    for block in range(words.size // 4):
        c0 = first + np.uint64(block + 1)
        c1 = c2 = c3 = np.uint64(0)
        a, b = k0, k1
        for _ in range(10):
            upper0, lower0 = _upper_half(_M0, c0), _M0 * c0
            upper1, lower1 = _upper_half(_M1, c2), _M1 * c2
            c0, c1, c2, c3 = upper1 ^ c1 ^ a, lower1, upper0 ^ c3 ^ b, lower0
            a += _W0
            b += _W1
        words[4 * block], words[4 * block + 1], words[4 * block + 2], words[4 * block + 3] = c0, c1, c2, c3


@entry
def uniform_single(out, k0, k1, first, low, size):
    words = np.empty(_WORDS, np.uint64)
    halves = words.view(np.uint32)
    unit = np.float32(2.0**-24)
    for begin in range(0, out.size, halves.size):
        part = out[begin : begin + halves.size]
        _philox(words[: (part.size + 7) // 8 * 4], k0, k1, first + np.uint64(begin // 8))
        for i in range(part.size):
            part[i] = np.float32(np.int32(halves[i] >> np.uint32(8))) * unit * size + low


@entry
def uniform_double(out, k0, k1, first, low, size):
    words = np.empty(_WORDS, np.uint64)
    unit = np.float64(2.0**-53)
    for begin in range(0, out.size, _WORDS):
        part = out[begin : begin + _WORDS]
        _philox(words[: (part.size + 3) // 4 * 4], k0, k1, first + np.uint64(begin // 4))
        for i in range(part.size):
            part[i] = np.float64(np.int64(words[i] >> np.uint64(11))) * unit * size + low


def _pair_of(steps, signed, unsigned, real_type):
    """The function that makes two normal numbers of two halves, in one precision."""
    real, word, bits_of, real_of = steps.real, signed, _same_bits_as(unsigned), _same_bits_as(real_type)
    signed_of = _same_bits_as(types.int32 if signed is np.int32 else types.int64)
    integer = np.uint32 if signed is np.int32 else np.uint64
    log, sine, cosine = (tuple(c) for c in (steps.log, steps.sine, steps.cosine))
    quarter_pi, two_ln2, to_t = steps.quarter_pi, steps.two_ln2, steps.to_t
    root_half, fraction, u_bits = word(steps.root_half), word(steps.fraction), word(steps.u_bits)
    shift, to_top, below_top = integer(steps.bits - steps.u_bits), integer(steps.bits - 1), integer(steps.bits - 2)
    one_bit, two_bits, one = integer(1), integer(2), integer(1)
    half, unit, four = real(0.5), real(1), real(4)

    @kernel
    def polynomial(coefficients, z):
        value = coefficients[-1] * z
        for i in range(len(coefficients) - 2, 0, -1):
            value = (value + coefficients[i]) * z
        return value + coefficients[0]

    @kernel
    def pair(first, second):
        u = real(word(first >> shift)) + half
        bits = signed_of(u)
        exponent = word(word(bits - root_half) >> fraction)
        m = real_of(word(bits - word(exponent << fraction)))
        s = (m - unit) / (m + unit)
        z = s * s
        radius = np.sqrt(real(word(u_bits - exponent)) * two_ln2 - (polynomial(log, z) * z + four) * s)
        t = real(word(second << two_bits)) * to_t
        z = t * t
        a = polynomial(cosine, z) * z + unit
        b = (polynomial(sine, z) * z + quarter_pi) * t
        if integer(second >> below_top) & one:
            a, b = b, a
        top = integer(one << to_top)
        a = real_of(integer(bits_of(a) ^ integer(integer(second ^ integer(second << one_bit)) & top)))
        b = real_of(integer(bits_of(b) ^ integer(second & top)))
        return radius * a, radius * b

    return pair


_pair_single = _pair_of(STEPS[np.dtype(np.float32)], np.int32, types.uint32, types.float32)
_pair_double = _pair_of(STEPS[np.dtype(np.float64)], np.int64, types.uint64, types.float64)


def _normals(pair, halves_are_words):
    per_block = 4 if halves_are_words else 8

    def fill(out, k0, k1, first, mean, std):
        words = np.empty(_WORDS, np.uint64)
        halves = words if halves_are_words else words.view(np.uint32)
        for begin in range(0, out.size, halves.size):
            part = out[begin : begin + halves.size]
            _philox(
                words[: (part.size + per_block - 1) // per_block * 4], k0, k1, first + np.uint64(begin // per_block)
            )
            for i in range(part.size // 2):
                a, b = pair(halves[2 * i], halves[2 * i + 1])
                part[2 * i] = a * std + mean
                part[2 * i + 1] = b * std + mean
            if part.size % 2:
                i = part.size - 1
                part[i] = pair(halves[i], halves[i + 1])[0] * std + mean

    return entry(fill)


normal_single = _normals(_pair_single, False)
normal_double = _normals(_pair_double, True)


@entry
def dropout(x, out, kept, k0, k1, first, limit, scale):
    words = np.empty(_WORDS, np.uint64)
    halves = words.view(np.uint32)
    zero = x.dtype.type(0)
    for begin in range(0, x.size, halves.size):
        end = begin + halves.size
        part, result, mask = x[begin:end], out[begin:end], kept[begin:end]
        _philox(words[: (part.size + 7) // 8 * 4], k0, k1, first + np.uint64(begin // 8))
        for i in range(part.size):
            mask[i] = halves[i] < limit
            result[i] = part[i] * (scale if mask[i] else zero)


@entry
def scale_kept(g, kept, out, scale):
    zero = g.dtype.type(0)
    for i in range(g.size):
        out[i] = g[i] * (scale if kept[i] else zero)
