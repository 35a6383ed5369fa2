"""Files that PyTorch wrote before version 1.6: pickles and raw storages, one after the other."""

from __future__ import annotations

import io
from pickle import UnpicklingError
from typing import Any

import numpy as np

from minitorch.core.tensor import wrap
from minitorch.serialization.archive import read_into
from minitorch.serialization.rebuilding import find_global, run_pickle
from minitorch.serialization.storage import Restore, Storage, file_dtype, native
from minitorch.serialization.unpickling import Function

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def load_legacy(file: Any, restore: Restore) -> Any:
    """The object in a file of the old format.

    The storages follow the pickle that needs them.  So the pickle is run twice: first to learn what storages there are,
    with a stand-in for each tensor, then, when these have been read, in earnest.
    """
    if run_pickle(file, _no_storage) != _MAGIC:
        raise UnpicklingError(
            "load: the file is a pickle, but not one that torch.save wrote; save tensors and plain data with torch.save"
        )
    if run_pickle(file, _no_storage) != _PROTOCOL:
        raise UnpicklingError("load: the file has an unknown version of the format before PyTorch 1.6")
    system = run_pickle(file, _no_storage)
    little = not isinstance(system, dict) or system.get("little_endian", True)

    needed: dict[str, tuple[str, str, int]] = {}

    def note(dtype: str, key: str, location: str, numel: int, view: Any) -> Storage:
        if needed.setdefault(key, (dtype, location, numel)) != (dtype, location, numel):
            raise UnpicklingError(f"load: the storage {key!r} is described in two ways")
        return _EMPTY

    start = file.tell()
    run_pickle(file, note, _find_without_tensors)
    keys = run_pickle(file, _no_storage)
    if type(keys) is not list or set(map(str, keys)) != set(needed) or len(keys) != len(needed):
        raise UnpicklingError("load: the file does not hold the storages that its tensors need")
    at = file.tell()
    left = file.seek(0, io.SEEK_END) - at
    file.seek(at)
    storages = {}
    for key in keys:
        dtype, location, numel = needed[key]
        raw = file_dtype(dtype, "little" if little else "big")
        left -= 8 + numel * raw.itemsize
        if left < 0:
            raise RuntimeError(f"load: the file is cut short: the storage {key!r} should have {numel} elements")
        if int.from_bytes(file.read(8), "little") != numel:
            raise RuntimeError(f"load: the file is damaged: the size of the storage {key!r} is not {numel}")
        data = np.empty(numel, raw)
        if not read_into(file, data):
            raise RuntimeError(f"load: the file is cut short in the storage {key!r}")
        storages[key] = restore(Storage(native(data, dtype)), location)

    def find_storage(dtype: str, key: str, location: str, numel: int, view: Any) -> Storage:
        return storages[key] if view is None else _part(storages[key], view)

    file.seek(start)
    return run_pickle(file, find_storage)


_EMPTY = Storage(np.empty(0, np.float32))
_STAND_IN = Function("a tensor", lambda storage, *_: _stand_in(storage))


def _stand_in(storage: Any) -> Any:
    if not isinstance(storage, Storage):
        raise UnpicklingError("a tensor has no storage")
    storage.used = True
    return wrap(storage.flat)


def _find_without_tensors(name: str) -> Any:
    value = find_global(name)
    return _STAND_IN if name.startswith("torch._utils._rebuild_tensor") else value


def _no_storage(*_: Any) -> Storage:
    raise UnpicklingError("load: a storage is named where none can be")


def _part(storage: Storage, view: Any) -> Storage:
    """Very old files have storages that are part of others: (key, offset, number of elements)."""
    if type(view) is not tuple or len(view) != 3 or not all(type(n) is int and n >= 0 for n in view[1:]):
        raise UnpicklingError("load: a part of a storage is not described by a key, an offset and a size")
    _, offset, numel = view
    if offset + numel > len(storage):
        raise UnpicklingError(f"load: a part of a storage reaches beyond its {len(storage)} elements")
    return Storage(storage.flat[offset : offset + numel])
