"""The loop of optimizers that go through the parameters one by one: a subclass has the state and the equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module
from minitorch.backend.primitives.optim_steps import steps_together
from minitorch.core.dtype import default_dtype, float32, float64
from minitorch.core.grad_mode import enable_grad
from minitorch.core.inplace import refuse_shared_elements
from minitorch.core.node import bump_version
from minitorch.core.tensor import Tensor, wrap
from minitorch.optim.optimizer import Optimizer

_PLAIN = frozenset((float, int, bool, str, type(None)))


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
        ready = [(group, self._ready(group)) for group in self.param_groups]
        with np.errstate(all="ignore"):
            for group, params in ready:
                if not params:
                    continue
                options = _plain(group)
                with steps_together(params[0][0]._data):
                    for param, held in params:
                        state = held or self._start(param, options)
                        self._update(param._data, param._grad._data, state, options)
                        if state and state is not held:
                            self.state[param] = state
                        bump_version(param)
        return loss

    def _buffers(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The names of the state arrays that have the shape of their parameter."""
        raise NotImplementedError

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state before the first step: a count and zeros."""
        state = {"step": count()}
        for name in self._buffers(group):
            state[name] = wrap(array_module(param._data).zeros_like(param._data))
        return state

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step of one parameter: arrays, changed in place."""
        raise NotImplementedError

    def _ready(self, group: dict[str, Any]) -> list[tuple[Any, Any]]:
        """The parameters that have a gradient, with their states, each looked at before the first is changed."""
        ready = []
        states, buffers = self.state, self._buffers(group)
        for index, param in enumerate(group["params"]):
            grad = param._grad
            if grad is None:
                continue
            data, slope = param._data, grad._data
            if slope.shape != data.shape or slope.dtype != data.dtype or type(slope) is not type(data):
                raise RuntimeError(
                    f"{self._where(index, group)}: the gradient is {grad.dtype} of shape {list(grad.shape)} on "
                    f"{grad.device}, the parameter is {param.dtype} of shape {list(param.shape)} on {param.device}; "
                    "call zero_grad() after changing a parameter's data"
                )
            state = states.get(param)
            if state:
                for name in buffers:
                    held = state.get(name)
                    if held is not None and (held._data.shape != data.shape or type(held._data) is not type(data)):
                        raise RuntimeError(
                            f"{self._where(index, group)}: the state '{name}' has shape {list(held.shape)} on "
                            f"{held.device}, the parameter has shape {list(param.shape)} on {param.device}; was the "
                            "state saved for another model?"
                        )
            refuse_shared_elements(data, f"{type(self).__name__}.step")
            ready.append((param, state))
        return ready

    def _where(self, index: int, group: dict[str, Any]) -> str:
        names = group.get("param_names")
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
    return {key: value if type(value) in _PLAIN else _number(value) for key, value in group.items() if key != "params"}


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
