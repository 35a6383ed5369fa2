"""Calls of ops: arrays out of tensors, the forward function, a node if an input needs a gradient.

Those of one, two and three tensors do what the general one does with less looking around: they are what small
networks spend their time in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.backend.array_module import as_array
from minitorch.backend.primitives.pointwise import LARGE
from minitorch.backend.quiet import quietly
from minitorch.core.dtype import FLOATING
from minitorch.core.grad_mode import state
from minitorch.core.node import OutputNode
from minitorch.core.out_argument import into
from minitorch.core.tensor import LEAF, Tensor, edge_of, refresh_view, wrap
from minitorch.core.view_calls import mark_views

if TYPE_CHECKING:
    from minitorch.core.op import Spec

_ndarray = np.ndarray
_new = object.__new__
_float32 = np.dtype(np.float32)  # looked at before any other type: it is the usual one
_float64 = np.dtype(np.float64)
_MISSING = inspect.Parameter.empty


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
        node = spec.plan(mask).node(edges, args, None, aux)
        for index, tensor in enumerate(out):
            if tensor._data.dtype.kind in FLOATING:
                tensor._edge = OutputNode(node, index)
    elif out._data.dtype.kind in FLOATING:
        out._edge = node = spec.plan(mask).node(edges, args, out, aux)
        if spec.promote is not None:
            node.quick = None  # arrays of different types would follow another rule of promotion
            node.fits = _fits(edges, inputs, out._data)


def _fits(edges: Sequence[Any], inputs: Sequence[Any], result: Any) -> list | None:
    """For which inputs the engine has to undo broadcasting or promotion."""
    shape, dtype = result.shape, result.dtype
    return [
        (index, x._data.shape, x._data.dtype)
        for index, x in enumerate(inputs)
        if edges[index] is not None and (x._data.shape != shape or x._data.dtype is not dtype)
    ] or None


def general_call(spec: Spec) -> Callable:
    forward, count, n = spec.forward, len(spec.params), spec.inputs
    plain = spec.promote is None and spec.kinds is None and spec.check is None and not spec.view

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            if "out" in kwargs:
                target = kwargs.pop("out")
                result = call(*args, **kwargs)
                return result if target is None else into(target, result, spec.name)
            args = spec.bind(args, kwargs)
        inputs: Sequence[Any] = args[:n]
        arrays: Sequence[Any] | None = None
        if spec.takes_list:
            inputs = tuple(args[0])
            args = (inputs, *args[1:])
            arrays = (spec.arrays(inputs),)
        elif plain:
            arrays = _plain_arrays(inputs, spec.optional)
        if arrays is None:
            arrays = spec.arrays(inputs)
        try:
            result = quietly().run(forward, *arrays, *args[n:])
        except (TypeError, ValueError) as error:
            spec.explain(error, arrays)
            raise
        extra = None
        if spec.aux:
            result, extra = result
        out: Any = tuple(map(wrap, result)) if spec.multiple else wrap(result)
        if state.enabled and spec.rules:
            _record(spec, args, inputs, out, extra)
        if spec.view:
            mark_views(call, args, out)
        return (out, extra) if spec.aux else out

    return call


def _plain_arrays(inputs: Sequence[Any], optional: Sequence[bool]) -> list | None:
    """NumPy's arrays of tensors (``None`` where there may be none), or ``None`` if something else is among them."""
    arrays = []
    for x, may_be_none in zip(inputs, optional):
        if x is not None or not may_be_none:
            if not isinstance(x, Tensor):
                return None
            x = x._data
            if type(x) is not _ndarray:
                return None
        arrays.append(x)
    return arrays


def aux_call(spec: Spec) -> Callable:
    """Of one tensor, where the forward function leaves something over for the gradient."""
    general, forward, rules, plans, count = general_call(spec), spec.forward, spec.rules, spec.plans, len(spec.params)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count or not isinstance(args[0], Tensor):
            return general(*args, **kwargs)
        input, *params = args
        try:
            result, extra = quietly().run(forward, input._data, *params)
        except (TypeError, ValueError) as error:
            spec.explain(error, (input._data,))
            raise
        out = wrap(result)
        if rules and state.enabled:
            edge = edge_of(input)
            if edge is not None and out._data.dtype.kind in FLOATING:
                plan = plans.get(1) or spec.plan(1)
                out._edge = plan.node((edge,), args, out, extra)
        return out, extra

    return call


