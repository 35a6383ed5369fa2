"""Backward hooks of modules: how a call sees the gradients by its inputs and outputs."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from minitorch.autograd.function import Function
from minitorch.core.tensor import Tensor


class BackwardHookFunction(Function):
    """Identity whose backward sends the gradients on as ``observe`` returns them.  ``fill``: zeros for unused ones."""

    @staticmethod
    def forward(ctx: Any, observe: Callable, fill: bool, *tensors: Tensor) -> Any:
        ctx.observe = observe
        ctx.set_materialize_grads(fill)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, None, *ctx.observe(grads))


class BackwardWatch:
    """Takes the inputs and the outputs of one call through nodes of its own, where the backward hooks run."""

    def __init__(
        self, module: Any, pre_hooks: list[Callable], hooks: list[Callable], of_last_operation: list[Callable]
    ) -> None:
        self.module = module
        self.pre_hooks, self.hooks, self.of_last_operation = pre_hooks, hooks, of_last_operation
        self.grad_output: tuple | None = None
        self.inputs_need_grad = False
        self.count = 0

    def inputs(self, args: tuple) -> tuple:
        """The arguments to call ``forward`` with."""
        self.count = len(args)
        if self.hooks:
            args, self.inputs_need_grad = _passed(args, self._inputs_known, True)
        return args

    def outputs(self, result: Any) -> Any:
        """What the call returns."""
        if self.of_last_operation:
            node = _last_operation(result)
            for hook in self.of_last_operation if node is not None else ():
                node.register_hook(functools.partial(hook, self.module))
        if not self.hooks and not self.pre_hooks:
            return result
        if isinstance(result, tuple):
            return _passed(result, self._outputs_known, False)[0]
        if not isinstance(result, Tensor):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}",
                stacklevel=4,
            )
            return result
        return _passed((result,), self._outputs_known, False)[0][0]

    def _outputs_known(self, grads: tuple) -> tuple:
        for hook in self.pre_hooks:
            grads = _replaced(hook(self.module, grads), grads, "pre hook", "grad_output")
        self.grad_output = grads
        if self.hooks and not self.inputs_need_grad:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                "inputs require gradients.",
                stacklevel=2,
            )
            none = (None,) * self.count
            for hook in self.hooks:
                result = hook(self.module, none, grads)
                if result is not None and any(g is not None for g in result):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
        return grads

    def _inputs_known(self, grads: tuple) -> tuple:
        grad_output, self.grad_output = self.grad_output, None
        if grad_output is not None:
            for hook in self.hooks:
                grads = _replaced(hook(self.module, grads, grad_output), grads, "hook", "grad_input")
        return grads


def _last_operation(result: Any) -> Any:
    """The node that computed the first tensor of ``result``."""
    while not isinstance(result, Tensor):
        parts = list(result.values()) if isinstance(result, dict) else result
        if not isinstance(parts, (tuple, list)) or not parts:
            return None
        result = next((part for part in parts if isinstance(part, Tensor)), parts[0])
    return result.grad_fn


def _passed(values: tuple, observe: Callable[[tuple], tuple], fill: bool) -> tuple[tuple, bool]:
    """``values`` with tensors taken through a node (if one needs a gradient) that calls ``observe``."""
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not any(values[i].requires_grad for i in places):
        return values, False

    def among_all(grads: tuple) -> tuple:
        full: list[Any] = [None] * len(values)
        for i, g in zip(places, grads):
            full[i] = g
        full = list(observe(tuple(full)))
        return tuple(full[i] for i in places)

    passed = list(values)
    for i, tensor in zip(places, BackwardHookFunction.apply(among_all, fill, *[values[i] for i in places])):
        passed[i] = tensor
    return tuple(passed), True


def _replaced(result: Any, grads: tuple, what: str, name: str) -> tuple:
    if result is None:
        return grads
    if not isinstance(result, tuple):
        result = (result,)
    if len(result) != len(grads):
        raise RuntimeError(
            f"Backward {what} returned an invalid number of {name}, got {len(result)}, but expected {len(grads)}"
        )
    return result
