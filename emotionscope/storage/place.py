"""A file or folder on local disk or in S3, parsed once from what a user wrote, and the few things one does to it."""

import errno
import io
import json
import os
import posixpath
import re
import shutil
import stat
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any, Self, cast
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs as pafs

from emotionscope.errors import UserError
from emotionscope.storage import atomic, ranges, s3

JsonObject = dict[str, Any]  # what a JSON file holds
SMALL_FILE_BYTES = 32 * 2**20  # up to here one GET is cheaper than ranged reads
READ_AHEAD_BYTES = 4 * 2**20  # of each ranged read of a larger file
IO_THREADS = 16  # requests under way at once while much is copied

_VERSION = re.compile(r"[^@]+@[0-9a-f]{12}")  # of a bundle that is a whole bucket


@dataclass(frozen=True)
class File:
    """One stored file: where it is, its path relative to the folder listed, its size in bytes, its last change (ns)."""

    uri: "Place"
    name: str
    size: int
    modified: int


class Place(str):
    """An absolute local path, or ``s3://bucket/prefix``. As text it is just that.

    What begins with ``file:`` may be percent-encoded, as other programs write it. Raises UserError for an empty name or
    one that is not UTF-8, for any other scheme, for a key of S3 that no client can be relied on to read,
    and for a password in it, which is not repeated.
    """

    __slots__ = ()

    def __new__(cls, text: str | os.PathLike[str]) -> Self:
        """Parse a name; what is a place already stays as it is."""
        return text if isinstance(text, cls) else super().__new__(cls, _parsed(os.fspath(text)))

    def __truediv__(self, name: str) -> Self:
        """What lies below; an absolute, ``file://`` or ``s3://`` name replaces the place. ``..`` is kept as it is."""
        name = Place(name) if name.startswith("file:/") else name
        return super().__new__(type(self), name if name.startswith("s3://") else posixpath.join(self, name))

    @property
    def is_s3(self) -> bool:
        """Whether it is an object or prefix in S3."""
        return self.startswith("s3://")

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.rpartition("/")[2]

    @property
    def folder(self) -> Self:
        """What it lies in."""
        return super().__new__(type(self), self.rpartition("/")[0] or "/")

    def is_below(self, root: str) -> bool:
        """Whether it lies in a folder or prefix, with each ``..`` followed."""
        scheme = "s3://" if self.is_s3 else ""
        if self.is_s3 != root.startswith("s3://"):
            return False
        here, base = (posixpath.normpath(each.removeprefix(scheme)) for each in (self, root))
        return here.startswith(base.rstrip("/") + "/")

    def arrow(self) -> tuple[pafs.FileSystem, str]:
        """The pyarrow file system, and the path there."""
        if self.is_s3:
            return s3.filesystem(), self.removeprefix("s3://").rstrip("/")
        return pafs.LocalFileSystem(), str(self)

    def _kind(self) -> pafs.FileType:
        if self.is_s3:
            _check_once("/".join(self.split("/")[:3]), s3.endpoint())
        filesystem, path = self.arrow()
        return filesystem.get_file_info(path).type

    def exists(self) -> bool:
        """Whether a file, a folder or a prefix with objects is there. Raises UserError where S3 does not let one in."""
        return bool(self._kind() != pafs.FileType.NotFound)

    def is_file(self) -> bool:
        """Whether it is a file, and no folder."""
        return bool(self._kind() == pafs.FileType.File)

    def list(self, suffix: str = "", deep: bool = True) -> list[File]:
        """Files below it whose names end in `suffix`, sorted by name; hidden ones (``.`` or ``_``) left out.

        Where it is `deep`, files in the folders below count too. A missing folder lists as empty, a file as itself.
        Raises UserError where S3 does not let one in.
        """
        filesystem, path = self.arrow()
        if self.is_file():
            info = filesystem.get_file_info(path)
            return [File(self, posixpath.basename(path), info.size, info.mtime_ns or 0)]
        selector = pafs.FileSelector(path, recursive=deep, allow_not_found=True)
        try:
            found = filesystem.get_file_info(selector)
        except FileNotFoundError:  # Arrow fails where a folder comes or goes while it is listed
            found = filesystem.get_file_info(selector)
        files = []
        for entry in found:
            name = entry.path[len(path) :].lstrip("/")
            hidden = any(part.startswith((".", "_")) for part in name.split("/"))
            if entry.type == pafs.FileType.File and name.endswith(suffix) and not hidden:
                files.append(File(self / name, name, entry.size, entry.mtime_ns or 0))
        return sorted(files, key=lambda file: file.name)

    def read_bytes(self, limit: int | None = None) -> bytes:
        """The whole content of a file. Raises FileNotFoundError or another OSError.

        With a `limit` in bytes it raises ValueError, before it reads, for a larger file and for what is no file.
        """
        filesystem, path = self.arrow()
        if limit is not None:
            info = filesystem.get_file_info(path)
            if info.type not in (pafs.FileType.File, pafs.FileType.NotFound):
                raise ValueError("not a regular file")
            if (info.size or 0) > limit:
                raise ValueError(f"larger than {limit:,} bytes")
        with filesystem.open_input_file(path) as stream:
            return bytes(ranges.whole(stream, 0, stream.size())) if self.is_s3 else cast(bytes, stream.read())

    def read_json(self, limit: int | None = None) -> Any:
        """A JSON file's value; `limit` as in `read_bytes`. Raises OSError, or ValueError where it is not JSON."""
        try:
            return json.loads(self.read_bytes(limit))
        except RecursionError as error:
            raise ValueError("JSON that is nested too deeply") from error

    def open(self) -> IO[bytes]:
        """A seekable stream: small files are read whole, large ones in ranges of `READ_AHEAD_BYTES`.

        Raises FileNotFoundError or another OSError; also where it is no regular file, as a pipe may have no writer.
        """
        if not self.is_s3:
            return _open_regular(self)
        filesystem, path = self.arrow()
        stream = filesystem.open_input_file(path)
        if stream.size() <= SMALL_FILE_BYTES:
            with stream:
                return io.BytesIO(ranges.whole(stream, 0, stream.size()))
        return io.BufferedReader(ranges.Ranges(stream), READ_AHEAD_BYTES)

    def copy_to(self, path: str) -> None:
        """Copy a file to a path of this machine, whose folder is made. Raises FileNotFoundError or another OSError."""
        filesystem, there = self.arrow()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with ranges.Ranges(filesystem.open_input_file(there)) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, READ_AHEAD_BYTES)

    def delete(self) -> None:
        """Remove one file. Raises FileNotFoundError or another OSError."""
        filesystem, path = self.arrow()
        filesystem.delete_file(path)

    def delete_abandoned(self) -> None:
        """Remove the temporary files that writers left below it who died; in S3 there are none."""
        if not self.is_s3:
            atomic.delete_abandoned(self)

    def write_bytes(self, content: bytes | pa.Buffer) -> None:
        """Write a file whole or not at all: a temporary name and a rename on disk, one object in S3."""
        if not self.is_s3:
            atomic.write(self, content)
            return
        filesystem, path = self.arrow()
        with filesystem.open_output_stream(path) as stream:
            stream.write(content)

    def write_json(self, value: Any) -> None:
        """Write a value as indented JSON, whole or not at all."""
        self.write_bytes(as_json(value))

    def swap(self, before: bytes | None, content: bytes) -> bool:
        """Replace a file whose content is still `before`, or make one where none is (None); whether it was done.

        Of several at once one succeeds. (An S3 store without conditional writes lets the last one win.)
        """
        return s3.swap(self, before, content) if self.is_s3 else atomic.swap(self, before, content)

    def create_json(self, value: Any) -> bool:
        """Write a value as JSON where no file is; whether it was this call that made the file."""
        return self.swap(None, as_json(value))


