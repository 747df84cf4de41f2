"""Datasets of Parquet files: checked before any work starts, and read as one table."""

import hashlib
import json
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import UserError
from emotionscope.storage.place import File, Place
from emotionscope.tables import manifest, parquet_files, schemas
from emotionscope.tables.contracts import CONTRACTS, KEY, Kind
from emotionscope.tables.input_file import InputFile, read_footer, read_rows
from emotionscope.tables.manifest import SUMMARY

BLOCK = 250_000  # rows read at once


@dataclass(frozen=True)
class Dataset:
    """A checked dataset: its files in order of their names, and the schema all of them are read as.

    `folder` is where it lies, which relative paths in its rows start from. Without a `uniform_schema`, some files
    have their columns in another order or with other types than the schema.
    """

    uri: Place
    folder: Place
    parts: tuple[InputFile, ...]
    schema: pa.Schema
    uniform_schema: bool
    is_folder: bool

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(part.rows for part in self.parts)


def open_dataset(uri: str, kind: Kind, only: Container[str] | None = None) -> Dataset:
    """Check a dataset of a kind and list its files, or `only` those of the names.

    Raises UserError where it is missing, empty, unfinished or unreadable, lacks a column, has one of another type, or
    holds a value that its column's type cannot hold.
    """
    place = Place(uri)
    listed = manifest.listed_parts(place)
    files = [each for each in find_files(place, listed) if only is None or each[0].name in only]
    with ThreadPoolExecutor(parquet_files.READERS) as readers:
        seen = list(readers.map(lambda each: read_footer(*each), files))
    if listed is not None and only is None:
        _check_listed(place, listed, {file.name: part.rows for (file, _), (part, _) in zip(files, seen, strict=True)})
    dataset = _dataset(place, kind, seen)
    if not dataset.rows:
        raise UserError(f"{place}: the dataset is empty")
    return dataset


def open_readable(
    uri: Place, kind: Kind, files: list[tuple[File, str]], schema: pa.Schema
) -> tuple[Dataset | None, dict[str, str]]:
    """Those of a folder's files that can be read as `schema`, if any, and by name the reason why another cannot."""

    def check(each: tuple[File, str]) -> Dataset | str:
        try:
            return _dataset(uri, kind, [read_footer(*each)], schema)
        except UserError as error:
            return str(error)

    with ThreadPoolExecutor(parquet_files.READERS) as readers:
        found = list(readers.map(check, files))
    good = [each for each in found if isinstance(each, Dataset)]
    bad = {file.name: each for (file, _), each in zip(files, found, strict=True) if isinstance(each, str)}
    whole = replace(good[0], parts=tuple(part for each in good for part in each.parts)) if good else None
    return whole, bad


def find_files(uri: Place, listed: Container[str] | None) -> list[tuple[File, str]]:
    """The files of a dataset, each with its Hive partition: those `listed` by its summary, where it has one."""
    return [each for each in parquet_files.find(uri) if listed is None or each[0].name in listed]


def _dataset(
    uri: Place, kind: Kind, seen: list[tuple[InputFile, pa.Schema]], known: pa.Schema | None = None
) -> Dataset:
    """The files as one dataset, in the schema that is `known`, if any. Raises UserError where they cannot be."""
    parts, found = [part for part, _ in seen], [schema for _, schema in seen]
    contract = CONTRACTS[kind]
    found = schemas.with_partitions(found, parts, contract, known)
    schema = schemas.unify(uri, contract, found, [part.uri for part in parts], known)
    uniform_schema = all(each.equals(schema) for each in found)
    schemas.check_values(parts, found, schema)
    is_folder = parts[0].uri != uri
    return Dataset(uri, uri if is_folder else uri.folder, tuple(parts), schema, uniform_schema, is_folder)


def _check_listed(folder: Place, listed: dict[str, int], found: dict[str, int]) -> None:
    """Raise UserError where a finished table lacks a part or rows that its summary lists."""
    for name, rows in listed.items():
        if name not in found:
            raise UserError(f"{folder / name}: lost, though {SUMMARY} lists it; make the table again")
        if found[name] != rows:
            raise UserError(
                f"{folder / name}: has {found[name]} rows, and {SUMMARY} lists {rows}; make the table again"
            )


def read(dataset: Dataset, names: Sequence[str] | None = None) -> pa.Table:
    """A whole dataset in memory, or the named columns of it that are there, in input order."""
    schema = dataset.schema
    if names is not None:
        schema = pa.schema([field for field in schema if field.name in names])
    return pa.concat_tables([read_rows(part, schema, 0, part.rows) for part in dataset.parts])


def batches(dataset: Dataset, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """All rows in the columns of a schema, some `BLOCK` at a time, in input order."""
    for part in dataset.parts:
        for start in range(0, part.rows, BLOCK):
            yield from read_rows(part, schema, start, min(BLOCK, part.rows - start)).to_batches()


def equal_keys(dataset: Dataset) -> int:
    """How many rows have the dialogue and utterance of a row before them. Takes eight bytes of memory a row."""
    import duckdb  # a quarter of a second, which other jobs need not wait for

    schema = pa.schema([dataset.schema.field(name) for name in KEY])
    digests = []
    with duckdb.connect() as connection:
        for part in dataset.parts:
            for start in range(0, part.rows, BLOCK):
                keys = connection.from_arrow(read_rows(part, schema, start, min(BLOCK, part.rows - start)))
                digests.append(keys.project(f"hash({', '.join(KEY)}) AS digest").fetchnumpy()["digest"])
    return dataset.rows - len(np.unique(np.concatenate(digests)))


def head(dataset: Dataset, names: Sequence[str], rows: int) -> pa.Table:
    """The first rows of a dataset, at most so many, in the named columns."""
    schema = pa.schema([dataset.schema.field(name) for name in names])
    tables, left = [], rows
    for part in dataset.parts:
        tables.append(read_rows(part, schema, 0, min(left, part.rows)))
        left -= len(tables[-1])
        if not left:
            break
    return pa.concat_tables(tables)


def write_part(table: pa.Table, uri: str, metadata: dict[bytes, bytes] | None = None) -> None:
    """Write a table as one Parquet file, whole or not at all, with checksums and the metadata."""
    # A dictionary of probabilities, which hardly repeat, makes a file a fifth larger.
    repeated = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    sink = pa.BufferOutputStream()
    table = table.replace_schema_metadata(metadata)
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated, write_page_checksum=True)
    Place(uri).write_bytes(sink.getvalue())


def column_or_nulls(table: pa.Table, name: str, type_: pa.DataType) -> pa.ChunkedArray:
    """A column of the table, or nulls where it has none."""
    if name in table.column_names:
        return table[name]
    return pa.chunked_array([pa.nulls(len(table), type_)])


def fingerprint(dataset: Dataset) -> dict[str, object]:
    """What tells a dataset from another without reading its rows: name, rows, files and a digest of these."""
    files = [(part.uri.removeprefix(dataset.uri), part.rows, part.size) for part in dataset.parts]
    digest = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    return {"name": dataset.uri.rsplit("/", 1)[-1], "rows": dataset.rows, "files": len(files), "sha256": digest}
