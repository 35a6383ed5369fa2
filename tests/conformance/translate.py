"""PyTorch's samples as ours: tensors of the same values, types and strides; functions with another ``torch``."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np
import torch

import minitorch


class OutOfScope(Exception):
    """A sample has what this library leaves out: complex numbers, sparse tensors, quantized types."""


class Missing(Exception):
    """The library has no such name."""


#: modules whose Python functions are run again with another ``torch`` in their global names
TEST_MODULES = "torch.testing."
_DTYPES = {
    getattr(torch, name): getattr(minitorch, name)
    for name in ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
}
_FORMATS = {
    getattr(torch, name): getattr(minitorch, name)
    for name in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d", "strided")
}
#: where functions of PyTorch are looked for when a sample or a wrapper holds one
_PLACES = ("", "nn.functional", "linalg", "special", "Tensor", "nn.init", "autograd")


@functools.cache
def _names() -> dict[int, str]:
    names: dict[int, str] = {}
    for place in _PLACES:
        for name, value in vars(_lookup(torch, place)).items():
            if callable(value) and name[:2] != "__":
                names.setdefault(id(value), f"{place}.{name}".strip("."))
    return names


def _lookup(library: Any, path: str) -> Any:
    found = library
    for part in filter(None, path.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise Missing(path) from None
    return found


def named(path: str) -> Any:
    """What ``torch.<path>`` is here.

    Raises:
        Missing: there is none.
    """
    return _lookup(minitorch, path)


class Translator:
    """Translates one sample; a tensor that appears twice is one tensor in the translation too."""

    def __init__(self) -> None:
        self.pairs: dict[int, tuple] = {}
        self.memories: dict[tuple, np.ndarray] = {}

    def tensor(self, x: torch.Tensor) -> minitorch.Tensor:
        if id(x) not in self.pairs:
            if x.layout is not torch.strided or x.is_quantized or x.dtype not in _DTYPES:
                raise OutOfScope(f"{x.layout} tensor of {x.dtype}")
            if x.device.type != "cpu":
                raise OutOfScope(f"a tensor on {x.device.type}")
            if x.ndim > 64:
                raise OutOfScope("more dimensions than NumPy has")
            ours: Any = minitorch.from_numpy(array_of(x, self.memories))
            if isinstance(x, torch.nn.Parameter):
                ours = minitorch.nn.Parameter(ours, requires_grad=False)
            if x.requires_grad:
                ours.requires_grad_()
            self.pairs[id(x)] = (x, ours)
        return self.pairs[id(x)][1]

    def leaves(self) -> list[tuple]:
        """The tensors that require gradients, PyTorch's and ours."""
        return [(a, b) for a, b in self.pairs.values() if a.requires_grad]

    def __call__(self, value: Any) -> Any:
        """``value`` with all in it that is PyTorch's replaced."""
        kind = type(value)
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if kind is torch.dtype:
            if value not in _DTYPES:
                raise OutOfScope(f"{value}")
            return _DTYPES[value]
        if kind is torch.device:
            if value.type != "cpu":
                raise OutOfScope(f"a tensor on {value.type}")
            return minitorch.device(str(value))
        if kind in (torch.memory_format, torch.layout):
            if value not in _FORMATS:
                raise OutOfScope(f"{value}")
            return _FORMATS[value]
        if kind is torch.Size:
            return minitorch.Size(value)
        if isinstance(value, complex):
            raise OutOfScope("a complex number")
        if kind in (tuple, list):
            return kind(map(self, value))
        if kind is dict:
            return {key: self(each) for key, each in value.items()}
        if kind is slice:
            return slice(self(value.start), self(value.stop), self(value.step))
        if isinstance(value, torch.nn.Module):
            return _module(value)
        return translated_function(value) if callable(value) else value


