"""Products of matrices by BLAS, called from compiled code: without the interpreter lock, in parts for all threads."""

# mypy: ignore-errors

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minitorch.backend.cpu.conv_tiles import data_of
from minitorch.backend.cpu.parts import shared

_ROW_MAJOR, _AS_IT_IS, _TURNED = 101, 111, 112


@intrinsic
def gemm(typing, address, turned_a, turned_b, m, n, k, a, a_at, lda, b, b_at, ldb, beta, c, c_at, ldc):
    """``c (m, n) = a (m, k) · b (k, n) + beta · c``, by the function at ``address``.

    Matrices begin at element ``.._at`` of their arrays, with ``ld..`` elements from row to row; a turned one is stored
    with rows and columns exchanged.
    """
    whole = types.intp
    signature = types.void(
        types.int64, types.boolean, types.boolean, whole, whole, whole,
        a, whole, whole, b, whole, whole, types.float64, c, whole, whole,
    )  # fmt: skip

    def generate(context, builder, sig, args):
        address, turned_a, turned_b, m, n, k, a, a_at, lda, b, b_at, ldb, beta, c, c_at, ldc = args
        element = context.get_data_type(sig.args[6].dtype)
        enum, word, pointer = ir.IntType(32), ir.IntType(64), element.as_pointer()
        kind = ir.FunctionType(
            ir.VoidType(),
            [enum, enum, enum, word, word, word, element, pointer, word, pointer, word, element, pointer, word],
        )
        function = builder.inttoptr(address, kind.as_pointer())

        def turned(flag):
            return builder.select(flag, ir.Constant(enum, _TURNED), ir.Constant(enum, _AS_IT_IS))

        def at(position, array, index):
            return builder.gep(data_of(context, builder, sig.args[position], array), [index])

        if not isinstance(element, ir.DoubleType):
            beta = builder.fptrunc(beta, element)
        builder.call(
            function,
            [
                ir.Constant(enum, _ROW_MAJOR), turned(turned_a), turned(turned_b), m, n, k, ir.Constant(element, 1.0),
                at(6, a, a_at), lda, at(9, b, b_at), ldb, beta, at(13, c, c_at), ldc,
            ],
        )  # fmt: skip
        return context.get_dummy_value()

    return signature, generate


@shared
def rows_of_product(first, last, a, b, y, address, turned_a, turned_b):
    """Rows of ``y`` (m, n); ``a`` is (m, k) or turned (k, m), ``b`` (k, n) or turned (n, k)."""
    m, n = y.shape
    k = b.shape[1] if turned_b else b.shape[0]
    gemm(
        address, turned_a, turned_b, last - first, n, k,
        a, first if turned_a else first * k, m if turned_a else k, b, 0, k if turned_b else n, 0.0, y, first * n, n,
    )  # fmt: skip


@shared
def columns_of_product(first, last, a, b, y, address, turned_a, turned_b):
    """Columns of ``y``, otherwise as :func:`rows_of_product`."""
    m, n = y.shape
    k = b.shape[1] if turned_b else b.shape[0]
    gemm(
        address, turned_a, turned_b, m, last - first, k,
        a, 0, m if turned_a else k, b, first * k if turned_b else first, k if turned_b else n, 0.0, y, first, n,
    )  # fmt: skip


@shared
def products(first, last, a, b, y, address, turned_a, turned_b):
    """Matrices of the stack ``y`` (s, m, n) from those of ``a`` and ``b``, otherwise as :func:`rows_of_product`."""
    _, m, n = y.shape
    k = b.shape[2] if turned_b else b.shape[1]
    for s in range(first, last):
        gemm(
            address, turned_a, turned_b, m, n, k,
            a, s * m * k, m if turned_a else k, b, s * k * n, k if turned_b else n, 0.0, y, s * m * n, n,
        )  # fmt: skip


@shared
def matrix_times_images(first, last, w, x, bias, y, address, turned):
    """``y`` (N, O, P): ``w`` (O, C), or turned (C, O), times each image of ``x`` (N, C, P), plus ``bias`` (O,) if it
    has elements."""
    _, channels, places = x.shape
    outputs = y.shape[1]
    beta = 1.0 if bias.size else 0.0
    for n in range(first, last):
        for o in range(bias.size):
            y[n, o] = bias[o]
        gemm(
            address, turned, False, outputs, places, channels, w, 0, outputs if turned else channels,
            x, n * channels * places, places, beta, y, n * outputs * places, places,
        )  # fmt: skip


@shared
def products_of_images(first, last, gy, x, totals, address):
    """One of ``totals`` (parts, O, C): the sum over images of ``gy`` (N, O, P) times ``x`` (N, C, P) turned."""
    images, channels, places = x.shape
    parts, outputs, _ = totals.shape
    part = (first * parts + images - 1) // images
    for n in range(first, last):
        gemm(
            address, False, True, outputs, channels, places, gy, n * outputs * places, places,
            x, n * channels * places, places, 0.0 if n == first else 1.0, totals, part * outputs * channels, channels,
        )  # fmt: skip