def ternary_call(spec: Spec) -> Callable:
    """Of three tensors that are taken as they are; the third may be ``None`` where the op says so."""
    general, forward, rules, plans, count = general_call(spec), spec.forward, spec.rules, spec.plans, len(spec.params)
    optional = spec.optional[2]

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            return general(*args, **kwargs)
        first, second, third, *params = args
        try:
            a, b = first._data, second._data
            if third is None and optional:
                c = None
            else:
                c = third._data
                if type(c) is not _ndarray:
                    return general(*args)
        except AttributeError:  # which says what is wrong with it
            return general(*args)
        if type(a) is not _ndarray or type(b) is not _ndarray:
            return general(*args)
        try:
            result = quietly().run(forward, a, b, c, *params)
        except (TypeError, ValueError) as error:
            spec.explain(error, (a, b, c))
            raise
        out = wrap(result)
        if rules and state.enabled:
            edges = edge_of(first), edge_of(second), None if third is None else edge_of(third)
            mask = (edges[0] is not None) + 2 * (edges[1] is not None) + 4 * (edges[2] is not None)
            if mask and result.dtype.kind in FLOATING:
                plan = plans.get(mask) or spec.plan(mask)
                out._edge = plan.node(edges, args, out, None)
        return out

    return call


def unary_call(spec: Spec) -> Callable:
    forward, rules, plans, extra = spec.forward, spec.rules, spec.plans, len(spec.params) - 1
    defaults = spec.defaults[1:] if _MISSING not in spec.defaults[1:] else None
    promote = spec.promote is not None
    any_type = not promote and spec.kinds is None and spec.check is None
    direct, below = spec.direct, spec.direct_below if spec.direct is not forward else 0

    def short(input: Any, *, out: Any = None, params: Any = defaults) -> Any:
        if out is not None:
            return into(out, short(input, params=params), spec.name)
        try:
            array = input._data
            if not (any_type or array.dtype is _float32 or array.dtype.kind == "f"):
                (array,) = spec.arrays((input,))
        except AttributeError:
            (array,) = spec.arrays((input,))  # which says what is wrong with it
            input = wrap(array)
        try:
            if params:
                result = quietly().run(forward, array, *params)
            else:
                at_once = below and type(array) is _ndarray and array.size < below
                result = quietly().run(direct if at_once else forward, array)
        except (TypeError, ValueError) as error:
            spec.explain(error, (array,))
            raise
        out = _new(Tensor)
        out._data = result if type(result) is _ndarray else as_array(result)
        out._edge = None
        out._counter = None
        if rules:
            if input._base is not None:
                refresh_view(input)
            edge = input._edge
            if edge is not None and state.enabled:
                if edge is LEAF:
                    edge = input
                plan = plans.get(1) or spec.plan(1)
                out._edge = plan.node((edge,), (input, *params) if params else (input,), out, None)
        return out

    if not extra and spec.params == ["input"]:
        return short

    def call(input: Any, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra:
            if "out" in kwargs and "out" not in spec.params:
                target = kwargs.pop("out")
                result = call(input, *params, **kwargs)
                return result if target is None else into(target, result, spec.name)
            if params or kwargs or defaults is None:
                input, *params = spec.bind((input, *params), kwargs)  # type: ignore[assignment]
            else:
                params = defaults
        return short(input, params=params)

    return call


#: the Python numbers that need no conversion beside a floating-point array
_NUMBERS = (float, int)
#: what an operator works with; anything else is left to the other operand
OPERANDS = (Tensor, bool, int, float, np.number, np.bool_, np.ndarray)


def binary_call(spec: Spec) -> Callable:
    extra = len(spec.params) - 2
    short = _short_binary(spec)
    spec.operator = lambda: _short_binary(spec, operator=True)
    if not extra and spec.params == ["input", "other"]:
        return short
    defaults = spec.defaults[2:] if _MISSING not in spec.defaults[2:] else None

    def call(input: Any, other: Any = _MISSING, *params: Any, **kwargs: Any) -> Any:
        if kwargs or len(params) != extra or other is _MISSING:
            if "out" in kwargs and "out" not in spec.params:
                target = kwargs.pop("out")
                result = call(*((input,) if other is _MISSING else (input, other)), *params, **kwargs)
                return result if target is None else into(target, result, spec.name)
            if params or kwargs or defaults is None or other is _MISSING:
                given = (input,) if other is _MISSING else (input, other, *params)
                input, other, *params = spec.bind(given, kwargs)  # type: ignore[assignment]
            else:
                params = defaults
        return short(input, other, params=params)

    return call


def _short_binary(spec: Spec, operator: bool = False) -> Callable:
    """The call with its arguments in place.  As an operator, it returns ``NotImplemented`` for strange operands."""
    forward, rules, plans = spec.forward, spec.rules, spec.plans
    defaults = spec.defaults[2:] if _MISSING not in spec.defaults[2:] else None
    promote, direct, large = spec.promote is not None, spec.direct, spec.large
    numbers = _NUMBERS if promote and spec.numbers != "none" else ()

    def short(input: Any, other: Any, *, out: Any = None, params: Any = defaults) -> Any:
        if out is not None:
            return into(out, short(input, other, params=params), spec.name)
        number, converted = type(other) in numbers, False
        try:
            a = input._data
            if number:
                b = other
                if a.dtype is not _float32 and a.dtype is not _float64:
                    return _long_binary(spec, input, other, params)
            else:
                b = other._data
                dtype = a.dtype
                if type(a) is not type(b) or dtype is not b.dtype or (dtype is not _float32 and dtype.kind != "f"):
                    a, b = spec.arrays((input, other))
                    converted = a is not input._data or b is not other._data
        except AttributeError:  # one is not a Tensor
            if operator and not (isinstance(input, OPERANDS) and isinstance(other, OPERANDS)):
                return NotImplemented
            return _long_binary(spec, input, other, params)
        try:
            if params is defaults:
                if large is not None and not number and a.size >= LARGE and a.shape == b.shape:
                    result = quietly().run(large, a, b)
                else:
                    result = quietly().run(direct if type(a) is _ndarray else forward, a, b)
            else:
                result = quietly().run(forward, a, b, *params)
        except (TypeError, ValueError) as error:
            spec.explain(error, (a, b))
            raise
        out = _new(Tensor)
        out._data = result if type(result) is _ndarray else as_array(result)
        out._edge = None
        out._counter = None
        if rules:
            if input._base is not None:
                refresh_view(input)
            first, second = input._edge, None
            if not number:
                if other._base is not None:
                    refresh_view(other)
                second = other._edge
            if (first is not None or second is not None) and state.enabled:
                mask = 0
                if first is not None:
                    mask = 1
                    if first is LEAF:
                        first = input
                if second is not None:
                    mask += 2
                    if second is LEAF:
                        second = other
                edges = (first, second)
                plan = plans.get(mask) or spec.plan(mask)
                args = (input, other, *params) if params else (input, other)
                out._edge = node = plan.node(edges, args, out, None)
                if converted:
                    node.quick = None  # NumPy would promote the arrays by a rule of its own
                    node.fits = _fits(edges, (input, other), out._data)
                elif not number and a.shape != b.shape:
                    node.fits = _fits(edges, (input, other), out._data)
        return out

    return short


def _long_binary(spec: Spec, input: Any, other: Any, params: Sequence[Any]) -> Tensor:
    arrays = spec.arrays((input, other))
    array = arrays[0] if hasattr(arrays[0], "dtype") else arrays[1]
    # Half precision beside a number: the number keeps its own, and only the result is rounded.
    half = array.dtype.itemsize == 2 and array.dtype.kind == "f" and not all(hasattr(x, "dtype") for x in arrays)
    if half:
        arrays = [x.astype(_float32) if x is array else x for x in arrays]
    try:
        result = quietly().run(spec.forward, *arrays, *params)
        if half and result.dtype is _float32:
            result = quietly().run(result.astype, array.dtype)
    except (TypeError, ValueError) as error:
        spec.explain(error, arrays)
        raise
    out = wrap(result)
    if state.enabled and spec.rules:
        _record(spec, (input, other, *params), (input, other), out, None)
    return out
