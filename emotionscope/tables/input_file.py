"""One Parquet file of a dataset: what its footer tells, the columns that its folder tells, and its rows."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from emotionscope.errors import JobError, UserError
from emotionscope.storage.place import File, Place
from emotionscope.tables import columns, parquet_files

MOST_ROWS = 2**10  # of a byte of a file: rows that differ take more, and room is made for all that a footer tells of


@dataclass(frozen=True)
class InputFile:
    """One Parquet file of a dataset: its URI, rows, bytes, and the folders that are a Hive partition.

    `footer` is a digest of its footer and `modified` the time of its last change (ns): they tell whether it is still
    the same file.
    """

    uri: Place
    rows: int
    size: int
    partition: str
    footer: str
    modified: int


def read_footer(file: File, partition: str) -> tuple[InputFile, pa.Schema]:
    """What a file's footer tells: the part it is, and its schema. Raises UserError where that cannot be."""
    filesystem, path = file.uri.arrow()
    with parquet_files.errors_of(file.uri):
        metadata = pq.read_metadata(path, filesystem=filesystem)
        schema = metadata.schema.to_arrow_schema().remove_metadata()
        twice = sorted(name for name, count in Counter(schema.names).items() if count > 1)
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    rows = metadata.num_rows
    if min([rows, *groups]) < 0 or sum(groups) != rows or rows > MOST_ROWS * file.size:
        told = f"its footer tells of {rows:,} rows, and of {sum(groups):,} in its row groups, in {file.size:,} bytes"
        raise UserError(f"{file.uri}: not a readable Parquet file ({told})")
    if twice:
        raise UserError(f"{file.uri}: column {twice[0]!r} is there twice")
    footer = parquet_files.footer_digest(metadata)
    return InputFile(file.uri, rows, file.size, partition, footer, file.modified), schema


def read_rows(part: InputFile, schema: pa.Schema, start: int, rows: int) -> pa.Table:
    """Some rows of one file in the columns and types of `schema`. Reads only the row groups they lie in.

    Raises UserError, which names the file, where it cannot be read, and JobError where it is another file by now.
    """
    with parquet_files.open_file(part.uri) as file:
        if parquet_files.footer_digest(file.metadata) != part.footer:
            raise _changed(part)
        groups, first, before = [], 0, 0
        for number in range(file.num_row_groups):
            length = file.metadata.row_group(number).num_rows
            if before + length <= start:
                first = before + length
            elif before < start + rows:
                groups.append(number)
            before += length
        found = set(file.schema_arrow.names)  # which are made anew at each look
        there = [name for name in schema.names if name in found]
        table = file.read_row_groups(groups, columns=there).slice(start - first, rows)
        if len(table) != rows:
            raise UserError(f"{part.uri}: not a readable Parquet file (it has fewer rows than its footer tells of)")
        table = columns.conform(_add_partitions(table, part, schema), schema)
    # Rows that were changed in their place leave the footer as it is; after the read, so that none is missed.
    filesystem, path = part.uri.arrow()
    with parquet_files.errors_of(part.uri):
        now = filesystem.get_file_info(path)
    if (now.size, now.mtime_ns or 0) != (part.size, part.modified):
        raise _changed(part)
    return table


def _changed(part: InputFile) -> JobError:
    return JobError(f"{part.uri}: changed since the job started; start again with a new --output")


def _add_partitions(table: pa.Table, part: InputFile, schema: pa.Schema) -> pa.Table:
    for name in parquet_files.partition_values(part.partition):
        if name in schema.names and name not in table.column_names:
            table = table.append_column(name, partition_column(part, name, schema.field(name).type, len(table)))
    return table


def partition_column(part: InputFile, name: str, wanted: pa.DataType, rows: int) -> pa.Array:
    """The values of a column that a file's folder tells. Raises UserError where the type cannot hold it."""
    value = parquet_files.partition_values(part.partition)[name]
    try:
        return pa.repeat(pa.scalar(value, pa.string()).cast(wanted), rows)
    except pa.ArrowException as error:
        raise UserError(f"{part.uri}: the folder {name}={value}: not {wanted}") from error
