"""Questions about a tensor: sizes, strides, memory, type."""

from __future__ import annotations

from typing import Any

from minitorch.backend import strided
from minitorch.core.dtype import FLOATING, DType
from minitorch.core.layout import channels_last, channels_last_3d
from minitorch.core.op import Array, op
from minitorch.core.promotion import result_dtype
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor, edge_of
from minitorch.ops.dims import wrap_dim


def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the size of one dimension."""
    shape = self._data.shape
    if dim is None:
        return Size(shape)
    if not shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return shape[wrap_dim(dim, len(shape))]


def dim(self: Tensor) -> int:
    """The number of dimensions."""
    return self._data.ndim


def ndimension(self: Tensor) -> int:
    """Alias of :func:`dim`."""
    return self._data.ndim


def numel(input: Tensor) -> int:
    """The number of elements."""
    return int(input._data.size)


def nelement(self: Tensor) -> int:
    """Alias of :func:`numel`."""
    return int(self._data.size)


def element_size(self: Tensor) -> int:
    """How many bytes an element has."""
    return self._data.itemsize


def get_device(self: Tensor) -> int:
    """The number of the GPU that holds the tensor, -1 for host memory."""
    return self.device.ordinal if self.is_cuda else -1  # type: ignore[return-value]


def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floating-point numbers."""
    return input._data.dtype.kind in FLOATING


def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers: never."""
    return False


def is_signed(self: Tensor) -> bool:
    """Whether the type of the elements has negative numbers."""
    return self._data.dtype.kind in "ifV"


def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return self._data.shape == other._data.shape


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not 0.

    Raises:
        RuntimeError: there is not exactly one.
    """
    return bool(input)


def is_pinned(self: Tensor) -> bool:
    """Whether the tensor is in page-locked memory: never, it is not needed here."""
    return False


def is_shared(self: Tensor) -> bool:
    """Whether the tensor is in memory shared between processes."""
    return False


# ---- memory


def is_contiguous(self: Tensor, memory_format: Any = None) -> bool:
    """Whether the elements lie in memory in the order of the indices (or of ``memory_format``), without gaps."""
    if memory_format in (channels_last, channels_last_3d):
        array = self._data
        if array.ndim != (4 if memory_format is channels_last else 5):
            return False
        return bool(array.transpose(0, *range(2, array.ndim), 1).flags.c_contiguous)
    return bool(self._data.flags.c_contiguous)


@op("CloneBackward0")
def _contiguous(input: Array):
    return input.copy()


_contiguous.rules(input=lambda g: g)


def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if it is contiguous, otherwise a contiguous copy."""
    return self if self._data.flags.c_contiguous else _contiguous(self)


def stride(self: Tensor, dim: int | None = None) -> Any:
    """How many elements apart neighbours along each dimension (or along ``dim``) are in memory."""
    strides = strided.element_strides(self._data)
    return strides if dim is None else strides[wrap_dim(dim, len(strides))]


def storage_offset(self: Tensor) -> int:
    """How many elements behind the start of its memory the tensor begins."""
    return strided.offset_in_owner(self._data)


def data_ptr(self: Tensor) -> int:
    """The address of the first element."""
    return strided.pointer(self._data)


# ---- place in the graph


def _is_view(self: Tensor) -> bool:
    return self._base is not None


def detach_(self: Tensor) -> Tensor:
    """Takes the tensor out of the graph.

    Raises:
        RuntimeError: it is a view.
    """
    if self._base is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    if edge_of(self) is not None:
        self._edge = None
        self._retains = False
    return self


def detach(input: Tensor) -> Tensor:
    """The same memory outside the graph."""
    return input.detach()


# ---- real numbers


def real(input: Tensor) -> Tensor:
    """The tensor itself: there are no complex ones."""
    return input


def imag(input: Tensor) -> Tensor:
    """
    Raises:
        RuntimeError: always, since tensors are real.
    """
    raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")


def conj(input: Tensor) -> Tensor:
    """The tensor itself: there are no complex ones."""
    return input


resolve_conj = resolve_neg = conj_physical = conj


# ---- types


def result_type(tensor1: Any, tensor2: Any) -> DType:
    """The dtype that an operation on two tensors or numbers would give.

    >>> import minitorch as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    return result_dtype([x._data if isinstance(x, Tensor) else x for x in (tensor1, tensor2)])


def can_cast(from_: DType, to: DType) -> bool:
    """Whether results of type ``from_`` may be written into a tensor of type ``to``: not into a lower category.

    >>> import minitorch as torch
    >>> torch.can_cast(torch.float64, torch.float32), torch.can_cast(torch.float32, torch.int64)
    (True, False)
    """
    return from_.rank <= to.rank


def typename(obj: Any) -> str:
    """The name of a tensor's type, or of an object's class with its module."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
