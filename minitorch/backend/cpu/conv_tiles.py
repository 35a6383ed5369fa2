"""The two innermost loops of a direct convolution, written as LLVM vectors: sums stay in registers, whatever a loop
vectoriser would have made of it.

Both take runs: element ``i`` of a tap is ``image[at + offset + i]``.  Reads are unaligned and go on to whole vectors,
so callers leave room behind the data.
"""

# mypy: ignore-errors

from __future__ import annotations

import llvmlite.binding
from llvmlite import ir
from numba.core import types
from numba.core.cgutils import create_struct_proxy
from numba.extending import intrinsic

from minitorch.backend.cpu.compiling import routine

_FEATURES = llvmlite.binding.get_host_cpu_features()
# Bytes of a vector register and how many sums (registers) a tile may hold beside its operands.
if _FEATURES.get("avx512f"):
    VECTOR_BYTES, SUMS = 64, 24
elif _FEATURES.get("avx"):
    VECTOR_BYTES, SUMS = 32, 12
else:
    VECTOR_BYTES, SUMS = 16, 24 if _FEATURES.get("neon") else 12


def vectors_per_tile(outputs: int) -> int:
    """How many vectors of positions a tile of so many outputs has."""
    return max(1, min(8, SUMS // outputs))


def data_of(context, builder, array_type, array):
    return create_struct_proxy(array_type)(context, builder, value=array).data


def vector_type(context, array_type):
    element = context.get_data_type(array_type.dtype)
    lanes = VECTOR_BYTES * 8 // array_type.dtype.bitwidth
    return element, lanes, ir.VectorType(element, lanes)


def load(builder, pointer, index, vector):
    address = builder.bitcast(builder.gep(pointer, [index]), vector.as_pointer())
    return builder.load(address, align=4)


def shuffle(builder, a, b, mask):
    """The elements of ``a`` and ``b``, numbered through, that ``mask`` names."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(mask)), mask))


def store(builder, value, pointer, index):
    address = builder.bitcast(builder.gep(pointer, [index]), value.type.as_pointer())
    builder.store(value, address, align=4)


def broadcast(builder, value, vector):
    """A vector with ``value`` in each place."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def fused_multiply_add(builder, a, b, c):
    """``a·b + c`` of vectors."""
    vector = a.type
    name = f"llvm.fmuladd.v{vector.count}f{64 if isinstance(vector.element, ir.DoubleType) else 32}"
    module = builder.module
    function = module.globals.get(name) or ir.Function(module, ir.FunctionType(vector, [vector] * 3), name)
    return builder.call(function, [a, b, c])


def make_tile(outputs: int, vectors: int):
    """A tile of ``outputs`` rows of sums: ``result[to + m·pitch + i] = bias[from + m] + Σ_t weights[t·outputs +
    m]·run_t[i]``."""

    @intrinsic
    def tile(typing, image, at, offsets, taps, weights, weights_at, bias, bias_at, result, to, pitch):
        signature = types.void(
            image,
            types.intp,
            offsets,
            types.intp,
            weights,
            types.intp,
            bias,
            types.intp,
            result,
            types.intp,
            types.intp,
        )

        def generate(context, builder, sig, args):
            image_t, _, offsets_t, _, weights_t, _, bias_t, _, result_t, _, _ = sig.args
            image, at, offsets, taps, weights, weights_at, bias, bias_at, result, to, pitch = args
            _, lanes, vector = vector_type(context, image_t)
            image, offsets = data_of(context, builder, image_t, image), data_of(context, builder, offsets_t, offsets)
            weights, bias = data_of(context, builder, weights_t, weights), data_of(context, builder, bias_t, bias)
            result = data_of(context, builder, result_t, result)
            word = ir.IntType(64)
            number = lambda k: ir.Constant(word, k)  # noqa: E731
            entry = builder.block
            starts = []
            for m in range(outputs):
                value = builder.load(builder.gep(bias, [builder.add(bias_at, number(m))]))
                starts.append(broadcast(builder, value, vector))
            body, done = builder.append_basic_block("taps"), builder.append_basic_block("done")
            builder.branch(body)
            builder.position_at_end(body)
            tap = builder.phi(word)
            tap.add_incoming(number(0), entry)
            sums = []
            for m in range(outputs):
                for _ in range(vectors):
                    phi = builder.phi(vector)
                    phi.add_incoming(starts[m], entry)
                    sums.append(phi)
            begin = builder.add(at, builder.load(builder.gep(offsets, [tap])))
            runs = [load(builder, image, builder.add(begin, number(v * lanes)), vector) for v in range(vectors)]
            row = builder.add(weights_at, builder.mul(tap, number(outputs)))
            updated = []
            for m in range(outputs):
                value = builder.load(builder.gep(weights, [builder.add(row, number(m))]))
                weight = broadcast(builder, value, vector)
                for v in range(vectors):
                    updated.append(fused_multiply_add(builder, weight, runs[v], sums[m * vectors + v]))
            after = builder.add(tap, number(1))
            tap.add_incoming(after, body)
            for phi, value in zip(sums, updated):
                phi.add_incoming(value, body)
            builder.cbranch(builder.icmp_signed("<", after, taps), body, done)
            builder.position_at_end(done)
            for m in range(outputs):
                for v in range(vectors):
                    index = builder.add(builder.add(to, builder.mul(pitch, number(m))), number(v * lanes))
                    store(builder, updated[m * vectors + v], result, index)
            return context.get_dummy_value()

        return signature, generate

    return tile


@intrinsic
def _copy_vector(typing, source, at, target, to):
    signature = types.void(source, types.intp, target, types.intp)

    def generate(context, builder, sig, args):
        source, at, target, to = args
        _, _, vector = vector_type(context, sig.args[0])
        value = load(builder, data_of(context, builder, sig.args[0], source), at, vector)
        store(builder, value, data_of(context, builder, sig.args[2], target), to)
        return context.get_dummy_value()

    return signature, generate


@routine
def copy_rows(source, at, pitch, target, to, pitch_to, rows, size):
    """``size`` elements of each of so many ``rows``, which are ``pitch`` apart, to rows ``pitch_to`` apart.

    The last vector of a row overlaps the one before instead of going on beyond the end.
    """
    lanes = VECTOR_BYTES // source.itemsize
    whole = size - size % lanes
    for row in range(rows):
        a, b = at + row * pitch, to + row * pitch_to
        if size < lanes:
            for i in range(size):
                target[b + i] = source[a + i]
            continue
        for i in range(0, whole, lanes):
            _copy_vector(source, a + i, target, b + i)
        if whole < size:
            _copy_vector(source, a + size - lanes, target, b + size - lanes)


def make_products(outputs: int, taps: int):
    """Adds ``gradient_m[i]·run_t[i]``, one vector of ``i`` after the other, to vector ``m·taps + t`` of ``total[to]``,
    for ``outputs`` gradients and ``taps`` taps.  The sum of such a vector's elements is left to the end.

    Gradient ``m`` begins at ``gradients[rows[m]]``; ``n`` is a whole number of vectors.
    """

    @intrinsic
    def products(typing, image, at, offsets, first_tap, gradients, rows, n, total, to):
        signature = types.void(image, types.intp, offsets, types.intp, gradients, rows, types.intp, total, types.intp)

        def generate(context, builder, sig, args):
            image_t, _, offsets_t, _, gradients_t, rows_t, _, total_t, _ = sig.args
            image, at, offsets, first_tap, gradients, rows, n, total, to = args
            _, lanes, vector = vector_type(context, image_t)
            image, offsets = data_of(context, builder, image_t, image), data_of(context, builder, offsets_t, offsets)
            gradients, rows = data_of(context, builder, gradients_t, gradients), data_of(context, builder, rows_t, rows)
            total = data_of(context, builder, total_t, total)
            word = ir.IntType(64)
            number = lambda k: ir.Constant(word, k)  # noqa: E731
            entry = builder.block
            begins = []
            for t in range(taps):
                offset = builder.load(builder.gep(offsets, [builder.add(first_tap, number(t))]))
                begins.append(builder.add(at, offset))
            firsts = [builder.load(builder.gep(rows, [number(m)])) for m in range(outputs)]
            places = [builder.add(to, number(k * lanes)) for k in range(outputs * taps)]
            begun = [load(builder, total, place, vector) for place in places]
            body, done = builder.append_basic_block("positions"), builder.append_basic_block("done")
            builder.branch(body)
            builder.position_at_end(body)
            i = builder.phi(word)
            i.add_incoming(number(0), entry)
            sums = []
            for begin in begun:
                phi = builder.phi(vector)
                phi.add_incoming(begin, entry)
                sums.append(phi)
            g = [load(builder, gradients, builder.add(first, i), vector) for first in firsts]
            updated = [None] * (outputs * taps)
            for t in range(taps):
                run = load(builder, image, builder.add(begins[t], i), vector)
                for m in range(outputs):
                    k = m * taps + t
                    updated[k] = fused_multiply_add(builder, g[m], run, sums[k])
            after = builder.add(i, number(lanes))
            i.add_incoming(after, body)
            for phi, value in zip(sums, updated):
                phi.add_incoming(value, body)
            builder.cbranch(builder.icmp_signed("<", after, n), body, done)
            builder.position_at_end(done)
            for place, value in zip(places, updated):
                store(builder, value, total, place)
            return context.get_dummy_value()

        return signature, generate

    return products
