"""Datasets of Parquet files: checked before any work starts, and read as one table."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import JobError, UserError, first_line
from emotionscope.io import columns, parquet_files, storage, summary
from emotionscope.io.contracts import CONTRACTS, FACES, INTERNAL, Kind, TableContract
from emotionscope.io.parquet_files import open_file
from emotionscope.io.storage import File
from emotionscope.io.summary import SUMMARY


@dataclass(frozen=True)
class Part:
    """One Parquet file of a dataset: its URI, rows, bytes, and the folders that are a Hive partition.

    `footer` is a digest of its footer and `modified` the time of its last change (ns): they tell whether it is still
    the same file.
    """

    uri: str
    rows: int
    size: int
    partition: str
    footer: str
    modified: int


@dataclass(frozen=True)
class Dataset:
    """A checked dataset: its files in order of their names, and the schema all of them are read as.

    `folder` is where it lies, which relative paths in its rows start from. Files that are not `alike` have their
    columns in another order or with other types than the schema.
    """

    uri: str
    folder: str
    parts: tuple[Part, ...]
    schema: pa.Schema
    alike: bool
    is_folder: bool

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(part.rows for part in self.parts)


def open_dataset(uri: str, kind: Kind) -> Dataset:
    """Check a dataset of a kind and list its files.

    Raises UserError where it is missing, empty, unfinished or unreadable, lacks a column, has one of another type, or
    holds a value that its column's type cannot hold.
    """
    uri = storage.absolute(uri)
    storage.check_access(uri)
    listed = summary.listed_parts(uri)
    files = parquet_files.find(uri)
    if listed is not None:
        files = [(file, partition) for file, partition in files if file.name in listed]
    with ThreadPoolExecutor(parquet_files.READERS) as readers:
        seen = list(readers.map(lambda each: _look(*each), files))
    parts, found = [part for part, _ in seen], [schema for _, schema in seen]
    if listed is not None:
        _check_listed(uri, listed, {file.name: part.rows for (file, _), part in zip(files, parts, strict=True)})
    contract = CONTRACTS[kind]
    found = _with_partitions(found, parts, contract)
    schema = _unified(uri, contract, found, parts)
    alike = all(each.equals(schema) for each in found)
    is_folder = parts[0].uri != uri
    dataset = Dataset(uri, uri if is_folder else uri.rpartition("/")[0], tuple(parts), schema, alike, is_folder)
    if not dataset.rows:
        raise UserError(f"{uri}: the dataset is empty")
    _check_values(parts, found, schema)
    return dataset


def _check_listed(uri: str, listed: dict[str, int], found: dict[str, int]) -> None:
    """Raise UserError where a finished table lacks a part or rows that its summary lists."""
    for name, rows in listed.items():
        if name not in found:
            raise UserError(f"{storage.join(uri, name)}: lost, though {SUMMARY} lists it; make the table again")
        if found[name] != rows:
            raise UserError(
                f"{storage.join(uri, name)}: has {found[name]} rows, and {SUMMARY} lists {rows}; make the table again"
            )


def _look(file: File, partition: str) -> tuple[Part, pa.Schema]:
    """What a file's footer tells: the part it is, and its schema."""
    filesystem, path = storage.filesystem(file.uri)
    with parquet_files.errors_of(file.uri):
        metadata = pq.read_metadata(path, filesystem=filesystem)
        schema = metadata.schema.to_arrow_schema().remove_metadata()
        twice = sorted(name for name, count in Counter(schema.names).items() if count > 1)
    if twice:
        raise UserError(f"{file.uri}: column {twice[0]!r} is there twice")
    footer = parquet_files.footer_digest(metadata)
    return Part(file.uri, metadata.num_rows, file.size, partition, footer, file.modified), schema


def _with_partitions(schemas: list[pa.Schema], parts: list[Part], contract: TableContract) -> list[pa.Schema]:
    """The schemas with the columns that the folders tell: whole numbers where all of them are, else text.

    Raises UserError where the contract wants another type.
    """
    told = [parquet_files.partition_values(part.partition) for part in parts]
    values: dict[str, set[str]] = {}
    for each in told:
        for name, value in each.items():
            values.setdefault(name, set()).update([value] if value is not None else [])
    types = {name: pa.int64() if all(map(_is_integer, there)) else pa.string() for name, there in values.items()}
    types |= {name: contract.by_name[name].type for name in types if name in contract.by_name}
    for part, each in zip(parts, told, strict=True):
        for name in each:
            _partition_column(part, name, types[name], 1)
    return [
        pa.schema([*schema, *(pa.field(name, types[name]) for name in sorted(each) if name not in schema.names)])
        for schema, each in zip(schemas, told, strict=True)
    ]


def _is_integer(text: str) -> bool:
    """Whether a number is written as Python would write it: 007 is none."""
    return text.removeprefix("-").isdecimal() and str(int(text)) == text and abs(int(text)) < 2**63


