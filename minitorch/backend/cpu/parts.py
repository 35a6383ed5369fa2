"""Compiled tasks in parts that several threads take without the interpreter lock.

A task stands in a *box* of shared memory: the address of a function, its arguments, how far it goes, and a *ticket*
that says which part comes next.  Whoever is free takes the next ticket, the caller included, so nobody waits for a
thread that sleeps: a part that no helper has begun is done by the caller.  Handing a task out and collecting it costs
some 3 µs; a Python thread that first has to get the interpreter lock comes 50 µs late.
"""

# mypy: ignore-errors

from __future__ import annotations

import ctypes
import sys
import time
import types as python_types

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from minitorch.backend.cpu.compiling import compiled_into, kernel, routine
from minitorch.backend.cpu.threads import BOX, FAILED, LATE, TOO_LATE, with_helpers

# Places in a box, a cache line or more apart where different threads write.  The ticket has the number of the task in
# its upper half, then 16 bits for the number of parts and 16 for the part that comes next.
_TICKET, _FUNCTION, _ARGUMENTS, _COUNT, _DONE, _FAILED = 0, 16, 17, 18, 32, 40
# Turns of a waiting loop, about 200 µs: who waits longer for others to end lets them have the core now and then.
TURNS = 8_000
# A helper waits for the next task about as long as a step of a small network takes, and then sleeps.
PATIENCE = 5 * TURNS

_INT64 = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_PART = ir.FunctionType(_INT64, [_BYTES, _INT64, _INT64])  # arguments, first, last -> whether it failed


def _address(name: str, windows_name: str) -> int:
    """Of a function of the system."""
    function = getattr(ctypes.windll.kernel32, windows_name) if _WINDOWS else getattr(ctypes.CDLL(None), name)
    return ctypes.cast(function, ctypes.c_void_p).value


_WINDOWS = sys.platform == "win32"
# Sleeps for microseconds on POSIX, for milliseconds on Windows.
llvmlite.binding.add_symbol("minitorch_nap", _address("usleep", "Sleep"))
_NAP = 1 if _WINDOWS else 50
llvmlite.binding.add_symbol("minitorch_clock", _address("clock_gettime", "QueryPerformanceCounter"))
_CLOCK = 0 if _WINDOWS else time.CLOCK_MONOTONIC


def _place(context, builder, sig, args):
    data = cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).data
    return builder.gep(data, [args[1]])


@intrinsic
def _load(typing, box, index):
    def generate(context, builder, sig, args):
        return builder.load_atomic(_place(context, builder, sig, args), "acquire", 8)

    return types.int64(box, types.intp), generate


@intrinsic
def _store(typing, box, index, value):
    def generate(context, builder, sig, args):
        builder.store_atomic(args[2], _place(context, builder, sig, args), "release", 8)
        return context.get_dummy_value()

    return types.void(box, types.intp, types.int64), generate


@intrinsic
def _add(typing, box, index, value):
    def generate(context, builder, sig, args):
        return builder.atomic_rmw("add", _place(context, builder, sig, args), args[2], "seq_cst")

    return types.int64(box, types.intp, types.int64), generate


