"""Tells the formats of checkpoints apart, and puts tensors on the storages of an archive."""

from __future__ import annotations

import io
import mmap as mmaps
from pickle import UnpicklingError
from typing import Any

from minitorch.serialization.archive import MAGIC, Archive
from minitorch.serialization.legacy import load_legacy
from minitorch.serialization.rebuilding import run_pickle
from minitorch.serialization.storage import Restore, Storage, file_dtype, native


def read(file: Any, restore: Restore, mmap: bool, name: Any) -> Any:
    """The object in ``file``; ``name`` is what errors call it."""
    start = file.tell()
    head = file.read(len(MAGIC))
    file.seek(start)
    if not head:
        raise EOFError(f"load: {name} is empty")
    if head == MAGIC:
        if not mmap:
            return _load_archive(Archive(file), restore)
        # copy on write: tensors may be changed, the file never is
        memory = mmaps.mmap(file.fileno(), 0, access=mmaps.ACCESS_COPY)
        return _load_archive(Archive(file, memory=memory), restore)
    if head[0] != 0x80:
        raise UnpicklingError(
            f"load: {name} is no checkpoint: it starts with {head!r}, neither a zip archive nor a pickle"
        )
    if mmap:
        raise RuntimeError("load: mmap=True needs a file in the zip format, that PyTorch writes since version 1.6")
    return load_legacy(file, restore)


def _load_archive(archive: Archive, restore: Restore) -> Any:
    storages: dict[str, Storage] = {}

    def find_storage(dtype: str, key: str, location: str, numel: int, view: Any) -> Storage:
        if key not in storages:
            storages[key] = restore(_read_storage(archive, dtype, key, numel), location)
        return storages[key]

    return run_pickle(io.BytesIO(archive.read("data.pkl").data), find_storage)


def _read_storage(archive: Archive, dtype: str, key: str, numel: int) -> Storage:
    raw = file_dtype(dtype, archive.byteorder)
    expected, found = numel * raw.itemsize, archive.nbytes(f"data/{key}")
    if found is None:
        raise UnpicklingError(f"load: the file has no record for the storage {key!r}")
    if found != expected:
        raise UnpicklingError(f"load: the storage {key!r} should have {expected} bytes and has {found}")
    return Storage(native(archive.read(f"data/{key}").view(raw), dtype))
