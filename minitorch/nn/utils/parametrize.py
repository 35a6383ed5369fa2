"""Parametrizations: parameters that are computed from others each time they are read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn.modules.container import ModuleDict, ModuleList
from minitorch.nn.modules.module import Module
from minitorch.nn.parameter import Parameter

#: inside ``cached()``: what was computed, by module and name
_cache: dict[tuple[int, str], Any] = {}
_cached = 0


@contextmanager
def cached() -> Iterator[None]:
    """Inside the ``with`` block each parametrized tensor is computed once, at the first use.

    >>> import minitorch as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
    >>> with torch.nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cached
    _cached += 1
    try:
        yield
    finally:
        _cached -= 1
        if not _cached:
            _cache.clear()


def _register(module: Module, name: str, tensor: Any) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, with what they are computed from: ``original``, or ``original0``, ...

    Args:
        modules: applied in order; ``right_inverse`` of each, in reverse order, gives what to start from.
        original: the tensor that is parametrized.
        unsafe: shape and dtype may change.
    """

    def __init__(self, modules: Any, original: Any, unsafe: bool = False) -> None:
        modules = list(modules)
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            start = _inverted(modules, original)
        self.is_tensor = isinstance(start, Tensor)
        if self.is_tensor:
            if start.dtype != original.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype: "
                    f"it made {start.dtype} of {original.dtype}"
                )
            original.data = start.detach()  # the same object: optimizers know it
            _register(self, "original", original)
            return
        self.ntensors = len(start)
        for index, value in enumerate(start):
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"'right_inverse' must return a Tensor or a sequence of Tensors, got {type(value).__name__}"
                )
            if isinstance(original, Parameter):
                value = Parameter(value.detach(), requires_grad=original.requires_grad)
            _register(self, f"original{index}", value)

    def _originals(self) -> list[Any]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets what the tensor is computed from so that it becomes ``value``; called by assigning to the tensor.

        Raises:
            RuntimeError: a parametrization has no ``right_inverse``.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse: "
                        "the tensor cannot be assigned to"
                    )
                value = module.right_inverse(value)
            for original, new in zip(self._originals(), [value] if self.is_tensor else value):
                if new.dtype != original.dtype:
                    raise ValueError(f"the assigned value is {new.dtype}, expected {original.dtype}")
                if new.shape == original.shape:
                    original.copy_(new)
                else:
                    original.data = new.detach()

    def forward(self) -> Any:
        first, *rest = self
        value = first(*self._originals())
        for module in rest:
            value = module(value)
        return value


def _inverted(modules: list, original: Tensor) -> Any:
    """What ``modules`` give ``original`` for, as far as they can tell."""
    value: Any = original
    for module in reversed(modules):
        if hasattr(module, "right_inverse"):
            try:
                value = module.right_inverse(value)
            except NotImplementedError:
                pass
    return value


class _Parametrized:
    """What a class gets in front of it when a tensor of one of its instances is parametrized."""

    #: the class as it was
    _base: Any

    def __deepcopy__(self, memo: dict) -> Any:
        other = memo[id(self)] = type(self).__new__(type(self))
        other.__dict__ = copy.deepcopy(self.__dict__, memo)
        return other

    def __getstate__(self) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(): load it into a module that "
            "is parametrized in the same way"
        )


def _property(name: str) -> property:
    def get(self: Any) -> Any:
        parametrization = self.parametrizations[name]
        if not _cached:
            return parametrization()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def put(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


@cache
def _class_with(base: type, names: tuple[str, ...]) -> type:
    """A subclass of a class of modules that computes the tensors ``names``."""
    body = {name: _property(name) for name in names}
    made = type(f"Parametrized{base.__name__}", (_Parametrized, base), {**body, "__module__": __name__})
    made._base = base  # type: ignore[attr-defined]
    return made


def type_before_parametrizations(module: Any) -> type:
    """The class that a module had before tensors of it were parametrized."""
    return type(module)._base if is_parametrized(module) else type(module)


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations (of one tensor)."""
    found = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(found, ModuleDict) or not isinstance(module, _Parametrized):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Has a parameter or buffer of a module computed by another module, and returns the former.

    In ``state_dict`` it is then ``parametrizations.<name>.original``.  A tensor may have several: each gets what the
    one before it gives.

    Args:
        parametrization: a module from the tensor to one of the same shape.  If it has ``right_inverse``, that gives
            what to start from (one tensor or several), and the tensor can be assigned to.
        unsafe: do not check that shape and dtype stay as they are.

    Raises:
        ValueError: there is no such tensor, or shape or dtype would change.

    >>> import minitorch as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).mT
    >>> layer = torch.nn.Linear(3, 3)
    >>> layer = torch.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> torch.equal(layer.weight, layer.weight.mT)
    True
    """
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_next(getattr(module, tensor_name), parametrization)
        chain = module.parametrizations[tensor_name]
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    slots: Any = next((s for s in (module._parameters, module._buffers) if s.get(tensor_name) is not None), None)
    if slots is None:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    original = slots[tensor_name]
    values = original.data
    chain = ParametrizationList([parametrization], original, unsafe)
    if not unsafe:
        try:
            _check_kept(values, chain)
        except ValueError:
            original.data = values
            raise
    del slots[tensor_name]
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = chain
    module.__class__ = _class_of(module)
    return module


def _class_of(module: Any) -> type:
    base: Any = type(module)._base if isinstance(module, _Parametrized) else type(module)
    names = tuple(module.parametrizations)
    return _class_with(base, names) if names else base


def _check_kept(values: Tensor, chain: ParametrizationList) -> None:
    with no_grad():
        result = chain()
    if not isinstance(result, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
    _same_kind("Registering a parametrization", values, result)


def _check_next(values: Tensor, parametrization: Any) -> None:
    with no_grad():
        result = parametrization(values)
        if not isinstance(result, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        _same_kind("Registering a parametrization", values, result)
        if hasattr(parametrization, "right_inverse"):
            before = parametrization.right_inverse(result)
            if not isinstance(before, Tensor):
                raise ValueError(
                    "parametrization.right_inverse must return a tensor, as there is one before it. "
                    f"Got {type(before).__name__}"
                )
            _same_kind("parametrization.right_inverse", values, before)


def _same_kind(what: str, expected: Tensor, got: Tensor) -> None:
    if got.dtype != expected.dtype:
        raise ValueError(
            f"{what} may not change the dtype of the tensor, unless the `unsafe` flag is enabled: "
            f"it made {got.dtype} of {expected.dtype}"
        )
    if got.shape != expected.shape:
        raise ValueError(
            f"{what} may not change the shape of the tensor, unless the `unsafe` flag is enabled: "
            f"it made {list(got.shape)} of {list(expected.shape)}"
        )


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Makes a parametrized tensor a usual one again.

    Args:
        leave_parametrized: with the values that it has; otherwise with those that it is computed from.

    Raises:
        ValueError: it is not parametrized, or it is computed from several tensors and ``leave_parametrized`` is off.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if not (chain.is_tensor or leave_parametrized):
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    original = chain._originals()[0]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name).detach()
        if chain.is_tensor:
            original.data = value  # the same object: optimizers know it
        else:
            original = Parameter(value, original.requires_grad) if isinstance(original, Parameter) else value
    del module.parametrizations[tensor_name]
    module.__class__ = _class_of(module)
    if not len(module.parametrizations):
        del module.parametrizations
    _register(module, tensor_name, original)
    return module
