"""Files on local disk and in S3 behind one set of functions: listed, opened, read and deleted by their URI."""

import errno
import io
import json
import os
import posixpath
import stat
from dataclasses import dataclass
from typing import IO, Any, cast

import pyarrow as pa
from pyarrow import fs as pafs

from emotionscope.storage import s3
from emotionscope.storage.uris import absolute, is_s3, join

JsonObject = dict[str, Any]  # what a JSON file holds
SMALL_FILE = 32 * 2**20  # bytes; up to here one GET is cheaper than ranged reads
IO_THREADS = 16  # requests under way at once while much is copied
READ_AHEAD = 4 * 2**20  # bytes of each ranged read of a larger file


@dataclass(frozen=True)
class File:
    """One stored file: its URI, its path relative to the folder listed, its size in bytes, when it was changed (ns)."""

    uri: str
    name: str
    size: int
    modified: int


def filesystem(uri: str) -> tuple[pafs.FileSystem, str]:
    """The pyarrow file system of a URI, and its path there."""
    if is_s3(uri):
        return s3.filesystem(), uri.removeprefix("s3://").rstrip("/")
    return pafs.LocalFileSystem(), absolute(uri)


def exists(uri: str) -> bool:
    """Whether a file, folder or non-empty prefix stands at the URI."""
    filesystem_, path = filesystem(uri)
    return bool(filesystem_.get_file_info(path).type != pafs.FileType.NotFound)


def is_file(uri: str) -> bool:
    """Whether the URI names a file and not a folder."""
    filesystem_, path = filesystem(uri)
    return bool(filesystem_.get_file_info(path).type == pafs.FileType.File)


def list_files(uri: str, suffix: str = "") -> list[File]:
    """Files below a folder whose names end in `suffix`, sorted by name; hidden ones (``.`` or ``_``) left out.

    A missing folder lists as empty. A URI that names a file lists that file.
    """
    filesystem_, path = filesystem(uri)
    info = filesystem_.get_file_info(path)
    if info.type == pafs.FileType.File:
        return [File(uri, posixpath.basename(path), info.size, info.mtime_ns or 0)]
    selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
    try:
        found = filesystem_.get_file_info(selector)
    except FileNotFoundError:  # Arrow fails where a folder comes or goes while it is listed
        found = filesystem_.get_file_info(selector)
    files = []
    for entry in found:
        name = entry.path[len(path) :].lstrip("/")
        hidden = any(part.startswith((".", "_")) for part in name.split("/"))
        if entry.type == pafs.FileType.File and name.endswith(suffix) and not hidden:
            files.append(File(join(uri, name), name, entry.size, entry.mtime_ns or 0))
    return sorted(files, key=lambda file: file.name)


def copy_down(uri: str, folder: str) -> None:
    """Copy a file or all files below a prefix into a folder of this machine, which is there."""
    filesystem_, path = filesystem(uri)
    pa.set_io_thread_count(max(IO_THREADS, pa.io_thread_count()))
    place = posixpath.join(folder, posixpath.basename(path)) if is_file(uri) else folder
    pafs.copy_files(path, place, source_filesystem=filesystem_)


def read_bytes(uri: str, limit: int | None = None) -> bytes:
    """The whole content of a file. Raises FileNotFoundError or another OSError.

    With a `limit` in bytes it raises ValueError, before it reads, for a larger file and for what is no regular file.
    """
    filesystem_, path = filesystem(uri)
    if limit is not None:
        info = filesystem_.get_file_info(path)
        if info.type not in (pafs.FileType.File, pafs.FileType.NotFound):
            raise ValueError("not a regular file")
        if (info.size or 0) > limit:
            raise ValueError(f"larger than {limit:,} bytes")
    with filesystem_.open_input_file(path) as stream:
        return cast(bytes, stream.read())


def read_json(uri: str, limit: int | None = None) -> Any:
    """A JSON file's value; `limit` as in `read_bytes`. Raises OSError, or ValueError where it is not JSON."""
    try:
        return json.loads(read_bytes(uri, limit))
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def open_binary(uri: str) -> IO[bytes]:
    """A seekable stream: small files are read whole, large ones in ranges of `READ_AHEAD` bytes.

    Raises FileNotFoundError or another OSError; also where it is no regular file, as a pipe may have no writer.
    """
    if not is_s3(uri):
        return _open_regular(absolute(uri))
    filesystem_, path = filesystem(uri)
    stream = filesystem_.open_input_file(path)
    if stream.size() <= SMALL_FILE:
        with stream:
            return io.BytesIO(stream.read())
    return io.BufferedReader(cast(Any, stream), READ_AHEAD)


def _open_regular(path: str) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        code, reason = (errno.EISDIR, "Is a directory") if stat.S_ISDIR(mode) else (errno.EINVAL, "not a regular file")
        raise OSError(code, reason, path)
    return os.fdopen(descriptor, "rb")


def delete(uri: str) -> None:
    """Remove one file."""
    filesystem_, path = filesystem(uri)
    filesystem_.delete_file(path)
