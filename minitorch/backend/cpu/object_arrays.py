"""Lists of arrays for one kernel: it gets the addresses of NumPy's array objects, and looks into them itself.

To look at arrays and hand them over one by one takes longer than the step of a small parameter.  What an array object
consists of is a part of NumPy's binary interface: PyArrayObject_fields in ndarraytypes.h.
"""

# mypy: ignore-errors

from __future__ import annotations

from itertools import chain
from operator import attrgetter

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from minitorch.backend.cpu.arrays import real
from minitorch.backend.cpu.compiling import kernel, written_in

# Where in an array object there is what: the type comes last of what every object begins with.
_ELEMENTS = object.__basicsize__
_TYPE, _NDIM, _SHAPE, _DTYPE, _FLAGS = (_ELEMENTS + 8 * word for word in (-1, 1, 2, 5, 6))
_INT32 = (1 << 32) - 1
# C-contiguous, aligned and writeable, as NumPy's flags have it.
_PLAIN = 0x1 | 0x100 | 0x400
# Arrays with fewer elements are not cut: one thread does all of them.
_WHOLE = 1 << 10


@intrinsic
def _word(typing, address):
    """The integer of 64 bits at ``address``."""

    def generate(context, builder, sig, args):
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), generate


@intrinsic
def _memory(typing, address, size, like):
    """The ``size`` elements from ``address`` on, of ``like``'s type."""

    def generate(context, builder, sig, args):
        kind, element = sig.return_type, context.get_data_type(sig.return_type.dtype)
        width = context.get_constant(types.intp, context.get_abi_sizeof(element))
        out = context.make_array(kind)(context, builder)
        data = builder.inttoptr(args[0], element.as_pointer())
        populate_array(out, data=data, shape=[args[1]], strides=[width], itemsize=width, meminfo=None)
        return out._getvalue()

    return like(types.int64, types.intp, like), generate


@written_in
def elements(array, first, last, like):
    """The elements from ``first`` to ``last`` of the array object at the address ``array``."""
    return _memory(_word(array + _ELEMENTS) + first * like.itemsize, last - first, like)


@written_in
def share(size, part, parts):
    """From where to where part ``part`` of an array goes: the same for all arrays of one size."""
    if size < _WHOLE:
        return 0, (size if part == 0 else 0)
    return size * part // parts, size * (part + 1) // parts


@kernel
def _check(addresses, array, sizes):
    """The number of all elements, if all objects are of the type ``array``, contiguous, writeable, of one dtype, and
    those in a column of one shape; else -1.  ``sizes`` gets the number of each column."""
    total = 0
    for k in range(sizes.size):
        first = addresses[0, k]
        size = 1
        for row in range(addresses.shape[0]):
            other = addresses[row, k]
            if _word(other + _TYPE) != array or _word(other + _FLAGS) & _PLAIN != _PLAIN:
                return -1
            if _word(other + _DTYPE) != _word(addresses[0, 0] + _DTYPE):
                return -1
            dims = _word(first + _NDIM) & _INT32
            if _word(other + _NDIM) & _INT32 != dims:
                return -1
            for d in range(dims):
                n = _word(_word(other + _SHAPE) + 8 * d)
                if n != _word(_word(first + _SHAPE) + 8 * d):
                    return -1
                if row == 0:
                    size *= n
        sizes[k] = size
        total += size
    return total


def _look_at(lists):
    """The addresses of the arrays, a row for each list, the sizes, and what :func:`_check` says."""
    rows, columns = len(lists), len(lists[0])
    addresses = np.fromiter(map(id, chain.from_iterable(lists)), np.int64, rows * columns).reshape(rows, columns)
    sizes = np.empty(columns, np.int64)
    return addresses, sizes, _check(addresses, _NDARRAY, sizes) if _KNOWN else -1


def _know_samples():
    """Whether array objects are what they are taken for here."""
    made = [np.arange(6.0).reshape(2, 3), np.arange(4.0)]
    turned = [made[0].T, np.arange(4.0)]
    _, sizes, total = _look_at([made, made])
    return (total, *sizes) == (10, 6, 4) and _look_at([turned])[2] == _look_at([made, turned])[2] == -1


_NDARRAY, _KNOWN = id(np.ndarray), True
_KNOWN = _know_samples()
_form = attrgetter("__class__", "shape", "dtype", "flags.carray")
_LIKE = {np.dtype(kind): np.empty(0, kind) for kind in (np.float32, np.float64)}


def looks_plain(arrays, *others):
    """Whether :func:`_check` has nothing against lists of arrays: dtypes that are objects of their own, as unpickled,
    count as different."""
    return _look_at((arrays, *others))[2] >= 0


def gathered(arrays, *others):
    """``(total, sizes, addresses, like)`` of lists of arrays that go together, or ``None`` if kernels cannot take them.

    Each array of ``arrays`` is contiguous, and so are those at its place in ``others``, which have its shape; ``None``
    in the place of a list stands for ``arrays``.
    """
    dtype, lists = arrays[0].dtype, [arrays if other is None else other for other in (arrays, *others)]
    if not real(dtype):
        return None
    addresses, sizes, total = _look_at(lists)
    if total < 0:
        forms = list(map(_form, arrays))
        if not _KNOWN or any(list(map(_form, other)) != forms for other in lists):
            return None
        if not all(kind is np.ndarray and each == dtype and carray for kind, _, each, carray in forms):
            return None
        sizes[:] = [a.size for a in arrays]
        total = int(sizes.sum())
    return total, sizes, addresses, _LIKE[dtype]
