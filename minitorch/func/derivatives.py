"""Functions that give derivatives of functions; they may be nested.

Arguments and results may be nested tuples, lists and dicts of tensors.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from minitorch.autograd.functional import _columns, _forward_product, _rows
from minitorch.core.engine import grad as gradients_of
from minitorch.core.grad_mode import enable_grad, state
from minitorch.core.node import Node, OutputNode
from minitorch.core.tensor import Tensor, edge_of
from minitorch.creation import ones_like, zeros_like
from minitorch.func import tree

ArgNums = int | tuple[int, ...]

#: in the dict of a tensor that a function is differentiated by: how deeply the derivative is nested
_LEVEL = "_func_level"


class _Depth(threading.local):
    value = 0


_depth = _Depth()


class _Tracked:
    """The arguments that a function is differentiated by, as tensors of their own, and the call with them."""

    def __init__(self, name: str, func: Callable, args: tuple, argnums: ArgNums, has_aux: bool, kwargs: Any) -> None:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for number in numbers:
            if not -len(args) <= number < len(args):
                raise RuntimeError(f"{name}: got argnum={number}, but only {len(args)} positional inputs")
        positions = [number % len(args) for number in numbers]
        if len(set(positions)) < len(positions):
            raise RuntimeError(f"{name}: argnums elements must be unique, got {argnums}")
        chosen = [args[position] for position in positions]
        #: what is differentiated by: the structure, and its tensors
        self.by = chosen[0] if isinstance(argnums, int) else tuple(chosen)
        self.recording = state.enabled
        self.level = _depth.value + 1
        self.inputs = tuple(self._own(x) for x in tree.leaves(self.by))
        rest = iter(self.inputs)
        replaced = dict(zip(positions, (tree.mapped(lambda _: next(rest), x) for x in chosen)))
        _depth.value += 1
        try:
            with enable_grad():
                result = func(*(replaced.get(i, arg) for i, arg in enumerate(args)), **kwargs)
        finally:
            _depth.value -= 1
        self.aux: Any = None
        if has_aux:
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"{name}: the function should return a tuple (output, aux) if has_aux is True")
            result, self.aux = result
            self.aux = tree.mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, self.aux)
        self.output = result
        self.outputs = tuple(tree.leaves(result))
        for out in self.outputs:
            if not isinstance(out, Tensor):
                raise RuntimeError(f"{name}: expected the function to return only Tensors, got {type(out).__name__}")
        #: whether somebody else may differentiate the results: they depend on more than what was made here
        self.observed = self.recording and _seen_from_outside(self.outputs, self.level)

    def _own(self, x: Any) -> Tensor:
        if not isinstance(x, Tensor):
            raise ValueError(f"the arguments to differentiate by must be Tensors, got {type(x).__name__}")
        if x.requires_grad and self.recording:
            with enable_grad():
                return x.view_as(x)
        x = x.detach().requires_grad_()
        x.__dict__[_LEVEL] = self.level
        return x

    def finished(self, values: Any) -> Any:
        """Results for the caller."""
        return values if self.observed else tree.mapped(lambda x: x.detach(), values)

    def slopes(self, seeds: Sequence[Any]) -> tuple[Tensor, ...]:
        """The derivative of the outputs by each input."""
        pairs = [(out, seed) for out, seed in zip(self.outputs, seeds) if out.requires_grad]
        if not pairs:
            return tuple(zeros_like(x) for x in self.inputs)
        outputs, given = zip(*pairs)
        with enable_grad():
            found = gradients_of(outputs, self.inputs, given, True, self.observed, allow_unused=True)
        return tuple(zeros_like(x) if g is None else g for x, g in zip(self.inputs, found))


def _seen_from_outside(outputs: Sequence[Tensor], level: int) -> bool:
    """Whether a graph goes back to leaves that were not made at ``level`` or deeper."""
    stack = [edge for edge in map(edge_of, outputs) if edge is not None]
    seen = set(stack)
    while stack:
        edge = stack.pop()
        if isinstance(edge, OutputNode):
            following: Sequence[Any] = (edge.parent,)
        elif isinstance(edge, Node):
            following = edge.edges
        elif edge.__dict__.get(_LEVEL, 0) >= level:
            continue
        else:
            return True
        for before in following:
            if before is not None and before not in seen:
                seen.add(before)
                stack.append(before)
    return False


def grad_and_value(func: Callable, argnums: ArgNums = 0, has_aux: bool = False) -> Callable:
    """Like :func:`grad`, but the function returns (gradient, value) or, with ``has_aux``, (gradient, (value, aux)).

    >>> import minitorch as torch
    >>> torch.func.grad_and_value(lambda x: x ** 3)(torch.tensor(2.))
    (tensor(12.), tensor(8.))
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _Tracked("grad", func, args, argnums, has_aux, kwargs)
        if not isinstance(call.output, Tensor):
            raise RuntimeError(f"grad: expected the function to return a Tensor, got {type(call.output).__name__}")
        if call.output.ndim:
            raise RuntimeError(
                f"grad: expected the function to return a scalar Tensor, got a tensor of shape "
                f"{list(call.output.shape)}. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        found = call.finished(tree.rebuilt(call.by, call.slopes((ones_like(call.output),))))
        value = call.finished(call.output)
        return found, ((value, call.aux) if has_aux else value)

    return wrapper


def grad(func: Callable, argnums: ArgNums = 0, has_aux: bool = False) -> Callable:
    """The function that gives the gradient of ``func``, whose result is a 0-d tensor.

    Args:
        func: the function; inside, recording is on whatever it is outside.
        argnums: by which arguments: a number or a tuple of them; each may be a nested structure of tensors.
        has_aux: ``func`` returns (value, more), and the gradient comes with what more there is.

    >>> import minitorch as torch
    >>> torch.func.grad(torch.sin)(torch.tensor(0.))
    tensor(1.)
    >>> torch.func.grad(torch.func.grad(lambda x: x ** 3))(torch.tensor(2.))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapper


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(output, function from a cotangent to a tuple of its products with the Jacobians), and aux with ``has_aux``.

    >>> import minitorch as torch
    >>> out, pull = torch.func.vjp(lambda x: x ** 2, torch.tensor([1., 2.]))
    >>> pull(torch.tensor([1., 10.]))
    (tensor([ 2., 40.]),)
    """
    call = _Tracked("vjp", func, primals, tuple(range(len(primals))), has_aux, {})

    def pull(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> tuple:
        seeds = tree.leaves(cotangents)
        if len(seeds) != len(call.outputs):
            raise RuntimeError(f"vjp: expected cotangents like the {len(call.outputs)} outputs, got {len(seeds)}")
        for seed, out in zip(seeds, call.outputs):
            if seed.shape != out.shape:
                raise RuntimeError(
                    f"vjp: expected a cotangent of shape {list(out.shape)}, as the output has, got {list(seed.shape)}"
                )
        call.observed = call.observed or (call.recording and any(seed.requires_grad for seed in seeds))
        return call.finished(tree.rebuilt(call.by, call.slopes(seeds)))

    output = call.finished(call.output)
    return (output, pull, call.aux) if has_aux else (output, pull)


def _tuple_of(value: Any, what: str) -> tuple:
    if not isinstance(value, tuple):
        raise RuntimeError(f"jvp: expected {what} to be a tuple, so that func(*{what}) is valid, got {value!r:.80}")
    return value


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """(output, its derivative along ``tangents``), and aux with ``has_aux``.

    >>> import minitorch as torch
    >>> torch.func.jvp(torch.sin, (torch.tensor(0.),), (torch.tensor(2.),))
    (tensor(0.), tensor(2.))
    """
    call = _Tracked("jvp", func, _tuple_of(primals, "primals"), tuple(range(len(primals))), has_aux, {})
    vectors = tree.leaves(_tuple_of(tangents, "tangents"))
    if [v.shape for v in vectors] != [x.shape for x in call.inputs]:
        raise RuntimeError(
            f"jvp: tangents must have the shapes of primals, {[list(x.shape) for x in call.inputs]}, "
            f"got {[list(v.shape) for v in vectors]}"
        )
    call.observed = call.observed or (call.recording and any(v.requires_grad for v in vectors))
    with enable_grad():
        found = _forward_product(call.outputs, call.inputs, tuple(vectors), "jvp", call.observed, strict)
    output, along = call.finished(call.output), call.finished(tree.rebuilt(call.output, found))
    return (output, along, call.aux) if has_aux else (output, along)


def _jacobian(name: str, blocks_of: Callable, func: Callable, argnums: ArgNums, has_aux: bool) -> Callable:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = _Tracked(name, func, args, argnums, has_aux, kwargs)
        with enable_grad():
            rows = blocks_of(call.outputs, call.inputs, call.observed, False)
        found = tree.rebuilt(call.output, [tree.rebuilt(call.by, row) for row in rows])
        found = call.finished(found)
        return (found, call.aux) if has_aux else found

    return wrapper


def jacrev(func: Callable, argnums: ArgNums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Callable:
    """The function that gives the Jacobian of ``func``, by a backward pass an element of its output.

    Args:
        func, argnums, has_aux: as for :func:`grad`; the output may have any shape.
        chunk_size: without effect.

    >>> import minitorch as torch
    >>> torch.func.jacrev(torch.sin)(torch.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: chunk_size should be None or greater than 0, got {chunk_size}")
    return _jacobian("jacrev", _rows, func, argnums, has_aux)


def jacfwd(func: Callable, argnums: ArgNums = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable:
    """:func:`jacrev` by a pass an element of the input: fewer, where the output is larger.

    >>> import minitorch as torch
    >>> torch.func.jacfwd(lambda x: torch.stack([x, x * x]))(torch.tensor(3.))
    tensor([1., 6.])
    """
    return _jacobian("jacfwd", _columns, func, argnums, has_aux)


def hessian(func: Callable, argnums: ArgNums = 0) -> Callable:
    """The function that gives the second derivatives of ``func``.

    >>> import minitorch as torch
    >>> torch.func.hessian(lambda x: (x ** 3).sum())(torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
