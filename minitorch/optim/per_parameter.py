"""The loop of optimizers that go through the parameters one by one: a subclass has the state and the equation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, beside
from minitorch.backend.primitives.optim_groups import plain_together
from minitorch.backend.quiet import quietly
from minitorch.core.device import device_of
from minitorch.core.dtype import default_dtype, float32, float64
from minitorch.core.grad_mode import enable_grad
from minitorch.core.inplace import refuse_shared_elements
from minitorch.core.node import bump_versions
from minitorch.core.tensor import Tensor, wrap
from minitorch.optim.optimizer import Optimizer

_PLAIN = frozenset((float, int, bool, str, type(None)))
# What has to be the same for a gradient and its parameter, and for a state and its parameter.
_form, _place = attrgetter("__class__", "shape", "dtype"), attrgetter("__class__", "shape")
_array, _array_of_grad = attrgetter("_data"), attrgetter("_grad._data")


class PerParameter(Optimizer):
    """An optimizer whose step changes each parameter by its own gradient and state alone.

    A subclass names the state arrays of a parameter's shape in ``_buffers`` and defines ``_update``.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes the parameters by one step along their gradients; those without a gradient are passed over.

        Args:
            closure: computes the loss again, with ``zero_grad`` and ``backward``, and returns it.

        Returns:
            The closure's loss, or ``None``.

        Raises:
            RuntimeError: a gradient or a state does not fit its parameter, or a parameter cannot be written to; no
                parameter has changed then.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        ready = [(group, *self._ready(group)) for group in self.param_groups]
        for group, params, states in ready:
            options = _plain(group)
            if len(set(params)) == len(params):
                self._step(params, states, options)
            else:  # one that is listed twice is stepped twice
                for param in params:
                    self._step([param], [self.state.get(param)], options)
        return loss

    def _step(self, params: list[Any], held: list[Any], options: dict[str, Any]) -> None:
        if not params:
            return
        with beside(params[0]._data):
            states = held if all(held) else [state or self._start(p, options) for p, state in zip(params, held)]
            bump_versions(params)
            quietly().run(self._update_all, params, states, options)
        if states is not held:
            self.state.update([(param, state) for param, state in zip(params, states) if state])

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state arrays that have the shape of their parameter."""
        raise NotImplementedError

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step: a count and zeros."""
        state = {"step": count()}
        for name in self._buffers(group):
            state[name] = wrap(array_module(param._data).zeros_like(param._data))
        return state

    def _update_all(self, params: list[Any], states: list[Any], group: dict[str, Any]) -> None:
        """One step of several parameters of a group, no two of them the same."""
        for param, state in zip(params, states):
            self._update(param._data, param._grad._data, state, group)

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of one parameter: arrays, changed in place."""
        raise NotImplementedError

    def _ready(self, group: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        """The parameters that have a gradient and their states, all of them looked at before the first is changed."""
        params = [param for param in group["params"] if param._grad is not None]
        if not params:
            return [], []
        arrays, grads, states = arrays_of(params), grads_of(params), list(map(self.state.get, params))
        # The parameter stands for what is not there.
        kept = {
            name: [
                array if not state or state.get(name) is None else state[name]._data
                for array, state in zip(arrays, states)
            ]
            for name in self._buffers(group)
        }
        if not plain_together(arrays, grads, *kept.values()):
            if list(map(_form, arrays)) != list(map(_form, grads)):
                self._refuse_gradient(params, group)
            for name, held in kept.items():
                if list(map(_place, held)) != list(map(_place, arrays)):
                    self._refuse_state(name, params, held, group)
            for array in arrays:
                refuse_shared_elements(array, f"{type(self).__name__}.step")
        return params, states

    def _refuse_gradient(self, params: list[Any], group: dict[str, Any]) -> None:
        for param in params:
            grad = param._grad
            if _form(grad._data) != _form(param._data):
                raise RuntimeError(
                    f"{self._where(param, group)}: the gradient is {grad.dtype} of shape {list(grad.shape)} on "
                    f"{grad.device}, the parameter is {param.dtype} of shape {list(param.shape)} on {param.device}; "
                    "call zero_grad() after changing a parameter's data"
                )

    def _refuse_state(self, name: str, params: list[Any], held: list[Any], group: dict[str, Any]) -> None:
        for param, array in zip(params, held):
            if _place(array) != _place(param._data):
                raise RuntimeError(
                    f"{self._where(param, group)}: the state '{name}' has shape {list(array.shape)} on "
                    f"{device_of(array)}, the parameter has shape {list(param.shape)} on {param.device}; was the "
                    "state saved for another model?"
                )

    def _where(self, param: Tensor, group: dict[str, Any]) -> str:
        names, index = group.get("param_names"), next(i for i, p in enumerate(group["params"]) if p is param)
        which = next((i for i, g in enumerate(self.param_groups) if g is group), 0)
        name = f"'{names[index]}'" if names else f"{index} of group {which}"
        return f"{type(self).__name__}.step: parameter {name}"

    def _check_options(self, group: dict[str, Any]) -> None:
        name = type(self).__name__
        if group.get("fused") and group.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        if group.get("fused") and group.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        if group.get("differentiable"):
            raise NotImplementedError(
                f"{name}: differentiable=True is not supported, steps are not recorded by autograd; write the update "
                "with tensor operations instead: w = w - lr * grad"
            )
        if group.get("capturable"):
            raise NotImplementedError(
                f"{name}: capturable=True is for steps that are captured in a CUDA graph, which is not supported; "
                "leave it out"
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # checkpoints of older versions have fewer options and count in plain numbers
            for name, default in self.__dict__.get("defaults", {}).items():
                group.setdefault(name, default)
            for param in group["params"]:
                held = self.state.get(param)
                if held and "step" in held and not isinstance(held["step"], Tensor):
                    held["step"] = count(held["step"])


def arrays_of(tensors: list[Any]) -> list[Any]:
    """Where tensors keep their elements."""
    return list(map(_array, tensors))


def grads_of(params: list[Any]) -> list[Any]:
    """The arrays of the gradients."""
    return list(map(_array_of_grad, params))


def alike(keys: Sequence[Any], *lists: Any) -> Iterator[tuple]:
    """For each different key, the key and those members of the lists that have it: what one step can be made of.

    ``None`` in the place of a list stands for itself.

    >>> list(alike([1, 2, 1], "abc", None))
    [(1, ['a', 'c'], None), (2, ['b'], None)]
    """
    different = sorted(set(keys))
    if len(different) == 1:
        yield keys[0], *lists
        return
    for key in different:
        yield key, *[None if items is None else [x for k, x in zip(keys, items) if k == key] for items in lists]


def count(value: float = 0.0) -> Tensor:
    """A number in a 0-d tensor of floating point in host memory, as PyTorch keeps the counts of steps."""
    dtype = float64 if default_dtype() is float64 else float32
    return wrap(np.array(value, dtype.numpy))


def advance(state: dict[str, Any]) -> float:
    """Counts one step more and returns the number of steps."""
    counter = state["step"]._data
    counter += 1
    return counter.item()


def _plain(group: dict[str, Any]) -> dict[str, Any]:
    """The options as Python's own numbers: a tensor or a NumPy number would decide the dtype of the arithmetic."""
    options = group.copy()
    del options["params"]
    if _PLAIN.issuperset(map(type, options.values())):
        return options
    return {key: value if type(value) in _PLAIN else _number(value) for key, value in options.items()}


def _number(value: Any) -> Any:
    if type(value) in (tuple, list):
        return type(value)(_number(item) for item in value)
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else value
    return value.item() if isinstance(value, np.generic) else value


def refuse_several(name: str, value: Any) -> None:
    """Raises ValueError for a tensor that is not of one element, before its truth is asked for."""
    if isinstance(value, Tensor) and value.numel() != 1:
        name = "lr" if name == "learning rate" else name
        raise ValueError(f"Tensor {name} must be 1-element")


def refuse_below_zero(options: dict[str, Any]) -> None:
    """Raises ValueError for the first of the named options that is less than zero, NaN, or several numbers."""
    for name, value in options.items():
        refuse_several(name, value)
        if not value >= 0.0:
            raise ValueError(f"Invalid {name}: {value}")


def refuse_betas(betas: Any) -> None:
    """Raises ValueError for a decay rate outside [0, 1)."""
    for index in (0, 1):
        if not 0.0 <= betas[index] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {betas[index]}")