@lru_cache
def _check_once(bucket: str, _: str) -> None:
    """One that could be reached is not asked again at the same address."""
    s3.check_bucket(bucket)


def as_json(value: Any) -> bytes:
    """A value as indented JSON with a newline at its end."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def check_utf8(name: str) -> None:
    """Raise UserError for a name with bytes of the file system that are not UTF-8, which Arrow cannot take."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "backslashreplace").decode()
        raise UserError(f"{shown}: its name is not UTF-8; rename it") from None


def _parsed(text: str) -> str:
    if not text.strip():
        raise UserError("an empty path; name a folder, a file or s3://bucket/prefix")
    check_utf8(text)
    if text.startswith("s3://"):
        bucket, *names = text.removeprefix("s3://").rstrip("/").split("/")
        if ":" in bucket or ("@" in bucket and not _VERSION.fullmatch(bucket)):
            raise UserError("s3:// with a key or a secret: write s3://bucket/prefix, and set the AWS_ variables")
        if not bucket:
            raise UserError(f"{_shown(text)!r} names no bucket: write s3://bucket/prefix")
        if any(name in ("", ".", "..") for name in names):
            raise UserError(f"{_shown(text)!r}: nothing, . or .. between two slashes; write s3://bucket/prefix")
        return text.rstrip("/")
    scheme = re.match(r"([a-zA-Z][a-zA-Z0-9+.-]+)://|(s3[an]?|file):", text, re.IGNORECASE)
    if not scheme:
        return os.path.abspath(os.path.expanduser(text))
    if (scheme[1] or scheme[2]).lower() != "file":
        raise UserError(f"{_shown(text)!r}: {scheme[0]} is not supported; use a local path or s3://bucket/prefix")
    path = unquote(re.sub(r"^file:(//(localhost(?=/))?)?", "", text, flags=re.IGNORECASE))
    return os.path.abspath(os.path.expanduser(path))


def _shown(text: str) -> str:
    """A name for a message, without what stands before an @, which may be a password."""
    return re.sub(r"(?<=:)/*[^/].*@", "//…@", text)


def _open_regular(path: str) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        code, reason = (errno.EISDIR, "Is a directory") if stat.S_ISDIR(mode) else (errno.EINVAL, "not a regular file")
        raise OSError(code, reason, path)
    return os.fdopen(descriptor, "rb")
