"""The loops of :mod:`.random`, compiled: those called from Python do units of 1,024 elements of flat arrays.

A few hundred words are made at a time by integer arithmetic and then turned into numbers by loops that LLVM can put
into vectors.  The steps, and their order, are those of :mod:`minitorch.backend.primitives.random_normal`.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from minitorch.backend.cpu.compiling import routine, scratch
from minitorch.backend.cpu.parts import shared
from minitorch.backend.primitives.random_normal import STEPS

#: elements; threads begin their parts with whole blocks
UNIT = 1024
_WORDS = 512  # made at once
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


_SAME_SIZE = {types.float32: types.int32, types.float64: types.int64}
_SAME_SIZE |= {integer: real for real, integer in _SAME_SIZE.items()}


@intrinsic
def _same_bits(typing, value):
    """A float as the integer of its size, or the other way round."""

    def generate(context, builder, sig, args):
        return builder.bitcast(args[0], context.get_data_type(sig.return_type))

    return _SAME_SIZE[value](value), generate


@intrinsic
def _like(typing, value, model):
    """``value`` as a number of the type of ``model`` (Numba's arithmetic makes 64 bits of integers of 32)."""

    def generate(context, builder, sig, args):
        return context.cast(builder, args[0], sig.args[0], sig.args[1])

    return model(value, model), generate


@routine
def _philox(words, k0, k1, first):
    """Blocks from number ``first`` on."""
    for block in range(words.size // 4):
        c0 = np.uint64(first + block + 1)
        c1 = c2 = c3 = np.uint64(0)
        a, b = k0, k1
        for _ in range(10):
            upper0, lower0 = _upper_half(_M0, c0), _M0 * c0
            upper1, lower1 = _upper_half(_M1, c2), _M1 * c2
            c0, c1, c2, c3 = upper1 ^ c1 ^ a, lower1, upper0 ^ c3 ^ b, lower0
            a += _W0
            b += _W1
        words[4 * block], words[4 * block + 1], words[4 * block + 2], words[4 * block + 3] = c0, c1, c2, c3


@shared
def uniform_single(first, last, out, k0, k1, low, size):
    words = scratch(_WORDS, np.uint64)
    halves = words.view(np.uint32)
    unit, low, size = np.float32(2.0**-24), np.float32(low), np.float32(size)
    for begin in range(first * UNIT, min(last * UNIT, out.size), halves.size):
        part = out[begin : begin + halves.size]
        _philox(words[: (part.size + 7) // 8 * 4], k0, k1, begin // 8)
        for i in range(part.size):
            part[i] = np.float32(np.int32(halves[i] >> np.uint32(8))) * unit * size + low


@shared
def uniform_double(first, last, out, k0, k1, low, size):
    words = scratch(_WORDS, np.uint64)
    unit = 2.0**-53
    for begin in range(first * UNIT, min(last * UNIT, out.size), _WORDS):
        part = out[begin : begin + _WORDS]
        _philox(words[: (part.size + 3) // 4 * 4], k0, k1, begin // 4)
        for i in range(part.size):
            part[i] = np.float64(np.int64(words[i] >> np.uint64(11))) * unit * size + low


def _constants(real):
    """What the steps need in one precision, as a tuple that is part of compiled code."""
    steps = STEPS[np.dtype(real)]
    polynomials = tuple(steps.log), tuple(steps.sine), tuple(steps.cosine)
    numbers = steps.quarter_pi, steps.two_ln2, steps.to_t, real(0.5), real(1), real(4)
    integers = [steps.word(n) for n in (steps.bits, steps.fraction, steps.u_bits, steps.root_half)]
    return polynomials, numbers, tuple(integers)


_SINGLE, _DOUBLE = _constants(np.float32), _constants(np.float64)


@routine(returns=lambda coefficients, z: z)
def _polynomial(coefficients, z):
    value = coefficients[-1] * z
    for i in range(len(coefficients) - 2, 0, -1):
        value = (value + coefficients[i]) * z
    return value + coefficients[0]


@routine(returns=lambda first, second, constants: types.UniTuple(constants[1].dtype, 2))
def _pair(first, second, constants):
    """Two normal numbers of two halves."""
    (log, sine, cosine), (quarter_pi, two_ln2, to_t, half, one, four), (bits, fraction, u_bits, root_half) = constants
    u = _like(_like(first >> _like(bits - u_bits, first), bits), one) + half
    u_word = _same_bits(u)
    exponent = _like((u_word - root_half) >> fraction, bits)
    m = _same_bits(_like(u_word - _like(exponent << fraction, bits), bits))
    s = (m - one) / (m + one)
    z = s * s
    radius = np.sqrt(_like(u_bits - exponent, one) * two_ln2 - (_polynomial(log, z) * z + four) * s)
    turn = _like(second, bits)
    turned = _like(turn << 1, bits)
    t = _like(_like(turned << 1, bits), one) * to_t
    z = t * t
    a = _polynomial(cosine, z) * z + one
    b = (_polynomial(sine, z) * z + quarter_pi) * t
    if turned < 0:  # an odd quadrant
        a, b = b, a
    top = _like(1 << (bits - 1), bits)
    a = _same_bits(_like(_same_bits(a) ^ ((turn ^ turned) & top), bits))
    b = _same_bits(_like(_same_bits(b) ^ (turn & top), bits))
    return radius * a, radius * b


@routine
def _normals(first, last, out, words, halves, constants, k0, k1, mean, std):
    in_block = 4 * halves.size // words.size
    for begin in range(first * UNIT, min(last * UNIT, out.size), halves.size):
        part = out[begin : begin + halves.size]
        _philox(words[: (part.size + in_block - 1) // in_block * 4], k0, k1, begin // in_block)
        for i in range(part.size // 2):
            a, b = _pair(halves[2 * i], halves[2 * i + 1], constants)
            part[2 * i] = a * std + mean
            part[2 * i + 1] = b * std + mean
        if part.size % 2:
            i = part.size - 1
            part[i] = _pair(halves[i], halves[i + 1], constants)[0] * std + mean


@shared
def normal_single(first, last, out, k0, k1, mean, std):
    words = scratch(_WORDS, np.uint64)
    _normals(first, last, out, words, words.view(np.uint32), _SINGLE, k0, k1, np.float32(mean), np.float32(std))


@shared
def normal_double(first, last, out, k0, k1, mean, std):
    words = scratch(_WORDS, np.uint64)
    _normals(first, last, out, words, words, _DOUBLE, k0, k1, mean, std)


@shared
def integers(first, last, out, k0, k1, low, size):
    words = scratch(_WORDS, np.uint64)
    for begin in range(first * UNIT, min(last * UNIT, out.size), _WORDS):
        part = out[begin : begin + _WORDS]
        _philox(words[: (part.size + 3) // 4 * 4], k0, k1, begin // 4)
        for i in range(part.size):
            part[i] = np.int64(_upper_half(words[i], size)) + low


@shared
def dropout(first, last, x, out, kept, k0, k1, limit, scale):
    words = scratch(_WORDS, np.uint64)
    halves = words.view(np.uint32)
    zero, scale = x.dtype.type(0), x.dtype.type(scale)
    for begin in range(first * UNIT, min(last * UNIT, x.size), halves.size):
        end = min(begin + halves.size, x.size)
        _philox(words[: (end - begin + 7) // 8 * 4], k0, k1, begin // 8)
        part, result, mask = x[begin:end], out[begin:end], kept[begin:end]
        for i in range(end - begin):
            mask[i] = halves[i] < limit
            result[i] = part[i] * (scale if mask[i] else zero)


@shared
def scale_kept(first, last, g, kept, out, scale):
    begin, end = first * UNIT, min(last * UNIT, g.size)
    part, mask, result = g[begin:end], kept[begin:end], out[begin:end]
    zero, scale = g.dtype.type(0), g.dtype.type(scale)
    for i in range(end - begin):
        result[i] = part[i] * (scale if mask[i] else zero)
