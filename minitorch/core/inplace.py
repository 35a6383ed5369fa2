"""Writing into tensors: what is refused, and how a change of shared memory enters the graph.

Views of one memory share a version counter.  When a view is overwritten, the tensor that owns the memory gets a new
history (``CopySlices``), and every other view finds its place in it when it is next asked (``refresh_view``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.backend.quiet import quietly
from minitorch.core.dtype import of_numpy
from minitorch.core.grad_mode import no_grad, state
from minitorch.core.node import Node, bump_version
from minitorch.core.op import Array, op, rule_arguments
from minitorch.core.tensor import LEAF, Tensor, edge_of, refresh_view, replay, wrap


def inplace(function: Callable, name: str | None = None) -> Callable:
    """The in-place variant of an op: writes the result over its first argument and returns it.

    Raises (by the variant):
        RuntimeError: a leaf (or a view of one) that requires grad; a result of another shape or of a higher category;
            memory that several elements share.
    """
    name = name or function.__name__ + "_"
    ufunc = getattr(function, "ufunc", None)

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        refuse_write(self, name)
        if ufunc is not None and len(args) == 1 and _written_at_once(ufunc, self, args[0], **kwargs):
            return self
        if state.enabled and _needs_grad(self, *args, *kwargs.values()) and _saves_first_input(function, self, args):
            # A rule may need the values that are about to be overwritten.
            kept = _copy_with_history(self)
            args = tuple(kept if x is self else x for x in args)
            result = function(kept, *args, **kwargs)
        else:
            result = function(self, *args, **kwargs)
        return assign(self, result, name)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"In-place version of :func:`{function.__name__}`; returns ``self``."
    return call


def _written_at_once(ufunc: str, self: Tensor, other: Any, alpha: Any = None, **kwargs: Any) -> bool:
    """Has the array library write into the memory of ``self``, if types, shapes and the graph allow it."""
    memory = self._data
    if kwargs or memory.dtype.kind != "f" or memory.dtype.itemsize < 4 or (state.enabled and _needs_grad(self, other)):
        return False
    if isinstance(other, Tensor):
        value = other._data
        if type(value) is not type(memory) or value.dtype is not memory.dtype:
            return False
    elif type(other) is float or type(other) is int:
        value = other
    else:
        return False
    if alpha is not None:
        if ufunc not in ("add", "subtract") or (type(alpha) is not float and type(alpha) is not int):
            return False
        value = quietly().run(mul, value, alpha)
    try:
        quietly().run(getattr(array_module(memory), ufunc), memory, value, memory)
    except ValueError:  # the shapes do not fit: nothing was written
        return False
    bump_version(self)
    return True


def overwrite(function: Callable, name: str, self: Tensor, *args: Any) -> Tensor:
    """Calls an op whose last argument says that it may write into its first input; returns ``self``."""
    refuse_write(self, name)
    return assign(self, function(self, *args, True), name)


def replace(function: Callable, name: str, self: Tensor, *args: Any) -> Tensor:
    """:func:`overwrite` for an op that leaves no old element: the history of a view's old values ends here."""
    refuse_write(self, name)
    return assign(self, function(self if self._base is None else wrap(self._data), *args, True), name)


def _saves_first_input(function: Callable, self: Tensor, args: tuple) -> bool:
    spec = getattr(function, "spec", None)
    if spec is None or any(x is self for x in args):
        return True
    first = spec.params[0]
    return any(first in rule_arguments(rule) for rule in spec.rules.values())


def _needs_grad(*values: Any) -> bool:
    return any(isinstance(x, Tensor) and x.requires_grad for x in values)


def _copy_with_history(tensor: Tensor) -> Tensor:
    edge = edge_of(tensor)
    out = wrap(tensor._data.copy())
    out._edge = edge
    return out


# ---- what is refused


def refuse_write(tensor: Tensor, name: str) -> None:
    """Raises if ``tensor`` must not be written to: see :func:`refuse_leaf` and :func:`refuse_shared_elements`."""
    if state.enabled:
        refuse_leaf(tensor)
    refuse_shared_elements(tensor._data, name)


def refuse_leaf(tensor: Tensor) -> None:
    """Raises if writing into ``tensor`` would lose the gradient of a leaf."""
    if tensor._base is not None:
        refresh_view(tensor)
        if tensor._base._edge is LEAF:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation. "
                "Do it inside `with minitorch.no_grad():` or on tensor.detach()."
            )
    if tensor._edge is LEAF:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            "Do it inside `with minitorch.no_grad():` or on tensor.detach()."
        )


