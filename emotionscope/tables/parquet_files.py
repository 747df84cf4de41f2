"""Which Parquet files a dataset consists of, and what their folders tell: Hive partitions, other table formats.

Names are hints: whether a place is a folder is asked of the file system, and whether a file is Parquet of its content.
"""

import hashlib
import io
import mimetypes
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from emotionscope.errors import JobError, UserError, first_line
from emotionscope.storage.place import File, Place, check_utf8

READERS = 16  # files looked at at once
SUFFIXES = (".parquet", ".parq", ".pq", ".pqt")
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")  # after one of these, a compressed Parquet file
# Tables in other formats, by what pandas reads them with.
READ_BY_PANDAS = {
    ".csv": "read_csv({})",
    ".tsv": "read_csv({}, sep='\\t')",
    ".jsonl": "read_json({}, lines=True)",
    ".ndjson": "read_json({}, lines=True)",
    ".json": "read_json({})",
    ".xlsx": "read_excel({})",
    ".feather": "read_feather({})",
    ".arrow": "read_feather({})",
}
MAGIC = (b"PAR1", b"PARE")  # the second begins an encrypted file, which is refused with Arrow's reason
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

# Tables whose folder also holds rows that were replaced or deleted, by what else is in it.
_FORMATS = {
    "Delta Lake": re.compile(r"(^|/)_delta_log/"),
    "Apache Iceberg": re.compile(
        r"(^|/)metadata/(version-hint\.text|[^/]+\.metadata\.json(\.gz)?|[^/]+\.gz\.metadata\.json|snap-[^/]+\.avro)$"
    ),
    "Apache Hudi": re.compile(r"(^|/)\.hoodie/"),
    "Apache Paimon": re.compile(r"(^|/)snapshot/(snapshot-\d+|LATEST|EARLIEST)$"),
    "Spark Structured Streaming": re.compile(r"(^|/)_spark_metadata/"),
}
# Folders that such a table keeps its files in: what tells its format lies above them.
_INNER = re.compile(r"[^/=]+=[^/]*|data|bucket-\d+")


def find(uri: Place) -> list[tuple[File, str]]:
    """The Parquet files at a URI, sorted by name, each with its Hive partition, such as ``split=train/season=3``.

    Hidden files and folders (``.`` or ``_`` first) are passed over. Raises UserError where there is none, or where the
    place belongs to a table of another format.
    """
    filesystem, path = uri.arrow()
    with errors_of(uri, "cannot be listed"):
        info = filesystem.get_file_info(path)
        if info.type == pafs.FileType.NotFound:
            raise UserError(f"{uri}: no such file or folder")
        if info.type == pafs.FileType.File:
            _refuse_formats_above(uri, posixpath.dirname(path), filesystem)
            _check_name(uri)
            if not _begins_as_parquet(uri):
                raise UserError(f"{uri}: not a Parquet file; {_how_to_convert(uri)}")
            return [(File(uri, posixpath.basename(path), info.size, info.mtime_ns or 0), "")]
        if info.type != pafs.FileType.Directory:
            raise UserError(f"{uri}: neither a file nor a folder")
        entries = _local_entries(path) if not uri.is_s3 else _remote_entries(path, filesystem)
        _refuse_formats(uri, (f"{each.name}/" if each.is_folder else each.name for each in entries))
        if _INNER.fullmatch(posixpath.basename(path)):
            _refuse_formats_above(uri, posixpath.dirname(path), filesystem)
    seen = sorted((each for each in entries if not each.is_folder and not _is_hidden(each.name)), key=lambda e: e.name)
    for each in seen:
        if each.size is None and each.name.lower().endswith(SUFFIXES):
            raise UserError(f"{uri / each.name}: not a regular file, or a link that leads nowhere")
    regular = [(each.name, each.size, each.modified) for each in seen if each.size is not None]
    files = _parquet_among([File(uri / name, name, *rest) for name, *rest in regular])
    if not files:
        other = next((name for name, *_ in regular if posixpath.splitext(name)[1].lower() in READ_BY_PANDAS), None)
        raise UserError(f"{uri}: no Parquet files in it" + (f"; {_how_to_convert(other)}" if other else ""))
    return [(file, partition_of(file.name)) for file in files]


def _how_to_convert(name: str) -> str:
    stem, suffix = posixpath.splitext(name)
    read = READ_BY_PANDAS.get(suffix.lower())
    if not read:
        return "other formats must be converted to Parquet first"
    line = f"import pandas; pandas.{read.format(repr(name))}.to_parquet({f'{stem}.parquet'!r})"
    return f'convert it by this line: python -c "{line}"'


@dataclass(frozen=True)
class _Entry:
    """What lies in a folder, by its name below it, and when it was changed (ns); only regular files have a size."""

    name: str
    is_folder: bool
    size: int | None
    modified: int


def _remote_entries(path: str, filesystem: pafs.FileSystem) -> list[_Entry]:
    infos = filesystem.get_file_info(pafs.FileSelector(path, recursive=True))
    return [
        _Entry(each.path[len(path) :].lstrip("/"), not each.is_file, each.size, each.mtime_ns or 0) for each in infos
    ]


