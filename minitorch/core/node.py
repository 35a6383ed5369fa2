"""Nodes of the graph: what was done, to what, and the arrays that the gradient needs."""

from __future__ import annotations

import itertools
import traceback
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minitorch.core.grad_mode import state
from minitorch.core.tensor import Tensor, edge_of, wrap

#: Nodes are numbered downwards, so that a heap pops the newest first.
node_numbers = itertools.count(0, -1)


class Node:
    """A recorded operation.  ``edges`` has, for each tensor input, where its gradient goes (``None``: nowhere).

    ``backward(g)`` returns one gradient an edge.  Subclasses are named as PyTorch names its nodes.
    """

    __slots__ = ("__dict__", "__weakref__", "edges", "order", "saved")

    edges: Sequence[Any]
    order: int
    #: what backward needs; ``None`` once freed
    saved: Any
    # Few nodes have these, so they live in the instance's dict; ``watched`` says that one of them is there.
    watched: bool = False
    #: ``quick(node, g)`` is ``backward`` on arrays, where it can do without Tensors
    quick: Callable | None = None
    #: the same where nothing else refers to ``g``: the gradient may take its place
    spend: Callable | None = None
    _hooks: dict | None = None
    _post_hooks: dict | None = None
    #: in anomaly mode, where in the forward pass the node was made
    trace: str | None = None

    def __init__(self, edges: Sequence[Any]) -> None:
        self.order = next(node_numbers)
        self.edges = edges
        self.saved = ()
        if state.anomaly:
            self.note_trace()

    def backward(self, g: Any) -> Sequence[Any]:
        raise NotImplementedError

    def note_trace(self) -> None:
        self.trace = forward_trace()
        self.watched = True

    def name(self) -> str:
        return type(self).__name__

    def public(self) -> Node:
        """The node that users see."""
        return self

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple:
        """A pair (node, number of its output) for each input, as in PyTorch; leaves appear as ``AccumulateGrad``."""
        return tuple(_public_edge(edge) for edge in self.edges)

    def register_hook(self, hook: Callable) -> Any:
        """Calls ``hook(grad_inputs, grad_outputs)`` after this node's backward."""
        return add_hook(self, "_post_hooks", hook)

    def register_prehook(self, hook: Callable) -> Any:
        """Calls ``hook(grad_outputs)`` before this node's backward."""
        return add_hook(self, "_hooks", lambda g: _only(hook((g,))))

    def retain(self, tensor: Tensor) -> None:
        """Has backward put the gradient in ``tensor.grad``."""
        target = weakref.ref(tensor)  # the node must not keep its own result alive

        def keep(g: Tensor) -> None:
            kept = target()
            if kept is not None:
                kept._grad = g

        add_hook(self, "_hooks", keep)


def _only(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def _public_edge(edge: Any) -> tuple:
    if edge is None:
        return (None, 0)
    if isinstance(edge, Tensor):
        return (AccumulateGrad(edge), 0)
    return (edge.public(), getattr(edge, "index", 0))


class AccumulateGrad(Node):
    """Stands for a leaf where a node is expected; passes the gradient on to ``variable``."""

    __slots__ = ()

    def __init__(self, leaf: Tensor) -> None:
        super().__init__((leaf,))

    @property
    def variable(self) -> Tensor:
        return self.edges[0]

    @property
    def next_functions(self) -> tuple:
        return ()

    def backward(self, g: Any) -> Sequence[Any]:
        return (g,)


class OutputNode(Node):
    """One of several results of ``parent``: the engine collects their gradients before the parent runs."""

    __slots__ = ("index", "parent")

    def __init__(self, parent: Node, index: int) -> None:
        super().__init__(())
        self.parent = parent
        self.index = index

    def public(self) -> Node:
        return self.parent


# ---- saved arrays


def replaced(tensor: Tensor, array: Any, version: int, node: Node) -> Tensor:
    """What a rule gets for a saved input that is not as it was in its tensor.

    Raises:
        RuntimeError: it was changed in place since.
    """
    if tensor._version_counter[0] != version:
        raise RuntimeError(changed_in_place(array, tensor._version_counter, version, node))
    out = wrap(array)  # `tensor.data = other` exchanged the array: the old one counts
    edge = edge_of(tensor)
    if edge is not None and state.enabled:
        out._edge = AccumulateGrad(edge) if isinstance(edge, Tensor) else edge
    return out


def freed(node: Node) -> str:
    return (
        f"Trying to backward through the graph a second time: {node.name()} has freed what it saved. "
        "Specify retain_graph=True if you need to backward through the graph a second time."
    )


def changed_in_place(array: Any, counter: list, version: int, node: Node) -> str:
    message = (
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"a tensor of shape {list(array.shape)}, saved by {node.name()}, is at version {counter[0]}; "
        f"expected version {version} instead."
    )
    if node.trace is None:
        return message + (
            " Hint: enable anomaly detection (minitorch.autograd.set_detect_anomaly(True)) to see where it was saved "
            "and where it was changed, or use the out-of-place operation."
        )
    changed = counter[1] if len(counter) > 1 else "(a place where anomaly detection was off)"
    return f"{message}\nSaved here:\n{node.trace}Changed here:\n{changed}"


def forward_trace() -> str:
    """The stack of the user's code: frames of the library itself are left out."""
    frames = traceback.extract_stack()
    own = __file__.rsplit("core", 1)[0]
    users = [frame for frame in frames if not frame.filename.startswith(own)] or frames
    return "".join(traceback.format_list(users))


def bump_version(tensor: Tensor) -> None:
    """Notes an in-place change of ``tensor``."""
    counter = tensor._version_counter
    counter[0] += 1
    if state.anomaly:
        counter[1:] = [forward_trace()]


def bump_versions(tensors: Iterable[Tensor]) -> None:
    """:func:`bump_version` for several."""
    if state.anomaly:
        for tensor in tensors:
            bump_version(tensor)
        return
    for tensor in tensors:
        counter = tensor._counter
        if counter is None:
            tensor._counter = [1]
        else:
            counter[0] += 1


# ---- hooks


class RemovableHandle:
    """Takes a hook away again by ``remove()`` or at the end of a ``with`` block."""

    _ids = itertools.count()

    def __init__(self, hooks: dict) -> None:
        self.id = next(self._ids)
        self._hooks = weakref.ref(hooks) if isinstance(hooks, _Hooks) else lambda: hooks

    def remove(self) -> None:
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class _Hooks(dict):
    """A dict that can be weakly referenced: a handle does not keep hooks alive."""

    __slots__ = ("__weakref__",)


def add_hook(owner: Any, attribute: str, hook: Callable) -> RemovableHandle:
    """Adds ``hook`` to the ordered hooks in ``owner.attribute``."""
    if not callable(hook):
        raise TypeError(f"a hook must be callable, got {type(hook).__name__}")
    hooks = getattr(owner, attribute)
    if hooks is None:
        hooks = _Hooks()
        setattr(owner, attribute, hooks)
        owner.watched = True
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
