"""What a recorded call of an op keeps, and how its gradient rules are run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.core.dtype import of_numpy
from minitorch.core.grad_mode import anomaly_ever, state
from minitorch.core.node import Node, changed_in_place, node_numbers, replaced
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

    ``keep`` lists (kind, argument) of what is saved; ``node(edges, args, out, aux)`` makes a node that has the values;
    ``run(node, g)`` gives one gradient (or ``None``) an input, and so does ``quick(node, g)`` with arrays in place of
    Tensors, if it is there.
    """

    __slots__ = ("_run", "_spec", "keep", "kinds", "node", "quick", "rules")

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
        self.quick = self._choose_quick(spec, spec.array_rules)
        self.node = self._choose_node(spec)
        of_rule = getattr(self.rules[0][1], "spec", None) if spec.inputs == 1 and self.rules else None
        if self.quick is not None and of_rule is not None and of_rule.in_place is not None:
            spend: Any = self._choose_quick(spec, {spec.params[0]: of_rule.in_place})
            spec.node_type.spend = staticmethod(spend)
        self._spec = spec
        self._run: Callable | None = None  # seldom asked for where there is `quick`

    @property
    def run(self) -> Callable:
        if self._run is None:
            self._run = self._choose_run(self._spec)
        return self._run

    # What is the same at every call is not looked up at every call: each function is written out for its plan.

    def _choose_node(self, spec: Spec) -> Callable:
        lines, values = ["node = new(kind)", "node.order = next(numbers)", "node.edges = edges"], []
        for n, (kind, key) in enumerate(self.keep):
            if kind is TENSOR and spec.may_be_no_tensor[key]:
                values.append(f"pack_input(args[{key}])")
            elif kind is TENSOR:
                lines += [f"x{n} = args[{key}]", f"c{n} = x{n}._counter"]
                values.append(f"(x{n}, x{n}._data, 0 if c{n} is None else c{n}[0])")
            elif kind is OUT:
                lines += ["c = out._counter", "if c is None:", "    c = out._counter = [0]"]
                values.append("(out._data, c, c[0])")
            elif kind is TENSORS:
                values.append(f"[pack_input(x) for x in args[{key}]]")
            elif kind is SHAPE and spec.takes_list:
                values.append(f"[x._data.shape for x in args[{key}]]")
            else:
                values.append({VALUE: f"args[{key}]", SHAPE: f"args[{key}]._data.shape"}.get(kind, "aux"))
        lines += [f"node.saved = {listed(values)}", "node.plan = plan", "node.quick = quick", "node.fits = None"]
        lines += ["if anomaly_ever and state.anomaly:", "    node.note_trace()", "return node"]
        names = {"new": _new, "kind": spec.node_type, "numbers": node_numbers, "plan": self, "quick": self.quick}
        names |= {"pack_input": pack_input, "anomaly_ever": anomaly_ever, "state": state}
        return written("node_of(edges, args, out, aux)", lines, names)

    def _choose_run(self, spec: Spec) -> Callable:
        names: dict[str, Any] = {"unpack_input": unpack_input, "unpack_result": unpack_result}
        lines = [f"{listed([f'v{n}' for n in range(len(self.keep))])} = node.saved"] if self.keep else []
        for n, kind in enumerate(self.kinds):
            if kind is TENSOR:
                lines.append(f"v{n} = unpack_input(node, v{n})")
            elif kind is OUT:
                lines.append(f"v{n} = unpack_result(node, v{n})")
            elif kind is TENSORS:
                lines.append(f"v{n} = [unpack_input(node, x) for x in v{n}]")
        return self._calling(spec, self.rules, lines, names)

    def _choose_quick(self, spec: Spec, array_rules: dict[str, Callable]) -> Callable | None:
        rules = [(index, array_rules.get(spec.params[index]), wanted) for index, _, wanted in self.rules]
        if spec.takes_list or any(rule is None for _, rule, _ in rules):
            return None
        names: dict[str, Any] = {"array_of_input": array_of_input, "stale": stale}
        saved, lines = [], []
        for n, (kind, key) in enumerate(self.keep):
            if kind is TENSOR and spec.may_be_no_tensor[key]:
                saved.append(f"v{n}")
                lines.append(f"v{n} = array_of_input(node, v{n})")
            elif kind is TENSOR:
                saved.append(f"(x{n}, v{n}, n{n})")
                lines += [f"c{n} = x{n}._counter", f"if c{n} is not None and c{n}[0] != n{n}:"]
                lines.append(f"    raise stale(v{n}, c{n}, n{n}, node)")
            elif kind is OUT:
                saved.append(f"(v{n}, c{n}, n{n})")
                lines += [f"if c{n}[0] != n{n}:", f"    raise stale(v{n}, c{n}, n{n}, node)"]
            else:
                saved.append(f"v{n}")
        if saved:
            lines.insert(0, f"{listed(saved)} = node.saved")
        return self._calling(spec, rules, lines, names)

    def _calling(self, spec: Spec, rules: Sequence[tuple], lines: list[str], names: dict[str, Any]) -> Callable:
        """A function that calls rules with ``g`` and the values that ``lines`` have found: a gradient an input."""
        grads = ["None"] * spec.inputs
        for index, rule, wanted in rules:
            names[f"rule{index}"] = rule
            grads[index] = f"rule{index}({', '.join(['g', *[f'v{k}' for k in wanted]])})"
        result = grads[0] if spec.takes_list else listed(grads)
        return written("run(node, g)", [*lines, f"return {result}"], names)


@functools.lru_cache(maxsize=1024)
def _compiled(source: str) -> Any:
    return compile(source, "<plan of an op>", "exec")


def written(head: str, lines: Sequence[str], names: dict[str, Any]) -> Callable:
    """The function of these lines, which knows nothing but ``names``."""
    space = dict(names)
    exec(_compiled(f"def {head}:\n    " + "\n    ".join(lines)), space)
    return space[head[: head.index("(")]]


def listed(values: Sequence[str]) -> str:
    """The tuple of some expressions."""
    return f"({', '.join(values)}{',' if len(values) == 1 else ''})"


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


def unpack_input(node: Node, value: Any) -> Any:
    """What :func:`pack_input` packed."""
    if type(value) is not tuple:
        return value
    tensor, array, version = value
    counter = tensor._counter
    if (0 if counter is None else counter[0]) != version or tensor._data is not array:
        return replaced(tensor, array, version, node)
    return tensor


def stale(array: Any, counter: list, version: int, node: Node) -> RuntimeError:
    """What is raised for a saved array that was changed since."""
    return RuntimeError(changed_in_place(array, counter, version, node))


def array_of_input(node: Node, value: Any) -> Any:
    """:func:`unpack_input` for rules on arrays."""
    if type(value) is not tuple:
        return value
    tensor, array, version = value
    counter = tensor._counter
    if counter is not None and counter[0] != version:
        raise stale(array, counter, version, node)
    return array


def unpack_result(node: Node, value: tuple) -> Tensor:
    """The saved result as a tensor again."""
    array, counter, version = value
    if counter[0] != version:
        raise stale(array, counter, version, node)
    out = _new(Tensor)
    out._data, out._edge, out._counter = array, node, counter
    return out


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
