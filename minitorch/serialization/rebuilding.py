"""The globals that a PyTorch file may name, and what they stand for here."""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from minitorch.backend.array_module import array_module
from minitorch.core.device import Device
from minitorch.core.dtype import ALL_DTYPES, DType
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor, wrap
from minitorch.serialization.storage import FOREIGN_STORAGES, STORAGE_DTYPES, Storage, loaded_bfloat16
from minitorch.serialization.unpickling import Function, Machine, check_key, make_set

_MAX_DIMS = 64  # of NumPy 2


class StorageType:
    """Stands for ``torch.FloatStorage`` and its like: the name of the elements' dtype."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """A tensor that looks at ``storage``: nothing is copied, so tensors of one storage share memory.

    Raises:
        UnpicklingError: it would look beyond the storage.
    """
    if not isinstance(storage, Storage):
        raise UnpicklingError("a tensor has no storage")
    storage.used = True
    size, stride = (tuple(s) if isinstance(s, tuple | list) else None for s in (size, stride))
    if size is None or stride is None or len(size) != len(stride) or len(size) > _MAX_DIMS:
        raise UnpicklingError("a tensor's size and stride are not tuples of the same length")
    if not all(map(_is_count, (offset, *size, *stride))):
        raise UnpicklingError(f"a tensor has the offset {offset!r}, size {size}, stride {stride}: none may be negative")
    flat, numel = storage.flat, math.prod(size)
    if numel == 0:
        return wrap(array_module(flat).empty(size, flat.dtype))
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if last >= len(storage):
        raise UnpicklingError(
            f"a tensor of size {size}, stride {stride} and offset {offset} reaches element {last} of a storage that "
            f"has {len(storage)}"
        )
    if stride == contiguous_strides(size):
        return wrap(flat[offset : offset + numel].reshape(size))
    steps = tuple(step * flat.itemsize for step in stride)
    return wrap(array_module(flat).lib.stride_tricks.as_strided(flat[offset:], size, steps))


def contiguous_strides(size: tuple[int, ...]) -> tuple[int, ...]:
    """The strides, in elements, of a tensor that lies row by row."""
    strides = [1] * len(size)
    for i in range(len(size) - 2, -1, -1):
        strides[i] = strides[i + 1] * max(size[i + 1], 1)
    return tuple(strides)


def _rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    if metadata:
        raise UnpicklingError(f"a tensor has the properties {metadata!r}, which minitorch does not have")
    tensor = rebuild_tensor(storage, offset, size, stride)
    return _with_grad(tensor, requires_grad)


def _with_grad(tensor: Tensor, requires_grad: Any) -> Tensor:
    if requires_grad:
        try:
            tensor.requires_grad_()
        except RuntimeError as error:
            raise UnpicklingError(f"a tensor cannot require grad ({error})") from error
    return tensor


def _rebuild_tensor_v3(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, metadata: Any = None
) -> Tensor:
    # written for dtypes that have no storage of their own: the file's bytes are told their dtype here
    if not isinstance(storage, Storage) or not isinstance(dtype, DType):
        raise UnpicklingError("a tensor has no storage or no dtype")
    if storage.flat.nbytes % dtype.itemsize:
        raise UnpicklingError(f"a storage of {storage.flat.nbytes} bytes holds no {dtype}")
    storage.used = True
    typed = Storage(storage.flat.view(dtype.numpy))
    return _rebuild_tensor_v2(typed, offset, size, stride, requires_grad, hooks, metadata)


def _rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Tensor:
    from minitorch.nn.parameter import Parameter

    if not isinstance(data, Tensor):
        raise UnpicklingError("a parameter has no tensor")
    # a fresh handle on the same memory: the tensor may have got its own flag from the file
    return _with_grad(Parameter(wrap(data._data), requires_grad=False), requires_grad)


_TENSOR = Function("torch.Tensor", lambda *_: _refuse_type("torch.Tensor"))
_PARAMETER = Function("torch.nn.parameter.Parameter", lambda *_: _refuse_type("torch.nn.Parameter"))


def _refuse_type(name: str) -> Any:
    raise UnpicklingError(f"{name} is called itself, as only the files of the first PyTorch versions do")


def _rebuild_from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    # PyTorch writes this for tensors that were given attributes; those are left out
    if type(function) is not Function or kind not in (_TENSOR, _PARAMETER) or type(arguments) is not tuple:
        raise UnpicklingError("a tensor is of a class that minitorch does not have")
    return function.call(*arguments)


def _ordered_dict(items: Any = ()) -> OrderedDict:
    if not isinstance(items, list | tuple):
        raise UnpicklingError("an OrderedDict is not made from a list of pairs")
    out: OrderedDict = OrderedDict()
    for key, value in items:
        check_key(key)
        out[key] = value
    return out


def _counter(counts: Any = None) -> Counter:
    if counts is not None and type(counts) is not dict:
        raise UnpicklingError("a Counter is not made from a dict")
    return Counter(counts)


def _encode(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or encoding != "latin1":
        raise UnpicklingError("_codecs.encode is called for something else than bytes")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""  # written as a call of bytes without arguments


def _bytearray(data: Any = b"", *_: Any) -> bytearray:
    if type(data) is not bytes:  # a number would ask for that much memory
        raise UnpicklingError("a bytearray is not made from bytes")
    return bytearray(data)


def _complex(real: Any, imag: Any) -> complex:
    if type(real) is not float or type(imag) is not float:
        raise UnpicklingError("a complex number is not made from two floats")
    return complex(real, imag)


def _size(items: Any = ()) -> Size:
    if not isinstance(items, tuple | list) or not all(type(n) is int for n in items):
        raise UnpicklingError("a torch.Size is not made of integers")
    return Size(items)


def _device(kind: Any, index: Any = None) -> Device:
    try:
        return Device(kind, index)
    except (RuntimeError, TypeError) as error:
        raise UnpicklingError(f"a device that minitorch does not have ({error})") from error


_FUNCTIONS: dict[str, Callable] = {
    "torch._utils._rebuild_tensor": rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.Size": _size,
    "torch.device": _device,
    "collections.OrderedDict": _ordered_dict,
    "collections.Counter": _counter,
    "builtins.set": make_set,
    "builtins.bytes": _no_bytes,
    "builtins.bytearray": _bytearray,
    "builtins.complex": _complex,
    "_codecs.encode": _encode,
}
GLOBALS: dict[str, Any] = {
    "torch.Tensor": _TENSOR,
    "torch.nn.parameter.Parameter": _PARAMETER,
    **{name: Function(name, call) for name, call in _FUNCTIONS.items()},
    **{f"torch.{dtype.name}": dtype for dtype in ALL_DTYPES},
    **{f"torch.{name}": StorageType(dtype) for name, dtype in (STORAGE_DTYPES | FOREIGN_STORAGES).items()},
    "torch.storage.UntypedStorage": StorageType("uint8"),
}
_FOREIGN_DTYPE = re.compile(r"torch\.(complex\d+|uint(16|32|64)|float8_\w+|float4_\w+|q?u?int\d(x\d)?|bits\w+)")


def find_global(name: str) -> Any:
    """The value of a global that the file names.

    Raises:
        UnpicklingError: it is none of those that tensors and plain data need.  Nothing of that name is imported.
    """
    try:
        return GLOBALS[name]
    except KeyError:
        pass
    if name == "torch.bfloat16":
        return loaded_bfloat16()
    if _FOREIGN_DTYPE.fullmatch(name):
        raise UnpicklingError(
            f"the file holds {name}, a dtype that minitorch does not have; convert the tensor in PyTorch, for example "
            "with tensor.float(), and save it again"
        )
    if name.startswith("numpy"):
        remedy = "turn NumPy values into numbers with .item() and arrays into tensors with torch.from_numpy"
    else:
        remedy = "save the state_dict() of a model or an optimizer, not the object itself, and plain Python values"
    raise UnpicklingError(
        f"Unsupported global: the file asks for {name!r}, which tensors and plain data do not need; nothing was run. "
        f"In the program that wrote the file, {remedy}"
    )


def run_pickle(
    stream: Any, find_storage: Callable[[str, str, str, int, Any], Storage], find: Callable[[str], Any] = find_global
) -> Any:
    """The object of the pickle at the position of ``stream``.

    Args:
        find_storage: gets dtype, key, location, number of elements and, in old files, which part of the storage it is.

    Raises:
        UnpicklingError: see ``Machine``; or a storage is there for its own sake, without a tensor.
    """
    handles = []

    def persistent_load(pid: Any) -> Storage:
        handles.append(Storage(find_storage(*_storage_id(pid)).flat))
        return handles[-1]

    result = Machine(find, persistent_load).run(stream)
    if not all(handle.used for handle in handles):
        raise UnpicklingError("load: the file holds a bare storage; save the tensor instead")
    return result


def _storage_id(pid: Any) -> tuple[str, str, str, int, Any]:
    if type(pid) is not tuple or len(pid) not in (5, 6):
        raise UnpicklingError("a persistent id is no description of a storage")
    what, kind, key, location, numel = pid[:5]
    if type(what) is str and what == "module":
        raise UnpicklingError("the file holds a whole module; save its state_dict() in PyTorch instead")
    if (
        type(what) is not str
        or what != "storage"
        or type(kind) is not StorageType
        or type(key) is not str
        or type(location) is not str
    ):
        raise UnpicklingError("a persistent id is no description of a storage")
    if not _is_count(numel):
        raise UnpicklingError(f"a storage has {numel!r} elements")
    if kind.dtype in FOREIGN_STORAGES.values():
        raise UnpicklingError(
            f"the file holds a {kind.dtype} tensor, a dtype that minitorch does not have; convert it in PyTorch, for "
            "example with torch.view_as_real or dequantize(), and save it again"
        )
    return kind.dtype, key, location, numel, pid[5] if len(pid) == 6 else None