@intrinsic
def _replace(typing, box, index, known, value):
    """Puts ``value`` in the place of ``known``, if that is still there; whether it was."""

    def generate(context, builder, sig, args):
        pair = builder.cmpxchg(_place(context, builder, sig, args), args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(box, types.intp, types.int64, types.int64), generate


@intrinsic
def _run(typing, function, arguments, first, last):
    def generate(context, builder, sig, args):
        function = builder.inttoptr(args[0], _PART.as_pointer())
        return builder.call(function, [builder.inttoptr(args[1], _BYTES), args[2], args[3]])

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@intrinsic
def _nap(typing, time):
    def generate(context, builder, sig, args):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
        function = cgutils.get_or_insert_function(builder.module, kind, "minitorch_nap")
        builder.call(function, [builder.trunc(args[0], ir.IntType(32))])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def _now(typing):
    """A time in nanoseconds; on Windows in units that are some 100."""

    def generate(context, builder, sig, args):
        room = cgutils.alloca_once(builder, _INT64, size=2)
        if _WINDOWS:
            kind = ir.FunctionType(ir.IntType(32), [room.type])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "minitorch_clock"), [room])
            return builder.mul(builder.load(room), ir.Constant(_INT64, 100))
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), room.type])
        function = cgutils.get_or_insert_function(builder.module, kind, "minitorch_clock")
        builder.call(function, [ir.Constant(ir.IntType(32), _CLOCK), room])
        rest = builder.load(builder.gep(room, [ir.Constant(_INT64, 1)]))
        return builder.add(builder.mul(builder.load(room), ir.Constant(_INT64, 1_000_000_000)), rest)

    return types.int64(), generate


@intrinsic
def _idle(typing, one):
    """A while for a waiting loop: roots of 1, one after the other, leave the core's other thread what it needs.

    No hint to the processor that this is a waiting loop: hypervisors take it for a reason to give the core away.
    """

    def generate(context, builder, sig, args):
        root = builder.module.declare_intrinsic("llvm.sqrt", [ir.DoubleType()])
        one = args[0]
        for _ in range(4):
            one = builder.call(root, [one])
        return one

    return types.float64(types.float64), generate


