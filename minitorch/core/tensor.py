"""``Tensor``: a handle on an array, its gradient and its place in the graph.

Operations are bound to it by ``minitorch.methods``; this file has what makes a tensor one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.backend.array_module import as_array
from minitorch.core import dtype as dtypes
from minitorch.core.device import Device, device_of
from minitorch.core.layout import strided
from minitorch.core.protocols import Protocols
from minitorch.core.size import Size

if TYPE_CHECKING:
    from minitorch.core.node import Node

#: the edge of a tensor that requires grad and was not computed
LEAF: Any = type("Leaf", (), {"__repr__": lambda self: "LEAF", "__slots__": ()})()


class Tensor(Protocols):
    """An n-dimensional array that records how it was computed.

    ``_data`` is the array; ``_edge`` is ``None`` (needs no gradient), ``LEAF``, or the node that computed it;
    ``_version_counter`` is a list shared by all views of the same memory: ``[number of in-place changes]``, in anomaly
    mode followed by where the last one happened.  Most tensors are never asked for it: until then ``_counter`` is
    ``None``.  What few tensors have (grad, hooks, the base of a view) is kept in the instance's dict.

    >>> import minitorch as torch
    >>> torch.tensor([[1., 2.], [3., 4.]]).sum(dim=0)
    tensor([4., 6.])
    """

    __slots__ = ("__dict__", "__weakref__", "_counter", "_data", "_edge")

    _data: Any
    _edge: Any
    _counter: list | None
    _grad: Tensor | None = None
    _base: Tensor | None = None  # of a view: the tensor that owns the memory ...
    _steps: tuple = ()  # ... and the view operations from there to here: (those before, function, arguments) or ()
    _seen: int = 0  # of a view: the base's number of histories when _edge was found
    _histories: int = 0  # of a base: how often an in-place operation gave it a new history
    _hooks: dict | None = None
    _post_hooks: dict | None = None
    _retains: bool = False
    order = None  # a node has a number here; the engine tells leaves by its absence
    __array_priority__ = 1000  # NumPy arrays leave `array * tensor` to the tensor

    def __new__(cls, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        from minitorch.legacy import legacy_tensor

        return legacy_tensor(cls, data, *args, **kwargs)

    # ---- what it is

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self._data.shape)

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def dtype(self) -> dtypes.DType:
        return dtypes.of_numpy(self._data.dtype)

    @property
    def device(self) -> Device:
        return device_of(self._data)

    @property
    def is_cuda(self) -> bool:
        return not isinstance(self._data, np.ndarray)

    @property
    def is_cpu(self) -> bool:
        return isinstance(self._data, np.ndarray)

    @property
    def itemsize(self) -> int:
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        return self._data.nbytes

    layout = strided
    is_sparse = is_quantized = is_meta = is_mps = False

    # ---- its place in the graph

    @property
    def requires_grad(self) -> bool:
        if self._base is not None:
            refresh_view(self)
        return self._edge is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Makes ``backward`` fill (or no longer fill) ``self.grad``.

        Raises:
            RuntimeError: the tensor is not of floating point, or it was computed from others and the flag goes off.
        """
        if not requires_grad:
            if not self.is_leaf:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            self._edge = None
        elif not self.requires_grad:
            if self._data.dtype.kind not in dtypes.FLOATING:
                raise RuntimeError(f"only Tensors of floating point dtype can require gradients, not {self.dtype}")
            self._edge = LEAF
            if self._base is not None:  # from now on a leaf is what views of it go back to
                self._base, self._steps = None, ()
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed by a recorded operation."""
        return not self.requires_grad or self._edge is LEAF

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor, ``None`` for a leaf."""
        return None if self.is_leaf else self._edge.public()

    @property
    def output_nr(self) -> int:
        return 0 if self.is_leaf else getattr(self._edge, "index", 0)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, ``None`` before the first ``backward``."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape:
                raise RuntimeError(f"assigned grad has shape {list(value.shape)}, the tensor has {list(self.shape)}")
            if value.dtype is not self.dtype or value.device != self.device:
                raise RuntimeError(
                    f"assigned grad is {value.dtype} on {value.device}, the tensor is {self.dtype} on {self.device}"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def _version(self) -> int:
        return self._version_counter[0]

    @property
    def _version_counter(self) -> list:
        counter = self._counter
        if counter is None:
            counter = self._counter = [0]
        return counter

    @_version_counter.setter
    def _version_counter(self, counter: list) -> None:
        self._counter = counter

    @property
    def data(self) -> Tensor:
        """The same memory outside the graph: changing it is not noticed by autograd."""
        return wrap(self._data)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data must be a Tensor, not {type(value).__name__}")
        self._data = value._data

    def detach(self) -> Tensor:
        """The same memory outside the graph; in-place changes are still noticed."""
        out = wrap(self._data)
        out._version_counter = self._version_counter
        return out

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Adds to ``grad`` of every leaf the derivative of this tensor by it.

        Args:
            gradient: the derivative by this tensor, same shape; may be left out for one element.
            retain_graph: keep what the graph saved for another ``backward``; default: ``create_graph``.
            create_graph: record the backward pass itself, for derivatives of higher order.
            inputs: fill ``grad`` of these tensors only.

        Raises:
            RuntimeError: it needs no gradient, ``gradient`` is missing or misshapen, the graph was freed, or a
                tensor that is needed was changed in place.

        >>> import minitorch as torch
        >>> x = torch.tensor([1., 2.], requires_grad=True)
        >>> (x ** 2).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        from minitorch.core.engine import backward

        backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Keeps the gradient of a computed tensor in ``grad``."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if not self.is_leaf:
            self._retains = True
            self._edge.retain(self)

    @property
    def retains_grad(self) -> bool:
        return self._retains

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Any:
        """Calls ``hook(grad)`` when the gradient by this tensor is known; what it returns replaces the gradient.

        Returns a handle whose ``remove()`` takes the hook away.
        """
        from minitorch.core.node import add_hook

        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return add_hook(self if self._edge is LEAF else self._edge, "_hooks", hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Any:
        """Calls ``hook(tensor)`` after ``backward`` has added to ``tensor.grad``.  Leaf tensors only."""
        from minitorch.core.node import add_hook

        if self._edge is not LEAF:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return add_hook(self, "_post_hooks", hook)

    if TYPE_CHECKING:  # what minitorch.methods binds

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __invert__(self) -> Tensor: ...


_new = object.__new__
_ndarray = np.ndarray


def wrap(array: Any) -> Tensor:
    """A tensor around an array, without a copy."""
    out = _new(Tensor)
    out._data = array if type(array) is _ndarray else as_array(array)
    out._edge = None
    out._counter = None
    return out


def edge_of(tensor: Tensor) -> Any:
    """Where the gradient of ``tensor`` goes: ``None``, a node, or the tensor itself if it is a leaf."""
    if tensor._base is not None:
        refresh_view(tensor)
    edge = tensor._edge
    return tensor if edge is LEAF else edge


def refresh_view(view: Tensor) -> None:
    """After an in-place operation gave the base of a view a new history, finds the view's place in it."""
    base = view._base
    if base is None or view._seen == base._histories:
        return
    from minitorch.core.grad_mode import enable_grad

    with enable_grad():
        again = replay(base, view._steps)
    view._edge = again._edge
    view._seen = base._histories


def replay(tensor: Tensor, steps: tuple) -> Tensor:
    """Applies the view operations of another tensor to ``tensor``."""
    chain = []
    while steps:
        chain.append(steps)
        steps = steps[0]
    for _, function, arguments in reversed(chain):
        tensor = function(tensor, *arguments)
    return tensor
