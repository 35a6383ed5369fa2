"""The innermost loops of a convolution's gradients where a row of positions is short, as LLVM vectors like those of
:mod:`.conv_tiles`.

Both have ``TAPS`` times ``VECTORS`` sums, few enough for the registers of any processor, and enough of them to have
two fused multiplications begin in each cycle.
"""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minitorch.backend.cpu.conv_tiles import broadcast, data_of, fused_multiply_add, load, store, vector_type

TAPS, VECTORS = 6, 2


class _Loop:
    """A loop that runs at least once: names of numbers and vectors that change from turn to turn."""

    def __init__(self, builder, label, begin) -> None:
        self.builder, before = builder, builder.block
        self.block = builder.append_basic_block(label)
        builder.branch(self.block)
        builder.position_at_end(self.block)
        self.values = []
        for value in begin:
            phi = builder.phi(value.type)
            phi.add_incoming(value, before)
            self.values.append(phi)

    def end(self, after, again) -> None:
        """Another turn with the values ``after`` if ``again`` holds."""
        done = self.builder.append_basic_block("done")
        for phi, value in zip(self.values, after):
            phi.add_incoming(value, self.builder.block)
        self.builder.cbranch(again, self.block, done)
        self.builder.position_at_end(done)


def _number(value):
    return ir.Constant(ir.IntType(64), value)


def _products(builder, scalars, vectors, sums):
    """The sums, each with the product of its scalar and its vector."""
    updated = []
    for t, scalar in enumerate(scalars):
        value = broadcast(builder, builder.load(scalar), vectors[0].type)
        for v, one in enumerate(vectors):
            updated.append(fused_multiply_add(builder, value, one, sums[t * VECTORS + v]))
    return updated


@intrinsic
def outer_products(
    typing, image, at, offsets, first, row_step, step, slopes, slopes_at, pitch, rows, columns, total, to
):
    """Adds to rows ``first`` to ``first + TAPS`` of ``total`` (taps, pitch), ``VECTORS`` vectors from column ``to`` on,
    the products of each tap's pixel and the gradients of so many outputs, over all positions.

    Position (h, w) of tap ``t`` is ``image[at + offsets[t] + h·row_step + w·step]``; its gradients are in row
    ``h·columns + w`` of ``slopes`` (positions, pitch), from ``slopes_at`` on.
    """
    i = types.intp
    signature = types.void(image, i, offsets, i, i, i, slopes, i, i, i, i, total, i)

    def generate(context, builder, sig, args):
        image, at, offsets, first, row_step, step, slopes, slopes_at, pitch, rows, columns, total, to = args
        image, offsets, slopes, total = (
            data_of(context, builder, sig.args[k], array)
            for k, array in ((0, image), (2, offsets), (6, slopes), (11, total))
        )
        _, lanes, vector = vector_type(context, sig.args[0])
        begins, places = [], []
        for t in range(TAPS):
            tap = builder.add(first, _number(t))
            begins.append(builder.gep(image, [builder.add(at, builder.load(builder.gep(offsets, [tap])))]))
            place = builder.add(to, builder.mul(tap, pitch))
            places += [builder.add(place, _number(v * lanes)) for v in range(VECTORS)]
        sums = [load(builder, total, place, vector) for place in places]
        over_rows = _Loop(builder, "rows", [_number(0), slopes_at, _number(0), *sums])
        row, row_slopes, row_at, *sums = over_rows.values
        over_columns = _Loop(builder, "columns", [_number(0), row_slopes, row_at, *sums])
        column, slopes_at, at, *sums = over_columns.values
        gradients = [load(builder, slopes, builder.add(slopes_at, _number(v * lanes)), vector) for v in range(VECTORS)]
        sums = _products(builder, [builder.gep(begin, [at]) for begin in begins], gradients, sums)
        column, slopes_at = builder.add(column, _number(1)), builder.add(slopes_at, pitch)
        after = [column, slopes_at, builder.add(at, step), *sums]
        over_columns.end(after, builder.icmp_signed("<", column, columns))
        row = builder.add(row, _number(1))
        after = [row, slopes_at, builder.add(row_at, row_step), *sums]
        over_rows.end(after, builder.icmp_signed("<", row, rows))
        for place, value in zip(places, sums):
            store(builder, value, total, place)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def spread_taps(typing, slopes, at, pitch, outputs, weights, weights_at, image, image_at, offsets, first):
    """Adds to ``image``, ``offsets[first + t]`` after ``image_at`` for each of ``TAPS`` taps, ``VECTORS`` vectors of
    positions: the sum over ``outputs`` of ``weights[weights_at + o·TAPS + t]`` times ``slopes[at + o·pitch ...]``."""
    i = types.intp
    signature = types.void(slopes, i, i, i, weights, i, image, i, offsets, i)

    def generate(context, builder, sig, args):
        slopes, at, pitch, outputs, weights, weights_at, image, image_at, offsets, first = args
        slopes, weights, image, offsets = (
            data_of(context, builder, sig.args[k], array)
            for k, array in ((0, slopes), (4, weights), (6, image), (8, offsets))
        )
        _, lanes, vector = vector_type(context, sig.args[0])
        sums = [ir.Constant(vector, None)] * (TAPS * VECTORS)
        over_outputs = _Loop(builder, "outputs", [_number(0), at, weights_at, *sums])
        output, at, weight, *sums = over_outputs.values
        gradients = [load(builder, slopes, builder.add(at, _number(v * lanes)), vector) for v in range(VECTORS)]
        scalars = [builder.gep(weights, [builder.add(weight, _number(t))]) for t in range(TAPS)]
        sums = _products(builder, scalars, gradients, sums)
        output = builder.add(output, _number(1))
        after = [output, builder.add(at, pitch), builder.add(weight, _number(TAPS)), *sums]
        over_outputs.end(after, builder.icmp_signed("<", output, outputs))
        for t in range(TAPS):
            offset = builder.load(builder.gep(offsets, [builder.add(first, _number(t))]))
            for v in range(VECTORS):
                place = builder.add(builder.add(image_at, offset), _number(v * lanes))
                store(builder, builder.fadd(load(builder, image, place, vector), sums[t * VECTORS + v]), image, place)
        return context.get_dummy_value()

    return signature, generate
