"""Selected rows as files: Parquet exactly as they are, CSV and XLSX for spreadsheets."""

import csv
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from emotionscope.dashboard.queries.parquet_view import ParquetView
from emotionscope.tables import spreadsheets

BATCH = 50_000  # rows held at once
XLSX_ROWS = 1_048_575  # that a sheet holds below its header
CELL = 32_767  # characters that a cell holds


def write_parquet(
    cursor: duckdb.DuckDBPyConnection, view: ParquetView, where: str, values: Sequence[object], path: Path
) -> None:
    """Write the rows under their own column names, which may differ in case only. Raises FileExistsError."""
    with path.open("xb") as file:
        rows = cursor.sql(f"SELECT * FROM {view.name} WHERE {where}", params=list(values))
        reader: pa.RecordBatchReader = rows.to_arrow_reader(BATCH)
        schema = reader.schema
        for index, name in enumerate(view.columns):
            schema = schema.set(index, schema.field(index).with_name(name))
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch.rename_columns(view.columns))


def write_csv(
    cursor: duckdb.DuckDBPyConnection, view: ParquetView, where: str, values: Sequence[object], path: Path
) -> None:
    """Write the rows with the mark by which Excel knows UTF-8. Raises FileExistsError."""
    types = cursor.execute(f"DESCRIBE {view.name}").fetchall()
    kinds = [kind for _, kind, *_ in types]
    columns = map(spreadsheets.cell, map(view.column, view.columns), kinds)
    with (
        path.open("x", encoding="utf-8-sig", newline="") as file,
        tempfile.TemporaryDirectory(dir=path.parent) as folder,
    ):
        csv.writer(file, lineterminator="\n").writerow(map(spreadsheets.as_text, view.columns))
        file.flush()
        body = os.path.join(folder, "body.csv")
        target = body.replace("'", "''")
        query = f"SELECT {', '.join(columns)} FROM {view.name} WHERE {where}"
        cursor.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER false)", list(values))
        with open(body, "rb") as rows:
            shutil.copyfileobj(rows, file.buffer)


def write_xlsx(
    cursor: duckdb.DuckDBPyConnection, view: ParquetView, where: str, values: Sequence[object], path: Path
) -> None:
    """Write the first `XLSX_ROWS` rows as a sheet: numbers as numbers, all else as text. Raises FileExistsError."""
    rows = cursor.sql(f"SELECT * FROM {view.name} WHERE {where} LIMIT {XLSX_ROWS}", params=list(values))
    reader: pa.RecordBatchReader = rows.to_arrow_reader(BATCH)
    with path.open("xb") as file, xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("utterances")
        bold = book.add_format({"bold": True})
        shares = book.add_format({"num_format": "0.000"})
        for place, (name, kind) in enumerate(zip(view.columns, reader.schema.types, strict=True)):
            sheet.set_column(place, place, _width(name, kind), shares if pa.types.is_floating(kind) else None)
            sheet.write_string(0, place, name, bold)
        sheet.freeze_panes(1, 0)
        number = 0
        for batch in reader:
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                for place, value in enumerate(row):
                    _write_cell(sheet, number, place, value)
        sheet.autofilter(0, 0, number, len(view.columns) - 1)


def _width(name: str, kind: pa.DataType) -> int:
    """Letters that a column shows: its name with the mark of its filter, or a text as far as a screen has room."""
    return max(len(name) + 4, 60 if name == "utterance" else 20 if pa.types.is_string(kind) else 8)


def _write_cell(sheet: Any, row: int, place: int, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, place, value)
    elif isinstance(value, int | float) and np.isfinite(value) and abs(value) < 2**53:  # a larger one would change
        sheet.write_number(row, place, value)
    else:
        sheet.write_string(row, place, str(value)[:CELL])
