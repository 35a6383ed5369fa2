"""``cupy.sum``, ``cupy.where`` and the rest: NumPy's function behind CuPy's name, arguments and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import counting, runtime, surface
from .array import ndarray, operand, wrap
from .ufuncs import _ours, ufuncs

#: functions whose result has a size that depends on values: the host waits to learn it
WAITING = {
    "nonzero", "flatnonzero", "argwhere", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    "bincount", "compress", "extract", "histogram", "union1d", "intersect1d", "setdiff1d", "setxor1d", "trim_zeros",
    "delete", "piecewise",
}  # fmt: skip
#: kernels that CuPy launches at least where one would not do
LAUNCHES = {
    "argsort": 2, "sort": 2, "lexsort": 2, "argpartition": 2, "partition": 2, "var": 3, "std": 4, "median": 4,
    "percentile": 5, "quantile": 5, "nonzero": 3, "flatnonzero": 3, "argwhere": 3, "unique": 5, "bincount": 3,
    "take_along_axis": 4, "put_along_axis": 4, "nan_to_num": 2, "isclose": 3, "allclose": 4, "array_equal": 2,
    "cumsum": 2, "cumprod": 2, "tensordot": 1, "einsum": 2, "pad": 2, "tile": 2, "roll": 2, "searchsorted": 1,
    "tril": 2, "triu": 2, "histogram": 6,
}  # fmt: skip
#: no kernel: the memory is taken and left as it is
FREE = {"empty", "empty_like"}
#: functions that answer on the host, from types and shapes alone
HOST_ONLY = {
    "broadcast_shapes", "can_cast", "common_type", "isscalar", "issubdtype", "promote_types", "result_type", "ndim",
    "shape", "size", "isdtype", "iterable", "min_scalar_type", "mintypecode", "typename", "base_repr", "binary_repr",
}  # fmt: skip
#: sums of products of two arrays
PRODUCTS = {"dot", "vdot", "inner", "outer", "tensordot", "einsum"}
RENAMED = {"a_min": "min", "a_max": "max"}
DROPPED = {"subok", "blocking", "stream"}


def _in(value: Any, device: int, name: str) -> Any:
    """An argument in NumPy's terms."""
    if isinstance(value, ndarray):
        return operand(value, device, name)
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)} (in {name}): a host array among device arrays")
    if isinstance(value, (tuple, list)) and any(isinstance(v, (ndarray, np.ndarray, tuple, list)) for v in value):
        return type(value)(_in(v, device, name) for v in value)
    return value


def _arrays_in(value: Any) -> list[ndarray]:
    if isinstance(value, ndarray):
        return [value]
    if isinstance(value, (tuple, list)):
        return [a for v in value for a in _arrays_in(v)]
    return []


def _out(result: Any, device: int, sources: list[ndarray]) -> tuple[Any, bool]:
    """The result as device arrays, and whether it took new memory."""
    if isinstance(result, np.generic):
        return wrap(result, device, None), True
    if isinstance(result, np.ndarray):
        if result.base is not None or any(result is s._host for s in sources):
            for source in sources:
                if np.may_share_memory(result, source._host):
                    if not result.flags.writeable and all(s or n < 2 for s, n in zip(result.strides, result.shape)):
                        result.flags.writeable = True  # as CuPy's broadcast_to() gives it
                    return (source if result is source._host else wrap(result, device, source)), False
        return wrap(result, device, None), True
    if isinstance(result, (tuple, list)):
        parts = [_out(r, device, sources) for r in result]
        made = [p for p, _ in parts]
        fresh = any(f for _, f in parts)
        if hasattr(result, "_fields"):
            return type(result)(*made), fresh
        return type(result)(made), fresh
    return result, True