def _unified(uri: str, contract: TableContract, schemas: list[pa.Schema], parts: list[Part]) -> pa.Schema:
    """The one schema that all files of a dataset are read as. Raises UserError where they break the contract."""
    unified: pa.Schema | None = None
    for part, found in zip(parts, schemas, strict=True):
        schema = _contract_schema(found, contract, part.uri)
        unified = unified if unified is not None else schema
        if set(schema.names) != set(unified.names):
            odd = sorted(set(schema.names) ^ set(unified.names))
            raise UserError(f"{part.uri}: columns differ from those of {parts[0].uri}: {', '.join(odd)}")
        try:
            unified = pa.unify_schemas([unified, schema], promote_options="permissive")
        except pa.ArrowException as error:
            raise UserError(f"{part.uri}: a column's type differs from other files' ({first_line(error)})") from error
    assert unified is not None
    missing = [column.name for column in contract.columns if column.required and column.name not in unified.names]
    if missing:
        twins = [name for name in unified.names if name.lower() in missing]
        hint = f" (columns are told apart by case: there is {', '.join(map(repr, twins))})" if twins else ""
        raise UserError(f"{uri}: not a {contract.kind} table, it lacks the column {', '.join(missing)}{hint}")
    return unified


def _contract_schema(schema: pa.Schema, contract: TableContract, uri: str) -> pa.Schema:
    """The schema a file is read as: the contract's columns in its types, others in their own.

    Raises UserError for a column of the contract that has another type, and for a name that is ours.
    """
    fields = []
    for field in schema:
        column = contract.by_name.get(field.name)
        if field.name.startswith(INTERNAL):
            raise UserError(f"{uri}: column {field.name!r}: names that begin with {INTERNAL} are taken; rename it")
        if column is None:
            fields.append(pa.field(field.name, columns.plain_type(field.type)))
            continue
        number = column.numbered and pa.types.is_integer(field.type)
        if not (number or columns.can_become(field.type, column.type)):
            wanted = "a list of structs as keyframes have it" if pa.types.is_list(column.type) else column.type
            raise UserError(f"{uri}: column {field.name!r} is {field.type}, and must be {wanted}")
        fields.append(pa.field(field.name, column.type))
    return pa.schema(fields)


def _check_values(parts: list[Part], schemas: list[pa.Schema], schema: pa.Schema) -> None:
    """Raise UserError for a value that its column's type cannot hold; reads only columns where there may be one."""
    for part, found in zip(parts, schemas, strict=True):
        wanted_types = {field.name: field.type for field in schema if field.type != FACES}  # which hold the images
        names = [
            field.name
            for field in found
            if field.name in wanted_types and not columns.surely_fits(field.type, wanted_types[field.name])
        ]
        if not names:
            continue
        with open_file(part.uri) as file:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=names)
                for name in names:
                    reason = columns.fits(table[name], wanted_types[name])
                    if reason:
                        raise UserError(f"{part.uri}: column {name!r} cannot be read as {wanted_types[name]}: {reason}")


def read(dataset: Dataset, names: Sequence[str] | None = None) -> pa.Table:
    """A whole dataset in memory, or the named columns of it that are there, in input order."""
    schema = dataset.schema
    if names is not None:
        schema = pa.schema([field for field in schema if field.name in names])
    return pa.concat_tables([read_rows(part, schema, 0, part.rows) for part in dataset.parts])


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


def read_rows(part: Part, schema: pa.Schema, start: int, rows: int) -> pa.Table:
    """Some rows of one file in the columns and types of `schema`. Reads only the row groups they lie in.

    Raises UserError, which names the file, where it cannot be read, and JobError where it is another file by now.
    """
    with open_file(part.uri) as file:
        if parquet_files.footer_digest(file.metadata) != part.footer:
            raise JobError(f"{part.uri}: changed since the job started; start again with a new --output")
        groups, first, before = [], 0, 0
        for number in range(file.num_row_groups):
            length = file.metadata.row_group(number).num_rows
            if before + length <= start:
                first = before + length
            elif before < start + rows:
                groups.append(number)
            before += length
        there = [name for name in schema.names if name in file.schema_arrow.names]
        table = file.read_row_groups(groups, columns=there).slice(start - first, rows)
        return conform(_add_partitions(table, part, schema), schema)


def _add_partitions(table: pa.Table, part: Part, schema: pa.Schema) -> pa.Table:
    for name in parquet_files.partition_values(part.partition):
        if name in schema.names and name not in table.column_names:
            table = table.append_column(name, _partition_column(part, name, schema.field(name).type, len(table)))
    return table


def _partition_column(part: Part, name: str, wanted: pa.DataType, rows: int) -> pa.Array:
    """The values of a column that a file's folder tells. Raises UserError where the type cannot hold it."""
    value = parquet_files.partition_values(part.partition)[name]
    try:
        return pa.repeat(pa.scalar(value, pa.string()).cast(wanted), rows)
    except pa.ArrowException as error:
        raise UserError(f"{part.uri}: the folder {name}={value}: not {wanted}") from error


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns, order and types, and valid UTF-8: see `columns.cast`.

    Raises pa.ArrowException where a value does not fit.
    """
    arrays = [columns.cast(table[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def write_part(table: pa.Table, uri: str, metadata: dict[bytes, bytes] | None = None) -> None:
    """Write a table as one Parquet file, whole or not at all, with checksums and the metadata."""
    # A dictionary of probabilities, which hardly repeat, makes a file a fifth larger.
    repeated = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    sink = pa.BufferOutputStream()
    table = table.replace_schema_metadata(metadata)
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated, write_page_checksum=True)
    storage.write_bytes(uri, sink.getvalue())


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
