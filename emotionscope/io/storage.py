"""Files on local disk and in S3 behind one set of functions.

A place is named by a URI: an absolute or relative local path, or ``s3://bucket/prefix``. Credentials,
region and endpoint come from the usual ``AWS_`` variables, which pyarrow and boto3 both read.
"""

import errno
import fcntl
import io
import json
import os
import posixpath
import re
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any, cast
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs as pafs

from emotionscope.errors import UserError

SMALL_FILE = 32 * 2**20  # bytes; up to here one GET is cheaper than ranged reads
IO_THREADS = 16  # requests under way at once while much is copied
TEMPORARY = r"\..+\.[0-9a-f]{8}\.tmp"  # names of files that are being written
READ_AHEAD = 4 * 2**20  # bytes of each ranged read of a larger file


@dataclass(frozen=True)
class File:
    """One stored file: its URI, its path relative to the folder listed, its size in bytes, when it was changed (ns)."""

    uri: str
    name: str
    size: int
    modified: int


def is_s3(uri: str) -> bool:
    """Whether a URI names an object or prefix in S3."""
    return uri.startswith("s3://")


def absolute(uri: str) -> str:
    """The URI without ``file://``, a trailing slash or, for local paths, anything relative.

    What follows ``file:`` may be percent-encoded, as other programs write it. Raises UserError for an empty name, for a
    scheme that is neither a local path, file:// nor s3://, and for a key of S3 that no client can be relied on to read.
    """
    if not uri.strip():
        raise UserError("an empty path; name a folder, a file or s3://bucket/prefix")
    if is_s3(uri):
        bucket, *names = uri.removeprefix("s3://").rstrip("/").split("/")
        if not bucket:
            raise UserError(f"{uri!r} names no bucket: write s3://bucket/prefix")
        if any(name in ("", ".", "..") for name in names):
            raise UserError(f"{uri!r}: nothing, . or .. between two slashes; write s3://bucket/prefix")
        return uri.rstrip("/")
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+)://|(s3[an]?|file):", uri, re.IGNORECASE)
    if not scheme:
        return os.path.abspath(os.path.expanduser(uri))
    if (scheme[1] or scheme[2]).lower() != "file":
        raise UserError(f"{uri!r}: {scheme[0]} is not supported; use a local path or s3://bucket/prefix")
    path = unquote(re.sub(r"^file:(//(localhost(?=/))?)?", "", uri, flags=re.IGNORECASE))
    return os.path.abspath(os.path.expanduser(path))


def join(uri: str, *names: str) -> str:
    """A URI below another; an absolute, ``file://`` or ``s3://`` name replaces what stands before it."""
    for name in names:
        name = absolute(name) if name.startswith("file:/") else name
        uri = name if is_s3(name) else posixpath.join(uri, name)
    return uri


def is_below(uri: str, root: str) -> bool:
    """Whether a URI, with its ``..`` followed, lies in the folder or prefix `root`."""
    scheme = "s3://" if is_s3(root) else ""
    if is_s3(uri) != is_s3(root):
        return False
    place, base = (posixpath.normpath(each.removeprefix(scheme)) for each in (uri, root))
    return place.startswith(base.rstrip("/") + "/")


def environment() -> dict[str, str]:
    """The driver's ``AWS_`` variables, for `use_environment` in a worker that another machine started.

    They travel inside the tasks and not in Ray's runtime environment, which dashboards and logs show.
    """
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def use_environment(variables: dict[str, str]) -> None:
    """Take over variables that this process lacks."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)


@lru_cache(maxsize=1)
def _s3() -> pafs.S3FileSystem:
    """One client a process, with bounded retries so that a lost server ends a job and not its patience."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    scheme, _, host = endpoint.rpartition("://")
    return pafs.S3FileSystem(
        endpoint_override=host or None,
        scheme=scheme or None,
        allow_delayed_open=True,  # a small file is one PUT
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=8),
        connect_timeout=10,
        request_timeout=60,
    )


def filesystem(uri: str) -> tuple[pafs.FileSystem, str]:
    """The pyarrow file system of a URI, and its path there."""
    if is_s3(uri):
        return _s3(), uri.removeprefix("s3://").rstrip("/")
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
    found = filesystem_.get_file_info(pafs.FileSelector(path, recursive=True, allow_not_found=True))
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


def write_bytes(uri: str, content: bytes | pa.Buffer) -> None:
    """Write a file whole or not at all: a temporary name and a rename on disk, one object on S3."""
    filesystem_, path = filesystem(uri)
    if is_s3(uri):
        with filesystem_.open_output_stream(path) as stream:
            stream.write(content)
        return
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    with _temporary(folder, name, content) as temporary:
        os.replace(temporary, path)


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
        if os.path.exists(temporary):
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


def create_json(uri: str, value: Any) -> bool:
    """Write a value as JSON where no file is, whole or not at all; whether it was this call that made the file.

    Of several calls at once one wins. An S3 store that does not know conditional writes lets the last one win.
    """
    content = (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
    if is_s3(uri):
        return _create_object(uri, content)
    folder, name = os.path.split(absolute(uri))
    os.makedirs(folder, exist_ok=True)
    with _temporary(folder, name, content) as temporary:
        try:
            _link(temporary, absolute(uri), content)
        except FileExistsError:
            return False
    return True


def _link(temporary: str, path: str, content: bytes) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with open(path, "xb") as file:
            file.write(content)


def _create_object(uri: str, content: bytes) -> bool:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    try:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=content, IfNoneMatch="*")
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status in (409, 412):
                return False
            if status not in (400, 501):
                raise
            client.put_object(Bucket=bucket, Key=key, Body=content)
    except (BotoCoreError, ClientError) as error:
        raise OSError(" ".join(str(error).split())) from error
    return read_bytes(uri) == content


def read_json(uri: str, limit: int | None = None) -> Any:
    """A JSON file's value; `limit` as in `read_bytes`. Raises OSError, or ValueError where it is not JSON."""
    try:
        return json.loads(read_bytes(uri, limit))
    except RecursionError as error:
        raise ValueError("JSON that is nested too deeply") from error


def write_json(uri: str, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_bytes(uri, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def delete(uri: str) -> None:
    """Remove one file."""
    filesystem_, path = filesystem(uri)
    filesystem_.delete_file(path)


def check_access(uri: str) -> None:
    """Make sure that a URI's bucket can be reached. Raises UserError saying what is wrong; local paths pass."""
    if not is_s3(uri):
        return
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = uri.removeprefix("s3://").split("/")[0]
    config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    try:
        boto3.client("s3", config=config).head_bucket(Bucket=bucket)
    except ClientError as error:
        code = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        reason = {404: "there is no such bucket", 403: "access is denied (check the AWS_ variables)"}
        raise UserError(f"{uri}: {reason.get(code or 0, f'S3 answers {code}')}") from error
    except (BotoCoreError, ValueError) as error:
        raise UserError(f"{uri}: S3 cannot be reached: {' '.join(str(error).split())}") from error
