"""The memory under tensors, for those who want to look: tensors that are views of one another have one storage."""

from __future__ import annotations

from typing import Any

from minitorch.backend import array_module, strided
from minitorch.core.device import Device, device_of
from minitorch.core.dtype import DType, of_numpy
from minitorch.core.tensor import Tensor


class TypedStorage:
    """All elements of the memory that a tensor stands on, in their order there.

    >>> import minitorch as torch
    >>> x = torch.tensor([[1., 2.], [3., 4.]])
    >>> x.t()[0].storage().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, tensor: Tensor) -> None:
        owner = strided.owner_of(tensor._data)
        if not owner.flags.forc:
            owner = tensor._data if tensor._data.flags.forc else array_module(owner).ascontiguousarray(owner)
        self._flat = owner.ravel(order="K")
        if self._flat.dtype != tensor._data.dtype:  # a view of other types
            self._flat = self._flat.view(tensor._data.dtype)

    @property
    def dtype(self) -> DType:
        return of_numpy(self._flat.dtype)

    @property
    def device(self) -> Device:
        return device_of(self._flat)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return strided.pointer(self._flat)

    def size(self) -> int:
        """The number of elements."""
        return int(self._flat.size)

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self._flat.nbytes)

    def element_size(self) -> int:
        """How many bytes an element has."""
        return int(self._flat.itemsize)

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._flat.tolist()

    def __len__(self) -> int:
        return int(self._flat.size)

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __getitem__(self, index: int) -> Any:
        return self._flat[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._flat[index] = value

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self)
        kind = f"dtype={self.dtype}, device={self.device}"
        return f"{lines}[torch.storage.{type(self).__name__}({kind}) of size {len(self)}]"


def storage(self: Tensor) -> TypedStorage:
    """The memory that the tensor stands on."""
    return TypedStorage(self)


class UntypedStorage(TypedStorage):
    """The same memory as bytes."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(tensor)
        self._flat = self._flat.view("uint8")

    def __repr__(self) -> str:
        lines = "".join(f" {value}\n" for value in self)
        return f"{lines}[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The memory that the tensor stands on, as bytes."""
    return UntypedStorage(self)
