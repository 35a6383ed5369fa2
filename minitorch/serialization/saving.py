"""``save``: one object to one file."""

from __future__ import annotations

import os
from typing import Any


def save(obj: Any, f: Any) -> None:
    """Writes ``obj`` in PyTorch's file format, so that ``torch.load(f, weights_only=True)`` reads it too.

    ``obj`` may be a tensor or a parameter, a number, string, bytes, ``None``, dtype, device, size, or a list, tuple,
    set, dict, OrderedDict or Counter of these, nested as you like: what ``state_dict()`` of models, optimizers and
    schedulers returns.  NumPy's scalars become Python numbers.  Tensors that share memory share it again after loading;
    a view brings along no more of its base than lies between its first and last element.

    A file is written beside its goal and renamed when it is complete: if anything goes wrong, the old file stays.

    Args:
        f: path, or a binary file open for writing.

    Raises:
        PicklingError: there is something else in ``obj``, such as a whole module: the message has the path to it and
            says what to save in its place.  Nothing is written then.
        RuntimeError: the folder of the path does not exist, or tensors view the same memory as different dtypes.

    >>> import io, minitorch as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    # imported when first used, so that importing minitorch stays quick
    from minitorch.serialization.files import replacing
    from minitorch.serialization.pickling import Pickler
    from minitorch.serialization.zipping import write_checkpoint

    if not isinstance(f, str | bytes | os.PathLike) and not callable(getattr(f, "write", None)):
        raise TypeError(f"save: f must be a path or a file open for writing, not {type(f).__name__}")
    data, storages = Pickler().run(obj)
    if not isinstance(f, str | bytes | os.PathLike):
        write_checkpoint(f, "archive", data, storages)
        return
    # the folder in the archive is named after the file, as PyTorch names it
    root = os.path.splitext(os.path.basename(os.fsdecode(f)))[0]
    if not root.isascii() or not root.isprintable() or not root.strip("."):
        root = "archive"
    with replacing(f) as file:
        write_checkpoint(file, root, data, storages)
