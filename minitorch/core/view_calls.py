"""Calls of ops whose results look at the memory of their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minitorch.backend.strided import shares_memory
from minitorch.core.dtype import FLOATING
from minitorch.core.grad_mode import state
from minitorch.core.tensor import LEAF, Tensor, refresh_view

if TYPE_CHECKING:
    from minitorch.core.op import Spec

_new = object.__new__


def view_call(spec: Spec) -> Callable:
    forward, plans, extra = spec.forward, spec.plans, len(spec.params) - 1

    def call(input: Any, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra:
            input, *params = spec.bind((input, *params), kwargs)  # type: ignore[assignment]
        memory = input._data if isinstance(input, Tensor) else spec.arrays((input,))[0]
        out = _new(Tensor)
        out._data = result = forward(memory, *params)
        shared = result is memory or shares_memory(result, memory)
        out._counter = input._version_counter if shared else None
        out._edge = None
        if state.enabled and memory.dtype.kind in FLOATING:
            if input._base is not None:
                refresh_view(input)
            edge = input._edge
            if edge is not None and spec.rules:
                plan = plans.get(1) or spec.plan(1)
                out._edge = plan.node((input if edge is LEAF else edge,), (input, *params), out, None)
            if shared:
                root = input._base
                out._base = root = input if root is None else root
                out._steps = (input._steps, call, params)
                out._seen = root._histories
        return out

    return call


def mark_views(call: Callable, args: tuple, out: Any) -> None:
    """Ties results that share the memory of the first argument to it."""
    source = args[0]
    memory = source._data
    for index, view in enumerate(out if isinstance(out, tuple) else (out,)):
        if not shares_memory(view._data, memory):
            continue
        view._version_counter = source._version_counter
        if state.enabled and memory.dtype.kind in FLOATING:
            root = source if source._base is None else source._base
            view._base = root
            view._seen = root._histories
            if isinstance(out, tuple):
                view._steps = (source._steps, _take, (call, args[1:], index))
            else:
                view._steps = (source._steps, call, args[1:])


def _take(source: Tensor, call: Callable, arguments: tuple, index: int) -> Tensor:
    return call(source, *arguments)[index]
