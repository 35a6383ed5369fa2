"""``Optimizer``: parameter groups, state, checkpoints and hooks: what all optimizers share but the equation."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from minitorch.core.grad_mode import no_grad
from minitorch.core.node import RemovableHandle
from minitorch.core.tensor import Tensor

#: the default of an option that every group must be given
required: Any = type("_Required", (), {"__repr__": lambda self: "<required parameter>", "__slots__": ()})()

_step_pre_hooks: dict[int, Callable] = {}
_step_post_hooks: dict[int, Callable] = {}
_HOOKS = ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post")


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` before the step of every optimizer; see ``register_step_pre_hook``."""
    return _add(_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` after the step of every optimizer."""
    return _add(_step_post_hooks, hook)


def _add(hooks: dict[int, Callable], hook: Callable, prepend: bool = False) -> RemovableHandle:
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
    handle = RemovableHandle(hooks)
    later = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(later)
    return handle


def _with_hooks(step: Callable) -> Callable:
    """``step`` between the hooks; a step that calls that of its base class runs them once."""

    @functools.wraps(step)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        state = self.__dict__
        if state.get("_in_step"):
            return step(self, *args, **kwargs)
        state["_in_step"] = True
        try:
            # PyTorch's hooks are given the optimizer among the arguments as well.
            args = (self, *args)
            for hook in (*_step_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            f"{type(self).__name__}: a step pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {changed}."
                        )
                    args, kwargs = changed
            result = step(*args, **kwargs)
            if "_opt_called" in state:  # a scheduler asks whether there was a step before its own
                state["_opt_called"] = True
            for hook in (*self._optimizer_step_post_hooks.values(), *_step_post_hooks.values()):
                hook(self, args, kwargs)
            return result
        finally:
            state["_in_step"] = False

    return call


class Optimizer:
    """Base class of all optimizers.  A subclass of your own gives its options' defaults and defines ``step``.

    Args:
        params: the tensors to optimize, in an order that is the same in every run: tensors, pairs of name and tensor
            (``model.named_parameters()``), or dicts with "params" and options of that group.
        defaults: options for groups that do not give them.

    Raises:
        TypeError: ``params`` is a tensor or has something that is none.
        ValueError: there is no parameter, a parameter was computed from others, or it is in two groups.

    >>> import minitorch as torch
    >>> class SignDescent(torch.optim.Optimizer):
    ...     def __init__(self, params, lr=0.1):
    ...         super().__init__(params, {"lr": lr})
    ...     @torch.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 if p.grad is not None:
    ...                     p.sub_(p.grad.sign() * group["lr"])
    >>> w = torch.ones(2, requires_grad=True)
    >>> optimizer = SignDescent([w])
    >>> (w * torch.tensor([3., -2.])).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000, 1.1000], requires_grad=True)
    """

    defaults: dict[str, Any]
    state: Any
    param_groups: list[dict[str, Any]]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._ensure_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{_type_name(params)}; put it into a list: [parameter]"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes the parameters by one step along their gradients.

        Args:
            closure: computes the loss again, with ``zero_grad`` and ``backward``, and returns it.

        Returns:
            The closure's loss, or ``None``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Takes the gradients away, or with ``set_to_none=False`` overwrites them with zeros.

        A parameter whose gradient is ``None`` is passed over by ``step``; one whose gradient is zero is not: momentum
        and weight decay still move it.
        """
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param._grad = None
                elif param._grad is not None:
                    if param._grad.requires_grad:
                        param._grad = param._grad.detach()
                    param._grad.zero_()

    # ---- groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own: layers that are unfrozen during training, say.

        Args:
            param_group: "params" and options; what is missing comes from ``defaults``.

        Raises:
            TypeError: it is no dict, "params" is a set, or one of them is no tensor.
            ValueError: a parameter was computed from others or is in a group already, only some have names, or a
                required option is missing.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = list(params)
        names = [pair[0] for pair in params if isinstance(pair, tuple)]
        if names and len(names) != len(params):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        params = [pair[1] if isinstance(pair, tuple) else pair for pair in params]
        for param in params:
            self._check_param(param)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "each of them is stepped as often as it is listed",
                stacklevel=3,
            )
        named = bool(names) or "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if named else 'without'} names to the optimizer"
                )
            if not set(group["params"]).isdisjoint(params):
                raise ValueError("some parameters appear in more than one parameter group")
        self._check_options({**self.defaults, **param_group})
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self.param_groups.append(param_group)

    def _check_param(self, param: Any) -> None:
        if not isinstance(param, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_type_name(param)}")
        if not (param.is_leaf or param.retains_grad):
            raise ValueError(
                "can't optimize a non-leaf Tensor: it was computed from others; make it with requires_grad=True, "
                "after moving it where it belongs"
            )

    def _check_options(self, group: dict[str, Any]) -> None:
        """Raises if the options of a group cannot be honoured."""

    # ---- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """The state and the options, parameters told by their number: what ``save`` writes and PyTorch reads.

        Returns:
            ``{"state": {number: {name: value}}, "param_groups": [{option: value, "params": [number]}]}``.  The tensors
            in it are those that the optimizer works with, not copies.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        number: dict[int, int] = {}
        groups, first = [], 0
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for index, param in enumerate(group["params"], first):
                number.setdefault(id(param), index)
            packed["params"] = [number[id(param)] for param in group["params"]]
            first += len(group["params"])
            groups.append(packed)
        state = {number[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        state_dict = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        return state_dict

    @no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over state and options from a ``state_dict``, in the order of the parameters.

        Tensors are copied, and moved and converted to the parameter that they belong to; step counts stay as they are.

        Raises:
            ValueError: the groups or their numbers of parameters differ; nothing has changed then.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(self.param_groups) != len(saved):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved)}, where the optimizer has {len(self.param_groups)}"
            )
        for index, (mine, theirs) in enumerate(zip(self.param_groups, saved)):
            if len(mine["params"]) != len(theirs["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {index} has {len(theirs['params'])} parameters, here it has {len(mine['params'])}"
                )
        by_number = {
            number: param
            for mine, theirs in zip(self.param_groups, saved)
            for number, param in zip(theirs["params"], mine["params"])
        }
        state: Any = defaultdict(dict)
        for key, value in state_dict["state"].items():
            param = by_number.get(key)
            if param is None:
                state[key] = value
            else:
                state[param] = _fitted(param, value)
        for mine, theirs in zip(self.param_groups, saved):
            theirs["params"] = mine["params"]
            if "param_names" in mine:
                theirs.setdefault("param_names", mine["param_names"])
            self._check_options(theirs)
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        kept = ("defaults", "state", "param_groups", "_opt_called")
        return {name: self.__dict__[name] for name in kept if name in self.__dict__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._ensure_hooks()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for index, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {index}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # ---- hooks

    def _ensure_hooks(self) -> None:
        for name in _HOOKS:
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", {})

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before each step.

        ``args`` begins with the optimizer.  A hook may return new ``(args, kwargs)``.
        """
        return _add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after each step."""
        return _add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` before ``state_dict`` begins."""
        return _add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` on what ``state_dict`` is about to return; a result replaces it."""
        return _add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` before ``load_state_dict`` looks at it; a result replaces it."""
        return _add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` after ``load_state_dict``."""
        return _add(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    _optimizer_step_pre_hooks: dict[int, Callable]
    _optimizer_step_post_hooks: dict[int, Callable]
    _optimizer_state_dict_pre_hooks: dict[int, Callable]
    _optimizer_state_dict_post_hooks: dict[int, Callable]
    _optimizer_load_state_dict_pre_hooks: dict[int, Callable]
    _optimizer_load_state_dict_post_hooks: dict[int, Callable]


def _fitted(param: Tensor, value: Any, key: Any = None) -> Any:
    """A copy of ``value`` with its tensors as ``param`` needs them."""
    if isinstance(value, Tensor):
        if key == "step":
            return value.clone()
        dtype = param.dtype if param.is_floating_point() else None
        moved = value.to(param.device, dtype)
        return value.clone() if moved is value else moved
    if isinstance(value, dict):
        return {name: _fitted(param, item, name) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_fitted(param, item) for item in value)
    return value


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