def _function(path: str, numpy_function: Callable) -> Callable:
    name = path.rpartition(".")[2]

    def call(*args: Any, **kwargs: Any) -> Any:
        given = surface.bind(path, args, kwargs)
        device = runtime.current()
        sources = [a for v in given.values() for a in _arrays_in(v)]
        if any(value is not None for key, value in given.items() if key == "subok"):
            raise TypeError("subok is not supported")
        out = given.pop("out", None)
        if name in ("repeat", "tile") and any(
            isinstance(v, ndarray) for k, v in given.items() if k in ("repeats", "reps")
        ):
            raise ValueError(f"{name}: cupy.ndarray object is not supported here for its performance: pass numbers")
        given = {k: v for k, v in given.items() if k not in DROPPED}
        if "kind" in given and given["kind"] not in (None, "stable"):
            raise ValueError(f"kind='{given['kind']}' is not supported: sorts are stable")
        if name in ("sort", "argsort"):
            given["kind"] = "stable"
        positional, named = _numpys(path, {k: _in(v, device, name) for k, v in given.items()})
        try:
            with np.errstate(all="ignore"):
                result = numpy_function(*positional, **named)
        except np.linalg.LinAlgError:
            result = _garbage(numpy_function, positional, named)
        if isinstance(result, bool) and sources and name not in HOST_ONLY:
            result = np.bool_(result)
        if name in WAITING:
            counting.sync(name)
        if out is not None:
            counting.launch(name, sources, (out,), LAUNCHES.get(name, 1), _operations(name, sources, result))
            np.copyto(operand(out, device, name), result, casting="same_kind")
            return out
        if name in FREE and result.dtype.kind == "f":
            result.fill(np.nan)  # whoever does not overwrite all of it will notice
        made, fresh = _out(result, device, sources)
        if fresh and name not in FREE and name not in HOST_ONLY:
            made_arrays = _arrays_in(made)
            times = LAUNCHES.get(name, 1)
            counting.launch(name, sources, made_arrays, times, _operations(name, sources, *made_arrays))
        return made

    call.__name__ = call.__qualname__ = name
    return call


def _operations(name: str, sources: list[ndarray], *results: Any) -> int | None:
    """Of products: two for each row, column and term, whose numbers multiply in pairs to the three arrays' sizes."""
    if name not in PRODUCTS or len(sources) != 2:
        return None
    return 2 * math.isqrt(sources[0].size * sources[1].size * sum(r.size for r in results))