def refuse_shared_elements(memory: Any, name: str) -> None:
    """Raises if several elements of ``memory`` are one place, as after ``expand``, or if it is read-only."""
    if 0 in memory.strides and any(s == 0 and n > 1 for s, n in zip(memory.strides, memory.shape)) and memory.size:
        raise RuntimeError(
            f"{name}: unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )
    if not getattr(memory.flags, "writeable", True):
        raise RuntimeError(
            f"{name}: the tensor stands on a read-only array. Please clone() it before performing the operation."
        )


# ---- what changes


def assign(target: Tensor, result: Tensor, name: str) -> Tensor:
    """Writes ``result`` into ``target``'s memory and gives ``target`` (and what shares its memory) its history.

    An op that has written there itself returns the very array of ``target``: then only the history is left to do.
    """
    new, memory = result._data, target._data
    edge = result._edge if state.enabled else None
    if new is not memory:
        if new.shape != memory.shape:
            raise RuntimeError(
                f"{name}: output with shape {list(memory.shape)} doesn't match the broadcast shape {list(new.shape)}"
            )
        if new.dtype is not memory.dtype:
            source, destination = of_numpy(new.dtype), of_numpy(memory.dtype)
            if source.rank > destination.rank:
                raise RuntimeError(
                    f"{name}: result type {source} can't be cast to the desired output type {destination}"
                )
            if edge is not None and source is not destination:
                edge = result.to(destination)._edge
        write(memory, new, name)
    bump_version(target)
    if state.enabled:
        set_history(target, edge)
    return target


def write(memory: Any, values: Any, name: str) -> None:
    """Copies values (array or number) into an array.

    Raises:
        RuntimeError: several elements of the array share one memory location, or it is read-only.
    """
    refuse_shared_elements(memory, name)
    if getattr(values, "dtype", memory.dtype) is memory.dtype:
        memory[...] = values
    else:
        quietly().run(memory.__setitem__, ..., values)  # a cast may overflow


def set_history(target: Tensor, edge: Any) -> None:
    """``target`` was overwritten by what ``edge`` computed."""
    base = target._base
    if base is None:
        if edge is not None or target._edge is not None:
            target._edge = edge
            target._histories += 1
        return
    base_edge = edge_of(base)
    if base_edge is None and edge is None:
        return
    base._edge = CopySlices((base_edge, edge), target._steps, base._data)
    base._histories += 1
    refresh_view(target)


class CopySlices(Node):
    """A view of a tensor was overwritten: its gradient goes to what was written, the rest's to the old history."""

    __slots__ = ("axes", "steps")

    def __init__(self, edges: Sequence[Any], steps: tuple, base: Any) -> None:
        super().__init__(edges)
        self.steps = steps
        # View operations need a gradient whose axes lie in memory in the base's order.
        self.axes = None if base.flags.c_contiguous else sorted(range(base.ndim), key=lambda i: -base.strides[i])

    def backward(self, g: Any) -> Sequence[Any]:
        rest = region = None
        if self.edges[1] is not None:
            region = replay(g if self.axes is None else _laid_out(g, self.axes), self.steps)
        if self.edges[0] is not None:
            rest = _without(g, self.steps, self.axes)
        return (rest, region)


def _copy_laid_out(array: Any, axes: Sequence[int] | None) -> Any:
    if axes is None:
        return array.copy(order="C")
    return array.transpose(axes).copy(order="C").transpose(sorted(range(len(axes)), key=axes.__getitem__))


@op("CloneBackward0")
def _laid_out(g: Array, axes):
    return _copy_laid_out(g, axes)


@op("CopySlicesBackward0")
def _without(g: Array, steps, axes):
    """``g`` with zeros where the view was."""
    rest = _copy_laid_out(g, axes)
    with no_grad():
        replay(wrap(rest), steps)._data[...] = 0
    return rest


_laid_out.rules(g=lambda h: h)
_without.rules(g=lambda h, steps, axes: _without(h, steps, axes))


def reshaped_inplace(function: Callable) -> Callable:
    """The in-place variant of a view operation: the tensor itself takes the new shape; its memory stays as it is.

    Views that were taken of the tensor before keep the memory, but in-place changes no longer reach their gradients.
    """
    name = function.__name__ + "_"

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if state.enabled:
            refuse_leaf(self)
        result = function(self, *args, **kwargs)
        if self._base is not None:
            self._steps, self._seen = result._steps, result._seen
        self._data = result._data
        if state.enabled:
            self._edge = result._edge
        bump_version(self)
        return self

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"In-place version of :func:`{function.__name__}`; returns ``self``."
    return call
