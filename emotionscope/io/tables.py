"""The columns of the three tables, and datasets of them checked before any work starts."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import UserError
from emotionscope.io import storage
from emotionscope.labels import MODELS, probability_columns

KEY = ("dialogue_id", "utterance_id")
READERS = 16  # files looked at at once

FACE = pa.struct(
    [
        pa.field("time", pa.float64()),  # seconds from the start of the utterance's span
        pa.field("box", pa.struct([pa.field(side, pa.int32()) for side in "xywh"])),  # pixels
        pa.field("person", pa.int32()),
        pa.field("quality", pa.float32()),
        pa.field("image", pa.binary()),  # JPEG
    ]
)
FACES = pa.list_(FACE)

# What a dialogues column may be: its types in the file, and the type it is read as.
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_dictionary)
_SECONDS = (pa.types.is_floating, pa.types.is_integer)
_DIALOGUES = {
    "dialogue_id": (pa.string(), _TEXT),
    "utterance_id": (pa.int64(), (pa.types.is_integer,)),
    "utterance": (pa.string(), _TEXT),
    "video": (pa.string(), _TEXT),
    "start": (pa.float64(), _SECONDS),
    "end": (pa.float64(), _SECONDS),
    "speaker": (pa.string(), _TEXT),
    "emotion": (pa.string(), _TEXT),
    "split": (pa.string(), _TEXT),
}
_REQUIRED = {
    "dialogues": (*KEY, "utterance"),
    "keyframes": (*KEY, "utterance", "faces", "video_error"),
    "labelled faces": ("split",),
    "scores": (*KEY, "bundle", *(column for model in MODELS for column in probability_columns(model))),
}


@dataclass(frozen=True)
class Part:
    """One Parquet file of a dataset: its URI and its number of rows."""

    uri: str
    rows: int
    size: int


@dataclass(frozen=True)
class Dataset:
    """A checked dataset: its files in order of their names, and the schema all of them are read as.

    Files that are not `alike` have their columns in another order or with other types than the schema.
    """

    uri: str
    parts: tuple[Part, ...]
    schema: pa.Schema
    alike: bool

    @property
    def folder(self) -> str:
        """The folder or prefix it lies in, which relative paths in its rows start from."""
        return self.uri.rsplit("/", 1)[0] if self.uri.endswith(".parquet") else self.uri

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(part.rows for part in self.parts)


def typed(schema: pa.Schema, uri: str) -> pa.Schema:
    """The schema a file is read as: known columns in their contract types, others as they are.

    Raises UserError for a known column of another type, and for a name that two columns have.
    """
    twice = sorted(name for name, count in Counter(schema.names).items() if count > 1)
    if twice:
        raise UserError(f"{uri}: column {twice[0]!r} is there twice")
    fields = []
    for field in schema:
        want, allowed = _DIALOGUES.get(field.name, (field.type, ()))
        if field.name == "faces" and pa.types.is_list(field.type):
            want = FACES
        if allowed and not any(test(field.type) for test in (*allowed, pa.types.is_null)):
            raise UserError(f"{uri}: column {field.name!r} is {field.type}, and must be {want}")
        fields.append(pa.field(field.name, want))
    return pa.schema(fields)


def open_dataset(uri: str, kind: str) -> Dataset:
    """Check a dataset of `kind` (dialogues, keyframes or scores) and list its files.

    Raises UserError where it is missing, empty, unfinished, unreadable, or lacks a column.
    """
    uri = storage.absolute(uri)
    storage.check_access(uri)
    if not storage.exists(uri):
        raise UserError(f"{uri}: no such folder")
    if storage.exists(storage.join(uri, "_run.json")) and not storage.exists(storage.join(uri, "_summary.json")):
        raise UserError(f"{uri}: the job that writes it has not finished; run it again to go on")
    files = storage.list_files(uri, ".parquet")
    if not files:
        raise UserError(f"{uri}: no Parquet files (*.parquet) in it")
    parts: list[Part] = []
    schema: pa.Schema | None = None
    with ThreadPoolExecutor(READERS) as readers:
        looked_at = list(readers.map(_look, files))
    for file, (rows, file_schema) in zip(files, looked_at, strict=True):
        schema = schema or file_schema
        if set(file_schema.names) != set(schema.names):
            odd = sorted(set(file_schema.names) ^ set(schema.names))
            raise UserError(f"{file.uri}: columns differ from those of {parts[0].uri}: {', '.join(odd)}")
        try:
            schema = pa.unify_schemas([schema, file_schema], promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise UserError(f"{file.uri}: a column's type differs from other files' ({first_line(error)})") from error
        parts.append(Part(file.uri, rows, file.size))
    assert schema is not None
    missing = [name for name in _REQUIRED[kind] if name not in schema.names]
    if missing:
        raise UserError(f"{uri}: not a {kind} table, it lacks the column {', '.join(missing)}")
    alike = all(file_schema.equals(schema) for _, file_schema in looked_at)
    dataset = Dataset(uri, tuple(parts), schema.remove_metadata(), alike)
    if not dataset.rows:
        raise UserError(f"{uri}: the dataset is empty")
    return dataset


def scores_schema(schema: pa.Schema) -> pa.Schema:
    """The scores table's schema for an input of `schema`: its columns, then the scores.

    Raises UserError for an input column whose name a score would take.
    """
    carried = [field for field in schema if field.name not in ("faces", "video_error")]
    scores = []
    for model in MODELS:
        scores.append(pa.field(f"{model}_emotion", pa.string()))
        scores += [pa.field(column, pa.float32()) for column in probability_columns(model)]
    scores += [pa.field("faces", pa.int32()), pa.field("error", pa.string()), pa.field("bundle", pa.string())]
    taken = sorted({field.name for field in carried} & {field.name for field in scores})
    if taken:
        raise UserError(f"the input has columns that scoring writes: {', '.join(taken)}; rename them")
    return pa.schema([*carried, *scores])


def _look(file: storage.File) -> tuple[int, pa.Schema]:
    """A file's rows and its checked schema."""
    filesystem, path = storage.filesystem(file.uri)
    try:
        metadata = pq.read_metadata(path, filesystem=filesystem)
        return metadata.num_rows, typed(metadata.schema.to_arrow_schema(), file.uri)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{file.uri}: not a readable Parquet file ({first_line(error)})") from error


