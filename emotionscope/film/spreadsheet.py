"""Scores as CSV for spreadsheets."""

import json
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from emotionscope.tables import spreadsheets
from emotionscope.tables.datasets import Dataset, batches

MARK = b"\xef\xbb\xbf"  # by which Excel knows UTF-8


def write(scores: Dataset, video: str | None, file: IO[bytes]) -> int:
    """Write all columns of all rows, or of those of one video, and return the number of rows.

    Lists and structs are JSON. Memory does not grow with the rows.
    """
    rows = 0
    flat = pa.schema([(spreadsheets.as_text(field.name), _flat_type(field.type)) for field in scores.schema])
    file.write(MARK)
    with csv.CSVWriter(file, flat) as writer:
        for batch in batches(scores, scores.schema):
            if video is not None:
                batch = batch.filter(pc.fill_null(pc.equal(batch["video"], video), False))
            writer.write_batch(pa.record_batch([_flat(column) for column in batch.columns], schema=flat))
            rows += len(batch)
    return rows


def _flat_type(kind: pa.DataType) -> pa.DataType:
    plain = pa.types.is_primitive(kind) or pa.types.is_decimal(kind)
    return kind if plain else pa.string()


def _flat(column: pa.Array) -> pa.Array:
    """A column as a cell can hold it."""
    kind = column.type
    if _flat_type(kind) == kind and kind != pa.string():
        return column
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        values = (
            None if value is None else json.dumps(value, ensure_ascii=False, default=str)
            for value in column.to_pylist()
        )
        column = pa.array(values, pa.string())
    column = column.cast(pa.string())
    formula = pc.match_substring_regex(column, spreadsheets.FORMULA)
    return pc.if_else(formula, pc.binary_join_element_wise("'", column, ""), column)
