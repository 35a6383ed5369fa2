"""Writes the pickle of a checkpoint: plain data and tensors, under the names that PyTorch has for them.

Python's pickler insists on importing what it names, and PyTorch need not be there.  It would also pickle anything,
where this writer says at once, and with the path to it, what PyTorch's own safe loading would refuse.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import PicklingError
from typing import Any

import numpy as np

from minitorch.core.device import Device
from minitorch.core.dtype import BFloat16, DType, of_numpy
from minitorch.core.size import Size
from minitorch.core.tensor import Tensor
from minitorch.serialization.sharing import Block, Blocks
from minitorch.serialization.storage import STORAGE_NAMES

_TUPLES = {0: b")", 1: b"\x85", 2: b"\x86", 3: b"\x87"}
_MAX_LONG = 255  # bytes of an integer; PyTorch's safe loading reads no longer ones


class _Refused(Exception):
    """An object that cannot be saved, and the way to it from the root, collected on the way out."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.path: list[str] = []


def _integer(value: int) -> bytes:
    if 0 <= value < 0x100:
        return b"K" + value.to_bytes(1, "little")
    if 0 <= value < 0x10000:
        return b"M" + value.to_bytes(2, "little")
    if -0x80000000 <= value < 0x80000000:
        return b"J" + value.to_bytes(4, "little", signed=True)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if len(data) > _MAX_LONG:
        raise _Refused(f"an integer of {len(data)} bytes; PyTorch reads at most {_MAX_LONG}")
    return b"\x8a" + len(data).to_bytes(1, "little") + data


def _integers(values: tuple[int, ...]) -> bytes:
    """A tuple of integers."""
    items = b"".join(map(_integer, values))
    return items + _TUPLES[len(values)] if len(values) < 4 else b"(" + items + b"t"


class Pickler:
    """Turns one object into the bytes of ``data.pkl`` and the storages beside it."""

    def __init__(self) -> None:
        # Pieces of the pickle.  Where a tensor lies in its storage is known at the end: functions give these bytes.
        self.out: list[bytes | Callable[[], bytes]] = [b"\x80\x02"]
        self.blocks = Blocks()
        self.memo: dict[Any, int] = {}  # by id for objects, by value for strings and globals

    def run(self, obj: Any) -> tuple[bytes, list[Block]]:
        """The pickle of ``obj`` and its storages.

        Raises:
            PicklingError: there is something in it that is neither a tensor nor plain data; the message says where.
            RuntimeError: tensors view the same memory as different dtypes.
        """
        try:
            self.save(obj)
        except _Refused as refused:
            where = "obj" + "".join(reversed(refused.path))
            raise PicklingError(f"save: {where} is {refused.what}") from None
        except RecursionError:
            raise PicklingError("save: the object is nested too deeply") from None
        self.out.append(b".")
        storages = self.blocks.finish()
        return b"".join(piece if isinstance(piece, bytes) else piece() for piece in self.out), storages

    def save(self, obj: Any) -> None:
        writer = _WRITERS.get(type(obj))
        if writer is None:
            if isinstance(obj, Tensor):
                writer = Pickler._tensor
            elif isinstance(obj, np.bool_ | np.integer | np.floating):
                return self.save(_plain_number(obj))
            else:
                raise _Refused(_why_not(obj))
        if type(obj) not in _ATOMS:
            known = self.memo.get(id(obj))
            if known is not None:
                return self._get(known)
        writer(self, obj)
        return None

    # ---- memo

    def _put(self, key: Any) -> None:
        index = self.memo[key] = len(self.memo)
        self.out.append(b"q" + bytes((index,)) if index < 256 else b"r" + index.to_bytes(4, "little"))

    def _get(self, index: int) -> None:
        self.out.append(b"h" + bytes((index,)) if index < 256 else b"j" + index.to_bytes(4, "little"))

    def _once(self, key: Any, data: bytes) -> None:
        known = self.memo.get(key)
        if known is None:
            self.out.append(data)
            self._put(key)
        else:
            self._get(known)

    # ---- plain data

    def text(self, value: str) -> None:
        data = value.encode("utf-8", "surrogatepass")
        self._once(value, b"X" + struct.pack("<I", len(data)) + data)

    def global_(self, module: str, name: str) -> None:
        self._once((module, name), f"c{module}\n{name}\n".encode())

    def _float(self, value: float) -> None:
        self.out.append(b"G" + struct.pack(">d", value))

    def _complex(self, value: complex) -> None:
        self.global_("__builtin__", "complex")
        self._float(value.real)
        self._float(value.imag)
        self.out.append(b"\x86R")

    def _bytes(self, value: bytes) -> None:
        self._encoded(value)
        self._put(id(value))

    def _bytearray(self, value: bytearray) -> None:
        self.global_("__builtin__", "bytearray")
        self._encoded(value)
        self.out.append(b"\x85R")
        self._put(id(value))

    def _encoded(self, value: bytes | bytearray) -> None:
        # protocol 2 has no bytes: they travel as text
        self.global_("_codecs", "encode")
        self.text(value.decode("latin-1"))
        self.text("latin1")
        self.out.append(b"\x86R")

    def _items(self, items: Any) -> None:
        for i, item in enumerate(items):
            try:
                self.save(item)
            except _Refused as refused:
                refused.path.append(f"[{i}]")
                raise

    def _list(self, value: list) -> None:
        self.out.append(b"]")
        self._put(id(value))
        if value:
            self.out.append(b"(")
            self._items(value)
            self.out.append(b"e")

    def _tuple(self, value: tuple) -> None:
        if len(value) > 3:
            self.out.append(b"(")
        self._items(value)
        known = self.memo.get(id(value))
        if known is not None:  # a list in the tuple holds the tuple, and has written it by now
            self.out.append(b"1" if len(value) > 3 else b"0" * len(value))
            return self._get(known)
        self.out.append(_TUPLES.get(len(value), b"t"))
        if value:
            self._put(id(value))
        return None

    def _set(self, value: set) -> None:
        self.global_("__builtin__", "set")
        self.out.append(b"](")
        self._items(value)
        self.out.append(b"e\x85R")
        self._put(id(value))

    def _pairs(self, value: dict) -> None:
        if not value:
            return
        self.out.append(b"(")
        for key, item in value.items():
            try:
                self.save(key)
                self.save(item)
            except _Refused as refused:
                refused.path.append(f"[{key!r}]")
                raise
        self.out.append(b"u")

    def _dict(self, value: dict) -> None:
        self.out.append(b"}")
        self._put(id(value))
        self._pairs(value)

    def _counter(self, value: Counter) -> None:
        self.global_("collections", "Counter")
        self.out.append(b"}")
        self._pairs(value)
        self.out.append(b"\x85R")
        self._put(id(value))

    def _ordered_dict(self, value: OrderedDict) -> None:
        self.global_("collections", "OrderedDict")
        self.out.append(b")R")
        self._put(id(value))
        self._pairs(value)
        if vars(value):  # state_dict() keeps the versions of layers in the attribute _metadata
            self.out.append(b"}")
            self._pairs(vars(value))
            self.out.append(b"b")

    # ---- tensors and what describes them

    def _dtype(self, value: DType) -> None:
        self.global_("torch", value.name)

    def _size(self, value: Size) -> None:
        self.global_("torch", "Size")
        self.out.append(_integers(value) + b"\x85R")
        self._put(id(value))

    def _device(self, value: Device) -> None:
        self.global_("torch", "device")
        self.text(value.type)
        self.out.append(b"\x85R" if value.index is None else _integer(value.index) + b"\x86R")
        self._put(id(value))

    def _tensor(self, value: Tensor) -> None:
        from minitorch.nn.parameter import Parameter

        if isinstance(value, Parameter):
            self.global_("torch._utils", "_rebuild_parameter")
            self._tensor_on_storage(value, requires_grad=False)
            self.out.append(b"\x88" if value.requires_grad else b"\x89")
            self._no_hooks()
            self.out.append(b"\x87R")
        else:
            self._tensor_on_storage(value, requires_grad=value.requires_grad)
        self._put(id(value))

    def _tensor_on_storage(self, tensor: Tensor, requires_grad: bool) -> None:
        place = self.blocks.place(tensor._data)
        block, shape = place.block, tensor._data.shape
        self.global_("torch._utils", "_rebuild_tensor_v2")
        self.out.append(b"((")
        self.text("storage")
        self.global_("torch", STORAGE_NAMES[of_numpy(block.dtype).name])
        self.text(block.key)
        self.text(block.location)
        self.out.append(lambda: _integer(block.numel))
        self.out.append(b"tQ")
        self.out.append(lambda: _integer(place.offset) + _integers(shape) + _integers(place.strides))
        self.out.append(b"\x88" if requires_grad else b"\x89")
        self._no_hooks()
        self.out.append(b"tR")

    def _no_hooks(self) -> None:
        self.global_("collections", "OrderedDict")
        self.out.append(b")R")


