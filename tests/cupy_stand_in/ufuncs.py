"""Element-by-element functions: the types CuPy has loops for, and its short list of ``at`` and ``reduce``."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from . import counting, indexing, runtime, surface
from .array import ndarray, operand, wrap

SCATTER_TYPES = {  # which element types atomics exist for
    "add": "iIlLqQefd",
    "sub": "iIlLqQefd",
    "max": "iIlLqQfd",
    "min": "iIlLqQfd",
    "and": "iIlLqQ",
    "or": "iIlLqQ",
    "xor": "iIlLqQ",
}


# With ml_dtypes installed, CuPy 14 has a loop for bfloat16 after each for float16 but these.
_NO_BFLOAT16 = ("divmod", "logical_not", "logical_xor")
_BFLOAT16 = "E"  # ml_dtypes' character


class ufunc:
    """``cupy.add`` and its like.  No ``where`` on lists, no ``order``, no casts that CuPy would not make."""

    def __init__(self, name: str) -> None:
        facts = surface.ufuncs[name]
        self.name, self.nin, self.nout, self.scatter, self.types = name, *facts
        self.__name__ = name
        self.numpy = getattr(np, name)
        self._loops: dict[tuple, str] = {}

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.name}'>"

    def _results(self, operands: list, dtype: Any) -> str:
        """The characters of the result types, from the first of CuPy's loops that all operands can be cast to."""
        if dtype is not None:
            kinds: tuple = (np.dtype(dtype).char,) * self.nin
            for _, results in self.types:
                if results[0] == kinds[0]:
                    return results
        else:
            fixed = [x.dtype for x in operands if isinstance(x, (np.ndarray, np.generic))]
            shared = functools.reduce(np.promote_types, fixed) if fixed else None
            kinds = tuple(x.dtype if isinstance(x, (np.ndarray, np.generic)) else _weak(x, shared) for x in operands)
            found = self._loops.get(kinds)
            if found is not None:
                return found
            if fixed and all(kind.name == "bfloat16" for kind in fixed) and self.name not in _NO_BFLOAT16:
                half = next((results for wanted, results in self.types if wanted == "e" * self.nin), None)
                if half is not None:
                    return half.replace("e", _BFLOAT16)
            for wanted, results in self.types:
                if all(np.can_cast(k, w) for k, w in zip(kinds, wanted)):
                    self._loops[kinds] = results
                    return results
        raise TypeError(f"Wrong type ({', '.join(map(str, kinds))}) of arguments for cupy_{self.name}")

    def __call__(
        self, *args: Any, out: Any = None, where: Any = None, dtype: Any = None, casting: str = "same_kind"
    ) -> Any:
        if len(args) not in (self.nin, self.nin + self.nout):
            raise TypeError(f"Wrong number of arguments for 'cupy_{self.name}'")
        device = runtime.current()
        outs: tuple = args[self.nin :] or (out if isinstance(out, tuple) else () if out is None else (out,))
        operands = [operand(a, device, self.name) for a in args[: self.nin]]
        results = self._results(operands, dtype)
        extra: dict[str, Any] = {}
        if outs:
            if not all(isinstance(o, ndarray) for o in outs):
                raise TypeError("Output arguments must be device arrays")
            extra["out"] = tuple(operand(o, device, self.name) for o in outs)
            extra["casting"] = casting
        if where is not None:
            if not isinstance(where, ndarray) or where.dtype != bool:
                raise TypeError("Cannot interpret where as a boolean device array")
            extra["where"] = operand(where, device, self.name)
        if dtype is not None:
            extra["dtype"] = dtype
        with np.errstate(all="ignore"):
            values = self.numpy(*operands, **extra)
        counting.launch(self.name, (*operands, where), outs or (values if self.nout > 1 else (values,)))
        if outs:
            return outs[0] if self.nout == 1 else outs
        made = tuple(
            wrap(np.asarray(v, _kind(r)), device, None) for v, r in zip(values if self.nout > 1 else (values,), results)
        )
        return made[0] if self.nout == 1 else made

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        """Repeated indices add up.

        Raises:
            NotImplementedError: there is no atomic operation of this kind.
            TypeError: there is none for this element type.
        """
        if self.scatter is None:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        device = runtime.current()
        memory = operand(a, device, f"{self.name}.at")
        if memory.dtype.char not in SCATTER_TYPES[self.scatter]:
            raise TypeError(f"scatter_{self.scatter} does not support {memory.dtype}")
        parts, _ = indexing._host_index(a, indices)
        value = operand(b, device, f"{self.name}.at")
        named = memory[parts]
        times = 1 if not isinstance(indices, tuple) else 1 + 2 * len(indices)
        counting.launch(f"{self.name}.at", (*indexing._arrays(parts), value, named), (named,), times)
        with np.errstate(all="ignore"):
            self.numpy.at(memory, parts, np.asarray(value).astype(memory.dtype))

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self._along("reduce", array, axis=axis, dtype=dtype, out=out, keepdims=keepdims)

    def accumulate(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        return self._along("accumulate", array, axis=axis, dtype=dtype, out=out)

    def _along(self, method: str, array: Any, out: Any, **options: Any) -> Any:
        if self.name not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.name}.{method}` is not supported yet")
        if out is not None:
            raise NotImplementedError("the stand-in has no out= here")
        device = runtime.current()
        result = getattr(self.numpy, method)(operand(array, device, self.name), **options)
        counting.launch(f"{self.name}.{method}", (array,), (result,))
        return wrap(result, device, None)

    def outer(self, A: Any, B: Any, **kwargs: Any) -> Any:
        return self(A.reshape(A.shape + (1,) * B.ndim), B, **kwargs)


def _weak(number: Any, shared: Any) -> Any:
    """The type that a Python number takes beside arrays of type ``shared``."""
    if shared is None:
        return np.asarray(number).dtype
    if isinstance(number, bool):
        return np.dtype(bool)
    return np.result_type(np.empty(0, shared), number)


@functools.cache
def _kind(char: str) -> np.dtype:
    if char == _BFLOAT16:
        from ml_dtypes import bfloat16

        return np.dtype(bfloat16)
    return np.dtype(char)


ufuncs = {name: ufunc(name) for name in surface.ufuncs if hasattr(np, name)}

# ---- operators

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}
_UNARY = {"neg": "negative", "abs": "absolute", "invert": "invert", "pos": "positive"}


def _ours(value: Any) -> bool:
    """Whether an operator takes ``value``; for the rest Python asks the other operand, then fails.

    A NumPy array is taken, to be refused with CuPy's words.
    """
    return isinstance(value, (ndarray, np.ndarray, np.generic, bool, int, float, complex))


def _bind_operators() -> None:
    for short, name in _OPERATORS.items():
        function = ufuncs[name]

        def forward(self: Any, other: Any, function: Any = function) -> Any:
            return function(self, other) if _ours(other) else NotImplemented

        def backward(self: Any, other: Any, function: Any = function) -> Any:
            return function(other, self) if _ours(other) else NotImplemented

        def inplace(self: Any, other: Any, function: Any = function) -> Any:
            return function(self, other, self) if _ours(other) else NotImplemented

        setattr(ndarray, f"__{short}__", forward)
        if short in ("lt", "le", "gt", "ge", "eq", "ne"):
            continue
        setattr(ndarray, f"__r{short}__", backward)
        setattr(ndarray, f"__i{short}__", inplace)
    for short, name in _UNARY.items():
        function = ufuncs[name]
        setattr(ndarray, f"__{short}__", lambda self, function=function: function(self))


_bind_operators()
