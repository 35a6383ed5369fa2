"""The file that save writes, and what happens to the one that was there."""

import io
import os
import stat
import zipfile
from pathlib import Path
from pickle import PicklingError, UnpicklingError

import numpy as np
import pytest

import minitorch
from minitorch.serialization import sharing, zipping

CHECKPOINTS = Path(__file__).parent / "data" / "checkpoints"


def saved(obj):
    file = io.BytesIO()
    minitorch.save(obj, file)
    return file.getvalue()


# ---- the file


def test_layout_of_the_archive(tmp_path):
    path = tmp_path / "net.v2.pt"
    minitorch.save([minitorch.ones(3), minitorch.arange(4)], path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            f"net.v2/{name}"
            for name in (
                "data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0", "data/1", "version",
            )
        ]  # fmt: skip
        assert archive.read("net.v2/version") == b"3\n"
        raw = path.read_bytes()
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            header = raw[entry.header_offset : entry.header_offset + 30]
            names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
            assert (entry.header_offset + 30 + names) % 64 == 0


@pytest.mark.parametrize(
    "name, root", [("été.pt", "archive"), ("plain", "plain"), (".pt", "archive"), ("a b.pt", "a b")]
)
def test_name_of_the_folder_in_the_archive(tmp_path, name, root):
    if name == ".pt":
        root = ".pt".partition(".")[0] or ".pt"
    minitorch.save(1, tmp_path / name)
    with zipfile.ZipFile(tmp_path / name) as archive:
        assert archive.namelist()[0] == f"{root}/data.pkl"
    assert minitorch.load(tmp_path / name) == 1


def test_huge_files_use_64_bit_fields(monkeypatch):
    monkeypatch.setattr(zipping, "LIMIT", 100)
    obj = {f"t{i}": minitorch.arange(40.0) + i for i in range(5)}
    data = saved(obj)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
    back = minitorch.load(io.BytesIO(data))
    assert all(np.array_equal(back[name]._data, obj[name]._data) for name in obj)
    assert data.count(b"PK\x06\x06") == 1


def test_paths_and_file_objects(tmp_path):
    obj = {"a": minitorch.arange(3)}
    for path in (tmp_path / "p.pt", str(tmp_path / "s.pt"), os.fsencode(tmp_path / "b.pt")):
        minitorch.save(obj, path)
        assert minitorch.load(path)["a"].tolist() == [0, 1, 2]
    with open(tmp_path / "f.pt", "wb") as file:
        minitorch.save(obj, file)
    with open(tmp_path / "f.pt", "rb") as file:
        assert minitorch.load(file)["a"].tolist() == [0, 1, 2]
    with open(tmp_path / "f.pt", "rb", buffering=0) as file:
        assert minitorch.load(file)["a"].tolist() == [0, 1, 2]


def test_file_object_in_the_middle():
    file = io.BytesIO()
    file.write(b"header, 17 bytes.")
    minitorch.save([minitorch.arange(3)], file)
    file.seek(17)
    assert minitorch.load(file)[0].tolist() == [0, 1, 2]


def test_streams_that_cannot_seek():
    class Stream(io.RawIOBase):
        def __init__(self, data):
            self.inner = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.inner.readinto(buffer)

    class Sink:
        data = b""

        def write(self, data):
            self.data += bytes(data)

    sink = Sink()
    minitorch.save([minitorch.arange(3)], sink)
    assert minitorch.load(Stream(sink.data))[0].tolist() == [0, 1, 2]


def test_wrong_kinds_of_file(tmp_path):
    with pytest.raises(TypeError, match="path or a file"):
        minitorch.save(1, 5)
    with pytest.raises(TypeError, match="path or a file"):
        minitorch.load(5)
    (tmp_path / "text").write_text("PK")
    with open(tmp_path / "text") as file, pytest.raises(TypeError, match="mode 'rb'"):
        minitorch.load(file)
    with pytest.raises(FileNotFoundError):
        minitorch.load(tmp_path / "missing.pt")
    with pytest.raises(IsADirectoryError):
        minitorch.save(1, tmp_path)
    with pytest.raises(RuntimeError, match="does not exist"):
        minitorch.save(1, tmp_path / "no" / "folder.pt")
    with pytest.raises(ValueError, match="pickle_module"):
        minitorch.load(tmp_path / "text", pickle_module=os)


def test_weights_only_makes_no_difference():
    data = saved({"a": minitorch.ones(1)})
    for flag in (True, False, None):
        assert minitorch.load(io.BytesIO(data), weights_only=flag)["a"].item() == 1
    with pytest.raises(UnpicklingError, match="nothing was run"):
        minitorch.load(CHECKPOINTS / "module.pt", weights_only=False)


def test_mmap(tmp_path):
    path = tmp_path / "m.pt"
    minitorch.save({"a": minitorch.arange(6.0), "m": minitorch.tensor([True, False]), "e": minitorch.zeros(0)}, path)
    before = path.read_bytes()
    back = minitorch.load(path, mmap=True)
    assert back["a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert back["m"].tolist() == [True, False]
    assert back["e"].shape == (0,)
    back["a"]._data[0] = 9  # a private copy of the page
    assert path.read_bytes() == before
    minitorch.save(back, path)  # over the file that is mapped
    assert minitorch.load(path)["a"].tolist() == [9, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="path"):
        minitorch.load(io.BytesIO(before), mmap=True)
    with pytest.raises(RuntimeError, match="zip format"):
        minitorch.load(CHECKPOINTS / "legacy.pt", mmap=True)


# ---- what goes wrong leaves the old file


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_refused_objects_write_nothing(tmp_path):
    path = tmp_path / "old.pt"
    minitorch.save("old", path)
    with pytest.raises(PicklingError):
        minitorch.save({"f": print}, path)
    assert minitorch.load(path) == "old"
    with pytest.raises(PicklingError):
        minitorch.save({"f": print}, tmp_path / "new.pt")
    assert files_in(tmp_path) == ["old.pt"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
def test_a_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch, error):
    path = tmp_path / "old.pt"
    minitorch.save("old", path)

    def fail(self):
        raise error

    monkeypatch.setattr(sharing.Block, "bytes", fail)
    with pytest.raises(type(error)):
        minitorch.save(minitorch.ones(3), path)
    assert minitorch.load(path) == "old"
    assert files_in(tmp_path) == ["old.pt"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions and links")
def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "real.pt", tmp_path / "link.pt"
    minitorch.save(1, path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    minitorch.save(2, link)
    assert link.is_symlink()
    assert minitorch.load(path) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    minitorch.save(3, os.devnull)
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)
