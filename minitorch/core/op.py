"""``@op``: turns a function on arrays and one gradient rule per input into an operation on Tensors.

See ``docs/architecture.md`` for how a declaration reads.  What happens on a call: arguments are bound, arrays taken out
of tensors (and promoted), the forward function runs, and if an input needs a gradient a node is recorded that keeps
exactly what the rules of those inputs name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minitorch.backend.array_module import as_array
from minitorch.backend.strided import shares_memory
from minitorch.core import promotion
from minitorch.core.dtype import of_numpy
from minitorch.core.grad_mode import state
from minitorch.core.node import Node, OutputNode, changed_in_place, node_numbers, replaced
from minitorch.core.tensor import LEAF, Tensor, refresh_view, wrap

#: annotation of the arguments that are tensors; they come first
Array = Any
#: annotation of one argument that is a sequence of tensors; it comes first and alone
Arrays = Sequence[Any]

_PROMOTIONS: dict[str | None, Callable] = {"common": promotion.common, "float": promotion.common_float}
_ndarray = np.ndarray
_new = object.__new__


class OpNode(Node):
    """A recorded call of an ``@op``.  ``saved`` follows ``plan.keep``."""

    __slots__ = ("plan",)
    plan: Plan
    #: (input, shape, dtype) where broadcasting or promotion has to be undone
    fits: list | None = None

    def backward(self, g: Any) -> Sequence[Any]:
        plan, saved = self.plan, self.saved
        if saved is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: {self.name()} has freed what it saved. "
                "Specify retain_graph=True if you need to backward through the graph a second time."
            )
        values = []
        for kind, value in zip(plan.kinds, saved):
            if kind is _TENSOR and type(value) is tuple:
                tensor, array, version = value
                if tensor._version_counter[0] != version or tensor._data is not array:
                    tensor = replaced(tensor, array, version, self)
                values.append(tensor)
            elif kind is _OUT:
                array, counter, version = value
                if counter[0] != version:
                    raise RuntimeError(changed_in_place(array, counter, version, self))
                result = _new(Tensor)
                result._data, result._edge, result._version_counter = array, self, counter
                values.append(result)
            else:
                values.append(value)
        if plan.single:
            grads: Any = [plan.single(g, *values)]
        elif plan.gradient_of_list:
            return plan.rules[0][1](g, *values)
        else:
            grads = [None] * len(self.edges)
            for index, rule, wanted in plan.rules:
                grads[index] = rule(g, *[values[k] for k in wanted])
        if self.fits is not None:
            for index, shape, dtype in self.fits:
                if grads[index] is not None:
                    grads[index] = fit(grads[index], shape, dtype)
        return grads


_TENSOR, _OUT, _VALUE, _AUX, _SHAPE = "tensor", "out", "value", "aux", "shape"


class Plan:
    """What to keep and which rules to run when a given set of inputs needs gradients."""

    __slots__ = ("gradient_of_list", "keep", "kinds", "rules", "single")

    def __init__(self, spec: Spec, needed: Sequence[int]) -> None:
        keep: dict[tuple, int] = {}
        self.gradient_of_list = spec.takes_list
        self.rules = []
        for index in needed:
            rule = spec.rules.get(spec.params[index])
            if rule is None:
                continue
            wanted = [keep.setdefault(spec.source(name), len(keep)) for name in rule_arguments(rule)]
            self.rules.append((index, rule, wanted))
        self.keep = tuple(keep)
        self.kinds = tuple(kind for kind, _ in keep)
        #: the rule of an op with one input: its arguments are just what is kept, in order
        self.single = self.rules[0][1] if spec.inputs == 1 and not spec.takes_list else None


def rule_arguments(rule: Callable) -> list[str]:
    return list(inspect.signature(rule).parameters)[1:]


class Spec:
    """The declaration of an op."""

    def __init__(self, forward: Callable, name: str | None, promote: str | None, aux: bool, multiple: bool, view: bool):
        parameters = list(inspect.signature(forward).parameters.values())
        self.forward = forward
        self.name = forward.__name__.strip("_")
        self.params = [p.name for p in parameters]
        self.defaults = tuple(p.default for p in parameters)
        marks = [str(p.annotation) for p in parameters]
        self.takes_list = marks[0] == "Arrays"
        self.inputs = 1 if self.takes_list else sum(mark.startswith("Array") for mark in marks)
        self.optional = [mark != "Array" for mark in marks]
        self.promote = _PROMOTIONS[promote] if promote else None
        self.aux, self.multiple, self.view = aux, multiple, view
        self.rules: dict[str, Callable] = {}
        self.plans: dict[Any, Plan] = {}
        self.node_type = type(name or "Backward0", (OpNode,), {"__slots__": ()})

    def bind(self, args: tuple, kwargs: dict) -> tuple:
        """All arguments by position."""
        bound = args + self.defaults[len(args) :]
        if len(args) > len(self.params):
            raise TypeError(f"{self.name}() takes {len(self.params)} arguments but {len(args)} were given")
        if kwargs:
            values = list(bound)
            for key, value in kwargs.items():
                if key not in self.params:
                    raise TypeError(
                        f"{self.name}() got an unexpected keyword argument '{key}'; it has {', '.join(self.params)}"
                    )
                position = self.params.index(key)
                if position < len(args):
                    raise TypeError(f"{self.name}() got multiple values for argument '{key}'")
                values[position] = value
            bound = tuple(values)
        if inspect.Parameter.empty in bound:
            missing = self.params[bound.index(inspect.Parameter.empty)]
            raise TypeError(f"{self.name}() missing required argument '{missing}'")
        return bound

    def source(self, name: str) -> tuple:
        """Where a rule finds what it names."""
        if name == _OUT or name == _AUX:
            return (name, name)
        if name.endswith("_shape") and name[:-6] in self.params[: self.inputs]:
            return (_SHAPE, self.params.index(name[:-6]))
        position = self.params.index(name)
        return (_TENSOR if position < self.inputs and not self.takes_list else _VALUE, position)

    def plan(self, mask: int) -> Plan:
        plan = self.plans.get(mask)
        if plan is None:
            needed = [0] if self.takes_list else [i for i in range(self.inputs) if mask >> i & 1]
            plan = self.plans[mask] = Plan(self, needed)
        return plan

    def arrays(self, inputs: Sequence[Any]) -> list[Any]:
        """The arrays of the tensor inputs, promoted; Python numbers are let through where they promote.

        Raises:
            TypeError: an input is no tensor.
            RuntimeError: inputs are on different devices.
        """
        arrays = []
        for position, x in enumerate(inputs):
            if isinstance(x, Tensor):
                arrays.append(x._data)
            elif x is None and self.optional[position]:
                arrays.append(None)
            elif self.promote is not None and isinstance(x, (bool, int, float, np.number, np.bool_)):
                arrays.append(x.item() if isinstance(x, np.generic) else x)
            elif self.promote is not None and isinstance(x, _ndarray):
                arrays.append(x)
            else:
                where = f"element {position} of '{self.params[0]}'" if self.takes_list else f"'{self.params[position]}'"
                raise TypeError(f"{self.name}(): argument {where} must be Tensor, not {type(x).__name__}")
        if len(arrays) > 1:
            arrays = same_device(arrays, self.name)
        return arrays if self.promote is None else self.promote(arrays)


def same_device(arrays: list[Any], name: str) -> list[Any]:
    """The arrays, 0-d ones moved to where the others are.

    Raises:
        RuntimeError: arrays with dimensions are on different devices; both are named.
    """
    if all(type(a) is _ndarray or not hasattr(a, "shape") for a in arrays):
        return arrays
    from minitorch.backend.array_module import to_device
    from minitorch.core.device import device_of

    devices = {str(device_of(a)): a for a in arrays if hasattr(a, "shape") and a.ndim}
    if len(devices) > 1:
        first, second = list(devices)[:2]
        raise RuntimeError(
            f"{name}(): Expected all tensors to be on the same device, but found at least two devices, "
            f"{first} and {second}! Move one with .to('{first}')"
        )
    target = next((device_of(a) for a in devices.values()), None)
    if target is None:
        target = next(device_of(a) for a in arrays if hasattr(a, "shape") and type(a) is not _ndarray)
    return [to_device(a, target.ordinal) if hasattr(a, "shape") else a for a in arrays]


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


def _record(spec: Spec, args: tuple, inputs: Sequence[Any], out: Any, aux: Any) -> None:
    """Links ``out`` (a Tensor, or a tuple of them) to its inputs if one of them needs a gradient."""
    mask, bit, edges = 0, 1, []
    for x in inputs:
        edge = None
        if isinstance(x, Tensor):
            if x._base is not None:
                refresh_view(x)
            edge = x._edge
            if edge is not None:
                mask |= bit
                if edge is LEAF:
                    edge = x
        edges.append(edge)
        bit <<= 1
    if not mask:
        return
    if spec.takes_list:
        mask = 1
    if spec.multiple:
        node = _node(spec, mask, edges, args, None, aux)
        for index, tensor in enumerate(out):
            if tensor._data.dtype.kind == "f":
                tensor._edge = OutputNode(node, index)
    elif out._data.dtype.kind == "f":
        out._edge = node = _node(spec, mask, edges, args, out, aux)
        if spec.promote is not None:
            _note_fits(node, inputs, out._data)


def _node(spec: Spec, mask: int, edges: Sequence[Any], args: tuple, out: Any, aux: Any) -> OpNode:
    """A new node that keeps what its rules will need."""
    node = _new(spec.node_type)
    node.order = next(node_numbers)
    node.edges = edges
    plan = node.plan = spec.plans.get(mask) or spec.plan(mask)
    saved: list[Any] = []
    for kind, key in plan.keep:
        if kind is _TENSOR:
            x = args[key]
            # A Python number (or None) where a tensor could stand goes to the rule as it is.
            saved.append((x, x._data, x._version_counter[0]) if isinstance(x, Tensor) else x)
        elif kind is _OUT:
            saved.append((out._data, out._version_counter, 0))
        elif kind is _VALUE:
            saved.append(args[key])
        elif kind is _SHAPE:
            x = args[key]
            saved.append([t._data.shape for t in x] if spec.takes_list else x._data.shape)
        else:
            saved.append(aux)
    node.saved = saved
    if state.anomaly:
        node.note_trace()
    return node


def _note_fits(node: OpNode, inputs: Sequence[Any], result: Any) -> None:
    """Notes for which inputs the engine has to undo broadcasting or promotion."""
    shape, dtype = result.shape, result.dtype
    fits = [
        (index, x._data.shape, x._data.dtype)
        for index, x in enumerate(inputs)
        if node.edges[index] is not None and (x._data.shape != shape or x._data.dtype is not dtype)
    ]
    if fits:
        node.fits = fits


def op(
    name: str | None = None,
    *,
    promote: str | None = None,
    aux: bool = False,
    multiple: bool = False,
    view: bool = False,
) -> Callable[[Callable], Any]:
    """Declares an operation.  The function takes arrays for the arguments annotated ``Array`` and returns an array.

    Args:
        name: of the graph node, as in PyTorch (``"MulBackward0"``).
        promote: ``"common"`` casts inputs to their common type, ``"float"`` also integers to floating point;
            Python numbers are then welcome, and the engine undoes broadcasting.
        aux: the function returns ``(array, aux)``; rules may name ``aux``; the call returns ``(Tensor, aux)``.
        multiple: the function returns a tuple of arrays; rules get the tuple of their gradients (``None`` for unused).
        view: the result may share the memory of the first input.
    """

    def declare(forward: Callable) -> Any:
        spec = Spec(forward, name, promote, aux, multiple, view)
        if aux or multiple or view or spec.takes_list or spec.inputs > 2:
            call = _general_call(spec)
        elif spec.inputs == 1:
            call = _unary_call(spec)
        else:
            call = _binary_call(spec)
        functools.update_wrapper(call, forward)

        def rules(**functions: Callable) -> Callable:
            """Sets the gradient rule of each named input."""
            for key, rule in functions.items():
                if key not in spec.params[: spec.inputs]:
                    raise TypeError(f"{spec.name} has no tensor input {key!r}")
                for argument in rule_arguments(rule):
                    spec.source(argument)
                spec.rules[key] = rule
            return call

        call.spec = spec  # type: ignore[attr-defined]
        call.rules = rules  # type: ignore[attr-defined]
        return call

    return declare


def _general_call(spec: Spec) -> Callable:
    forward, count, n = spec.forward, len(spec.params), spec.inputs

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            args = spec.bind(args, kwargs)
        if spec.takes_list:
            inputs = tuple(args[0])
            args = (inputs, *args[1:])
            result = forward(spec.arrays(inputs), *args[1:])
        else:
            inputs = args[:n]
            result = forward(*spec.arrays(inputs), *args[n:])
        extra = None
        if spec.aux:
            result, extra = result
        out: Any = tuple(map(wrap, result)) if spec.multiple else wrap(result)
        if state.enabled and spec.rules:
            _record(spec, args, inputs, out, extra)
        if spec.view:
            _mark_views(call, args, out)
        return (out, extra) if spec.aux else out

    return call


# The two calls below do what the general one does with less looking around: they are what small networks spend
# their time in.


def _unary_call(spec: Spec) -> Callable:
    forward, extra = spec.forward, len(spec.params) - 1
    defaults = spec.defaults[1:] if inspect.Parameter.empty not in spec.defaults[1:] else None
    promote = spec.promote is not None

    def call(input: Any, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra:
            if params or kwargs or defaults is None:
                input, *params = spec.bind((input, *params), kwargs)  # type: ignore[assignment]
            else:
                params = defaults
        try:
            array = input._data
            if promote and array.dtype.kind != "f":
                (array,) = spec.arrays((input,))
        except AttributeError:
            (array,) = spec.arrays((input,))
        result = forward(array, *params)
        out = _new(Tensor)
        out._data = result if type(result) is _ndarray else as_array(result)
        out._edge = None
        out._version_counter = [0]
        if state.enabled and spec.rules and isinstance(input, Tensor):
            if input._base is not None:
                refresh_view(input)
            edge = input._edge
            if edge is not None and out._data.dtype.kind == "f":
                edge = input if edge is LEAF else edge
                out._edge = node = _node(spec, 1, (edge,), (input, *params), out, None)
                if promote and out._data.dtype is not input._data.dtype:
                    _note_fits(node, (input,), out._data)
        return out

    return call


def _binary_call(spec: Spec) -> Callable:
    forward, extra = spec.forward, len(spec.params) - 2
    defaults = spec.defaults[2:] if inspect.Parameter.empty not in spec.defaults[2:] else None
    promote, to_float = spec.promote is not None, spec.promote is promotion.common_float
    numbers = (float, int)

    def call(input: Any, other: Any = inspect.Parameter.empty, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra or other is inspect.Parameter.empty:
            if params or kwargs or defaults is None or other is inspect.Parameter.empty:
                given = (input,) if other is inspect.Parameter.empty else (input, other, *params)
                input, other, *params = spec.bind(given, kwargs)  # type: ignore[assignment]
            else:
                params = defaults
        tensors = True
        try:
            a = input._data
            if type(other) in numbers:
                tensors = False
                b = other
                if not promote or a.dtype.kind != "f":
                    a, b = spec.arrays((input, other))
            else:
                b = other._data
                dtype = a.dtype
                if not (type(a) is type(b) and dtype is b.dtype and (not to_float or dtype.kind == "f")):
                    a, b = spec.arrays((input, other))
        except AttributeError:
            tensors = False
            a, b = spec.arrays((input, other))
        result = forward(a, b, *params)
        out = _new(Tensor)
        out._data = result if type(result) is _ndarray else as_array(result)
        out._edge = None
        out._version_counter = [0]
        if state.enabled and spec.rules:
            if not tensors or input._base is not None or other._base is not None:
                _record(spec, (input, other, *params), (input, other), out, None)
                return out
            first, second = input._edge, other._edge
            if (first is not None or second is not None) and out._data.dtype.kind == "f":
                mask = 0
                if first is not None:
                    mask = 1
                    if first is LEAF:
                        first = input
                if second is not None:
                    mask += 2
                    if second is LEAF:
                        second = other
                out._edge = node = _node(spec, mask, (first, second), (input, other, *params), out, None)
                if promote and (a.shape != b.shape or a is not input._data or b is not other._data):
                    _note_fits(node, (input, other), out._data)
        return out

    return call


def _mark_views(call: Callable, args: tuple, out: Any) -> None:
    """Ties results that share the memory of the first argument to it."""
    source = args[0]
    memory = source._data
    for index, view in enumerate(out if isinstance(out, tuple) else (out,)):
        if not shares_memory(view._data, memory):
            continue
        view._version_counter = source._version_counter
        if state.enabled and memory.dtype.kind == "f":
            root = source if source._base is None else source._base
            view._base = root
            view._seen = root._histories
            if isinstance(out, tuple):
                view._steps = (source._steps, _take, (call, args[1:], index))
            else:
                view._steps = (source._steps, call, args[1:])


def _take(source: Tensor, call: Callable, arguments: tuple, index: int) -> Tensor:
    return call(source, *arguments)[index]
