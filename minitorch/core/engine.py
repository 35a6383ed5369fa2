"""The backward pass.  All its state is local to the call, so passes may nest and run in several threads."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush, heappushpop
from sys import getrefcount
from typing import Any

import numpy as np

from minitorch.backend.array_module import array_module, beside
from minitorch.backend.primitives.pointwise import LARGE, add
from minitorch.backend.quiet import hush, unhush
from minitorch.core.grad_mode import state
from minitorch.core.node import Node, OutputNode, bump_version, freed
from minitorch.core.refusals import refuse_mixed
from minitorch.core.tensor import Tensor, edge_of, wrap

_ndarray = np.ndarray


def run(
    roots: Sequence[tuple[Any, Tensor]],
    retain_graph: bool,
    create_graph: bool,
    capture: Sequence[Any] | None = None,
) -> dict[Any, Any]:
    """Sends gradients from ``roots`` (pairs of edge and gradient) through the graph.

    Returns the gradient, a Tensor or an array, of each leaf reached; with ``capture`` (edges), Tensors, of those edges
    only, and nodes that do not lead to one of them are not run.
    """
    enabled, state.enabled = state.enabled, create_graph
    token = hush()  # overflows need no word
    try:
        with beside(roots[0][1]._data if roots else None):
            return _send(roots, retain_graph, create_graph, capture)
    finally:
        unhush(token)
        state.enabled = enabled


def _send(
    roots: Sequence[tuple[Any, Tensor]], retain_graph: bool, create_graph: bool, capture: Sequence[Any] | None
) -> dict[Any, Any]:
    pending: dict[Any, Any] = {}
    found: dict[Any, Any] = {}
    # What waits, newest first; most graphs are chains for long stretches, where one node, ``ahead``, is all that waits.
    heap: list[tuple[int, Node]] = []
    ahead: Any = None
    wanted = None if capture is None else set(capture)
    useful = None if wanted is None else _leading_to(wanted, [edge for edge, _ in roots])

    edges: Sequence[Any] = [edge for edge, _ in roots]
    # A gradient is a Tensor or, on its way between rules that need none, an array.
    grads: Sequence[Any] = [g for _, g in roots]
    node: Any = None
    while True:
        for edge, g in zip(edges, grads):
            if edge is None or g is None or (useful is not None and edge not in useful):
                continue
            if edge in pending:
                before = pending[edge]
                pending[edge] = before + g if create_graph else _sum(_array(before), _array(g))
                continue
            pending[edge] = g
            if edge.order is not None:
                if ahead is None:
                    ahead = edge
                else:
                    heappush(heap, (edge.order, edge))
        if ahead is not None:
            node = heappushpop(heap, (ahead.order, ahead))[1] if heap else ahead
            ahead = None
        elif heap:
            node = heappop(heap)[1]
        else:
            break
        # The names are overwritten before the node runs: gradients are freed as soon as they are used.
        grads = before = None  # type: ignore[assignment]
        g = pending.pop(node)
        edges = node.edges
        if node.quick is not None and not create_graph and not node.watched and (wanted is None or node not in wanted):
            saved = node.saved
            if saved is None:
                raise RuntimeError(freed(node))
            if node.spend is not None and type(g) is _ndarray and getrefcount(g) <= _ALONE and _may_change(g.flags):
                grads = node.spend(node, g)
            else:
                grads = node.quick(node, g._data if isinstance(g, Tensor) else g)
            if node.fits is not None:
                grads = node.fitted([None if one is None else _tensor(one) for one in grads])
            if saved and not retain_graph:
                node.saved = saved = None
            continue
        if type(g) is not dict:
            g = _tensor(g)
        if node.watched and node._hooks is not None:
            g = _call_hooks(node._hooks, g)
        if wanted is not None and node in wanted:
            found[node] = g
            if useful.isdisjoint(_following(node)):  # type: ignore[union-attr]
                edges = grads = ()
                continue
        if type(node) is OutputNode:
            edges = grads = ()
            slots = pending.get(node.parent)
            if slots is None:
                slots = pending[node.parent] = {}
                heappush(heap, (node.parent.order, node.parent))
            slots[node.index] = g
            continue
        if type(g) is dict:
            g = tuple(map(g.get, range(max(g) + 1)))
        if node.saved is None:
            raise RuntimeError(freed(node))
        grads = _run_node(node, g) if node.watched else node.backward(g)
        if node.saved and not retain_graph:
            node.saved = None
    for leaf in pending:  # what is left are leaves, each with its whole sum
        if leaf._hooks is not None:
            pending[leaf] = _call_hooks(leaf._hooks, _tensor(pending[leaf]))
    if wanted is None:
        return pending
    found.update({leaf: _tensor(g) for leaf, g in pending.items()})
    return found


def _array(g: Any) -> Any:
    return g._data if isinstance(g, Tensor) else g


def _sum(a: Any, b: Any) -> Any:
    return a + b if a.size < LARGE or a.shape != b.shape else add(a, b)


def _tensor(g: Any) -> Tensor:
    return g if isinstance(g, Tensor) else wrap(g)


def _leading_to(targets: set, roots: Sequence[Any]) -> set:
    """Edges from which a target can be reached (targets included)."""
    order: list[Any] = []
    seen = set(roots)
    stack = list(seen)
    while stack:
        edge = stack.pop()
        order.append(edge)
        for following in _following(edge):
            if following not in seen:
                seen.add(following)
                stack.append(following)
    useful = set(targets)
    # Nodes are numbered downwards in the order of creation: inputs before what was computed from them.
    nodes = [edge for edge in order if isinstance(edge, Node)]
    for node in sorted(nodes, key=lambda node: -node.order):
        if any(edge in useful for edge in _following(node)):
            useful.add(node)
    return useful


def _following(edge: Any) -> Sequence[Any]:
    if isinstance(edge, OutputNode):
        return (edge.parent,)
    return [e for e in edge.edges if e is not None] if isinstance(edge, Node) else ()


def _call_hooks(hooks: dict, g: Any) -> Any:
    for hook in list(hooks.values()):
        replaced = hook(g)
        if replaced is not None:
            if not isinstance(replaced, Tensor) or replaced.shape != g.shape:
                raise RuntimeError(
                    f"a gradient hook must return None or a Tensor of shape {list(g.shape)}, got {replaced!r:.80}"
                )
            g = replaced
    return g


def _run_node(node: Node, g: Any) -> Sequence[Any]:
    """A node with post hooks or, in anomaly mode, with the place in the forward pass that it came from."""
    try:
        grads = node.backward(g)
    except Exception as error:
        if node.trace is not None and hasattr(error, "add_note"):
            error.add_note(f"The backward pass of {node.name()} failed. It was called here:\n{node.trace}")
        raise
    if node.trace is not None and state.check_nan:
        for index, gradient in enumerate(grads):
            if gradient is not None and bool((gradient._data != gradient._data).any()):
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {index}th output. "
                    f"The forward pass was here:\n{node.trace}"
                )
    if node._post_hooks is not None:
        for hook in list(node._post_hooks.values()):
            outputs = g if isinstance(g, tuple) else (g,)
            replaced = hook(tuple(grads), outputs)
            grads = grads if replaced is None else replaced
    return grads


# ---- leaves


# How many references a fresh object held by one local variable shows: differs between Python versions.
def _measure_alone() -> int:
    fresh = np.empty(1)
    return getrefcount(fresh)


_ALONE = _measure_alone()


def _may_change(flags: Any) -> bool:
    return flags.owndata and flags.writeable


def _own(g: Tensor) -> Tensor:
    """A gradient whose array nothing else refers to: the given one if that is so, otherwise a copy."""
    array = g._data
    # One reference more than _ALONE: the tensor's own.  (The array's flags, kept, would be another one.)
    if array.flags.c_contiguous and getrefcount(array) <= _ALONE + 1:
        whole = array.base
        if whole is None:
            if array.flags.owndata:
                return g
        # Another shape of an array that this view alone refers to.
        elif (
            type(whole) is type(array)
            and whole.nbytes == array.nbytes
            and whole.flags.owndata
            and getrefcount(whole) <= _ALONE + 1
            and getattr(array.flags, "writeable", True)  # what expand() gives is not
        ):
            return g
    return wrap(array.copy(order="C"))


def accumulate(found: dict[Any, Any], create_graph: bool) -> None:
    """Adds gradients to ``grad`` of their leaves."""
    while found:
        leaf, g = found.popitem()
        if create_graph:
            leaf._grad = g if leaf._grad is None else leaf._grad + g
        else:
            g = wrap(g if type(g) is _ndarray else _array(g))  # a Tensor may have been shown to somebody
            if leaf._grad is None:
                leaf._grad = _own(g)
            else:
                with beside(g._data):
                    leaf._grad._data += g._data
                bump_version(leaf._grad)
        if leaf._post_hooks is not None:
            for hook in list(leaf._post_hooks.values()):
                hook(leaf)


# ---- entry points


def _roots(tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[tuple[Any, Tensor]]:
    """Checked pairs of edge and gradient."""
    roots = []
    for index, (tensor, g) in enumerate(zip(tensors, gradients)):
        edge = edge_of(tensor)
        if edge is None:
            raise RuntimeError(f"element {index} of tensors does not require grad and does not have a grad_fn")
        array = tensor._data
        if g is None:
            if array.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, this one has shape {list(array.shape)}: "
                    "reduce it first, for example with .sum(), or pass gradient="
                )
            g = wrap(_one_like(array))
        elif not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g.shape != tensor.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{index}] has a shape of {list(g.shape)} and output[{index}] has a "
                f"shape of {list(array.shape)}."
            )
        else:
            refuse_mixed("backward", array, g._data)
            if g._data.dtype != array.dtype:
                g = g.to(tensor.dtype)
        roots.append((edge, g))
    return roots


def _one_like(array: Any) -> Any:
    with beside(array):
        return array_module(array).ones_like(array)


def _as_tuple(value: Any, what: str) -> tuple:
    if isinstance(value, Tensor):
        return (value,)
    values = tuple(value)
    if not all(isinstance(v, Tensor) for v in values):
        raise TypeError(f"{what} must be a Tensor or a sequence of Tensors")
    return values


def _as_gradients(value: Any, count: int) -> tuple:
    if value is None:
        return (None,) * count
    values = (value,) if isinstance(value, Tensor) else tuple(value)
    if len(values) != count:
        raise RuntimeError(f"got {count} tensors and {len(values)} gradients")
    return values


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds to ``grad`` of every leaf (or of ``inputs`` only) the derivative of the sum of ``tensors``.

    Args: as for :meth:`Tensor.backward`, for several tensors at once.
    """
    outputs = _as_tuple(tensors, "tensors")
    roots = _roots(outputs, _as_gradients(grad_tensors, len(outputs)))
    retain = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        accumulate(run(roots, retain, create_graph), create_graph)
        return
    targets = _as_tuple(inputs, "inputs")
    if not targets:
        raise RuntimeError("inputs argument to backward cannot be empty.")
    edges = [_target_edge(t, i) for i, t in enumerate(targets)]
    found = run(roots, retain, create_graph, edges)
    accumulate({t: found.pop(e) for t, e in zip(targets, edges) if e in found}, create_graph)