def _module(theirs: torch.nn.Module) -> Any:
    """A module made with the same arguments; its parameters are its own."""
    kind = type(theirs).__name__
    if isinstance(theirs, torch.nn.TransformerEncoderLayer):
        dtype = theirs.linear1.weight.dtype
        return minitorch.nn.TransformerEncoderLayer(
            theirs.self_attn.embed_dim,
            theirs.self_attn.num_heads,
            theirs.linear1.out_features,
            theirs.dropout.p,
            translated_function(theirs.activation),
            theirs.norm1.eps,
            theirs.self_attn.batch_first,
            theirs.norm_first,
            theirs.linear1.bias is not None,
            dtype=_DTYPES[dtype],
        )
    return eval(repr(theirs), {kind: named("nn." + kind)})  # repr has every argument of a small module


def array_of(x: torch.Tensor, memories: dict | None = None) -> np.ndarray:
    """A copy of the values with the same strides; what shares memory shares it in the copies too."""
    x = x.detach().resolve_neg()
    if not x.numel():
        return x.numpy().copy()
    storage = x.untyped_storage()
    key = (storage.data_ptr(), x.dtype)
    memories = {} if memories is None else memories
    if key not in memories:
        memories[key] = torch.empty(0, dtype=x.dtype).set_(storage).numpy().copy()
    memory, size = memories[key], x.element_size()
    strides = [n * size for n in x.stride()]
    if x.storage_offset() * size + sum((n - 1) * s for n, s in zip(x.shape, strides)) >= memory.nbytes:
        raise OutOfScope("a tensor that reaches beyond its memory, left by a failed call of PyTorch")
    return np.ndarray(tuple(x.shape), memory.dtype, memory, x.storage_offset() * size, strides)


def translated_function(function: Any) -> Any:
    """The function of ours with the same name, or the same Python code with our library for ``torch``."""
    if isinstance(function, functools.partial):
        translate = Translator()
        inner = translated_function(function.func)
        return functools.partial(inner, *map(translate, function.args), **translate(function.keywords))
    if isinstance(function, types.FunctionType) and function.__module__.startswith(TEST_MODULES):
        return _seeded if function.__name__ == "wrapper_set_seed" else _rebound(function)
    if id(function) in _names():
        return named(_names()[id(function)])
    if issubclass(torch.Tensor, getattr(function, "__objclass__", int)):
        return named(f"Tensor.{function.__name__}")
    if isinstance(function, type) and function.__module__.split(".")[0] == "torch":
        return named(f"nn.{function.__name__}" if issubclass(function, torch.nn.Module) else function.__name__)
    module = getattr(function, "__module__", None) or ""
    if module.split(".")[0] == "torch" and isinstance(function, (types.FunctionType, types.BuiltinFunctionType)):
        for place in _PLACES:
            if hasattr(_lookup(torch, place), function.__name__):
                return named(f"{place}.{function.__name__}".strip("."))
        raise Missing(f"{module}.{function.__name__}")
    return function


def _seeded(function: Any, *args: Any, **kwargs: Any) -> Any:
    """In the place of what seeds PyTorch's generators around a call."""
    minitorch.manual_seed(42)
    return function(*args, **kwargs)


@functools.cache
def _rebound(function: types.FunctionType) -> types.FunctionType:
    scope: dict[str, Any] = {"__builtins__": __builtins__}
    ours = types.FunctionType(
        function.__code__,
        scope,
        function.__name__,
        function.__defaults__,
        tuple(types.CellType(_global(cell.cell_contents)) for cell in function.__closure__ or ()),
    )
    ours.__kwdefaults__ = function.__kwdefaults__
    for name in _global_names(function.__code__):
        if name in function.__globals__:
            value = function.__globals__[name]
            scope[name] = ours if value is function else _global(value)
    return ours


def _global(value: Any) -> Any:
    if value is torch:
        return minitorch
    if value is torch.nn.functional:
        return minitorch.nn.functional
    if isinstance(value, (types.FunctionType, functools.partial)) or id(value) in _names():
        return translated_function(value)
    return value


def _global_names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names
