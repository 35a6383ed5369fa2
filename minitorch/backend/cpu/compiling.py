"""How kernels are compiled: released from the interpreter lock, kept on disk, and with a word to whoever waits."""

# mypy: ignore-errors

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import os
import sys

import numba
from numba.core import cgutils, types
from numba.core.caching import NullCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu_options import FastMathOptions
from numba.core.runtime import rtsys
from numba.core.targetconfig import ConfigStack
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

_told = False


def _say_once() -> None:
    global _told
    with global_compiler_lock:  # several threads may come here at once
        if _told:
            return
        _told = True
    print("minitorch: compiling kernels for this machine, once (a few seconds) ...", file=sys.stderr, flush=True)


@functools.lru_cache(maxsize=1)
def _sources():
    """What changes when one of the files here does."""
    files = [entry.stat() for entry in os.scandir(os.path.dirname(__file__)) if entry.name.endswith(".py")]
    return max(f.st_mtime for f in files), sum(f.st_size for f in files)


class _Code(JITCodeLibrary):
    """Code that is optimised as a whole, once: Numba goes over each function before that, which takes a seventh of the
    time and makes no kernel faster."""

    def _optimize_functions(self, ll_module) -> None:
        ll_module.data_layout = self._codegen._data_layout


class _Part(_Code):
    """Code to be linked into a kernel: by itself it is neither optimised nor loaded.

    (Where it is loaded, a call that is not inlined may go to it instead of what has been optimised with the kernel.)
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


# Passes for what no kernel has: closures, `with`, literal_unroll, expressions of whole arrays, loops in parallel.
_NOT_NEEDED = {
    "WithLifting", "InlineClosureLikes", "RewriteDynamicRaises", "MakeFunctionToJitFunction", "FindLiterallyCalls",
    "LiteralUnroll", "LiteralPropagationSubPipelinePass", "InlineOverloads", "NopythonRewrites",
    "NoPythonSupportedFeatureValidation", "DumpParforDiagnostics",
}  # fmt: skip


class _Compiler(CompilerBase):
    """Numba's, without what takes time and does nothing for kernels."""

    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [each for each in passes.passes if each[0].__name__ not in _NOT_NEEDED]
        return [passes]

    def compile_extra(self, func):
        if self.state.library is None:
            self.state.library = _Code(self.state.targetctx.codegen(), func.__qualname__)
            self.state.library.enable_object_caching()
        # What is made here is kept anyway, and looking through it for garbage takes time again and again.
        collecting = gc.isenabled()
        gc.disable()
        try:
            return super().compile_extra(func)
        finally:
            if collecting:
                gc.enable()


def kernel(function):
    """Compile ``function`` without the interpreter lock; kept on disk where Numba finds a directory it may write to.

    The first kernel that a process compiles anew is announced on stderr.

    Sums keep their order and NaN its meaning: no licence of fast-math is given.
    """
    options = {"nogil": True, "error_model": "numpy", "pipeline_class": _Compiler}
    try:
        dispatcher = numba.njit(cache=True, **options)(function)
        # Numba looks at the file that a kernel is in; kernels are made of functions of several.
        dispatcher._cache._cache_file._source_stamp = _sources()
    except RuntimeError:  # nowhere to keep it
        dispatcher = numba.njit(**options)(function)
    # Numba asks its cache before it compiles anything: a call of what is compiled comes past no function of ours.
    cache = dispatcher._cache
    save = cache.save_overload

    def load_or_say(signature, target):
        # By itself it takes in all that it can compile first, which is most of what the loading of kernels would take.
        rtsys.initialize(target)
        known = None
        if not isinstance(cache, NullCache):
            with cache._guard_against_spurious_io_errors():
                known = cache._load_overload(signature, target)
        if known is None:
            _say_once()
        return known

    def save_if_there_is_room(*args):
        with contextlib.suppress(OSError):  # the disk is full, say: the next process compiles anew
            save(*args)

    cache.load_overload, cache.save_overload = load_or_say, save_if_there_is_room
    return dispatcher