def _target_edge(tensor: Tensor, index: int) -> Any:
    edge = edge_of(tensor)
    if edge is None:
        raise RuntimeError(f"One of the differentiated Tensors (number {index}) does not require grad")
    return edge


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The derivatives of the sum of ``outputs`` by each of ``inputs``; no ``grad`` is touched.

    Args:
        grad_outputs: the derivative by each output; may be left out for outputs of one element.
        retain_graph, create_graph: as for :meth:`Tensor.backward`.
        allow_unused: ``None`` for an input that the outputs do not depend on instead of an error.
        materialize_grads: zeros instead of ``None``.

    >>> import minitorch as torch
    >>> x = torch.tensor(3., requires_grad=True)
    >>> dx, = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> torch.autograd.grad(dx, x)
    (tensor(18.),)
    """
    if not only_inputs:
        raise ValueError("only_inputs=False is not supported: use backward() to fill grad of all leaves")
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched=True is not supported: call grad once for each gradient")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True")
    results, targets = _as_tuple(outputs, "outputs"), _as_tuple(inputs, "inputs")
    roots = _roots(results, _as_gradients(grad_outputs, len(results)))
    edges = [_target_edge(t, i) for i, t in enumerate(targets)]
    found = run(roots, create_graph if retain_graph is None else retain_graph, create_graph, edges)
    grads = [found.get(edge) for edge in edges]
    for index, (g, tensor) in enumerate(zip(grads, targets)):
        if g is None:
            if materialize_grads:
                grads[index] = wrap(_one_like(tensor._data) * 0)
            elif not allow_unused:
                raise RuntimeError(
                    f"One of the differentiated Tensors (number {index}) appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
    return tuple(grads)
