"""What a recorded call of an op keeps, and how its gradient rules are run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.core.dtype import of_numpy
from minitorch.core.node import Node, changed_in_place, replaced
from minitorch.core.tensor import Tensor

if TYPE_CHECKING:
    from minitorch.core.op import Spec

_new = object.__new__

# What a rule can ask for: a tensor input, the whole list of them, the result, another argument, what forward left over,
# an input's shape.
TENSOR, TENSORS, OUT, VALUE, AUX, SHAPE = "tensor", "tensors", "out", "value", "aux", "shape"


class OpNode(Node):
    """A recorded call of an ``@op``.  ``saved`` follows ``plan.keep``."""

    __slots__ = ("plan",)
    plan: Plan
    #: (input, shape, dtype) where broadcasting or promotion has to be undone
    fits: list | None = None

    def backward(self, g: Any) -> Sequence[Any]:
        if self.saved is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: {self.name()} has freed what it saved. "
                "Specify retain_graph=True if you need to backward through the graph a second time."
            )
        grads = self.plan.run(self, g)
        if self.fits is not None:
            grads = list(grads)
            for index, shape, dtype in self.fits:
                if grads[index] is not None:
                    grads[index] = fit(grads[index], shape, dtype)
        return grads


class Plan:
    """What to keep and which rules to run when a given set of inputs needs gradients.

    ``keep`` lists (kind, argument) of what is saved; ``run(node, g)`` gives one gradient (or ``None``) an input.
    """

    __slots__ = ("keep", "kinds", "rules", "run")

    def __init__(self, spec: Spec, needed: Sequence[int]) -> None:
        keep: dict[tuple, int] = {}
        self.rules = []
        for index in needed:
            rule = spec.rules.get(spec.params[index])
            if rule is not None:
                wanted = [keep.setdefault(spec.source(name), len(keep)) for name in rule_arguments(rule)]
                self.rules.append((index, rule, wanted))
        self.keep = tuple(keep)
        self.kinds = tuple(kind for kind, _ in keep)
        self.run = self._choose_run(spec)

    def _choose_run(self, spec: Spec) -> Callable:
        """The general way, or a shorter one for the rules that chains of small ops consist of."""
        if spec.takes_list:
            return _run_list
        if len(self.rules) == 1:
            index, rule, _ = self.rules[0]
            before, after = (None,) * index, (None,) * (spec.inputs - index - 1)
            if not self.kinds:
                return lambda node, g: (*before, rule(g), *after)
            if self.kinds == (OUT,):
                return lambda node, g: (*before, rule(g, unpack_result(node, node.saved[0])), *after)
            if self.kinds == (TENSOR,):
                return lambda node, g: (*before, rule(g, unpack_input(node, node.saved[0])), *after)
        return _run_all


def rule_arguments(rule: Callable) -> list[str]:
    """What a rule names beside the gradient."""
    return list(inspect.signature(rule).parameters)[1:]


def unpack_input(node: Node, value: Any) -> Any:
    """A saved input: its tensor, or a Python number (or ``None``) that stood in its place."""
    if type(value) is not tuple:
        return value
    tensor, array, version = value
    if tensor._version_counter[0] != version or tensor._data is not array:
        return replaced(tensor, array, version, node)
    return tensor


def unpack_result(node: Node, value: tuple) -> Tensor:
    """The saved result as a tensor again: it was kept as an array, since the tensor holds the node."""
    array, counter, version = value
    if counter[0] != version:
        raise RuntimeError(changed_in_place(array, counter, version, node))
    out = _new(Tensor)
    out._data, out._edge, out._version_counter = array, node, counter
    return out


def _values(node: OpNode) -> list:
    return [
        unpack_input(node, value)
        if kind is TENSOR
        else unpack_result(node, value)
        if kind is OUT
        else [unpack_input(node, one) for one in value]
        if kind is TENSORS
        else value
        for kind, value in zip(node.plan.kinds, node.saved)
    ]


def _run_all(node: OpNode, g: Any) -> Sequence[Any]:
    values = _values(node)
    grads: list[Any] = [None] * len(node.edges)
    for index, rule, wanted in node.plan.rules:
        grads[index] = rule(g, *[values[k] for k in wanted])
    return grads


def _run_list(node: OpNode, g: Any) -> Sequence[Any]:
    return node.plan.rules[0][1](g, *_values(node))


def fit(g: Tensor, shape: tuple, dtype: np.dtype) -> Tensor:
    """A gradient summed over what broadcasting added and cast to the input's type."""
    has = g._data.shape
    if has != shape:
        lead = len(has) - len(shape)
        dims = [*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and has[lead + i] != 1)]
        if dims:
            g = g.sum(dims, keepdim=True)
        if g._data.shape != shape:
            g = g.expand(shape) if len(g._data.shape) == len(shape) else g.reshape(shape)
    return g if g._data.dtype == dtype else g.to(of_numpy(dtype))
