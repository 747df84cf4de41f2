"""Files that are written whole or not at all, and JSON files of which two writers make only one."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import pyarrow as pa

from emotionscope.storage import access, s3
from emotionscope.storage.uris import absolute, is_s3

TEMPORARY = r"\..+\.[0-9a-f]{8}\.tmp"  # names of files that are being written


def write_bytes(uri: str, content: bytes | pa.Buffer) -> None:
    """Write a file whole or not at all: a temporary name and a rename on disk, one object on S3."""
    filesystem, path = access.filesystem(uri)
    if is_s3(uri):
        with filesystem.open_output_stream(path) as stream:
            stream.write(content)
        return
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    with _temporary(folder, name, content) as temporary:
        os.replace(temporary, path)


def write_json(uri: str, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_bytes(uri, _json(value))


def create_json(uri: str, value: Any) -> bool:
    """Write a value as JSON where no file is, whole or not at all; whether it was this call that made the file.

    Of several calls at once one wins. An S3 store that does not know conditional writes lets the last one win.
    """
    content = _json(value)
    if is_s3(uri):
        return s3.create(uri, content)
    folder, name = os.path.split(absolute(uri))
    os.makedirs(folder, exist_ok=True)
    with _temporary(folder, name, content) as temporary:
        try:
            _link(temporary, absolute(uri), content)
        except FileExistsError:
            return False
    return True


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _link(temporary: str, path: str, content: bytes) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with open(path, "xb") as file:
            file.write(content)


@contextmanager
def _temporary(folder: str, name: str, content: bytes | pa.Buffer) -> Iterator[str]:
    """A file with the content beside its place, locked until the block ends, and then removed if it is still there."""
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


def delete_if_abandoned(path: str) -> None:
    """Remove a temporary file on disk whose writer has died: its lock has died with it."""
    with suppress(OSError), open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.remove(path)
