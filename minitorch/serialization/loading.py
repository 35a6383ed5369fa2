"""``load``: what ``save`` or PyTorch wrote, back as objects."""

from __future__ import annotations

import io
import os
from typing import Any


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
) -> Any:
    """Reads a file that ``minitorch.save`` or ``torch.save`` wrote.  PyTorch need not be installed.

    No code is ever run: the file may name the functions that build tensors and plain containers, and every other global
    is refused by name.  Tensors that shared memory when they were saved share it again.  bfloat16 tensors become
    float32 where the package ml_dtypes is missing; dtypes that minitorch does not have are refused.  Files from before
    PyTorch 1.6 are read as well.

    Args:
        f: path, or a binary file open for reading that can seek.
        map_location: where tensors go. ``None``: where they were saved; a device or string: there; a dict from old to
            new location; a function of storage and location that returns the storage, ``storage.cpu()``,
            ``storage.cuda(1)`` or ``None`` for where it was saved.
        weights_only: accepted for PyTorch's sake.  ``False`` makes no difference: whole objects are refused as ever.
        mmap: map the file, which must be a path, into memory instead of reading it: elements are fetched when they
            are used, changes stay in memory, checksums are not verified.

    Raises:
        FileNotFoundError: there is no such file.
        UnpicklingError: the file asks for something that is not data, or describes impossible tensors.
        RuntimeError: the file is cut short or damaged, or a device is not there: ``map_location`` helps.

    >>> import io, minitorch as torch
    >>> file = io.BytesIO()
    >>> torch.save([torch.arange(3), "text"], file)
    >>> _ = file.seek(0)
    >>> torch.load(file, map_location="cpu")
    [tensor([0, 1, 2]), 'text']
    """
    if pickle_module is not None:
        raise ValueError("load: minitorch reads pickles itself; leave pickle_module out")
    # imported when first used, so that importing minitorch stays quick
    from minitorch.serialization.reading import read
    from minitorch.serialization.storage import restorer

    restore = restorer(map_location)
    if isinstance(f, str | bytes | os.PathLike):
        with open(f, "rb") as file:
            return read(file, restore, bool(mmap), os.fsdecode(f))
    if not callable(getattr(f, "read", None)):
        raise TypeError(f"load: f must be a path or a file open for reading, not {type(f).__name__}")
    if mmap:
        raise ValueError("load: mmap=True needs the path of the file, not an open file")
    if isinstance(f, io.TextIOBase):
        raise TypeError("load: the file is open as text; open it with mode 'rb'")
    seekable = getattr(f, "seekable", None)
    whole = f if hasattr(f, "seek") and (seekable is None or seekable()) else io.BytesIO(f.read())
    return read(whole, restore, False, getattr(f, "name", "the file"))
