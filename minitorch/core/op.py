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

from minitorch.backend.array_module import when_found
from minitorch.backend.primitives.pointwise import add as large_add
from minitorch.core import promotion, several_gpus
from minitorch.core.calls import aux_call, binary_call, general_call, ternary_call, unary_call
from minitorch.core.plan import AUX, OUT, SHAPE, TENSOR, TENSORS, VALUE, OpNode, Plan, parameter_names, rule_arguments
from minitorch.core.refusals import check_kinds, explain, refuse_operand, same_device
from minitorch.core.tensor import Tensor
from minitorch.core.view_calls import view_call

#: annotation of the arguments that are tensors; they come first
Array = Any
#: annotation of one argument that is a sequence of tensors; it comes first and alone
Arrays = Sequence[Any]

_PROMOTIONS: dict[str | None, Callable] = {
    "common": promotion.common,
    "float": promotion.common_float,
    "others": lambda operands: [operands[0], *promotion.common(operands[1:])],
}
#: what stands for a Python number
NUMBERS = (bool, int, float, np.number, np.bool_)
_ndarray = np.ndarray
when_found.append(several_gpus.prepare)


class Spec:
    """The declaration of an op."""

    #: makes the variant of the call that is bound to an operator such as ``+``
    operator: Callable[[], Callable]

    def __init__(
        self,
        forward: Callable,
        name: str | None,
        promote: str | None,
        aux: bool,
        multiple: bool,
        view: bool,
        numbers: str,
        kinds: str | None,
        check: Callable | None,
        public: str | None,
        ufunc: str | None,
        ufunc_below: int,
    ):
        self.forward = forward
        self.name = public or forward.__name__.strip("_")
        self.params = list(parameter_names(forward))
        given = forward.__defaults__ or ()
        self.defaults = (inspect.Parameter.empty,) * (len(self.params) - len(given)) + given
        marks = [str(forward.__annotations__.get(name)) for name in self.params]
        self.takes_list = marks[0] == "Arrays"
        self.inputs = 1 if self.takes_list else sum(mark.startswith("Array") for mark in marks)
        self.optional = [mark != "Array" for mark in marks]
        self.promote = _PROMOTIONS[promote] if promote else None
        self.aux, self.multiple, self.view = aux, multiple, view
        self.numbers, self.kinds, self.check = numbers, kinds, check
        #: what to call on NumPy's arrays
        self.direct = forward if ufunc is None else getattr(np, ufunc)
        self.direct_below = ufunc_below
        #: what to call on large arrays of one shape
        self.large = large_add if ufunc == "add" else None
        allowed = self.inputs if promote and numbers != "none" else 0
        if self.inputs == 1 or (self.inputs == 2 and numbers == "second"):
            allowed -= 1
        self.takes_number = [position >= self.inputs - allowed for position in range(self.inputs)]
        self.may_be_no_tensor = [a or b for a, b in zip(self.takes_number, self.optional)]
        self.rules: dict[str, Callable] = {}
        #: the same rules where they also work with arrays in place of Tensors
        self.array_rules: dict[str, Callable] = {}
        #: for an op that is a rule: the function that may write into its first array instead of making a new one
        self.in_place: Callable | None = None
        self.plans: dict[Any, Plan] = {}
        self.node_type: type[OpNode] = type(name or "Backward0", (OpNode,), {"__slots__": ()})

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
        for name, value in zip(self.params, bound):
            if value is inspect.Parameter.empty:  # not `in`: that would compare tensors
                raise TypeError(f"{self.name}() missing required argument '{name}'")
        return bound

    def source(self, name: str) -> tuple:
        """Where a rule finds what it names."""
        if name in self.params:
            position = self.params.index(name)
            if position >= self.inputs:
                return (VALUE, position)
            return (TENSORS if self.takes_list else TENSOR, position)
        if name in (OUT, AUX):
            return (name, name)
        if name.endswith("_shape") and name[:-6] in self.params[: self.inputs]:
            return (SHAPE, self.params.index(name[:-6]))
        raise TypeError(f"{self.name}: a gradient rule names {name!r}, which is none of {self.params}, out, aux")

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
            NotImplementedError: the op is not for such elements.
        """
        arrays = []
        for position, x in enumerate(inputs):
            if isinstance(x, Tensor):
                arrays.append(x._data)
            elif self.takes_list:
                refuse_operand(self, position, x)
            elif x is None and self.optional[position]:
                arrays.append(None)
            elif self.takes_number[position] and isinstance(x, NUMBERS):
                arrays.append(x.item() if isinstance(x, np.generic) else x)
            elif self.takes_number[position] and isinstance(x, _ndarray):
                arrays.append(x)
            else:
                refuse_operand(self, position, x)
        if len(arrays) > 1:
            arrays = same_device(arrays, self.name)
        if self.check is not None:
            self.check(self.name, *arrays)
        if self.promote is not None:
            if not any(hasattr(x, "dtype") for x in arrays):
                refuse_operand(self, 0, inputs[0])
            arrays = self.promote(arrays)
        if self.kinds is not None:
            check_kinds(self, arrays)
        return arrays

    explain = explain


def op(
    name: str | None = None,
    *,
    promote: str | None = None,
    aux: bool = False,
    multiple: bool = False,
    view: bool = False,
    numbers: str = "any",
    kinds: str | None = None,
    check: Callable | None = None,
    public: str | None = None,
    ufunc: str | None = None,
    ufunc_below: int = 1 << 62,
) -> Callable[[Callable], Any]:
    """Declares an operation.  The function takes arrays for the arguments annotated ``Array`` and returns an array.

    Args:
        name: of the graph node, as in PyTorch (``"MulBackward0"``).
        promote: ``"common"`` casts inputs to their common type, ``"float"`` also integers to floating point,
            ``"others"`` spares the first; Python numbers are then welcome, and the engine undoes broadcasting.
        aux: the function returns ``(array, aux)``; rules may name ``aux``; the call returns ``(Tensor, aux)``.
        multiple: the function returns a tuple of arrays; rules get the tuple of their gradients (``None`` for unused).
        view: the result may share the memory of the first input.
        numbers: which operands of a promoting op of two may be Python numbers: ``"any"``, ``"second"``, ``"none"``.
        kinds: NumPy's letters for the kinds of elements that the op is for, once promoted; others are refused.
        check: called with the op's name and the operands as they are before promotion, if they are not both
            floating-point; raises what it has against them.
        public: the op's name in errors, if it is not the function's.
        ufunc: the function of the array library that does the same, if further parameters have their defaults: it is
            called at once, and in-place variants have it write where the tensor is.
        ufunc_below: for an op of one operand, from how many elements on the function itself is the quicker one.
    """

    def declare(forward: Callable) -> Any:
        spec = Spec(forward, name, promote, aux, multiple, view, numbers, kinds, check, public, ufunc, ufunc_below)
        as_they_are = promote is None and kinds is None and check is None and not (multiple or view or spec.takes_list)
        if view and spec.inputs == 1 and not multiple:
            call = view_call(spec)
        elif aux and as_they_are and spec.inputs == 1:
            call = aux_call(spec)
        elif not aux and as_they_are and spec.inputs == 3:
            call = ternary_call(spec)
        elif aux or multiple or view or spec.takes_list or spec.inputs > 2:
            call = general_call(spec)
        elif spec.inputs == 1:
            call = unary_call(spec)
        else:
            call = binary_call(spec)
        functools.update_wrapper(call, forward)

        def rules(on_arrays: bool = False, **functions: Callable) -> Callable:
            """Sets the gradient rule of each named input.

            A rule that is an op, or that uses nothing but operators (``on_arrays``), is run on the arrays themselves
            where no graph of the gradient is wanted.
            """
            for key, rule in functions.items():
                if key not in spec.params[: spec.inputs]:
                    raise TypeError(f"{spec.name} has no tensor input {key!r}")
                for argument in rule_arguments(rule):
                    spec.source(argument)
                spec.rules[key] = rule
                if on_arrays:
                    spec.array_rules[key] = rule
                elif hasattr(rule, "spec") and not (rule.spec.aux or rule.spec.multiple or rule.spec.view):
                    spec.array_rules[key] = rule.spec.forward
            return call

        call.spec = spec  # type: ignore[attr-defined]
        call.ufunc = ufunc  # type: ignore[attr-defined]
        call.rules = rules  # type: ignore[attr-defined]
        return call

    return declare
