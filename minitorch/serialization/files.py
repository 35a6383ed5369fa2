"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replacing(path: Any) -> Iterator[Any]:
    """Opens a new binary file that takes the place of ``path`` when the block ends, and only if it ends well.

    The file is written beside its goal and flushed to the disk before it is renamed: a crash, a full disk or an
    exception leaves the old file as it was.  It keeps the old file's permissions, and a symbolic link stays one.

    Raises:
        RuntimeError: the folder does not exist.
        IsADirectoryError: ``path`` is a folder.
    """
    goal = os.path.realpath(os.fsdecode(path))
    folder, name = os.path.split(goal)
    if not os.path.isdir(folder):
        raise RuntimeError(f"save: the folder {folder} does not exist; create it with os.makedirs")
    if os.path.isdir(goal):
        raise IsADirectoryError(f"save: {goal} is a folder, not a file")
    try:
        mode = os.stat(goal).st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):  # a pipe or a device cannot be replaced
        with open(goal, "wb") as file:
            yield file
        return
    # names in one folder may be as long as 255 bytes, the goal's included
    aside = os.path.join(folder, f".{name[:60]}.{os.urandom(8).hex()}.part")
    try:
        with open(aside, "xb") as file:
            if mode is not None:
                os.chmod(aside, stat.S_IMODE(mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, goal)
    except BaseException:
        if os.path.exists(aside):
            os.unlink(aside)
        raise
    _flush_folder(folder)


def _flush_folder(folder: Any) -> None:
    """Makes the new name last as well.  Not every system lets a folder be opened, and the data are safe already."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
