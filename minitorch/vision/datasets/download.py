"""Downloads to be trusted: checksums, several addresses, resumed where they broke off, put in place when whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minitorch.utils.optional import available

_CHUNK = 1 << 17
TIMEOUT = 20.0  # seconds without a byte before the next address is tried
_ATTEMPTS = 3  # per address: a broken connection is resumed


def default_root() -> str:
    """Where data sets lie when no root is given: the environment's ``MINITORCH_DATA``, or ~/.cache/minitorch."""
    return os.environ.get("MINITORCH_DATA") or str(Path.home() / ".cache" / "minitorch")


@dataclass(frozen=True)
class Resource:
    """A file to download.

    Args:
        name: what it is called on disk.
        urls: where it may be had, tried in order.
        checksums: as "md5:..." or "sha256:...", of all contents that are the right one.
    """

    name: str
    urls: Sequence[str]
    checksums: Sequence[str]

    def matches(self, path: str | os.PathLike) -> bool:
        """Whether the file at ``path`` has one of the checksums."""
        kinds = {checksum.partition(":")[0] for checksum in self.checksums}
        hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                for h in hashes.values():
                    h.update(chunk)
        return any(f"{kind}:{h.hexdigest()}" in self.checksums for kind, h in hashes.items())


class DownloadError(RuntimeError):
    """No address gave the file.  What is there already was left alone."""


def download(
    resource: Resource, folder: str | os.PathLike, progress: bool = True, timeout: float | None = None
) -> Path:
    """Gets a file into ``folder``, unless it is there with the right checksum.

    The bytes go to ``<name>.part``, which a later call continues, and are moved to their name when the checksum is
    right.

    Args:
        timeout: seconds without a byte after which an address is given up; default ``TIMEOUT``.

    Returns:
        Its path.

    Raises:
        DownloadError: no address gave it; says what went wrong at each, and where to put the file by hand.
    """
    target = Path(folder) / resource.name
    if target.is_file() and resource.matches(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    failures = []
    with _only_one(part):
        if target.is_file() and resource.matches(target):  # another process was quicker
            return target
        for url in resource.urls:
            try:
                _from_one_address(url, resource, part, progress, TIMEOUT if timeout is None else timeout)
            except (OSError, _BadContent, ValueError) as error:
                failures.append(f"  {url}: {_reason(error)}")
                continue
            os.replace(part, target)
            return target
    raise DownloadError(
        f"could not download {resource.name}:\n" + "\n".join(failures) + f"\nTry again later (what has arrived is kept "
        f"and continued), or get the file elsewhere and put it at {target}"
    )


class _BadContent(Exception):
    """What came is not the file."""


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return "timed out"
    return str(error) or type(error).__name__


def _from_one_address(url: str, resource: Resource, part: Path, progress: bool, timeout: float) -> None:
    """Fills ``part`` from ``url``, continuing as often as something arrives before the connection breaks."""
    fresh = False
    for attempt in range(_ATTEMPTS):
        start = part.stat().st_size if part.exists() else 0
        try:
            _transfer(url, part, start, progress, timeout)
        except OSError as error:
            last = attempt == _ATTEMPTS - 1
            arrived = part.exists() and part.stat().st_size > start
            # an address that answers with an error or with nothing will do so again
            if last or not arrived or isinstance(getattr(error, "code", None), int):
                raise
            continue
        if resource.matches(part):
            return
        part.unlink()
        # what was continued may have begun as another file: once more from the start
        if start == 0 or fresh:
            raise _BadContent("wrong checksum: this is not the published file")
        fresh = True
    raise _BadContent("the connection broke off again and again")


def _transfer(url: str, part: Path, start: int, progress: bool, timeout: float) -> None:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    headers = {"User-Agent": "minitorch", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        if error.code == 416 and start:  # nothing left to send: the checksum decides
            error.close()
            return
        raise
    with response:
        continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if start and not continues:
            start = 0  # the server sends all of it
        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        with open(part, "ab" if start else "wb") as file, _progress(part.stem, start, total, progress) as advance:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                advance(len(chunk))
            file.flush()
            arrived = file.tell()
    if total is not None and arrived < total:
        raise ConnectionError(f"the connection broke off after {arrived} of {total} bytes")


@contextlib.contextmanager
def _progress(name: str, start: int, total: int | None, wanted: bool) -> Iterator[Callable[[int], Any]]:
    """Shows what arrives: with tqdm where it is installed, else a line before and a line after."""
    if not wanted:
        yield lambda n: None
    elif available("tqdm"):
        from tqdm import tqdm

        with tqdm(desc=name, initial=start, total=total, unit="B", unit_scale=True, unit_divisor=1024) as bar:
            yield bar.update
    else:
        size = "" if total is None else f" ({total / 1e6:.1f} MB)"
        print(f"downloading {name}{size} ...", file=sys.stderr, flush=True)
        yield lambda n: None
        print(f"downloaded {name}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _only_one(part: Path) -> Iterator[None]:
    """Lets one process at a time write ``part``: scripts on several GPUs all ask for the data at once."""
    try:
        import fcntl
    except ImportError:  # Windows: the checksum still catches a mixture
        yield
        return
    lock = part.with_name(part.name + ".lock")
    while True:
        with open(lock, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # whoever had it before took the file away: what was locked here may have no name any more
            if not _is_at(lock, file):
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _is_at(path: Path, file: Any) -> bool:
    """Whether the open ``file`` is the one that lies at ``path`` now."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:  # taken away since it was opened
        return False


def write_aside(path: str | os.PathLike, source: Any) -> None:
    """Copies the readable ``source`` to ``path`` so that nobody ever sees half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with open(aside, "wb") as file:
            while chunk := source.read(1 << 20):
                file.write(chunk)
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def unpack_gzip(archive: str | os.PathLike, target: str | os.PathLike) -> None:
    """Unpacks ``archive`` to ``target``."""
    import gzip

    with gzip.open(archive, "rb") as source:
        write_aside(target, source)


def unpack_tar(archive: str | os.PathLike, folder: str | os.PathLike, members: Sequence[str]) -> None:
    """Takes the named members, and no others, out of a tar archive; each must be a plain file.

    Raises:
        RuntimeError: one is missing or is no file.
    """
    import tarfile

    with tarfile.open(archive, "r:*") as tar:
        missing = set(members)
        for member in tar:
            if member.name not in missing:
                continue
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                raise RuntimeError(f"{archive}: {member.name} is not a plain file")
            write_aside(Path(folder) / member.name, content)
            missing.discard(member.name)
    if missing:
        raise RuntimeError(f"{archive}: {', '.join(sorted(missing))} is missing")
