"""Tensors that a module registers when they are assigned to it: parameters and buffers."""

from __future__ import annotations

from typing import Any

from minitorch.core.device import Device, as_device
from minitorch.core.dtype import FLOATING, DType, as_dtype, bfloat16, default_dtype, float16, float32, float64
from minitorch.core.tensor import LEAF, Tensor, wrap

_UNINITIALIZED = (
    "Attempted to use an uninitialized parameter: its shape is not known yet. Run one batch through the lazy module "
    "first (a dry run), or give the layer its sizes"
)


class Parameter(Tensor):
    """A tensor that is learnt: a module that it is assigned to lists it in ``parameters()``.

    Args:
        data: the values; memory is shared.
        requires_grad: whether ``backward`` fills its ``grad``.

    Raises:
        TypeError: ``data`` is no tensor.
        RuntimeError: ``data`` is not of floating point and ``requires_grad`` is set.

    >>> import minitorch as torch
    >>> torch.nn.Parameter(torch.zeros(2))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            from minitorch.creation import empty

            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter(): data must be a Tensor, not {type(data).__name__}; make one with minitorch.tensor(data)"
            )
        if requires_grad and data._data.dtype.kind not in FLOATING:
            raise RuntimeError(
                f"Only Tensors of floating point dtype can require gradients, not {data.dtype}: "
                "convert the data or pass requires_grad=False"
            )
        self = object.__new__(cls)
        self._data = data._data
        self._edge = LEAF if requires_grad else None
        self._version_counter = data._version_counter
        return self

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict) -> Any:
        # Without grad, as in PyTorch: the copy of a model starts clean.
        out = memo[id(self)] = type(self)._of(self._data.copy(), self.requires_grad)
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (wrap(self._data), self.requires_grad))

    @classmethod
    def _of(cls, array: Any, requires_grad: bool) -> Any:
        return cls(wrap(array), requires_grad)


class _BufferType(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        marked = isinstance(instance, Tensor) and instance.__dict__.get("_is_buffer", False)
        return super().__instancecheck__(instance) or (cls is Buffer and marked)


class Buffer(Tensor, metaclass=_BufferType):
    """A tensor that belongs to a module's state and is not learnt: assigning it is ``register_buffer``.

    What ``Buffer(data)`` returns is a plain tensor with a mark on the same memory.

    Args:
        data: the values.
        persistent: whether ``state_dict`` has it.
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            from minitorch.creation import empty

            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(f"Buffer(): data must be a Tensor, not {type(data).__name__}")
        self: Any = data.detach()
        if data.requires_grad:
            self.requires_grad_()
        self.persistent, self._is_buffer = persistent, True
        return self


class UninitializedTensorMixin:
    """A tensor without shape and memory.  Reading its array raises; ``materialize`` turns it into a usual one."""

    __slots__ = ()
    cls_to_become: type = Tensor

    def _prepare(self: Any, requires_grad: bool, device: Any, dtype: Any) -> None:
        self._device = as_device(device)
        self._dtype = default_dtype() if dtype is None else as_dtype(dtype)
        self._edge = LEAF if requires_grad else None
        self._version_counter = [0]

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Gives the tensor its shape and (unset) memory, and its class the usual one."""
        from minitorch.creation import empty

        array = empty(shape, device=device or self._device, dtype=dtype or self._dtype)._data
        del self._device, self._dtype
        self.__class__ = self.cls_to_become
        self._data = array

    @property
    def _data(self) -> Any:
        raise ValueError(_UNINITIALIZED)

    @_data.setter
    def _data(self, value: Any) -> None:
        raise ValueError(_UNINITIALIZED)

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer: it is set by the first forward of its "
            "lazy module (PyTorch's advice: do a dry run, then build optimizers and load other checkpoints)"
        )

    @property
    def device(self: Any) -> Device:
        return self._device

    @property
    def dtype(self: Any) -> DType:
        return self._dtype

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def to(self: Any, *args: Any, **kwargs: Any) -> Any:
        from minitorch.ops.conversion import parse_to

        device, dtype = parse_to(args, dict(kwargs))
        return self._like(device or self._device, dtype or self._dtype)

    def cpu(self) -> Any:
        return self.to("cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Any:
        return self.to(Device("cuda") if device is None else as_device(device))

    def float(self) -> Any:
        return self.to(float32)

    def double(self) -> Any:
        return self.to(float64)

    def half(self) -> Any:
        return self.to(float16)

    def bfloat16(self) -> Any:
        return self.to(bfloat16)

    def detach(self: Any) -> Any:
        return self

    def share_place(self: Any, other: Any) -> None:
        """Takes over device and dtype of another uninitialized tensor."""
        self._device, self._dtype = other._device, other._dtype

    def _like(self: Any, device: Any, dtype: Any) -> Any:
        raise NotImplementedError

    def __repr__(self: Any) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self: Any, memo: dict) -> Any:
        out = memo[id(self)] = self._like(self._device, self._dtype)
        return out


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape the first forward of a lazy module decides."""

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        self = object.__new__(cls)
        self._prepare(requires_grad, device, dtype)
        return self

    def _like(self, device: Any, dtype: Any) -> Any:
        return type(self)(self.requires_grad, device, dtype)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (self.requires_grad, self._device, self._dtype))


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape the first forward of a lazy module decides."""

    __slots__ = ()

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        self: Any = object.__new__(cls)
        self._prepare(requires_grad, device, dtype)
        self.persistent, self._is_buffer = persistent, True
        return self

    def _like(self, device: Any, dtype: Any) -> Any:
        return type(self)(self.requires_grad, device, dtype, self.persistent)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (type(self), (self.requires_grad, self._device, self._dtype, self.persistent))


def is_lazy(tensor: Any) -> bool:
    """Whether ``tensor`` has no shape yet.

    >>> is_lazy(UninitializedParameter())
    True
    """
    return isinstance(tensor, UninitializedTensorMixin)