def _local_entries(path: str) -> list[_Entry]:
    """Follows links, but not round in a circle, and shows links that lead nowhere."""
    entries: list[_Entry] = []
    folders = [(path, "", frozenset[str]())]
    while folders:
        folder, name, above = folders.pop()
        here = os.path.realpath(folder)
        if here in above:
            continue
        for each in os.scandir(folder):
            own = posixpath.join(name, each.name)
            is_folder, found = False, None
            with suppress(OSError):  # a link to itself
                is_folder = each.is_dir()
                found = each.stat() if each.is_file() else None
            if is_folder:
                folders.append((each.path, own, above | {here}))
            size, modified = (found.st_size, found.st_mtime_ns) if found else (None, 0)
            entries.append(_Entry(own, is_folder, size, modified))
    return entries


def _parquet_among(files: list[File]) -> list[File]:
    with ThreadPoolExecutor(READERS) as readers:
        return [file for file, there in zip(files, readers.map(_is_parquet, files), strict=True) if there]


def _is_parquet(file: File) -> bool:
    """By its name where that is clear: a folder of dialogues often holds thousands of videos."""
    _check_name(file.uri)
    if file.name.lower().endswith(SUFFIXES):
        return True
    guess = (mimetypes.guess_type(file.name)[0] or "").split("/")[0]
    if guess in ("video", "audio", "image", "text"):
        return False
    with errors_of(file.uri):
        return _begins_as_parquet(file.uri)


def _check_name(uri: str) -> None:
    """Raise UserError for a compressed Parquet file, which nothing reads, and for a name that Arrow cannot take."""
    name, packing = posixpath.splitext(uri.lower())
    if packing in PACKED and name.endswith(SUFFIXES):
        raise UserError(f"{uri}: a compressed Parquet file; decompress it, or move it away")
    check_utf8(uri)


def _begins_as_parquet(uri: Place) -> bool:
    filesystem, path = uri.arrow()
    with filesystem.open_input_file(path) as stream:
        return stream.read(4) in MAGIC


def _is_hidden(name: str) -> bool:
    """As Hadoop has it: a partition's folder may begin with ``_``."""
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in name.split("/"))


def _refuse_formats(uri: str, names: Iterable[str]) -> None:
    for name in names:
        for kind, pattern in _FORMATS.items():
            if pattern.search(name):
                raise UserError(
                    f"{uri}: a table of {kind}, whose files also hold rows that were replaced or deleted; "
                    "export it to plain Parquet files in a new folder, and name that"
                )


def _refuse_formats_above(uri: str, path: str, filesystem: pafs.FileSystem) -> None:
    """The same for the folders that a file, or a partition, of such a table lies in."""
    while path.strip("/"):
        names: list[str] = []
        markers = ("_delta_log", ".hoodie", "_spark_metadata")
        for marker, info in zip(
            markers, filesystem.get_file_info([posixpath.join(path, m) for m in markers]), strict=True
        ):
            if info.type != pafs.FileType.NotFound:
                names.append(f"{marker}/")
        for marker in ("metadata", "snapshot"):
            inside = pafs.FileSelector(posixpath.join(path, marker), allow_not_found=True)
            names += [f"{marker}/{info.base_name}" for info in filesystem.get_file_info(inside)]
        _refuse_formats(uri, names)
        if not _INNER.fullmatch(posixpath.basename(path)):
            return
        path = posixpath.dirname(path)


def partition_of(name: str) -> str:
    """The folders of a file's name that are Hive partitions, ``column=value``, joined by slashes."""
    return "/".join(part for part in name.split("/")[:-1] if part.partition("=")[0] and "=" in part)


def partition_values(partition: str) -> dict[str, str | None]:
    """The columns that a partition's folders tell, and their values. Raises UserError where two tell the same."""
    values: dict[str, str | None] = {}
    for part in partition.split("/") if partition else ():
        name, _, value = part.partition("=")
        if unquote(name) in values:
            raise UserError(f"the folders {partition}: both define column {unquote(name)!r}; rename one")
        values[unquote(name)] = None if value in (NULL_PARTITION, "") else unquote(value)
    return values


def footer_digest(metadata: pq.FileMetaData) -> str:
    """What tells a Parquet file from another without reading its rows: a digest of its footer."""
    sink = io.BytesIO()
    metadata.write_metadata_file(sink)
    return hashlib.sha256(sink.getvalue()).hexdigest()[:16]


@contextmanager
def open_file(uri: Place) -> Iterator[pq.ParquetFile]:
    """A Parquet file. What Arrow raises within the block becomes a UserError that names the file."""
    filesystem, path = uri.arrow()
    with errors_of(uri), pq.ParquetFile(path, filesystem=filesystem, page_checksum_verification=True) as file:
        yield file


@contextmanager
def errors_of(uri: str, what: str = "not a readable Parquet file") -> Iterator[None]:
    """Errors of reading a file as one line that names it: UserError, or JobError where the store does not answer."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = first_line(error)
        if "AWS Error" in reason:
            raise JobError(f"{uri}: cannot be read ({reason})") from error
        raise UserError(f"{uri}: {what} ({reason})") from error