@routine
def _take_parts(box):
    """Does parts of the task in the box until none is left to begin."""
    while True:
        ticket = _load(box, _TICKET)
        part, parts = ticket & 0xFFFF, ticket >> 16 & 0xFFFF
        if part >= parts:
            return
        function, arguments, count = _load(box, _FUNCTION), _load(box, _ARGUMENTS), _load(box, _COUNT)
        # What was read belongs to the ticket if that is still the same.
        if _replace(box, _TICKET, ticket, ticket + 1):
            if _run(function, arguments, count * part // parts, count * (part + 1) // parts):
                _store(box, _FAILED, 1)
            _add(box, _DONE, 1)


@routine(returns=lambda *kinds: types.int64)
def _hand_out(box, function, arguments, count, parts, one):
    """Has all parts of a task done and says how it went."""
    if parts <= 1:
        return FAILED if _run(function, arguments, 0, count) else 0
    task = (_load(box, _TICKET) >> 32) + 1
    _store(box, _TICKET, task << 32)  # nobody takes a part while the rest is written
    _store(box, _FUNCTION, function)
    _store(box, _ARGUMENTS, arguments)
    _store(box, _COUNT, count)
    _store(box, _DONE, 0)
    _store(box, _FAILED, 0)
    _store(box, _TICKET, task << 32 | parts << 16)
    begin = _now()
    _take_parts(box)
    end = _now()
    turn = 0
    # The arguments lie on this stack: whoever has begun a part must end it before the function returns.
    while _load(box, _DONE) < parts:
        one = _idle(one)
        turn += 1 if one < 2.0 else 2  # what nobody looks at would not be computed
        if turn > TURNS:
            _nap(_NAP)
    late = turn > TURNS and _now() - end > end - begin + TOO_LATE
    return (LATE if late else 0) | (FAILED if _load(box, _FAILED) else 0)


@kernel
def watch(box, poked, known, turns, one):
    """Takes parts of whatever comes into the box, until nothing has come for ``turns`` turns or ``poked[0]`` is no
    longer ``known``."""
    turn = 0
    while turn < turns and _load(poked, 0) == known:
        ticket = _load(box, _TICKET)
        if ticket & 0xFFFF < ticket >> 16 & 0xFFFF:
            _take_parts(box)
            turn = 0
        one = _idle(one)
        turn += 1 if one < 2.0 else 2


@kernel
def changed(counter, known, turns, one):
    """Whether ``counter[0]`` becomes another than ``known`` within so many turns."""
    turn = 0
    while turn < turns and _load(counter, 0) == known:
        one = _idle(one)
        turn += 1 if one < 2.0 else 2
    return turn < turns


def _task_of(function, cut):
    """An intrinsic that gives ``function(first, last, *arguments)`` as the addresses of code and arguments; with
    ``cut``, ``function(*arguments)`` with all arrays from ``first`` to ``last``."""

    @intrinsic
    def task(typing, arguments):
        def generate(context, builder, sig, args):
            range_of_part = () if cut else (types.int64, types.int64)
            inner = types.void(*range_of_part, *sig.args[0])
            compiled = compiled_into(context, function, inner)
            context.active_code_library.add_linking_library(compiled.library)
            part = ir.Function(builder.module, _PART, builder.module.get_unique_name("part"))
            part.linkage = "internal"
            body = ir.IRBuilder(part.append_basic_block())
            pointer, first, last = part.args
            values = body.load(body.bitcast(pointer, args[0].type.as_pointer()))
            if cut:
                values = _cut(context, body, sig.args[0], values, first, last)
            given = [*([] if cut else [first, last]), *cgutils.unpack_tuple(body, values, len(sig.args[0]))]
            status, _ = context.call_internal_no_propagate(body, compiled.fndesc, inner, given)
            body.ret(body.zext(status.is_error, _INT64))
            kept = cgutils.alloca_once_value(builder, args[0])
            return cgutils.pack_array(builder, [builder.ptrtoint(part, _INT64), builder.ptrtoint(kept, _INT64)])

        return types.UniTuple(types.int64, 2)(arguments), generate

    return task


def _cut(context, builder, kinds, values, first, last):
    """The arrays of one dimension among ``values`` (a tuple) from ``first`` to ``last``."""
    size = builder.sub(last, first)
    for number, kind in enumerate(kinds):
        if isinstance(kind, types.Array):
            array = cgutils.create_struct_proxy(kind)(context, builder, value=builder.extract_value(values, number))
            array.data = builder.gep(array.data, [first])
            array.shape = cgutils.pack_array(builder, [size])
            array.nitems = size
            values = builder.insert_value(values, array._getvalue(), number)
    return values


def _entry(box, count, parts, one, *arguments):
    function, places = task(arguments)  # noqa: F821 - each copy of this function has a `task` of its own
    return _hand_out(box, function, places, count, parts, one)


def _shared(function, cut):
    # Numba keeps compiled code under the name and the place in a file, so the copy goes by those of the function.
    code = function.__code__
    code = _entry.__code__.replace(
        co_filename=code.co_filename, co_firstlineno=code.co_firstlineno, co_name=code.co_name
    )
    names = {"task": _task_of(function, cut), "_hand_out": _hand_out, "__name__": function.__module__}
    entry = python_types.FunctionType(code, names, function.__name__)
    entry.__module__, entry.__qualname__ = function.__module__, function.__qualname__
    return _called_in_parts(kernel(entry))


def shared(function):
    """A kernel ``function(first, last, *arguments)`` as a function ``(count, parts, *arguments)`` for Python: it does
    ``range(count)`` in so many parts, which the helpers of :mod:`.threads` take too.

    A part must not depend on another one.  :func:`.threads.parts` says how many there should be.
    """
    return _shared(function, False)


def elementwise(function):
    """A kernel of arrays of one dimension and one size as a function ``(size, parts, *arguments)`` for Python: each
    part has its part of all arrays."""
    return _shared(function, True)


_nobody = np.zeros(BOX, np.int64)


def _called_in_parts(entry):
    """A task for all threads."""

    def call(count, parts, *arguments) -> None:
        if parts <= 1:
            code = entry(_nobody, count, 1, 1.0, *arguments)
        else:
            code = with_helpers(entry, count, parts, arguments)
        if code & FAILED:
            raise MemoryError(f"{entry.__name__}: no memory for the scratch space of a part")

    return call
