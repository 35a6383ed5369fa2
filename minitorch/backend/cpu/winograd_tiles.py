"""Winograd's transforms of a vector of tiles at once, written as LLVM vectors like :mod:`.conv_tiles`.

Matrices: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", section 4.3, for F(4x4, 3x3): the
interpolation points are 0, ±1, ±2 and infinity.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minitorch.backend.cpu.conv_tiles import data_of, load, shuffle, vector_type

_WORD = ir.IntType(64)


class _Vector:
    """An LLVM vector with operators, so that the transforms read as formulas.  Products and sums may fuse."""

    def __init__(self, builder, value):
        self.builder, self.value = builder, value

    def __add__(self, other):
        return _Vector(self.builder, self.builder.fadd(self.value, other.value, flags=("contract",)))

    def __sub__(self, other):
        return _Vector(self.builder, self.builder.fsub(self.value, other.value, flags=("contract",)))

    def __rmul__(self, number):
        kind = self.value.type
        factor = ir.Constant(kind, [ir.Constant(kind.element, float(number))] * kind.count)
        return _Vector(self.builder, self.builder.fmul(factor, self.value, flags=("contract",)))


def _of_inputs(d):
    """``Bᵀ d``: 6 to 6."""
    a, b = d[4] - 4 * d[2], d[3] - 4 * d[1]
    e, f = d[4] - d[2], 2 * (d[3] - d[1])
    return [4 * d[0] - 5 * d[2] + d[4], a + b, a - b, e + f, e - f, 4 * d[1] - 5 * d[3] + d[5]]


def _of_gradients(y):
    """``A y``: 4 to 6."""
    a, b = y[0] + y[2], y[1] + y[3]
    e, f = y[0] + 4 * y[2], 2 * y[1] + 8 * y[3]
    return [y[0], a + b, a - b, e + f, e - f, y[3]]


def _of_products(m):
    """``Aᵀ m``: 6 to 4."""
    a, b, e, f = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + a + e, b + 2 * f, a + 4 * e, b + 8 * f + m[5]]


def _address(builder, pointer, index, vector):
    return builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())


def _make_transform(function, side):
    """Both sides of ``function(X) function``: ``X[i][j]``, ``side`` by ``side`` vectors, lies at ``source[at + i·row +
    j·column]``."""

    @intrinsic
    def transform(typing, source, at, row, column, result, to, row_to, column_to):
        signature = types.void(source, *[types.intp] * 3, result, *[types.intp] * 3)

        def generate(context, builder, sig, args):
            source_t, _, _, _, result_t, _, _, _ = sig.args
            source, at, row, column, result, to, row_to, column_to = args
            _, _, vector = vector_type(context, source_t)
            source, result = data_of(context, builder, source_t, source), data_of(context, builder, result_t, result)

            def place(begin, i, row, j, column):
                index = builder.add(begin, builder.mul(row, ir.Constant(_WORD, i)))
                return builder.add(index, builder.mul(column, ir.Constant(_WORD, j)))

            halves = []
            for j in range(side):
                values = [
                    _Vector(builder, load(builder, source, place(at, i, row, j, column), vector)) for i in range(side)
                ]
                halves.append(function(values))
            for i in range(len(halves[0])):
                for j, out in enumerate(function([half[i] for half in halves])):
                    address = _address(builder, result, place(to, i, row_to, j, column_to), vector)
                    builder.store(out.value, address, align=4)
            return context.get_dummy_value()

        return signature, generate

    return transform


transform_inputs = _make_transform(_of_inputs, 6)
transform_gradients = _make_transform(_of_gradients, 4)
transform_products = _make_transform(_of_products, 6)


@intrinsic
def deal(typing, planes, at0, at1, at2, at3, result, to, pitch):
    """Elements j, 4 + j, 8 + j ... of the four vectors at ``planes[at0]`` ..., to ``result[to + j·pitch]``, for j <
    4."""
    signature = types.void(planes, *[types.intp] * 4, result, types.intp, types.intp)

    def generate(context, builder, sig, args):
        planes, *places, result, to, pitch = args
        _, lanes, vector = vector_type(context, sig.args[0])
        planes, result = data_of(context, builder, sig.args[0], planes), data_of(context, builder, sig.args[5], result)
        four = [load(builder, planes, place, vector) for place in places]
        low = shuffle(builder, four[0], four[1], list(range(2 * lanes)))
        high = shuffle(builder, four[2], four[3], list(range(2 * lanes)))
        for j in range(4):
            values = shuffle(builder, low, high, [4 * t + j for t in range(lanes)])
            index = builder.add(to, builder.mul(pitch, ir.Constant(_WORD, j)))
            builder.store(values, _address(builder, result, index, vector), align=4)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def gather_up(typing, source, at, pitch, start, planes, to0, to1, to2, to3):
    """The reverse of :func:`deal`, with ``start`` added."""
    signature = types.void(source, types.intp, types.intp, start, planes, *[types.intp] * 4)

    def generate(context, builder, sig, args):
        source, at, pitch, start, planes, *places = args
        _, lanes, vector = vector_type(context, sig.args[0])
        source, planes = data_of(context, builder, sig.args[0], source), data_of(context, builder, sig.args[4], planes)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), start, ir.Constant(ir.IntType(32), 0))
        start = shuffle(builder, one, one, [0] * lanes)
        four = []
        for j in range(4):
            index = builder.add(at, builder.mul(pitch, ir.Constant(_WORD, j)))
            four.append(builder.fadd(load(builder, source, index, vector), start))
        low = shuffle(builder, four[0], four[1], list(range(2 * lanes)))
        high = shuffle(builder, four[2], four[3], list(range(2 * lanes)))
        for k, place in enumerate(places):
            # element 4t + j comes from vector j: it is at j·lanes + t of all four
            mask = [(i % 4) * lanes + i // 4 for i in range(k * lanes, (k + 1) * lanes)]
            builder.store(shuffle(builder, low, high, mask), _address(builder, planes, place, vector), align=4)
        return context.get_dummy_value()

    return signature, generate
