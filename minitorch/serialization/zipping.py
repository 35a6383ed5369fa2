"""Writes PyTorch's zip layout: records under one folder, stored as they are, each at a multiple of 64 bytes.

Python's ``zipfile`` cannot align records, and goes back in the file to fill in checksums.  This writer knows everything
about a record before it writes it, so it goes forward only.  The bytes depend on the records alone: there are no dates
and no names of machines in them, so equal contents make equal files.
"""

from __future__ import annotations

import struct
import sys
import zlib
from typing import Any

ALIGNMENT = 64
#: what does not fit below goes into a zip64 field
LIMIT = 0xFFFFFFFF
_FULL = 0xFFFFFFFF

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64 = struct.Struct("<4sIQI")
_VERSION, _UTF8 = 45, 0x800
_DATE, _TIME = 0x21, 0  # 1 January 1980, the first that zip can say
_PADDING = 0x4246  # "FB", the extra field that PyTorch pads with


class ArchiveWriter:
    """Writes to ``file``, which needs a ``write`` only, an archive whose records lie in the folder ``root``."""

    def __init__(self, file: Any, root: str) -> None:
        self.file, self.root = file, root
        self.at = 0
        self.central: list[bytes] = []

    def _write(self, data: Any) -> None:
        self.file.write(data)
        self.at += memoryview(data).nbytes

    def add(self, name: str, data: Any) -> None:
        """Appends the record ``name``; ``data`` is anything with a buffer, and is not copied."""
        view = memoryview(data)
        size, crc, start = view.nbytes, zlib.crc32(view), self.at
        path = f"{self.root}/{name}".encode()
        size_32 = size if size < LIMIT else _FULL
        start_32 = start if start < LIMIT else _FULL
        common = (_UTF8, 0, _TIME, _DATE, crc, size_32, size_32)  # flags, method, time, date, checksum, sizes

        extra = b"" if size < LIMIT else struct.pack("<2H2Q", 1, 16, size, size)
        padding = -(start + _LOCAL.size + len(path) + len(extra) + 4) % ALIGNMENT
        extra += struct.pack("<2H", _PADDING, padding) + b"Z" * padding
        self._write(_LOCAL.pack(b"PK\x03\x04", _VERSION, *common, len(path), len(extra)) + path + extra)
        self._write(view)

        wide = [size, size] * (size >= LIMIT) + [start] * (start >= LIMIT)
        extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        header = (b"PK\x01\x02", _VERSION, _VERSION, *common, len(path), len(extra), 0, 0, 0, 0, start_32)
        self.central.append(_CENTRAL.pack(*header) + path + extra)

    def close(self) -> None:
        """Writes the directory.  Without it, nothing reads the archive."""
        start, directory, n = self.at, b"".join(self.central), len(self.central)
        self._write(directory)
        if start >= LIMIT or len(directory) >= LIMIT or n >= 0xFFFF:
            end = self.at
            self._write(
                _END_64.pack(b"PK\x06\x06", _END_64.size - 12, _VERSION, _VERSION, 0, 0, n, n, len(directory), start)
            )
            self._write(_LOCATOR_64.pack(b"PK\x06\x07", 0, end, 1))
        n_16, size_32, start_32 = min(n, 0xFFFF), min(len(directory), _FULL), start if start < LIMIT else _FULL
        self._write(_END.pack(b"PK\x05\x06", 0, 0, n_16, n_16, size_32, start_32, 0))


def write_checkpoint(file: Any, root: str, data: bytes, storages: list) -> None:
    """The records in PyTorch's order: the pickle, what readers must know, the storages one after the other."""
    writer = ArchiveWriter(file, root)
    writer.add("data.pkl", data)
    writer.add(".format_version", b"1")
    writer.add(".storage_alignment", str(ALIGNMENT).encode())
    writer.add("byteorder", sys.byteorder.encode())
    for key, storage in enumerate(storages):
        writer.add(f"data/{key}", storage.bytes())
    writer.add("version", b"3\n")
    writer.close()
