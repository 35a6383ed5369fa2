"""Calls of ops: arrays out of tensors, the forward function, a node if an input needs a gradient."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.backend.array_module import as_array
from minitorch.backend.strided import shares_memory
from minitorch.core import promotion
from minitorch.core.grad_mode import anomaly_ever, state
from minitorch.core.node import OutputNode, node_numbers
from minitorch.core.plan import OUT, SHAPE, TENSOR, TENSORS, VALUE, OpNode
from minitorch.core.tensor import LEAF, Tensor, refresh_view, wrap

if TYPE_CHECKING:
    from minitorch.core.op import Spec

_ndarray = np.ndarray
_new = object.__new__
_float32 = np.dtype(np.float32)  # looked at before any other type: it is the usual one


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
    node.saved = saved = []
    for kind, key in plan.keep:
        if kind is TENSOR:
            x = args[key]
            # A Python number (or None) where a tensor could stand goes to the rule as it is.
            saved.append((x, x._data, x._version_counter[0]) if isinstance(x, Tensor) else x)
        elif kind is OUT:
            counter = out._version_counter
            saved.append((out._data, counter, counter[0]))
        elif kind is VALUE:
            saved.append(args[key])
        elif kind is TENSORS:
            saved.append([(x, x._data, x._version_counter[0]) for x in args[key]])
        elif kind is SHAPE:
            x = args[key]
            saved.append([t._data.shape for t in x] if spec.takes_list else x._data.shape)
        else:
            saved.append(aux)
    if anomaly_ever and state.anomaly:
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


def general_call(spec: Spec) -> Callable:
    forward, count, n = spec.forward, len(spec.params), spec.inputs

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            if "out" in kwargs:
                return into(kwargs.pop("out"), call(*args, **kwargs), spec.name)
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


# The calls below do what the general one does with less looking around: they are what small networks spend
# their time in.


def view_call(spec: Spec) -> Callable:
    forward, extra = spec.forward, len(spec.params) - 1

    def call(input: Any, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra:
            input, *params = spec.bind((input, *params), kwargs)  # type: ignore[assignment]
        memory = input._data if isinstance(input, Tensor) else spec.arrays((input,))[0]
        out = _new(Tensor)
        out._data = result = forward(memory, *params)
        shared = result is memory or shares_memory(result, memory)
        out._version_counter = input._version_counter if shared else [0]
        out._edge = None
        if state.enabled and memory.dtype.kind == "f":
            if input._base is not None:
                refresh_view(input)
            edge = input._edge
            if edge is not None and spec.rules:
                out._edge = _node(spec, 1, (input if edge is LEAF else edge,), (input, *params), out, None)
            if shared:
                root = input._base
                out._base = root = input if root is None else root
                out._steps = (input._steps, call, params)
                out._seen = root._histories
        return out

    return call


def unary_call(spec: Spec) -> Callable:
    forward, extra = spec.forward, len(spec.params) - 1
    defaults = spec.defaults[1:] if inspect.Parameter.empty not in spec.defaults[1:] else None
    promote = spec.promote is not None

    def call(input: Any, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra:
            if "out" in kwargs and "out" not in spec.params:
                return into(kwargs.pop("out"), call(input, *params, **kwargs), spec.name)
            if params or kwargs or defaults is None:
                input, *params = spec.bind((input, *params), kwargs)  # type: ignore[assignment]
            else:
                params = defaults
        try:
            array = input._data
            if promote and array.dtype is not _float32 and array.dtype.kind != "f":
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
            if edge is not None and ((dtype := out._data.dtype) is _float32 or dtype.kind == "f"):
                edge = input if edge is LEAF else edge
                out._edge = node = _node(spec, 1, (edge,), (input, *params), out, None)
                if promote and out._data.dtype is not input._data.dtype:
                    _note_fits(node, (input,), out._data)
        return out

    return call


def binary_call(spec: Spec) -> Callable:
    forward, extra = spec.forward, len(spec.params) - 2
    defaults = spec.defaults[2:] if inspect.Parameter.empty not in spec.defaults[2:] else None
    promote, to_float = spec.promote is not None, spec.promote is promotion.common_float
    numbers = (float, int)

    def call(input: Any, other: Any = inspect.Parameter.empty, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra or other is inspect.Parameter.empty:
            if "out" in kwargs and "out" not in spec.params:
                given = () if other is inspect.Parameter.empty else (other,)
                return into(kwargs.pop("out"), call(input, *given, *params, **kwargs), spec.name)
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
            if (first is not None or second is not None) and (
                (dtype := out._data.dtype) is _float32 or dtype.kind == "f"
            ):
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


def into(out: Tensor, result: Tensor, name: str) -> Tensor:
    """Puts ``result`` into ``out``, as the ``out=`` argument of functions asks for.

    Raises:
        TypeError: ``out`` is no Tensor.
        RuntimeError: an operand requires grad, or ``out`` has another shape (an empty ``out`` takes the result's) or a
            dtype that the result cannot be cast to.
    """
    from minitorch.core.inplace import assign

    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if state.enabled and (result.requires_grad or out.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if out._data.size == 0 and out._data.shape != result._data.shape:
        out._data = np.empty_like(result._data, dtype=out._data.dtype)
    return assign(out, result, name)


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
