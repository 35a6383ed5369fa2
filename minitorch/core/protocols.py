"""How a Tensor answers to Python and to other array libraries: ``len``, ``float``, NumPy, DLPack, pickle, copies."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from minitorch.backend.array_module import to_host
from minitorch.backend.index_flags import raise_pending

if TYPE_CHECKING:
    from minitorch.core.tensor import Tensor

#: what the library itself keeps in the dict of a tensor
_OWN = {"_base", "_grad", "_histories", "_hooks", "_post_hooks", "_retains", "_seen", "_steps"}


class Protocols:
    """The part of :class:`Tensor` that serves others."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        from minitorch.core.printing import tensor_repr

        return tensor_repr(self)

    def __format__(self, spec: str) -> str:
        from minitorch.core.tensor import Tensor

        # a single number reads as one, but a Parameter does so only where a format is given
        if self._data.ndim == 0 and (spec or type(self) is Tensor):
            return format(self.item(), spec)
        return format(repr(self), spec)

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Any:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __bool__(self) -> bool:
        if self._data.size != 1:
            what = "no values" if self._data.size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._data.size != 1 or self._data.dtype.kind not in "iu":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    __hash__ = object.__hash__

    def item(self) -> Any:
        """The only element as a Python number.

        Raises:
            RuntimeError: the tensor has not exactly one element.
        """
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        array = self._data
        if type(array) is not np.ndarray:
            raise_pending(array)
        return array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return to_host(self._data).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The array itself: memory is shared with the tensor.

        Raises:
            RuntimeError: the tensor requires grad (use ``detach()``).
            TypeError: it is not on the CPU (use ``cpu()``), or of bfloat16 (use ``float()``).  ``force=True`` does
                all but the last.
        """
        if self._data.dtype.kind == "V":
            raise TypeError("Got unsupported ScalarType BFloat16: NumPy has no such elements; use .float() first")
        if force:
            return to_host(self._data)
        if not isinstance(self._data, np.ndarray):
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. "
                "Use Tensor.cpu() to copy the tensor to host memory first."
            )
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return np.array(array, dtype=dtype, copy=True) if copy else np.asarray(array, dtype=dtype)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        from minitorch.core.tensor import wrap

        return wrap(np.asarray(array))

    def __dlpack__(self, *, stream: Any = None, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if self._data.dtype.kind == "V":
            raise BufferError("Can't export tensors of bfloat16, which NumPy does not know; use .float() first")
        return self._data.__dlpack__(stream=stream, **options)

    def __dlpack_device__(self) -> tuple:
        return self._data.__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """What CuPy, Numba and others ask for to work on a GPU tensor's memory.

        Raises:
            AttributeError: the tensor is on the CPU.
            RuntimeError: it requires grad: ``detach()`` it first.
        """
        if isinstance(self._data, np.ndarray):
            raise AttributeError(
                "Can't get __cuda_array_interface__ on non-CUDA tensor type: move it with .cuda(), or use .numpy()"
            )
        if self.requires_grad:
            raise RuntimeError(
                "Can't get __cuda_array_interface__ on Variable that requires grad. Use tensor.detach() first."
            )
        return self._data.__cuda_array_interface__

    def __reduce_ex__(self, protocol: Any) -> Any:
        from minitorch.creation import rebuild_tensor

        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be pickled or deep-copied; detach() it first")
        array = to_host(self._data)
        return (rebuild_tensor, (type(self), array, str(self.device), self.requires_grad, self.__dict__.get("_grad")))

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment; detach() the tensor first"
            )
        out: Any = object.__new__(type(self))
        out._data, out._edge, out._counter = self._data.copy(), self._edge, None
        if self._grad is not None:
            out._grad = self._grad.detach().clone()
        memo[id(self)] = out
        for key, value in self.__dict__.items():
            if key not in _OWN:
                setattr(out, key, copy.deepcopy(value, memo))
        return out
