"""Hooks of modules: functions that are called around ``forward`` and ``backward`` and when something is registered."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from minitorch.core.grad_mode import state
from minitorch.core.node import RemovableHandle
from minitorch.core.node import _Hooks as Hooks
from minitorch.nn.modules.module_backward import BackwardWatch

#: the hooks of a module, by kind
HOOKS = (
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_state_dict_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Hooked:
    """The part of :class:`Module` that has hooks."""

    _forward_pre_hooks: dict
    _forward_hooks: dict
    _backward_pre_hooks: dict
    _backward_hooks: dict
    forward: Callable[..., Any]

    #: whether a call has to look for hooks; stays when they are removed
    _hooked: bool = False
    #: by the number of a hook, what was asked for when it was registered
    _hook_options: dict[int, tuple] = {}

    def _add_hook(self, kind: str, hook: Callable, prepend: bool = False, *options: str) -> RemovableHandle:
        if not callable(hook):
            raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
        hooks = getattr(self, kind)
        handle = RemovableHandle(hooks)
        while handle.id in hooks:  # a hook that came with a pickled module
            handle = RemovableHandle(hooks)
        others = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        hooks[handle.id] = hook
        hooks.update(others)
        if options:
            self._hook_options = {**self._hook_options, handle.id: options}
        if kind in HOOKS[:4]:
            self._hooked = True
        return handle

    def _look_for_hooks(self) -> None:
        self._hooked = any(getattr(self, kind) for kind in HOOKS[:4])

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before ``forward``; what it returns replaces the arguments.

        Args:
            prepend: before the hooks that are there, instead of after them.
            with_kwargs: call ``hook(module, args, kwargs)``; it returns ``None`` or ``(args, kwargs)``.

        Returns a handle: ``remove()`` takes the hook away.
        """
        return self._add_hook("_forward_pre_hooks", hook, prepend, *_named(with_kwargs=with_kwargs))

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after ``forward``; what it returns replaces the output.

        Args:
            prepend: before the hooks that are there, instead of after them.
            with_kwargs: call ``hook(module, args, kwargs, output)``.
            always_call: also when ``forward`` raises.

        >>> import minitorch as torch
        >>> layer = torch.nn.Linear(2, 3)
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(output.shape))
        >>> _ = layer(torch.zeros(4, 2))
        torch.Size([4, 3])
        >>> handle.remove()
        """
        options = _named(with_kwargs=with_kwargs, always_call=always_call)
        return self._add_hook("_forward_hooks", hook, prepend, *options)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` when the gradients by the outputs are known; its result replaces them."""
        return self._add_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients by the inputs are known.

        The gradients come as tuples, ``None`` for an argument that is no tensor or needs none; what the hook returns
        replaces ``grad_input``.

        Raises:
            RuntimeError: the module has hooks of :meth:`register_backward_hook`.
        """
        self._refuse_backward_hooks(last_operation=True)
        return self._add_hook("_backward_hooks", hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """Deprecated: calls ``hook(module, grad_input, grad_output)`` with gradients of ``forward``'s last operation.

        Raises:
            RuntimeError: the module has hooks of :meth:`register_full_backward_hook`, which is what to use.
        """
        self._refuse_backward_hooks(last_operation=False)
        return self._add_hook("_backward_hooks", hook, False, _warn_last_operation())

    def _refuse_backward_hooks(self, last_operation: bool) -> None:
        if any(
            ("last_operation" in options) is last_operation for _, _, options in _own_hooks(self, "_backward_hooks")
        ):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )

    def _call_with_hooks(self, args: tuple, kwargs: dict) -> Any:
        result = None
        called = set()
        try:
            for _, hook, options in _all_hooks(self, "_forward_pre_hooks"):
                args, kwargs = _before(hook, options, self, args, kwargs)
            watch = _watch(self)
            args = watch.inputs(args)
            result = self.forward(*args, **kwargs)
            for key, hook, options in _all_hooks(self, "_forward_hooks"):
                called.add(key)
                result = _after(hook, options, self, args, kwargs, result)
            return watch.outputs(result)
        except Exception:
            for key, hook, options in _all_hooks(self, "_forward_hooks"):
                if "always_call" in options and key not in called:
                    try:
                        result = _after(hook, options, self, args, kwargs, result)
                    except Exception as error:
                        warnings.warn(
                            "module forward hook with ``always_call=True`` raised an exception that was silenced as "
                            f"another error was raised in forward: {error}",
                            stacklevel=3,
                        )
            raise


def _named(**flags: bool) -> list[str]:
    return [name for name, value in flags.items() if value]


def _own_hooks(owner: Any, kind: str) -> list[tuple[int, Callable, tuple]]:
    """Number, function and options of each hook of ``owner``."""
    return [(key, hook, owner._hook_options.get(key, ())) for key, hook in getattr(owner, kind).items()]


def _all_hooks(module: Any, kind: str) -> list[tuple[int, Callable, tuple]]:
    """Those for all modules, then the module's own."""
    return _own_hooks(module_hooks, kind) + _own_hooks(module, kind)