def read(dataset: Dataset, columns: Sequence[str] | None = None) -> pa.Table:
    """A whole dataset in memory, or the named columns of it, in input order."""
    names = [name for name in dataset.schema.names if columns is None or name in columns]
    schema = pa.schema([dataset.schema.field(name) for name in names])
    tables = []
    for part in dataset.parts:
        filesystem, path = storage.filesystem(part.uri)
        with pq.ParquetFile(path, filesystem=filesystem) as file:
            tables.append(conform(file.read(columns=names), schema))
    return pa.concat_tables(tables)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns, order and types. Raises pa.ArrowInvalid where a value does not fit."""
    return table.select(schema.names).cast(schema)


def write_part(table: pa.Table, uri: str) -> None:
    """Write a table as one Parquet file, whole or not at all."""
    # A dictionary of probabilities, which hardly repeat, makes a file a fifth larger.
    repeated = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated)
    storage.write_bytes(uri, sink.getvalue())


def filled(table: pa.Table, name: str, type_: pa.DataType) -> pa.ChunkedArray:
    """A column of the table, or nulls where it has none."""
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(len(table), type_)])


def first_line(error: BaseException | str) -> str:
    """An error's message on one line."""
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def fingerprint(dataset: Dataset) -> dict[str, object]:
    """What tells a dataset from another without reading its rows: name, rows, files and a digest of these."""
    files = [(part.uri.removeprefix(dataset.uri), part.rows, part.size) for part in dataset.parts]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    return {"name": dataset.uri.rsplit("/", 1)[-1], "rows": dataset.rows, "files": len(files), "sha256": digest}
