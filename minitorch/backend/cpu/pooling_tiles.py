"""The innermost loops of 2x2 maximum pooling, written as LLVM vectors like :mod:`.conv_tiles`."""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minitorch.backend.cpu.conv_tiles import data_of, load, shuffle, vector_type

_WORD, _BYTE = ir.IntType(64), ir.IntType(8)


@intrinsic
def max_2x2(typing, x, upper, lower, y, codes, to):
    """A vector of windows: rows at ``x[upper]`` and ``x[lower]``; maxima to ``y[to]``, the taps they came from to
    ``codes[to]``.

    NaN counts as largest, and of several the last; of equal elements the first counts.
    """
    signature = types.void(x, types.intp, types.intp, y, codes, types.intp)

    def generate(context, builder, sig, args):
        x, upper, lower, y, codes, to = args
        _, lanes, vector = vector_type(context, sig.args[0])
        x, y = data_of(context, builder, sig.args[0], x), data_of(context, builder, sig.args[3], y)
        codes = data_of(context, builder, sig.args[4], codes)
        taps = []
        for row in (upper, lower):
            first = load(builder, x, row, vector)
            second = load(builder, x, builder.add(row, ir.Constant(_WORD, lanes)), vector)
            for odd in (0, 1):
                taps.append(shuffle(builder, first, second, [2 * t + odd for t in range(lanes)]))
        numbers = ir.VectorType(_BYTE, lanes)
        best, code = taps[0], ir.Constant(numbers, [0] * lanes)
        for number, value in enumerate(taps[1:], 1):
            larger = builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
            best = builder.select(larger, value, best)
            code = builder.select(larger, ir.Constant(numbers, [number] * lanes), code)
        builder.store(best, builder.bitcast(builder.gep(y, [to]), vector.as_pointer()), align=4)
        builder.store(code, builder.bitcast(builder.gep(codes, [to]), numbers.as_pointer()), align=1)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def max_2x2_back(typing, gy, codes, at, gx, upper, lower):
    """A vector of gradients at ``gy[at]``, each to the tap of its window that ``codes`` names, zeros to the others:
    rows at ``gx[upper]`` and ``gx[lower]``."""
    signature = types.void(gy, codes, types.intp, gx, types.intp, types.intp)

    def generate(context, builder, sig, args):
        gy, codes, at, gx, upper, lower = args
        _, lanes, vector = vector_type(context, sig.args[0])
        gx, codes = data_of(context, builder, sig.args[3], gx), data_of(context, builder, sig.args[1], codes)
        numbers = ir.VectorType(_BYTE, lanes)
        g = load(builder, data_of(context, builder, sig.args[0], gy), at, vector)
        code = builder.load(builder.bitcast(builder.gep(codes, [at]), numbers.as_pointer()), align=1)
        zeros = ir.Constant(vector, None)
        taps = [
            builder.select(builder.icmp_unsigned("==", code, ir.Constant(numbers, [tap] * lanes)), g, zeros)
            for tap in range(4)
        ]
        side_by_side = [t // 2 + t % 2 * lanes for t in range(2 * lanes)]
        for row, (left, right) in ((upper, taps[:2]), (lower, taps[2:])):
            for half in (0, 1):
                value = shuffle(builder, left, right, side_by_side[half * lanes : (half + 1) * lanes])
                place = builder.gep(gx, [builder.add(row, ir.Constant(_WORD, half * lanes))])
                builder.store(value, builder.bitcast(place, vector.as_pointer()), align=4)
        return context.get_dummy_value()

    return signature, generate