def _watch(module: Any) -> BackwardWatch:
    if not state.enabled:
        return BackwardWatch(module, [], [], [])
    hooks = _all_hooks(module, "_backward_hooks")
    return BackwardWatch(
        module,
        [hook for _, hook, _ in _all_hooks(module, "_backward_pre_hooks")],
        [hook for _, hook, options in hooks if "last_operation" not in options],
        [hook for _, hook, options in hooks if "last_operation" in options],
    )


def _before(hook: Callable, options: tuple, module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    if "with_kwargs" not in options:
        replaced = hook(module, args)
        if replaced is not None:
            args = replaced if isinstance(replaced, tuple) else (replaced,)
        return args, kwargs
    replaced = hook(module, args, kwargs)
    if replaced is None:
        return args, kwargs
    if not isinstance(replaced, tuple) or len(replaced) != 2:
        raise RuntimeError(
            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced!r:.200}."
        )
    return replaced


def _after(hook: Callable, options: tuple, module: Any, args: tuple, kwargs: dict, result: Any) -> Any:
    replaced = hook(module, args, kwargs, result) if "with_kwargs" in options else hook(module, args, result)
    return result if replaced is None else replaced


def _warn_last_operation() -> str:
    warnings.warn(
        "A non-full backward hook sees the gradients of the last operation of forward only. Please use "
        "register_full_backward_hook to get those of the module.",
        FutureWarning,
        stacklevel=3,
    )
    return "last_operation"


# ---- hooks for all modules


class _ModuleHooks(Hooked):
    """The hooks that hold for all modules."""

    def __init__(self) -> None:
        for kind in (*HOOKS[:4], "_parameter", "_buffer", "_module"):
            setattr(self, kind, Hooks())
        #: whether there may be one that a call has to look for; stays once set
        self.ever = False

    def add(self, kind: str, hook: Callable, *options: str) -> RemovableHandle:
        if kind in HOOKS:
            self.ever = True
        return self._add_hook(kind, hook, False, *options)

    def registered(self, kind: str, module: Any, name: str, value: Any) -> Any:
        """What the registration hooks of this kind make of ``value``."""
        for hook in list(getattr(self, f"_{kind}").values()):
            replaced = hook(module, name, value)
            if replaced is not None:
                value = replaced
        return value


module_hooks = _ModuleHooks()


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """As :meth:`Module.register_forward_pre_hook`, for every module there is and will be."""
    return module_hooks.add("_forward_pre_hooks", hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """As :meth:`Module.register_forward_hook`, for every module."""
    return module_hooks.add("_forward_hooks", hook, *_named(with_kwargs=with_kwargs, always_call=always_call))


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """As :meth:`Module.register_full_backward_pre_hook`, for every module."""
    return module_hooks.add("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """As :meth:`Module.register_full_backward_hook`, for every module."""
    return module_hooks.add("_backward_hooks", hook)


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """As :meth:`Module.register_backward_hook`, for every module; deprecated like that."""
    return module_hooks.add("_backward_hooks", hook, _warn_last_operation())


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, parameter)`` when a parameter is registered; its result is registered instead."""
    return module_hooks.add("_parameter", hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` when a buffer is registered; its result is registered instead."""
    return module_hooks.add("_buffer", hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Calls ``hook(module, name, child)`` when a child is registered; its result is registered instead."""
    return module_hooks.add("_module", hook)
