"""From scores and faces tables to the summary tables, each a Parquet and a CSV file.

The tables are read once, in the columns that count, into a DuckDB database on disk; every summary is a query to it. So
the memory does not grow with the rows.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from emotionscope.labels import probability_columns
from emotionscope.storage.place import Place
from emotionscope.summaries import queries
from emotionscope.tables import spreadsheets
from emotionscope.tables.datasets import Dataset, batches

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk

Model = Literal["text", "vision", "fused"]
_WHO = pa.schema([("video", pa.string()), ("person", pa.int32()), ("identity", pa.int64()), ("name", pa.string())])


@dataclass(frozen=True)
class Summaries:
    """Rows of each summary table that was written, by its name, and rows that count in none of the spans of time."""

    tables: dict[str, int]
    rows_without_time: int


def summarise(
    scores: Dataset, faces: Dataset | None, model: Model, every: float, output: str, who: pa.Table | None = None
) -> Summaries:
    """Write all summaries that the tables allow below `output`; `every` is the length of a span of time in seconds.

    Without the column speaker there is none by speaker, without start none by time, without `faces` none by person, and
    without `who` (video, person, identity, name) none by identity.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.duckdb")
        with duckdb.connect(path, config={"memory_limit": MEMORY, "preserve_insertion_order": False}) as connection:
            names = scores.schema.names
            _load(connection, "scores", scores, (*queries.SCORES_COLUMNS, *probability_columns(model)))
            connection.execute(queries.utterances(probability_columns(model), every, names))
            connection.execute(queries.UTTERANCE_PAIRS)
            chosen = queries.of_scores(every, names)
            if faces is not None:
                _load(connection, "faces", faces, queries.FACES_COLUMNS)
                connection.register("who", _WHO.empty_table() if who is None else who)
                connection.execute(queries.faces(every, faces.schema.names))
                connection.execute(queries.person_pairs())
                chosen |= queries.of_faces(every)
                if who is not None:
                    connection.execute(queries.identity_pairs())
                    chosen |= queries.of_identities(every)
            connection.execute("SET preserve_insertion_order = true")
            written = {name: _write(connection, query, name, folder, output) for name, query in chosen.items()}
            lost = connection.execute("SELECT count(*) FILTER (span IS NULL) FROM utterances").fetchone()
    return Summaries(written, lost[0] if lost else 0)


def _load(connection: duckdb.DuckDBPyConnection, name: str, dataset: Dataset, columns: Sequence[str]) -> None:
    """A dataset as a stream that one query can read."""
    schema = pa.schema([field for field in dataset.schema if field.name in columns])
    connection.register(name, pa.RecordBatchReader.from_batches(schema, batches(dataset, schema)))


def _write(connection: duckdb.DuckDBPyConnection, query: str, name: str, folder: str, output: str) -> int:
    """Write a query's answer as NAME.parquet and NAME.csv, each whole or not at all; its rows."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE answer AS {query}")
    columns = connection.execute("DESCRIBE answer").fetchall()  # their names are ours, and need no apostrophe
    cells = ", ".join(spreadsheets.cell(f'"{name}"', kind) + f' AS "{name}"' for name, kind, *_ in columns)
    for suffix, rows, options in (
        ("parquet", "answer", "FORMAT parquet, COMPRESSION zstd"),
        ("csv", f"(SELECT {cells} FROM answer)", "FORMAT csv, HEADER"),
    ):
        path = os.path.join(folder, f"answer.{suffix}")
        connection.execute(f"COPY {rows} TO '{path}' ({options})")
        with pa.memory_map(path) as content:
            (Place(output) / f"{name}.{suffix}").write_bytes(content.read_buffer())
        os.remove(path)
    counted = connection.execute("SELECT count(*) FROM answer").fetchone()
    return int(counted[0]) if counted else 0
