"""``Module``: the base of layers and networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from minitorch.core.tensor import Tensor
from minitorch.nn.modules.errors import PLACED, place
from minitorch.nn.modules.module_hooks import (
    HOOKS,
    Hooked,
    Hooks,
    module_hooks,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from minitorch.nn.modules.module_state import Stateful
from minitorch.nn.modules.module_tree import Tree
from minitorch.nn.parameter import Buffer, Parameter

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

T = TypeVar("T", bound="Module")

#: where a module keeps what is registered, and what it is called in messages
_KINDS = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}


def _missing_forward(self: Any, *input: Any) -> None:
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(Tree, Stateful, Hooked):
    """Base of layers and networks: has parameters, buffers and other modules, and computes in ``forward``.

    What is assigned to an attribute is registered in the order of assignment: a ``Parameter`` is learnt, a ``Buffer``
    is state that is not, a ``Module`` is a part with parameters of its own.  Call the module, not its ``forward``:
    hooks run then, and errors name the layer they come from.

    >>> import minitorch as torch
    >>> class Scale(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = torch.nn.Parameter(torch.tensor(3.))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> net = Scale()
    >>> net(torch.tensor(2.))
    tensor(6., grad_fn=<MulBackward0>)
    >>> [name for name, _ in net.named_parameters()]
    ['factor']
    """

    training: bool
    #: computes the result from the arguments of the call; every subclass has its own
    forward: Callable[..., Any] = _missing_forward

    def __init__(self) -> None:
        # past __setattr__, which needs what is set here
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(), _modules={})
        self.__dict__.update({kind: Hooks() for kind in HOOKS})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooked or module_hooks.ever:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except PLACED as error:
            place(error, self)
            raise

    # ---- registering

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under ``name``; ``None`` says that the module could have one and has not.

        Raises:
            AttributeError: ``Module.__init__`` was not called.
            KeyError: the name is taken, empty or has a dot.
            TypeError: the name is no string, or ``param`` no ``Parameter``.
            ValueError: ``param`` was computed.
        """
        self._check_name("_parameters", name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if not param.is_leaf:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
            param = module_hooks.registered("parameter", self, name, param)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is part of the state but not learnt, such as a running mean.

        Args:
            persistent: whether ``state_dict`` has it.

        Raises: as :meth:`register_parameter`.
        """
        self._check_name("_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = module_hooks.registered("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Adds a child under ``name``; it is then the attribute of that name too.

        Raises: as :meth:`register_parameter`.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_name("_modules", name)
        self._modules[name] = module_hooks.registered("module", self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as :meth:`add_module`."""
        self.add_module(name, module)

    def _check_name(self, kind: str, name: Any) -> None:
        what = _KINDS[kind]
        if kind not in self.__dict__:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain ".", got: {name}')
        if not name:
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in getattr(self, kind) and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # ---- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            self._make_room(name, "_parameters", "parameters")
            self.register_parameter(name, value)
        elif name in own.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._make_room(name, "_modules", "module")
            own["_modules"][name] = module_hooks.registered("module", self, name, value)
        elif name in own.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            own["_modules"][name] = module_hooks.registered("module", self, name, value)
        elif name in own.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{_type_name(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            persistent = name not in own["_non_persistent_buffers_set"]
            if isinstance(value, Tensor) and isinstance(value, Buffer):
                persistent = value.persistent
            self.register_buffer(name, value, persistent)
        elif isinstance(value, Tensor) and isinstance(value, Buffer):
            self._make_room(name, "_buffers", "buffer")
            self.register_buffer(name, value, value.persistent)
        else:
            object.__setattr__(self, name, value)

    def _make_room(self, name: str, kind: str, what: str) -> None:
        """Takes away what ``name`` meant so far: it becomes one of ``kind``."""
        own = self.__dict__
        if kind not in own:
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        own.pop(name, None)
        for other in _KINDS:
            if other != kind:
                own[other].pop(name, None)
        if kind != "_buffers":
            own["_non_persistent_buffers_set"].discard(name)

    def __getattr__(self, name: str) -> Any:
        # Python comes here when the name is no usual attribute.
        own = self.__dict__
        if "_parameters" in own:
            if name in own["_parameters"]:
                return own["_parameters"][name]
            if name in own["_modules"]:
                return own["_modules"][name]
            if name in own["_buffers"]:
                return own["_buffers"][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for kind in _KINDS:
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        for kind in HOOKS:
            self.__dict__.setdefault(kind, Hooks())

    # ---- modes

    def train(self: T, mode: bool = True) -> T:
        """Training mode for the whole tree: matters to dropout, batch normalisation and the like.

        Raises:
            ValueError: ``mode`` is no bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: T) -> T:
        """Evaluation mode for the whole tree: ``train(False)``."""
        return self.train(False)

    # ---- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the brackets of this module in ``repr``; layers have their own."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        return bracketed(self._get_name(), extra, children)


def indented(text: str) -> str:
    """``text`` with all lines but the first moved in by two."""
    return text.replace("\n", "\n  ")


def bracketed(name: str, extra: str, children: list[str]) -> str:
    """``name(extra)`` on one line if there is nothing else, otherwise a line for each part."""
    lines = extra.split("\n") if extra else []
    if not children and len(lines) <= 1:
        return f"{name}({extra})"
    return "\n  ".join([f"{name}(", *lines, *children]) + "\n)"


def _type_name(value: Any) -> str:
    kind = type(value)
    if kind is Tensor:
        return value.type()
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