def compiled_into(context, function, signature, *, reorder=False):
    """Compile ``function`` for the code that is being compiled, with the same flags, and optimised with it alone.

    Its library has to be linked to that of the caller.  A kernel that is called by another one is optimised twice, and
    has an entry made for calls from Python.
    """
    flags = ConfigStack().top().copy()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    if reorder:
        flags.fastmath = FastMathOptions({"reassoc", "contract", "nsz"})
    library = _Part(context.codegen(), function.__name__)
    arguments = signature.args, signature.return_type, flags, {}
    return _Compiler(context.typing_context, context, library, *arguments).compile_extra(function)


def _none(*kinds):
    return types.void


def routine(function=None, *, returns=_none, reorder=False):
    """A part of kernels that they alone call: see :func:`compiled_into`.

    ``returns(*kinds)`` is the type of what it returns, from those of its arguments.  With ``reorder``, sums may become
    sums of several parts; no other licence of fast-math is ever given.
    """
    if function is None:
        return functools.partial(routine, returns=returns, reorder=reorder)
    known = {}

    @intrinsic
    def call(typing, *arguments):
        kinds = tuple(types.unliteral(kind) for kind in arguments)

        def generate(context, builder, signature, given):
            values = cgutils.unpack_tuple(builder, given[0], len(kinds))
            values = [context.cast(builder, v, a, b) for v, a, b in zip(values, signature.args[0], kinds)]
            inner = returns(*kinds)(*kinds)
            compiled = known.get(inner)
            if compiled is None:
                compiled = known[inner] = compiled_into(context, function, inner, reorder=reorder)
            context.active_code_library.add_linking_library(compiled.library)
            return context.call_internal(builder, compiled.fndesc, inner, values)

        return returns(*kinds)(types.StarArgTuple.from_types(arguments)), generate

    return call


def written_in(function):
    """A part of kernels, of a line or two, that stands in their code as if it were written there: that takes less time
    to compile than a call.  (Where there is more to it, types are looked for in more rounds: a routine is quicker.)"""
    return numba.njit(inline="always")(function)


def integers(*sizes):
    """A part of kernels that gives the elements of an array of int64, one after the other: as tuples of these sizes,
    and as integers where a size is 1.  Looked up one by one they take longer to compile."""

    @intrinsic
    def read(typing, array):
        kinds = [types.int64 if size == 1 else types.UniTuple(types.int64, size) for size in sizes]

        def generate(context, builder, signature, given):
            data = context.make_array(signature.args[0])(context, builder, given[0]).data
            at = itertools.count()
            values = []
            for kind, size in zip(kinds, sizes):
                loaded = [builder.load(cgutils.gep(builder, data, next(at))) for _ in range(size)]
                values.append(loaded[0] if size == 1 else context.make_tuple(builder, kind, loaded))
            return context.make_tuple(builder, signature.return_type, values)

        return types.Tuple(kinds)(array), generate

    return read


def _scratch(zeroed):
    @intrinsic
    def scratch(typing, size, like):
        kind = types.Array(like.dtype, 1, "C")

        def generate(context, builder, signature, given):
            element = context.get_data_type(kind.dtype)
            size, width = given[0], context.get_constant(types.intp, context.get_abi_sizeof(element))
            bytes_ = builder.mul(size, width)  # too many for memory count as a failure; kernels have no negative sizes
            info = context.nrt.meminfo_alloc_aligned(builder, bytes_, _CACHE_LINE)
            data = context.nrt.meminfo_data(builder, info)
            if zeroed:
                cgutils.memset(builder, data, bytes_, 0)
            out = context.make_array(kind)(context, builder)
            data = builder.bitcast(data, element.as_pointer())
            populate_array(out, data=data, shape=[size], strides=[width], itemsize=width, meminfo=info)
            return out._getvalue()

        return kind(types.intp, like), generate

    return scratch


_CACHE_LINE = 64  # bytes
#: ``(size, like)``: memory for so many elements of the type of ``like``, an array or a dtype, from the beginning of a
#: cache line on.  NumPy's functions do that too, but each use of one is compiled as a function of its own.
scratch, zeros = _scratch(False), _scratch(True)
