"""Downloads, from a server on this machine that misbehaves on request."""

import gzip
import hashlib
import io
import os
import pickle
import socket
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from minitorch.vision.datasets import CIFAR10, KMNIST, MNIST, FashionMNIST
from minitorch.vision.datasets import download as downloads
from minitorch.vision.datasets.cifar import CIFAR100
from minitorch.vision.datasets.download import DownloadError, Resource, default_root, download, unpack_tar

CONTENT = bytes(range(256)) * 2000


class Handler(BaseHTTPRequestHandler):
    """/ok/NAME serves the file, with ranges; the other folders misbehave as they are called."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        folder, _, name = self.path.strip("/").partition("/")
        start = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
        server.requests.append((folder, int(start)))
        content, start = server.files.get(name), int(start)
        if content is None or folder == "gone":
            self.send_error(404)
        elif folder == "slow":
            server.released.wait(10)
        elif folder == "wrong":
            self.reply(b"<html>please log in</html>", 0)
        elif folder == "whole":  # knows nothing of ranges
            self.reply(content, 0)
        elif start >= len(content):
            self.send_error(416)
        elif folder == "breaks":  # every connection breaks off after a part
            self.reply(content[start:], start, sends=len(content) // 3)
        elif folder == "crawls":
            self.reply(content[start:], start, sends=len(content) // 12)
        elif folder == "breaks_once" and not server.broke:
            server.broke = True
            self.reply(content[start:], start, sends=len(content) // 2)
        else:
            self.reply(content[start:], start)

    def reply(self, body, start, sends=None):
        total = start + len(body)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sends])


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests, server.broke, server.released = {"file.bin": CONTENT}, [], False, threading.Event()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = lambda folder, name="file.bin": f"http://127.0.0.1:{server.server_port}/{folder}/{name}"
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def md5(content):
    return "md5:" + hashlib.md5(content).hexdigest()


def resource(server, *folders, checksums=(md5(CONTENT),)):
    return Resource("file.bin", [server.url(folder) for folder in folders], checksums)


def get(server, folder, *folders, **options):
    # short where something is late on purpose; elsewhere a busy machine must not make a test fail
    timeout = 1 if "slow" in folders else 30
    return download(resource(server, *folders, **options), folder, progress=False, timeout=timeout)


def test_download(server, tmp_path):
    path = get(server, tmp_path / "new" / "folder", "ok")
    assert path.read_bytes() == CONTENT
    assert os.listdir(path.parent) == ["file.bin"]
    get(server, path.parent, "ok")
    assert server.requests == [("ok", 0)], "what is there is not asked for again"


@pytest.mark.parametrize("first", ["gone", "wrong", "slow"])
def test_the_next_mirror_is_tried(server, tmp_path, first):
    assert get(server, tmp_path, first, "ok").read_bytes() == CONTENT
    assert [folder for folder, _ in server.requests] == [first, "ok"]


def test_dead_mirror(server, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dead = Resource("file.bin", [f"http://127.0.0.1:{port}/file.bin", server.url("ok")], [md5(CONTENT)])
    assert download(dead, tmp_path, progress=False).read_bytes() == CONTENT


def test_all_mirrors_fail(server, tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"an older file")
    with pytest.raises(DownloadError) as caught:
        get(server, tmp_path, "gone", "wrong", "slow")
    text = str(caught.value)
    assert "404" in text and "wrong checksum" in text and "timed out" in text and str(target) in text
    assert target.read_bytes() == b"an older file" and os.listdir(tmp_path) == ["file.bin"]


def test_a_broken_connection_is_resumed(server, tmp_path):
    assert get(server, tmp_path, "breaks_once").read_bytes() == CONTENT
    assert server.requests == [("breaks_once", 0), ("breaks_once", len(CONTENT) // 2)]


def test_it_is_resumed_several_times(server, tmp_path):
    server.files["file.bin"] = content = CONTENT[:9000]
    assert get(server, tmp_path, "breaks", checksums=[md5(content)]).read_bytes() == content
    assert [start for _, start in server.requests] == [0, 3000, 6000]


def test_it_is_resumed_at_another_mirror_and_in_a_later_call(server, tmp_path):
    server.files["file.bin"] = content = CONTENT[:12000]
    with pytest.raises(DownloadError, match="broke off"):
        get(server, tmp_path, "crawls", checksums=[md5(content)])
    kept = (tmp_path / "file.bin.part").stat().st_size
    assert kept == 3000 and not (tmp_path / "file.bin").exists()
    server.requests.clear()
    assert get(server, tmp_path, "gone", "ok", checksums=[md5(content)]).read_bytes() == content
    assert server.requests == [("gone", kept), ("ok", kept)]


def test_a_server_without_ranges_sends_all(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    assert get(server, tmp_path, "whole").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"something else", CONTENT + b"more", CONTENT])
def test_what_was_begun_as_another_file(server, tmp_path, part):
    (tmp_path / "file.bin.part").write_bytes(part)
    assert get(server, tmp_path, "ok").read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["file.bin"]


def test_any_of_the_checksums_will_do(server, tmp_path):
    good = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    assert get(server, tmp_path, "ok", checksums=["md5:" + "0" * 32, good]).read_bytes() == CONTENT


def test_those_who_ask_at_once_download_once(server, tmp_path):
    pytest.importorskip("fcntl")

    def ask(_):
        return download(resource(server, "ok"), tmp_path, progress=False).read_bytes() == CONTENT

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(4)))
    assert len(server.requests) == 1 and os.listdir(tmp_path) == ["file.bin"]


def test_the_lock_is_held_by_one_at_a_time_although_its_file_comes_and_goes(tmp_path):
    pytest.importorskip("fcntl")
    inside, seen = [], []

    def enter(i):
        with downloads._only_one(tmp_path / "file.bin.part"):
            inside.append(i)
            time.sleep(0)  # lets another thread run
            seen.append(list(inside))
            inside.remove(i)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(enter, range(200)))
    assert sorted(seen) == [[i] for i in range(200)] and not os.listdir(tmp_path)


def test_progress(server, tmp_path, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    download(resource(server, "ok"), tmp_path / "a")
    assert "file.bin" in capsys.readouterr().err
    monkeypatch.setattr(downloads, "available", lambda name: False)
    download(resource(server, "ok"), tmp_path / "b")
    assert capsys.readouterr().err == "downloading file.bin (0.5 MB) ...\ndownloaded file.bin\n"


def test_default_root(monkeypatch):
    monkeypatch.setenv("MINITORCH_DATA", "/somewhere")
    assert default_root() == "/somewhere"
    monkeypatch.delenv("MINITORCH_DATA")
    assert default_root().endswith(os.path.join(".cache", "minitorch"))


# ---- whole data sets


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


def small_mnist(base, server, folders=("ok",)):
    """A class like ``base`` whose files are small and come from the server."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, (5, 28, 28), np.uint8), np.arange(5, dtype=np.uint8)] * 2
    resources = []
    for (name, _), array in zip(base.resources, arrays):
        server.files[name] = idx(array)
        resources.append((name, [md5(server.files[name])]))
    mirrors = [server.url(folder, "") for folder in folders]
    return type(base.__name__, (base,), {"mirrors": mirrors, "resources": resources}), arrays


