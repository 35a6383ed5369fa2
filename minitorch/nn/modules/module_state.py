"""``state_dict`` and ``load_state_dict``: the parameters and buffers of a module by name."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from minitorch.core.grad_mode import no_grad
from minitorch.core.inplace import refuse_shared_elements
from minitorch.core.node import RemovableHandle
from minitorch.core.tensor import Tensor
from minitorch.nn.parameter import Parameter, is_lazy

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` found on one side only."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    def __str__(self) -> str:
        return repr(self)


class Stateful:
    """The part of :class:`Module` that can be written to a dict and read back."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: dict
    _state_dict_pre_hooks: dict
    _load_state_dict_pre_hooks: dict
    _load_state_dict_post_hooks: dict
    _hook_options: dict[int, tuple]
    _add_hook: Callable[..., RemovableHandle]

    #: of what ``state_dict`` has for this class alone; kept in the dict's ``_metadata``
    _version: int = 1

    # ---- writing

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers of the whole tree by dotted name; memory is shared with the module.

        Args:
            destination: a dict to add to.
            prefix: put in front of all names.
            keep_vars: the parameters themselves instead of detached tensors.

        >>> import minitorch as torch
        >>> list(torch.nn.Linear(2, 3).state_dict())
        ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead: destination, prefix, keep_vars",
                FutureWarning,
                stacklevel=2,
            )
            by_name = [destination, prefix, keep_vars]
            destination, prefix, keep_vars = [*args, *by_name[len(args) :]]
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for key, hook in list(self._state_dict_hooks.items()):
            replaced = hook(self, destination, prefix, metadata)
            if replaced is not None:
                if "post" in self._hook_options.get(key, ()):
                    raise RuntimeError("state_dict post-hook must return None")
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Adds what this module alone has; subclasses may add to it."""
        for name, value in self._own_state().items():
            destination[prefix + name] = value if keep_vars else value.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> dict[str, Any]:
        own = dict(self._parameters)
        own.update((k, v) for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set)
        return {name: value for name, value in own.items() if value is not None}

    def get_extra_state(self) -> Any:
        """What ``state_dict`` has beside tensors: a subclass that overrides this also has :meth:`set_extra_state`."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called: override it to have extra "
            "state"
        )

    def set_extra_state(self, state: Any) -> None:
        """Takes what :meth:`get_extra_state` gave."""
        raise RuntimeError(
            f"{type(self).__name__}.set_extra_state() is missing: the state dict has extra state for this module"
        )

    # ---- reading

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copies parameters and buffers from a dict that ``state_dict`` gave.

        Everything is checked before anything is copied: if this raises, the module is as it was.

        Args:
            strict: names must be the same on both sides.
            assign: put the tensors of the dict in the places instead of copying; parameters keep ``requires_grad``.

        Returns ``missing_keys`` and ``unexpected_keys``, two lists of names.

        Raises:
            TypeError: ``state_dict`` is no dict.
            RuntimeError: shapes differ or, with ``strict``, names; all differences are listed.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        given: Any = OrderedDict(state_dict)  # hooks may change it
        if metadata is not None:
            given._metadata = metadata
        keys = _IncompatibleKeys([], [])
        errors: list[str] = []
        writes: list[Callable[[], Any]] = []
        visited: list[Stateful] = []
        _check_tree(self, given, metadata or {}, "", assign, keys, errors, writes, visited)
        hooks = [(m, hook) for m in visited for hook in list(m._load_state_dict_post_hooks.values())]
        # a post hook may still forgive a name, but no shape
        if not hooks or errors:
            _raise_differences(self, keys, errors, strict)
        for write in writes:
            write()
        for module, hook in hooks:
            if hook(module, keys) is not None:
                raise RuntimeError("load_state_dict post-hook must return None: change incompatible_keys in place")
        _raise_differences(self, keys, errors, strict)
        return keys

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Checks what this module alone has and notes the copies that are to be made in ``local_metadata["writes"]``.

        Subclasses may change ``state_dict`` before or add to the lists.
        """
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        assign = local_metadata.get("assign_to_params_buffers", False)
        writes = local_metadata.get("writes")
        now: list[Callable[[], Any]] = []
        own = self._own_state()
        for name, value in own.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            given = _fitting(value, state_dict[key])
            problem = _difference(key, value, given, assign)
            if problem:
                error_msgs.append(problem)
            else:
                now.append(_write(self, name, value, given, assign))
        now += self._check_extra_state(state_dict, prefix, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys += [key for key in state_dict if _unknown(self, own, key, prefix)]
        if writes is not None:
            writes += now
        else:  # called by someone else than load_state_dict
            for write in now:
                write()

    def _check_extra_state(
        self, state_dict: Any, prefix: str, strict: bool, missing_keys: list[str], unexpected_keys: list[str]
    ) -> list[Callable[[], Any]]:
        key = prefix + EXTRA_STATE
        if _overrides(self, "set_extra_state"):
            if key in state_dict:
                extra = state_dict[key]
                return [lambda: self.set_extra_state(extra)]
            if strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)
        return []

    # ---- hooks

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before ``state_dict`` reads the module."""
        return self._add_hook("_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict``; it may change that."""

        return self._add_hook("_state_dict_hooks", hook, False, "post")

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        return self._add_hook("_state_dict_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``
        before the module reads the dict, which the hook may change."""
        return self._add_hook("_load_state_dict_pre_hooks", hook)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        return self._add_hook("_load_state_dict_pre_hooks", hook if with_module else _WithoutModule(hook))

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Calls ``hook(module, incompatible_keys)`` after everything is copied; it may take names from the lists."""
        return self._add_hook("_load_state_dict_post_hooks", hook)


class _WithoutModule:
    """A hook that is not given the module."""

    def __init__(self, hook: Callable) -> None:
        self.hook = hook

    def __call__(self, module: Any, *args: Any) -> Any:
        return self.hook(*args)


def _overrides(module: Any, name: str) -> bool:
    return getattr(type(module), name) is not getattr(Stateful, name)


def _check_tree(
    module: Any,
    given: Any,
    metadata: Any,
    prefix: str,
    assign: bool,
    keys: _IncompatibleKeys,
    errors: list[str],
    writes: list[Callable[[], Any]],
    visited: list[Any],
) -> None:
    """Has every module of the tree check its part of ``given`` and note its copies in ``writes``."""
    local = {**metadata.get(prefix[:-1], {}), "writes": writes}
    if assign:
        local["assign_to_params_buffers"] = True
    # strict as if it were set: without it the names are found all the same and returned
    module._load_from_state_dict(given, prefix, local, True, keys.missing_keys, keys.unexpected_keys, errors)
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = OrderedDict((key, value) for key, value in given.items() if key.startswith(below))
            _check_tree(child, part, metadata, below, assign, keys, errors, writes, visited)
    visited.append(module)


def _fitting(value: Any, given: Any) -> Any:
    """PyTorch before 0.4 wrote numbers as tensors of one dimension."""
    if isinstance(given, Tensor) and not is_lazy(value) and not is_lazy(given):
        if value._data.ndim == 0 and given._data.shape == (1,):
            return given[0]
    return given


def _difference(key: str, value: Any, given: Any, assign: bool) -> str | None:
    """Why ``given`` cannot take the place of ``value``."""
    if not isinstance(given, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(given)}: make a tensor of it, for example with minitorch.as_tensor(array)"
        )
    if is_lazy(given):
        return (
            None
            if is_lazy(value)
            else (f'While copying the parameter named "{key}": the checkpoint has no shape and values for it yet')
        )
    if is_lazy(value):
        return None
    if value._data.shape != given._data.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
            f"the shape in current model is {value.shape}."
        )
    if not assign:
        try:
            refuse_shared_elements(value._data, "copy_")
        except RuntimeError as error:
            return f'While copying the parameter named "{key}", an exception occurred: {error}'
    return None