_WRITERS: dict[type, Callable[[Pickler, Any], None]] = {
    type(None): lambda self, value: self.out.append(b"N"),
    bool: lambda self, value: self.out.append(b"\x88" if value else b"\x89"),
    int: lambda self, value: self.out.append(_integer(value)),
    float: Pickler._float,
    complex: Pickler._complex,
    str: Pickler.text,
    bytes: Pickler._bytes,
    bytearray: Pickler._bytearray,
    list: Pickler._list,
    tuple: Pickler._tuple,
    set: Pickler._set,
    dict: Pickler._dict,
    Counter: Pickler._counter,
    OrderedDict: Pickler._ordered_dict,
    Size: Pickler._size,
    DType: Pickler._dtype,
    BFloat16: Pickler._dtype,
    Device: Pickler._device,
    Tensor: Pickler._tensor,
}
#: written again each time, or known by value
_ATOMS = frozenset((type(None), bool, int, float, complex, str, DType, BFloat16))


def _plain_number(value: Any) -> bool | int | float:
    for abstract, plain in ((np.bool_, bool), (np.integer, int)):
        if isinstance(value, abstract):
            return plain(value)
    return float(value)


def _why_not(obj: Any) -> str:
    """What ``obj`` is and what to save in its place."""
    kind = type(obj)
    name = f"a {kind.__module__}.{kind.__qualname__}" if kind.__module__ != "builtins" else f"a {kind.__name__}"
    if callable(getattr(obj, "state_dict", None)):
        return f"{name}: whole objects cannot be moved between libraries; save what its state_dict() returns"
    if isinstance(obj, np.ndarray) or hasattr(obj, "__cuda_array_interface__"):
        return f"{name}: save minitorch.as_tensor(array)"
    if isinstance(obj, tuple) and hasattr(obj, "_asdict"):
        return f"{name}: save tuple(value) or value._asdict()"
    for base in (dict, list, tuple, str, int, float):
        if isinstance(obj, base):
            return f"{name}, derived from {base.__name__}: save {base.__name__}(value)"
    return (
        f"{name}; what can be saved are tensors, numbers, strings, bytes, None, lists, tuples, sets, dicts, "
        "OrderedDict, Counter, dtypes, devices and sizes, and of whole modules their state_dict()"
    )
