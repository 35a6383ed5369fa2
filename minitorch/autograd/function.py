"""``Function``: operations with a hand-written gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minitorch.core.grad_mode import no_grad, state
from minitorch.core.node import Node, OutputNode, bump_version, changed_in_place
from minitorch.core.tensor import Tensor, edge_of, wrap


class FunctionCtx(Node):
    """What ``forward`` leaves for ``backward``; it is also the node in the graph, as in PyTorch."""

    __slots__ = ()

    def __init__(self, function: type[Function], needs: tuple[bool, ...]) -> None:
        super().__init__(())
        self.function = function
        #: for each argument of ``apply``, whether it needs a gradient
        self.needs_input_grad = needs
        self._to_save: tuple = ()
        self._constant: tuple = ()
        self._dirty: tuple = ()
        self._materialize = True
        self._shapes: list = []
        self._inputs: list = []

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs and outputs (and other tensors) for ``backward``, where they are in ``ctx.saved_tensors``."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._to_save = tensors

    save_for_forward = save_for_backward

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Declares outputs that need no gradient."""
        self._constant = args

    def mark_dirty(self, *args: Tensor) -> None:
        """Declares inputs that ``forward`` changed in place; they must be returned."""
        self._dirty = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (default) or ``None`` for outputs that took no part."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple:
        """What ``save_for_backward`` kept.

        Raises:
            RuntimeError: it was freed by an earlier backward pass, or changed in place since.
        """
        if self.saved is None:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: {self.name()} has freed what it saved. "
                "Specify retain_graph=True if you need to backward through the graph a second time."
            )
        return tuple(self._unpack(kept) for kept in self.saved)

    def _unpack(self, kept: Any) -> Tensor | None:
        if kept is None:
            return None
        tensor, array, counter, version, index = kept
        if counter[0] != version:
            raise RuntimeError(changed_in_place(array, counter, version, self))
        if tensor is not None:
            return tensor
        out = wrap(array)  # an output: kept as its array, since the tensor holds this node
        if state.enabled and index is not None:
            out._edge = OutputNode(self, index) if len(self._shapes) > 1 else self
        return out

    def _close(self, outputs: tuple) -> None:
        """Turns what was to be saved into a form without reference cycles."""
        places = {id(out): index for index, out in enumerate(outputs)}
        saved: list[tuple | None] = []
        for t in self._to_save:
            if t is None:
                saved.append(None)
                continue
            index = places.get(id(t))
            own = index is not None and t._edge is not None and t._edge in (self, *self._outputs_of(outputs))
            saved.append((None if own else t, t._data, t._version_counter, t._version, index))
        self.saved = saved
        self._to_save = self._constant = self._dirty = ()

    def _outputs_of(self, outputs: tuple) -> list:
        return [out._edge for out in outputs if isinstance(out, Tensor) and isinstance(out._edge, OutputNode)]

    def backward(self, g: Any) -> Sequence[Any]:
        given = list(g) if isinstance(g, tuple) else [g]
        given += [None] * (len(self._shapes) - len(given))
        if self._materialize:
            given = [_zeros(shape) if one is None and shape else one for one, shape in zip(given, self._shapes)]
        grads = self.function.backward(self, *given)
        grads = grads if isinstance(grads, tuple) else (grads,)
        extra = grads[len(self.edges) :]
        if len(grads) < len(self.edges) or any(e is not None for e in extra):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {len(self.edges)}, got {len(grads)})"
            )
        for index, (edge, grad) in enumerate(zip(self.edges, grads)):
            if edge is None or grad is None:
                continue
            if not isinstance(grad, Tensor):
                raise TypeError(f"{self.name()}: gradient {index} must be a Tensor or None, got {type(grad).__name__}")
            if grad._data.shape != self._inputs[index]:
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {index} - got "
                    f"{list(grad._data.shape)} but expected shape compatible with {list(self._inputs[index])}"
                )
        return grads[: len(self.edges)]


def _zeros(like: tuple) -> Tensor:
    from minitorch.creation import zeros

    shape, dtype, device = like
    return zeros(shape, dtype=dtype, device=device)


class Function:
    """Base of operations with a hand-written gradient.

    A subclass defines static methods ``forward(ctx, *args)`` (or ``forward(*args)`` and ``setup_context(ctx, inputs,
    output)``) and ``backward(ctx, *grads)``, which returns one gradient (or ``None``) an argument of ``forward``.
    Call it through ``apply``.  ``backward`` written with operations on Tensors can itself be differentiated.

    >>> import minitorch as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         x, = ctx.saved_tensors
    ...         return g * 3 * x ** 2
    >>> x = torch.tensor(2., requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _node_types: dict[type, type] = {}

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement the backward method for your custom autograd.Function to use it with backward()."
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Runs ``forward`` and records the call."""
        edges = [edge_of(a) if isinstance(a, Tensor) else None for a in args]
        ctx = cls._node_type()(cls, tuple(edge is not None for edge in edges))
        with no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args)
            else:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        for out in outputs:
            if not isinstance(out, Tensor) and out is not None and isinstance(result, tuple) is False:
                raise TypeError(
                    f"{cls.__name__}.forward must return a Tensor or a tuple of them, got {type(out).__name__}"
                )
        for changed in ctx._dirty:
            bump_version(changed)
        outputs = tuple(_fresh(out, args, ctx._dirty) for out in outputs)
        if state.enabled and any(edge is not None for edge in edges):
            ctx.edges = edges
            ctx._inputs = [a._data.shape if isinstance(a, Tensor) else None for a in args]
            ctx._shapes = [(o._data.shape, o.dtype, o.device) if isinstance(o, Tensor) else None for o in outputs]
            constant = {id(t) for t in ctx._constant}
            for index, (out, given) in enumerate(zip(outputs, result if isinstance(result, tuple) else (result,))):
                if isinstance(out, Tensor) and out.dtype.is_floating_point and id(given) not in constant:
                    out._edge = OutputNode(ctx, index) if len(outputs) > 1 else ctx
        same = {id(a): b for a, b in zip(result if isinstance(result, tuple) else (result,), outputs)}
        ctx._to_save = tuple(same.get(id(t), t) for t in ctx._to_save)
        ctx._close(outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    @classmethod
    def _node_type(cls) -> type:
        found = Function._node_types.get(cls)
        if found is None:
            found = Function._node_types[cls] = type(f"{cls.__name__}Backward", (FunctionCtx,), {"__slots__": ()})
        return found


def _fresh(out: Any, args: tuple, dirty: tuple) -> Any:
    """An output that is one of the inputs unchanged becomes a tensor of its own on the same memory."""
    if isinstance(out, Tensor) and any(out is a for a in args) and not any(out is d for d in dirty):
        return out.detach()
    return out


class once_differentiable:
    """Marks a ``backward`` that cannot itself be differentiated: doing so raises."""

    def __new__(cls, function: Any) -> Any:
        def backward(ctx: Any, *grads: Any) -> Any:
            with no_grad():
                results = function(ctx, *grads)
            if not state.enabled:
                return results
            listed = results if isinstance(results, tuple) else (results,)
            marked = tuple(_NotAgain.apply(r, *grads) if isinstance(r, Tensor) else r for r in listed)
            return marked if isinstance(results, tuple) else marked[0]

        return backward


class _NotAgain(Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, *grads: Any) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
