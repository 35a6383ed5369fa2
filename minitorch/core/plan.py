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

    __slots__ = ("fits", "plan", "quick")
    plan: Plan
    #: (input, shape, dtype) where broadcasting or promotion has to be undone
    fits: list | None

    def backward(self, g: Any) -> Sequence[Any]:
        grads = self.plan.run(self, g)
        return grads if self.fits is None else self.fitted(grads)

    def fitted(self, grads: Sequence[Any]) -> Sequence[Any]:
        """Gradients in the shapes and types of the inputs."""
        grads = list(grads)
        for index, shape, dtype in self.fits or ():
            if grads[index] is not None:
                grads[index] = fit(grads[index], shape, dtype)
        return grads


class Plan:
    """What to keep and which rules to run when a given set of inputs needs gradients.

    ``keep`` lists (kind, argument) of what is saved; ``save(args, out, aux)`` gives the values; ``run(node, g)`` gives
    one gradient (or ``None``) an input, and so does ``quick(node, g)`` with arrays in place of Tensors, if it is there.
    """

    __slots__ = ("keep", "kinds", "quick", "rules", "run", "save")

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
        self.save = self._choose_save(spec)
        self.run = self._choose_run(spec)
        self.quick = self._choose_quick(spec)

    # They have a general way, and shorter ones for the rules that chains of small ops consist of.

    def _choose_save(self, spec: Spec) -> Callable:
        if not self.kinds:
            return lambda args, out, aux: ()
        if self.kinds == (OUT,):

            def save_result(args: tuple, out: Tensor, aux: Any) -> tuple:
                counter = out._counter
                if counter is None:
                    counter = out._counter = [0]
                return ((out._data, counter, counter[0]),)

            return save_result
        if self.kinds == (TENSOR,):
            position = self.keep[0][1]

            def save_input(args: tuple, out: Tensor, aux: Any) -> tuple:
                x = args[position]
                if not isinstance(x, Tensor):
                    return (x,)
                counter = x._counter
                return ((x, x._data, 0 if counter is None else counter[0]),)

            return save_input
        keep, takes_list = self.keep, spec.takes_list

        def save(args: tuple, out: Any, aux: Any) -> list:
            saved = []
            for kind, key in keep:
                if kind is TENSOR:
                    saved.append(pack_input(args[key]))
                elif kind is OUT:
                    saved.append(pack_result(out))
                elif kind is VALUE:
                    saved.append(args[key])
                elif kind is TENSORS:
                    saved.append([pack_input(x) for x in args[key]])
                elif kind is SHAPE:
                    saved.append([t._data.shape for t in args[key]] if takes_list else args[key]._data.shape)
                else:
                    saved.append(aux)
            return saved

        return save

    def _choose_run(self, spec: Spec) -> Callable:
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

    def _choose_quick(self, spec: Spec) -> Callable | None:
        rules: list[tuple[int, Any, list]] = [
            (index, spec.array_rules.get(spec.params[index]), wanted) for index, _, wanted in self.rules
        ]
        if spec.takes_list or any(rule is None for _, rule, _ in rules):
            return None
        if len(rules) == 1:
            index, rule, _ = rules[0]
            before, after = (None,) * index, (None,) * (spec.inputs - index - 1)
            if not self.kinds:
                return lambda node, g: (*before, rule(g), *after)
            if self.kinds == (OUT,):
                return lambda node, g: (*before, rule(g, array_of_result(node, node.saved[0])), *after)
            if self.kinds == (TENSOR,):
                return lambda node, g: (*before, rule(g, array_of_input(node, node.saved[0])), *after)
        unpack = [{TENSOR: array_of_input, OUT: array_of_result}.get(kind) for kind in self.kinds]

        def quick(node: OpNode, g: Any) -> list:
            values = [value if get is None else get(node, value) for get, value in zip(unpack, node.saved)]
            grads: list[Any] = [None] * len(node.edges)
            for index, rule, wanted in rules:
                grads[index] = rule(g, *[values[k] for k in wanted])
            return grads

        return quick


def parameter_names(function: Callable) -> tuple[str, ...]:
    """The names of a function's parameters.

    ``inspect.signature`` takes ten times as long, and importing the library asks for hundreds.
    """
    inner = function
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    code = getattr(inner, "__code__", None)
    if code is None or code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return tuple(inspect.signature(function).parameters)
    return code.co_varnames[: code.co_argcount]


def rule_arguments(rule: Callable) -> tuple[str, ...]:
    """What a rule names beside the gradient."""
    return parameter_names(rule)[1:]


def pack_input(x: Any) -> Any:
    """An input to be saved; a Python number (or ``None``) that stood in its place goes to the rule as it is."""
    if not isinstance(x, Tensor):
        return x
    counter = x._counter
    return (x, x._data, 0 if counter is None else counter[0])


def pack_result(out: Tensor) -> tuple:
    """The result to be saved: as an array, since its tensor holds the node."""
    counter = out._version_counter
    return (out._data, counter, counter[0])


def unpack_input(node: Node, value: Any) -> Any:
    """What :func:`pack_input` packed."""
    if type(value) is not tuple:
        return value
    tensor, array, version = value
    counter = tensor._counter
    if (0 if counter is None else counter[0]) != version or tensor._data is not array:
        return replaced(tensor, array, version, node)
    return tensor


def array_of_input(node: Node, value: Any) -> Any:
    """:func:`unpack_input` for rules on arrays."""
    if type(value) is not tuple:
        return value
    tensor, array, version = value
    counter = tensor._counter
    if counter is not None and counter[0] != version:
        raise RuntimeError(changed_in_place(array, counter, version, node))
    return array


def array_of_result(node: Node, value: tuple) -> Any:
    """:func:`unpack_result` for rules on arrays."""
    array, counter, version = value
    if counter[0] != version:
        raise RuntimeError(changed_in_place(array, counter, version, node))
    return array


def unpack_result(node: Node, value: tuple) -> Tensor:
    """What :func:`pack_result` packed, as a tensor again."""
    array, counter, version = value
    if counter[0] != version:
        raise RuntimeError(changed_in_place(array, counter, version, node))
    out = _new(Tensor)
    out._data, out._edge, out._counter = array, node, counter
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
