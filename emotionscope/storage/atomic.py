"""Files on local disk that are written whole or not at all, and of which of two writers at once only one wins."""

import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa

_TEMPORARY = r"\..+\.[0-9a-f]{8}\.tmp"  # names of files that are being written


def write(path: str, content: bytes | pa.Buffer) -> None:
    """Write a file under a temporary name, and rename it."""
    with _temporary(path, content) as temporary:
        os.replace(temporary, path)


def swap(path: str, before: bytes | None, content: bytes) -> bool:
    """Replace a file whose content is still `before`, or make one where none is (None); whether it was done."""
    with _temporary(path, content) as temporary:
        if before is None:
            return _link(temporary, path, content)
        with _locked_folder(os.path.dirname(path)):
            try:
                with open(path, "rb") as file:
                    if file.read() != before:
                        return False
            except FileNotFoundError:
                return False
            os.replace(temporary, path)
    return True


def delete_abandoned(folder: str) -> None:
    """Remove the temporary files in a folder whose writers have died: their locks have died with them."""
    for place in Path(folder).rglob(".*.tmp"):
        if re.fullmatch(_TEMPORARY, place.name):
            with suppress(OSError), place.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                place.unlink()


def _link(temporary: str, path: str, content: bytes) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        try:
            with open(path, "xb") as file:
                file.write(content)
        except FileExistsError:
            return False
    return True


@contextmanager
def _locked_folder(folder: str) -> Iterator[None]:
    """One process at a time; the lock ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(path: str, content: bytes | pa.Buffer) -> Iterator[str]:
    """A file with the content beside its place, locked until the block ends, and then removed if it is still there."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with _locked(temporary) as file:
            file.write(memoryview(content))
            file.flush()
            os.fsync(file.fileno())
            yield temporary
    finally:
        with suppress(FileNotFoundError):  # renamed, or another process has just taken it for abandoned
            os.remove(temporary)


def _locked(path: str) -> IO[bytes]:
    """A new file, locked as long as it is open."""
    while True:
        file = open(path, "wb")  # noqa: SIM115
        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.exists(path):  # else another process took it for abandoned before it was locked
            return file
        file.close()
