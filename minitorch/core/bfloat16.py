"""Operations on bfloat16: they widen it to float32, compute there, and round the results once.

NumPy's functions are slow with the elements of ml_dtypes, and some do not take them at all.  So the public functions on
tensors make a detour (:mod:`minitorch.core.detours`) from the first tensor of bfloat16 on.  Widening and rounding are
casts in the graph, so gradients pass through both as they do in mixed precision.  What looks at memory without
computing (views, copies, casts) is left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

from minitorch.core.detours import put_around
from minitorch.core.dtype import FLOATING, DType, bfloat16, float32, of_numpy
from minitorch.core.inplace import assign, refuse_write
from minitorch.core.out_argument import into
from minitorch.core.promotion import result_dtype
from minitorch.core.tensor import LEAF, Tensor

#: where functions on tensors are public
_PUBLIC = (
    *("", ".nn.functional", ".nn.functional.fractional_pooling", ".linalg", ".special"),
    *(".ops.differences", ".ops.histograms", ".ops.lu"),
)
#: in nn.functional, and called by layers alone
_INNER = {
    "adaptive_pooling": ("adaptive_avg_pool", "adaptive_max_pool"),
    "attention": ("attention",),
    "conv": ("convolution",),
    "conv_transpose": ("transposed",),
    "pooling": ("avg_pool", "lp_pool", "max_pool"),
    "recurrent": ("step", "layers"),
    "unpooling": ("max_unpool",),
}
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
#: products take operands of one dtype
_ONE_DTYPE = {
    *("linear", "bilinear", "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "dot", "addmm", "addmv", "addr"),
    *("baddbmm", "addbmm", "scaled_dot_product_attention", "attention", "convolution", "transposed", "layers", "step"),
    *(f"{kind}{dims}d" for kind in ("conv", "conv_transpose") for dims in (1, 2, 3)),
}
#: numbers beside a tensor are rounded to its dtype before they are compared with it, as in ``x == 1.1``
_COMPARISONS = {
    *("eq", "ne", "lt", "le", "gt", "ge", "less", "less_equal", "greater", "greater_equal", "not_equal"),
    *("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
}
#: results are below 1, and rounding must not take them there
_BELOW_ONE = {"rand", "rand_like"}
_MOST_BELOW_ONE = 1 - 2.0**-8


def prepare() -> None:
    """Has all public functions on tensors take bfloat16."""
    put_around("bfloat16", [(function, functools.partial(_around, name)) for name, function in public_functions()])


def public_functions() -> Iterator[tuple[str, Any]]:
    """Name and function object, each once, of what computes with tensors."""
    seen = set()
    places: list[Any] = [import_module("minitorch" + name) for name in _PUBLIC]
    found = [(name, value) for place in (*places, Tensor) for name, value in vars(place).items()]
    for module, names in _INNER.items():
        inner = import_module(f"minitorch.nn.functional.{module}")
        found += [(name, getattr(inner, name)) for name in names]
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
    # operators; elsewhere in the core are methods of Tensor itself, and in-place variants, which call what they vary
    return module == "minitorch.core.calls" or module.startswith(_COMPUTING)


def _around(name: str, function: Callable) -> Callable:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not (any(map(_holds, args)) or (kwargs and any(map(_holds, kwargs.values())))):
            return function(*args, **kwargs)
        return _Widened(name).call(function, args, kwargs)

    return call


def _holds(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value._data.dtype.kind == "V"
    return value is bfloat16 or (type(value) in (list, tuple) and any(map(_holds, value)))


class _Widened:
    """One call: the float32 copies of its tensors, and what they and the results become again."""

    def __init__(self, name: str) -> None:
        self.name = name
        #: by id of a tensor: it, its copy, and the version of the copy
        self.copies: dict[int, tuple[Tensor, Tensor, int]] = {}
        self.floating: list[Any] = []
        self.wanted: list[DType] = []

    def call(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        out = kwargs.pop("out", None)
        args = tuple([self.widen(x) for x in args])
        kwargs = {key: self.widen(x) for key, x in kwargs.items()}
        rounded = self.is_rounded()
        result = function(*args, **kwargs)
        originals = {id(copy): tensor for tensor, copy, _ in self.copies.values()}
        for tensor, copy, version in self.copies.values():
            if copy._version != version:
                refuse_write(tensor, self.name)
                assign(tensor, copy.to(bfloat16), self.name)
        result = self.narrow(result, originals, rounded)
        if out is None:
            return result
        if isinstance(out, Tensor):
            return into(out, result, self.name)
        return type(result)([into(one, made, self.name) for one, made in zip(out, result)])

    def widen(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            kind = value._data.dtype.kind
            if kind in FLOATING:
                self.floating.append(value._data)
            if kind != "V":
                return value
            known = self.copies.get(id(value))
            if known is None:
                copy = value.to(float32)
                known = self.copies[id(value)] = (value, copy, copy._version)
            return known[1]
        if type(value) in (list, tuple):
            return type(value)([self.widen(x) for x in value])
        if isinstance(value, DType):
            self.wanted.append(value)
            return float32 if value is bfloat16 else value
        if type(value) is float and self.name in _COMPARISONS:
            return float(bfloat16.numpy.type(value))
        return value

    def is_rounded(self) -> bool:
        """Whether the result is bfloat16: by the dtype that was asked for, or by promotion.

        Raises:
            RuntimeError: the operands of a product have several dtypes.
        """
        if self.name in _ONE_DTYPE:
            other = next((array for array in self.floating if array.dtype.kind != "V"), None)
            if other is not None:
                raise RuntimeError(
                    f"{self.name.strip('_')}: expected operands of the same dtype, but got torch.bfloat16 and "
                    f"{of_numpy(other.dtype)}; convert one of them with .to()"
                )
        if self.wanted:
            return bfloat16 in self.wanted
        if self.name in _FIRST_DECIDES:
            return self.floating[0].dtype.kind == "V"
        return result_dtype(self.floating) is bfloat16

    def narrow(self, result: Any, originals: dict[int, Tensor], rounded: bool) -> Any:
        if isinstance(result, Tensor):
            if id(result) in originals:
                return originals[id(result)]
            return self.round(result) if rounded and result.dtype is float32 else result
        if isinstance(result, (list, tuple)):
            return type(result)([self.narrow(x, originals, rounded) for x in result])
        return result

    def round(self, result: Tensor) -> Tensor:
        if self.name in _BELOW_ONE:
            result.data.clamp_(max=_MOST_BELOW_ONE)
        if result._edge is LEAF:  # made by this call, to be differentiated by
            return result.detach().to(bfloat16).requires_grad_()
        return result.to(bfloat16)