@pytest.mark.parametrize("base", [MNIST, FashionMNIST, KMNIST])
def test_mnist(server, tmp_path, base, capsys):
    cls, (images, labels, *_) = small_mnist(base, server, ("gone", "ok"))
    with pytest.raises(RuntimeError, match="download=True"):
        cls(tmp_path)
    data = cls(tmp_path, download=True)
    assert np.array_equal(data.data.numpy(), images) and data.targets.tolist() == labels.tolist()
    raw = tmp_path / base.__name__ / "raw"
    assert sorted(os.listdir(raw)) == sorted(n for name, _ in cls.resources for n in (name, name.removesuffix(".gz")))
    server.requests.clear()
    assert len(cls(tmp_path, train=False, download=True)) == 5 and not server.requests


def test_damaged_files_are_downloaded_again_and_only_replaced_by_good_ones(server, tmp_path, capsys):
    cls, (images, *_) = small_mnist(MNIST, server)
    cls(tmp_path, download=True)
    raw = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    raw.write_bytes(raw.read_bytes()[:-1])
    with pytest.raises(RuntimeError, match="cut short"):
        cls(tmp_path)
    packed = raw.with_suffix(".gz")
    packed.write_bytes(b"nonsense")
    cls.mirrors = [server.url("wrong", "")]
    with pytest.raises(DownloadError):
        cls(tmp_path, download=True)
    assert packed.read_bytes() == b"nonsense"
    cls.mirrors = [server.url("ok", "")]
    assert np.array_equal(cls(tmp_path, download=True).data.numpy(), images)


def cifar_archive(cls, rows=4):
    classes = cls._num_classes
    batch = {"data": np.arange(rows * 3072, dtype=np.uint32).astype(np.uint8).reshape(rows, 3072)}
    batch[cls._labels] = list(range(rows))
    contents = dict.fromkeys((*cls.train_list, *cls.test_list), batch)
    contents[cls.meta[0]] = {cls.meta[1]: [f"class {i}" for i in range(classes)]}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        members = {f"{cls.base_folder}/{name}": pickle.dumps(value, 2) for name, value in contents.items()}
        members["../outside"] = b"must not be written"
        members[f"{cls.base_folder}/readme.html"] = b"nobody asked for it"
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue(), batch


@pytest.mark.parametrize("base", [CIFAR10, CIFAR100])
def test_cifar(server, tmp_path, base, capsys):
    archive, batch = cifar_archive(base)
    server.files[base.filename] = archive
    urls = [server.url("gone", base.filename), server.url("ok", base.filename)]
    cls = type(base.__name__, (base,), {"urls": urls, "checksums": [md5(archive)]})
    root = tmp_path / "root"
    with pytest.raises(RuntimeError, match="download=True"):
        cls(root)
    data = cls(root, download=True)
    assert data.data.shape == (4 * len(base.train_list), 32, 32, 3)
    assert np.array_equal(data.data[1].transpose(2, 0, 1).ravel(), batch["data"][1])
    assert data.targets == [0, 1, 2, 3] * len(base.train_list) and data.class_to_idx["class 9"] == 9
    assert sorted(os.listdir(root / base.base_folder)) == sorted((*base.train_list, *base.test_list, base.meta[0]))
    assert os.listdir(tmp_path) == ["root"]
    server.requests.clear()
    assert len(cls(root, train=False, download=True)) == 4 and not server.requests


def test_unpack_tar_takes_plain_files_alone(tmp_path):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        link = tarfile.TarInfo("folder/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(RuntimeError, match="not a plain file"):
        unpack_tar(archive, tmp_path, ["folder/link"])
    with pytest.raises(RuntimeError, match="folder/other is missing"):
        unpack_tar(archive, tmp_path, ["folder/other"])
    assert os.listdir(tmp_path) == ["a.tar"]


def test_the_published_addresses_are_https_first():
    for cls in (MNIST, FashionMNIST, KMNIST):
        assert cls.mirrors[0].startswith("https://") and all(m.endswith("/") for m in cls.mirrors)
        assert len(cls.resources) == 4 and len({sums for _, sums in cls.resources}) == 4
    for cls in (CIFAR10, CIFAR100):
        assert all(url.startswith("https://") and url.endswith(cls.filename) for url in cls.urls)