def _numpys(path: str, given: dict[str, Any]) -> tuple[list, dict[str, Any]]:
    """CuPy's bound arguments as NumPy's: by position what has no default, by name the rest."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for key, parameter in surface.functions[path].parameters.items():
        if key not in given:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += given[key]
        elif parameter.kind is parameter.VAR_KEYWORD:
            named.update(given[key])
        elif parameter.kind is not parameter.KEYWORD_ONLY and not named and parameter.default is parameter.empty:
            positional.append(given[key])
        elif given[key] is not parameter.default:
            named[RENAMED.get(key, key)] = given[key]
    return positional, named


def _garbage(function: Callable, positional: list, named: dict) -> Any:
    """What a solver leaves where NumPy would have raised: CuPy does not look at its status."""
    well = [np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape) if a.ndim > 1 else a for a in positional[:1]]
    result = function(*well, *positional[1:], **named)
    if isinstance(result, tuple):
        return type(result)(*(np.full_like(r, np.nan) for r in result))
    return np.full_like(result, np.nan)


# ---- the ones that are not NumPy's function with other arguments


def array(
    obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False, ndmin: int = 0,
    *, blocking: bool = False,
) -> ndarray:  # fmt: skip
    device = runtime.current()
    if isinstance(obj, ndarray):
        same = dtype is None or obj.dtype == dtype
        if obj._device != device:  # the one function that moves arrays between devices
            moved = np.array(obj._host, dtype, ndmin=ndmin)
            counting.launch("copy between devices", (obj,), (moved,))
            return wrap(moved, device, None)
        contiguous = order not in ("C", "F") or obj.flags[f"{order}_CONTIGUOUS"]
        if not copy and same and contiguous and obj.ndim >= ndmin:
            return obj
        copied = np.array(obj._host, dtype, order=order, ndmin=ndmin)  # type: ignore[call-overload]
        counting.launch("array", (obj,), (copied,))
        return wrap(copied, device, None)
    if _arrays_in(obj):
        raise TypeError("array() of a list of device arrays: use stack()")
    host = np.array(obj, dtype, order=order, ndmin=ndmin)  # type: ignore[call-overload]
    if host.dtype.kind not in "biufc" and host.dtype.name != "bfloat16":  # which CuPy 14 has, with ml_dtypes
        raise ValueError(f"Unsupported dtype {host.dtype}")
    counting.upload("array")
    return wrap(host, device, None)


def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False) -> ndarray:
    return array(a, dtype, bool(copy), order or "K")


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    return array(a, dtype, False, "C", ndmin=1)


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    return a.get(stream, order, out) if isinstance(a, ndarray) else np.asarray(a, order=order)  # type: ignore[call-overload]


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = None) -> None:
    device = runtime.current()
    counting.launch("copyto", (src, where), (dst,))
    mask = True if where is None else operand(where, device, "copyto")
    np.copyto(operand(dst, device, "copyto"), operand(src, device, "copyto"), casting, where=mask)  # type: ignore[arg-type]


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return find("nonzero")(condition)
    device = runtime.current()
    if not isinstance(condition, ndarray):
        raise TypeError(f"where() takes a device array as condition, not {type(condition)}")
    result = np.where(*(operand(a, device, "where") for a in (condition, x, y)))
    if condition.dtype != bool:
        counting.launch("where, casting its condition", (condition,), (np.empty(condition.shape, bool),))
    counting.launch("where", (condition, x, y), (result,))
    return wrap(result, device, None)


def _wrapped(indices: Any, length: int, name: str) -> Any:
    host = _in(indices, runtime.current(), name)
    if not isinstance(indices, (ndarray, int, np.integer)):
        counting.upload(f"{name} with host indices")
    return np.asarray(host).astype(np.int64) % max(length, 1)


def take(a: Any, indices: Any, axis: Any = None, out: Any = None) -> ndarray:
    memory = operand(a, runtime.current(), "take")
    length = memory.size if axis is None else memory.shape[axis]
    result = np.take(memory, _wrapped(indices, length, "take"), axis)
    counting.launch("take", (indices, result), (result,))
    if out is None:
        return wrap(result, runtime.current(), None)
    operand(out, runtime.current(), "take")[...] = result
    return out


def take_along_axis(a: Any, indices: Any, axis: Any) -> ndarray:
    memory = operand(a, runtime.current(), "take_along_axis")
    if not isinstance(indices, ndarray):
        raise TypeError("`indices` must be an array of integers on the device")
    length = memory.size if axis is None else memory.shape[axis]
    result = np.take_along_axis(memory, _wrapped(indices, length, "take_along_axis"), axis)
    counting.launch("take_along_axis", (indices, result), (result,), LAUNCHES["take_along_axis"])
    return wrap(result, runtime.current(), None)


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    memory = operand(arr, runtime.current(), "put_along_axis")
    length = memory.size if axis is None else memory.shape[axis]
    value = operand(values, runtime.current(), "put_along_axis")
    named = np.empty(indices.shape, memory.dtype)
    counting.launch("put_along_axis", (indices, value), (named,), LAUNCHES["put_along_axis"])
    np.put_along_axis(memory, _wrapped(indices, length, "put_along_axis"), value, axis)


def may_share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    return np.may_share_memory(a._host, b._host)


def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    return np.shares_memory(a._host, b._host)


def as_strided(x: Any, shape: Any = None, strides: Any = None) -> ndarray:
    # CuPy takes the memory that follows, whatever it is; the host must not.
    return wrap(np.lib.stride_tricks.as_strided(x._host, shape, strides), x._device, x)


def from_dlpack(array: Any, **options: Any) -> ndarray:
    if isinstance(array, ndarray):
        return array.view()
    raise BufferError("the stand-in's memory is no GPU's: it cannot be handed to other libraries")


def get_array_module(*args: Any) -> Any:
    import cupy

    return cupy if any(isinstance(a, ndarray) for a in args) else np


def matmul(*args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind", **kwargs: Any) -> Any:
    surface.bind("matmul", args, kwargs)
    device = runtime.current()
    hosts = [operand(a, device, "matmul") for a in args[:2]]
    factors = list(hosts)
    for i, host in enumerate(hosts):
        if getattr(host, "ndim", 0) > 2 and not host.flags.c_contiguous:
            factors[i] = np.empty(host.shape, host.dtype)
            counting.launch("matmul, copying an operand that is not contiguous", (host,), (factors[i],))
    options = {} if dtype is None else {"dtype": dtype}
    with np.errstate(all="ignore"):
        result = np.matmul(*hosts, **options, **kwargs)
    counting.launch("matmul", factors, (result,), operations=2 * np.size(result) * hosts[0].shape[-1])
    if out is None:
        return wrap(result, device, None)
    np.copyto(operand(out, device, "matmul"), result, casting=casting)  # type: ignore[arg-type]
    return out


SPECIAL = {
    "array": array, "asarray": asarray, "asanyarray": asarray, "ascontiguousarray": ascontiguousarray,
    "asnumpy": asnumpy, "copyto": copyto, "take": take, "take_along_axis": take_along_axis,
    "put_along_axis": put_along_axis, "may_share_memory": may_share_memory, "shares_memory": shares_memory,
    "lib.stride_tricks.as_strided": as_strided, "from_dlpack": from_dlpack, "get_array_module": get_array_module,
    "matmul": matmul, "where": where, "linalg.matmul": matmul,
}  # fmt: skip


def find(path: str) -> Any:
    """What ``cupy.<path>`` is in the stand-in; ``None`` if it has no such function."""
    if path in SPECIAL:
        return SPECIAL[path]
    if path in ufuncs:
        return ufuncs[path]
    source: Any = np
    for part in path.split("."):
        source = getattr(source, part, None)
    return _function(path, source) if path in surface.functions and source is not None else None


# ---- methods

SAME_MEMORY = ("swapaxes", "squeeze", "ravel", "diagonal", "flatten")
AS_FUNCTIONS = (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "clip", "compress", "cumprod", "cumsum", "dot", "max",
    "mean", "min", "nonzero", "prod", "ptp", "repeat", "round", "searchsorted", "std", "sum", "take", "trace", "var",
    "swapaxes", "squeeze", "ravel", "diagonal",
)  # fmt: skip


def _bind_methods() -> None:
    for name in AS_FUNCTIONS:
        function = find(name)
        rename = {"min": "a_min", "max": "a_max"} if name == "clip" else {}

        def method(
            self: Any, *args: Any, function: Any = function, name: str = name, rename: dict = rename, **kwargs: Any
        ) -> Any:
            given = surface.bind(f"ndarray.{name}", (self, *args), kwargs)
            given.pop("self")
            if name == "clip":
                given = {"min": None, "max": None, **given}
            return function(self, **{rename.get(k, k): v for k, v in given.items()})

        method.__name__ = name
        setattr(ndarray, name, method)

    def flatten(self: Any, order: str = "C") -> Any:
        result = self._host.flatten(order)
        counting.launch("flatten", (self,), (result,))
        return wrap(result, self._device, None)

    def sort(self: Any, axis: int = -1, kind: Any = None) -> None:
        if kind not in (None, "stable"):
            raise ValueError(f"kind='{kind}' is not supported: sorts are stable")
        counting.launch("sort", (self,), (self,), LAUNCHES["sort"])
        self._host.sort(axis=axis, kind="stable")

    def product(self: Any, other: Any) -> Any:
        return matmul(self, other) if _ours(other) else NotImplemented

    def product_from_right(self: Any, other: Any) -> Any:
        return matmul(other, self) if _ours(other) else NotImplemented

    ndarray.flatten, ndarray.sort = flatten, sort  # type: ignore[attr-defined]
    ndarray.__matmul__, ndarray.__rmatmul__ = product, product_from_right  # type: ignore[attr-defined]


_bind_methods()
