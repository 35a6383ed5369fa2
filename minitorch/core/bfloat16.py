"""Operations on bfloat16: they widen it to float32, compute there, and round the results once.

NumPy's functions are slow with the elements of ml_dtypes, and some do not take them at all.  So the public functions on
tensors make a detour (:mod:`minitorch.core.detours`) from the first tensor of bfloat16 on.  Widening and rounding are
casts in the graph, so gradients pass through both as they do in mixed precision.  What looks at memory without
computing (views, copies, casts) is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

from minitorch.core.detours import put_around
from minitorch.core.dtype import DType, bfloat16, float32
from minitorch.core.inplace import assign, refuse_write
from minitorch.core.out_argument import into
from minitorch.core.promotion import result_dtype
from minitorch.core.tensor import Tensor

#: where functions on tensors are public
_PUBLIC = ("", ".nn.functional", ".linalg", ".special", ".ops.differences", ".ops.histograms", ".ops.lu")
#: public in no namespace, but called by layers
_INNER = {"minitorch.nn.functional.recurrent": ("step", "layers")}
#: functions of these modules take any elements as they are
_BARE = {
    *(f"minitorch.ops.{name}" for name in ("axes", "conversion", "indexing", "pieces", "properties", "shape")),
    "minitorch.storage",
}
_COMPUTING = ("minitorch.ops.", "minitorch.nn.functional.", "minitorch.creation", "minitorch.sampling")
#: views, copies and in-place variants of functions that are listed anyway
_BARE_NAMES = {"diagonal", "from_numpy", "frombuffer", "from_dlpack", "is_tensor", "new"}
#: where the dtype of the first argument decides, whatever that of the weights
_FIRST_DECIDES = {"batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"}


def prepare() -> None:
    """Has all public functions on tensors take bfloat16."""
    put_around("bfloat16", ((function, _around(name)) for name, function in public_functions()))


def public_functions() -> Iterator[tuple[str, Any]]:
    """Name and function object, each once, of what computes with tensors."""
    seen = set()
    places: list[Any] = [import_module("minitorch" + name) for name in _PUBLIC]
    found = [(name, value) for place in (*places, Tensor) for name, value in vars(place).items()]
    found += [(name, getattr(import_module(module), name)) for module, names in _INNER.items() for name in names]
    for name, function in found:
        if type(function) is FunctionType and function not in seen and _computes(name, function):
            seen.add(function)
            yield name, function


def _computes(name: str, function: Any) -> bool:
    module = function.__module__
    if name.startswith("_") and not name.endswith("__"):
        return False
    if module in _BARE or name in _BARE_NAMES or getattr(getattr(function, "spec", None), "view", False):
        return False
    if module.startswith("minitorch.core."):  # operators; methods of Tensor itself and in-place variants are others
        return module == "minitorch.core.calls"
    return module.startswith(_COMPUTING)


def _around(name: str) -> Callable:
    first_decides = name in _FIRST_DECIDES

    def around(function: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not (any(map(_holds, args)) or (kwargs and any(map(_holds, kwargs.values())))):
                return function(*args, **kwargs)
            return _Widened(first_decides).call(name, function, args, kwargs)

        return call

    return around


def _holds(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value._data.dtype.kind == "V"
    return value is bfloat16 or (type(value) in (list, tuple) and any(map(_holds, value)))


class _Widened:
    """One call: the float32 copies of its tensors, and what they become again."""

    def __init__(self, first_decides: bool) -> None:
        self.first_decides = first_decides
        #: by id of a tensor: it, its copy, and the version of the copy
        self.copies: dict[int, tuple[Tensor, Tensor, int]] = {}
        self.floating: list[Any] = []
        self.wanted: list[DType] = []

    def call(self, name: str, function: Callable, args: tuple, kwargs: dict) -> Any:
        out = kwargs.pop("out", None)
        result = function(*[self.widen(x) for x in args], **{key: self.widen(x) for key, x in kwargs.items()})
        originals = {id(copy): tensor for tensor, copy, _ in self.copies.values()}
        rounded = self.is_rounded()
        for tensor, copy, version in self.copies.values():
            if copy._version != version:
                refuse_write(tensor, name)
                assign(tensor, copy.to(bfloat16), name)
        result = _narrow(result, originals, rounded)
        if out is None:
            return result
        if isinstance(out, Tensor):
            return into(out, result, name)
        return type(result)([into(one, made, name) for one, made in zip(out, result)])

    def widen(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            kind = value._data.dtype.kind
            if kind == "f":
                self.floating.append(value._data)
            elif kind == "V":
                self.floating.append(value._data)
                known = self.copies.get(id(value))
                if known is None:
                    copy = value.to(float32)
                    known = self.copies[id(value)] = (value, copy, copy._version)
                return known[1]
        elif type(value) in (list, tuple):
            return type(value)([self.widen(x) for x in value])
        elif isinstance(value, DType):
            self.wanted.append(value)
            if value is bfloat16:
                return float32
        return value

    def is_rounded(self) -> bool:
        """Whether the result is bfloat16: by the dtype that was asked for, or by promotion."""
        if self.wanted:
            return bfloat16 in self.wanted
        if self.first_decides:
            return self.floating[0].dtype.kind == "V"
        return result_dtype(self.floating) is bfloat16


def _narrow(result: Any, originals: dict[int, Tensor], rounded: bool) -> Any:
    if isinstance(result, Tensor):
        original = originals.get(id(result))
        if original is not None:
            return original
        return result.to(bfloat16) if rounded and result.dtype is float32 else result
    if isinstance(result, (list, tuple)):
        parts = [_narrow(x, originals, rounded) for x in result]
        return type(result)(parts)
    return result
