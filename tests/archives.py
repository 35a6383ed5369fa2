"""Checkpoints made by hand, and how they are opened."""

import io
from pathlib import Path
from pickle import UnpicklingError

import minitorch
from minitorch.serialization.zipping import ArchiveWriter

CHECKPOINTS = Path(__file__).parent / "data" / "checkpoints"
ERRORS = (UnpicklingError, RuntimeError, EOFError)


def archive(data, records=None, root="archive"):
    """An archive around a pickle; without a storage record unless ``records`` has some."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, root)
    writer.add("data.pkl", data)
    for name, content in (records or {}).items():
        writer.add(name, content)
    writer.close()
    return file.getvalue()


def load(data):
    return minitorch.load(io.BytesIO(data))