def _write(module: Any, name: str, value: Any, given: Any, assign: bool) -> Callable[[], Any]:
    def put() -> None:
        if not assign:
            if is_lazy(given):
                return
            with no_grad():
                if is_lazy(value):
                    value.materialize(given.shape)
                value.copy_(given)
            return
        new = given
        if isinstance(value, Parameter):
            new = given if isinstance(given, Parameter) else Parameter(given, requires_grad=value.requires_grad)
            new.requires_grad_(value.requires_grad)
        setattr(module, name, new)

    return put


def _unknown(module: Any, own: dict, key: str, prefix: str) -> bool:
    """Whether ``key`` lies below ``prefix`` and neither ``module`` nor one of its children can have it."""
    if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
        return False
    first, dot, _ = key[len(prefix) :].partition(".")
    return first not in module._modules if dot else first not in own


def _raise_differences(module: Any, keys: _IncompatibleKeys, errors: list[str], strict: bool) -> None:
    messages = list(errors)
    if strict:
        for what, names in (("Unexpected", keys.unexpected_keys), ("Missing", keys.missing_keys)):
            if names:
                listed = ", ".join(f'"{name}"' for name in names)
                messages.insert(0, f"{what} key(s) in state_dict: {listed}. ")
    if messages:
        raise RuntimeError(
            "Error(s) in loading state_dict for {}:\n\t{}".format(type(module).__name__, "\n\t".join(messages))
        )
