"""A module as a tree: going through it, finding in it, moving and converting all of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from minitorch.core.device import Device, as_device
from minitorch.core.dtype import bfloat16, float16, float32, float64
from minitorch.core.grad_mode import no_grad
from minitorch.core.tensor import Tensor
from minitorch.nn.parameter import is_lazy
from minitorch.ops.conversion import parse_to

if TYPE_CHECKING:
    from minitorch.nn.modules.module import Module

T = TypeVar("T", bound="Tree")


class Tree:
    """The part of :class:`Module` that knows parameters, buffers and children."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]

    # ---- going through

    def _named_members(
        self, members: Callable[[Any], Any], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in members(module).items():
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Pairs of dotted name and parameter, in the order of assignment.

        Args:
            prefix: put in front of all names.
            recurse: with those of the children.
            remove_duplicate: a parameter that is shared comes once, under its first name.
        """
        return self._named_members(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """The parameters, each once: what an optimizer is given."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Pairs of dotted name and buffer; arguments as for :meth:`named_parameters`."""
        return self._named_members(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Pairs of name and direct child, each child once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Pairs of dotted path and module for the whole tree, this module (path ``prefix``) first."""
        seen = set() if memo is None else memo
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if module in seen:
                continue
            if remove_duplicate:
                seen.add(module)
            yield path, module
            below = [
                (f"{path}.{name}" if path else name, child)
                for name, child in module._modules.items()
                if child is not None
            ]
            stack.extend(reversed(below))

    def modules(self) -> Iterator[Module]:
        for _, module in self.named_modules():
            yield module

    # ---- finding

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; the module itself for ``""``.

        Raises:
            AttributeError: nothing is there, or no module.
        """
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Tree):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts ``module`` at a dotted path.  With ``strict`` there must be a module to replace."""
        path, _, name = target.rpartition(".")
        if not name:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Tree):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Tree):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Any:
        """The parameter at a dotted path."""
        return self._member(target, "_parameters", "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._member(target, "_buffers", "a buffer")

    def _member(self, target: str, kind: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if getattr(module, kind).get(name) is None:
            raise AttributeError(f"`{name}` is not {what}")
        return getattr(module, kind)[name]

    # ---- converting

    def _apply(self: T, function: Callable[[Any], Any], recurse: bool = True) -> T:
        """Puts ``function`` of every parameter, gradient and buffer in its place; parameters stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(function)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with no_grad():
                _exchange(parameter, function(parameter))
                if parameter._grad is not None:
                    _exchange(parameter._grad, function(parameter._grad))
        for name, buffer in self._buffers.items():
            if buffer is not None:
                with no_grad():
                    self._buffers[name] = _like_buffer(buffer, function(buffer))
        return self

    def apply(self: T, fn: Callable[[Any], None]) -> T:
        """Calls ``fn`` with every module of the tree, children before parents: for initialisation.

        >>> import minitorch as torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(2, 2))
        >>> _ = net.apply(lambda m: print(type(m).__name__))
        Linear
        Sequential
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def to(self: T, *args: Any, **kwargs: Any) -> T:
        """Moves and converts all parameters and buffers.

        Called as ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.  The module itself is
        changed and returned.  Integer buffers keep their dtype.

        Raises:
            TypeError: the dtype is not of floating point.
            RuntimeError: the device is not available.
        """
        device, dtype = parse_to(args, dict(kwargs))
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: t.to(device, dtype if t.is_floating_point() else None))

    def type(self: T, dst_type: Any) -> T:
        """Converts all parameters and buffers to ``dst_type``, a dtype or the name of a tensor type."""
        return self._apply(lambda t: t.type(dst_type))

    def _float_as(self: T, dtype: Any) -> T:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self: T) -> T:
        """Converts all floating point parameters and buffers to float32."""
        return self._float_as(float32)

    def double(self: T) -> T:
        """Converts all floating point parameters and buffers to float64."""
        return self._float_as(float64)

    def half(self: T) -> T:
        """Converts all floating point parameters and buffers to float16."""
        return self._float_as(float16)

    def bfloat16(self: T) -> T:
        """Converts all floating point parameters and buffers to bfloat16."""
        return self._float_as(bfloat16)

    def cpu(self: T) -> T:
        """Moves all parameters and buffers to host memory."""
        return self._apply(lambda t: t.cpu())

    def cuda(self: T, device: Any = None) -> T:
        """Moves all parameters and buffers to a GPU: the current one, or ``device``."""
        target = Device("cuda") if device is None else as_device(device)
        return self._apply(lambda t: t.cuda(target))

    def to_empty(self: T, *, device: Any, recurse: bool = True) -> T:
        """Moves parameters and buffers to ``device`` without their values."""
        from minitorch.creation import empty_like

        return self._apply(lambda t: empty_like(t, device=device), recurse)

    # ---- modes

    def requires_grad_(self: T, requires_grad: bool = True) -> T:
        """Has all parameters collect gradients, or none: to freeze a part of a network."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Takes the gradients away, or with ``set_to_none=False`` overwrites them with zeros."""
        for parameter in self.parameters():
            if parameter._grad is not None:
                if set_to_none:
                    parameter._grad = None
                else:
                    parameter._grad = parameter._grad.detach().zero_()

    def share_memory(self: T) -> T:
        """Returns the module: processes that are forked share its memory until one of them writes."""
        return self

    def __dir__(self) -> list[str]:
        members = itertools.chain(self.__dict__, self._parameters, self._modules, self._buffers)
        # Sequential's children have numbers, which are no attributes
        return sorted({name for name in (*dir(type(self)), *members) if not name[:1].isdigit()})


def _exchange(tensor: Any, converted: Any) -> None:
    if is_lazy(tensor):
        tensor.share_place(converted)
    elif converted is not tensor:
        tensor._data = converted._data


def _like_buffer(buffer: Any, converted: Any) -> Any:
    if converted is not buffer and getattr(buffer, "_is_buffer", False):
        converted._is_buffer, converted.persistent = True, buffer.persistent
    return converted
