"""Memory for time: what a part of a network keeps for the backward pass is computed again instead of kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from minitorch.amp.casting import SameRegions
from minitorch.core.engine import run
from minitorch.core.grad_mode import enable_grad, no_grad, state
from minitorch.core.node import Node, OutputNode, node_numbers
from minitorch.core.tensor import Tensor, edge_of, wrap
from minitorch.func import tree
from minitorch.random import fork_rng, get_rng_state, set_rng_state


class CheckpointError(RuntimeError):
    """The second run of a function did not give what the first one gave."""


def noop_context_fn() -> tuple:
    """Two contexts that do nothing."""
    return nullcontext(), nullcontext()


class CheckpointFunctionBackward(Node):
    """Stands in the graph for all that a function recorded.

    Its inputs are the leaves and the older nodes that the function's graph went back to: those of its arguments, and
    those of parameters and other tensors that it knows.
    """

    __slots__ = ("shapes",)
    #: shape and dtype of each output
    shapes: list[tuple]

    def backward(self, g: Any) -> Sequence[Any]:
        function, versions, rng_state, regions, context = self.saved
        if any(x._version != version for x, version in versions):
            raise RuntimeError(
                "torch.utils.checkpoint: an argument of the function has been modified by an inplace operation since "
                "it was called: calling it again would give something else"
            )
        again = state.enabled  # the gradient itself is to be recorded
        with fork_rng(enabled=rng_state is not None), regions, context, enable_grad():
            if rng_state is not None:
                set_rng_state(rng_state)
            outputs = _recorded(function())
        shapes = [(tuple(out.shape), out.dtype) for out in outputs]
        if shapes != self.shapes:
            raise CheckpointError(
                f"torch.utils.checkpoint: the function gave {self.shapes} in the forward pass and {shapes} when it was "
                "called again for the backward pass: it must do the same each time"
            )
        given = g if isinstance(g, tuple) else (g,)
        roots = [(edge_of(out), one) for out, one in zip(outputs, given) if one is not None]
        found = run(roots, again, again, self.edges)
        return [found.get(edge) for edge in self.edges]


def _recorded(result: Any) -> list[Tensor]:
    return [x for x in tree.leaves(result) if isinstance(x, Tensor) and x.requires_grad]


def _is_older(edge: Any, number: int) -> bool:
    """Whether an edge was there before ``number`` was given out: numbers go down."""
    if isinstance(edge, OutputNode):
        edge = edge.parent
    return not isinstance(edge, Node) or edge.order > number


def _boundary(outputs: Sequence[Tensor], number: int) -> list[Any]:
    """The leaves, and the edges older than ``number``, that a graph goes back to."""
    stack = [edge_of(out) for out in outputs]
    seen, found = set(stack), []
    while stack:
        edge: Any = stack.pop()
        if _is_older(edge, number):
            found.append(edge)
            continue
        for before in (edge.parent,) if isinstance(edge, OutputNode) else edge.edges:
            if before is not None and before not in seen:
                seen.add(before)
                stack.append(before)
    return found


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args)``, of which only the result is kept: the backward pass calls the function once more.

    Chen et al. 2016, arXiv:1604.06174.  While it is called, the function takes as much memory as it would without.

    Args:
        function: must do the same when it is called again; gradients also reach the tensors that it knows.
        use_reentrant: ``True`` (and, with a warning, ``None``): there are no gradients where no argument needs one, as
            PyTorch has it, and no keyword arguments.  Otherwise both are the same here.
        context_fn: gives two contexts: for the first call and for the second.
        determinism_check, debug, early_stop: without effect: shapes and dtypes of the results are checked.
        preserve_rng_state (bool): random numbers are the same in the second call (default).

    Raises:
        ValueError: unexpected keyword arguments.
        CheckpointError: in the backward pass, if the results have other shapes or dtypes the second time.
        RuntimeError: in the backward pass, if an argument was changed in place.

    >>> import minitorch as torch
    >>> from minitorch.utils.checkpoint import checkpoint
    >>> x = torch.tensor(2., requires_grad=True)
    >>> checkpoint(lambda x: x ** 3, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(12.)
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly: use_reentrant=False is "
            "recommended, use_reentrant=True is what leaving it out means.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if state.enabled and not any(isinstance(x, Tensor) and x.requires_grad for x in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
            with no_grad():
                return function(*args)
    if not state.enabled:
        return function(*args, **kwargs)
    rng_state = get_rng_state() if preserve else None
    versions = [(x, x._version) for x in tree.leaves((args, kwargs)) if isinstance(x, Tensor)]
    first, second = context_fn()
    number = next(node_numbers)
    with first:
        result = function(*args, **kwargs)
    return _without_graph(
        result, number, (lambda: function(*args, **kwargs), versions, rng_state, SameRegions(), second)
    )


def _without_graph(result: Any, number: int, saved: tuple) -> Any:
    """``result`` with one node in place of all that were recorded since ``number``."""
    outputs = _recorded(result)
    if not outputs:
        return result
    node = CheckpointFunctionBackward(_boundary(outputs, number))
    node.saved = saved
    node.shapes = [(tuple(out.shape), out.dtype) for out in outputs]
    index = iter(range(len(outputs)))

    def replaced(x: Any) -> Any:
        if not (isinstance(x, Tensor) and x.requires_grad):
            return x
        place = next(index)
        if _is_older(edge_of(x), number):
            return x  # an argument, passed through
        out = wrap(x._data)
        out._edge = OutputNode(node, place) if len(outputs) > 1 else node
        return out

    return tree.mapped(replaced, result)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Calls modules one after the other, in ``segments`` parts; :func:`checkpoint` runs all parts but the last.

    Args:
        functions: a ``Sequential``, or modules or functions in order.
        segments: how many parts.
        input: of the first.
        use_reentrant, preserve_rng_state: see :func:`checkpoint`.

    >>> import minitorch as torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> x = torch.ones(4, 2)
    >>> out = torch.utils.checkpoint.checkpoint_sequential(net, 2, x, use_reentrant=False)
    >>> torch.equal(out, net(x))
    True
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 0 < segments <= len(steps):
        raise ValueError(f"checkpoint_sequential: segments must be between 1 and {len(steps)}, got {segments}")

    def part(begin: int, end: int) -> Callable:
        def call(x: Any) -> Any:
            for step in steps[begin:end]:
                x = step(x)
            return x

        return call

    size, end = len(steps) // segments, 0
    for begin in range(0, size * (segments - 1), size):
        end = begin + size
        input = checkpoint(part(begin, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(end, len(steps))(input)
