"""Reads the records of a checkpoint in PyTorch's zip layout, whoever wrote it and whatever happened to it since."""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

MAGIC = b"PK\x03\x04"
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_MAX_VERSION = 10  # of the layout, as PyTorch reads it


class Archive:
    """The records of a checkpoint that lies open in ``file``, from its present position on.

    Raises:
        RuntimeError: the file is cut short, damaged, compressed, or its records overlap.
    """

    def __init__(self, file: Any, *, memory: mmap.mmap | None = None) -> None:
        self.file, self.memory = file, memory
        try:
            directory = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError, EOFError) as error:
            raise RuntimeError(
                f"load: failed finding the central directory of the zip archive ({error}): "
                "the file is cut short or damaged"
            ) from error
        entries = directory.infolist()
        self.size = file.seek(0, io.SEEK_END)
        self.records = {entry.filename: entry for entry in entries}
        self._check(entries)
        roots = [name[:-8] for name in self.records if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(roots) != 1:
            raise RuntimeError("load: the zip archive is no checkpoint: it has no record data.pkl in one folder")
        self.root = roots[0]
        if self.has("constants.pkl"):
            raise RuntimeError(
                "load: the file is a TorchScript program, not data; save state_dict() of the module in PyTorch instead"
            )
        version = self.text("version" if self.has("version") else ".data/version", "1")
        if not version.isdigit() or int(version) > _MAX_VERSION:
            raise RuntimeError(f"load: the file has the version {version!r}, the newest known is {_MAX_VERSION}")
        self.byteorder = self.text("byteorder", "little")
        if self.byteorder not in ("little", "big"):
            raise RuntimeError(f"load: the file has the byte order {self.byteorder!r}")

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        if len(self.records) != len(entries):
            raise RuntimeError("load: two records of the zip archive have the same name")
        for entry in entries:
            plain = entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1
            if not plain or entry.file_size != entry.compress_size:
                raise RuntimeError(
                    f"load: the record {entry.filename!r} is compressed or encrypted, which PyTorch never does; "
                    "unpack the archive and zip it again without compression (zip -0 -r)"
                )
        # a few bytes that many records claim would fill the memory
        if sum(entry.file_size for entry in entries) > self.size:
            raise RuntimeError(f"load: the records claim more than the {self.size} bytes of the file")

    def has(self, name: str) -> bool:
        return self.root + name in self.records

    def text(self, name: str, default: str) -> str:
        return bytes(self.read(name)).decode("latin-1").strip() if self.has(name) else default

    def nbytes(self, name: str) -> int | None:
        """Size of a record, ``None`` if there is none of this name."""
        entry = self.records.get(self.root + name)
        return None if entry is None else entry.file_size

    def read(self, name: str) -> np.ndarray:
        """The bytes of a record: fresh memory, or the mapped file's.

        Raises:
            RuntimeError: the record lies beyond the end of the file, or its checksum is wrong.
        """
        entry = self.records[self.root + name]
        start = self._start(entry)
        if self.memory is not None:
            return np.frombuffer(self.memory, np.uint8, entry.file_size, start)
        out = np.empty(entry.file_size, np.uint8)
        self.file.seek(start)
        if not read_into(self.file, out):
            raise RuntimeError(f"load: the record {entry.filename!r} is cut short")
        if entry.CRC and zlib.crc32(out.data) != entry.CRC:  # PyTorch writes 0 where it was told to skip checksums
            raise RuntimeError(f"load: the checksum of the record {entry.filename!r} is wrong: the file is damaged")
        return out

    def _start(self, entry: zipfile.ZipInfo) -> int:
        at = entry.header_offset
        header = b""
        if at >= 0:
            self.file.seek(at)
            header = self.file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != MAGIC:
            raise RuntimeError(
                f"load: the record {entry.filename!r} is not where the directory says: the file is damaged"
            )
        name_length, extra_length = _LOCAL_HEADER.unpack(header)[-2:]
        start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        if start + entry.file_size > self.size:
            raise RuntimeError(f"load: the record {entry.filename!r} is cut short")
        return start


def read_into(file: Any, out: np.ndarray) -> bool:
    """Fills ``out`` from ``file``; whether there were enough bytes."""
    view, at = out.reshape(-1).view(np.uint8).data, 0
    while at < len(view):
        if hasattr(file, "readinto"):
            n = file.readinto(view[at:])
        else:
            part = file.read(len(view) - at)
            n = len(part)
            view[at : at + n] = part
        if not n:
            return False
        at += n
    return True
