"""From scores and faces tables to the summary tables, each a Parquet and a CSV file.

The tables are read once, in the columns that count, into a DuckDB database on disk; every summary is a query to it. So
the memory does not grow with the rows.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import pyarrow as pa

from emotionscope.labels import probability_columns
from emotionscope.storage.place import Place
from emotionscope.summaries import queries
from emotionscope.tables import corrections, spreadsheets
from emotionscope.tables.corrections import Correction, Person, Who
from emotionscope.tables.datasets import Dataset, batches

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk

Model = Literal["text", "vision", "fused"]
_WHO = pa.schema([("video", pa.string()), ("person", pa.int32()), ("identity", pa.int64()), ("name", pa.string())])


@dataclass(frozen=True)
class Summaries:
    """Rows of each summary table that was written, by its name, and rows that count in none of the spans of time."""

    tables: dict[str, int]
    rows_without_time: int


@dataclass(frozen=True)
class Seen:
    """A faces table, what people have said of it, and who its persons are."""

    faces: Dataset
    corrections: Sequence[Correction]
    who: Mapping[Person, Who]


def summarise(scores: Dataset, seen: Seen | None, model: Model, every: float, output: str) -> Summaries:
    """Write all summaries that the tables allow below `output`; `every` is the length of a span of time in seconds.

    Without the column speaker there is none by speaker, without start none by time, without `seen` none by person, and
    where nobody has an identity none by identity.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.duckdb")
        with duckdb.connect(path, config={"memory_limit": MEMORY, "preserve_insertion_order": False}) as connection:
            names = scores.schema.names
            columns = (*queries.SCORES_COLUMNS, *probability_columns(model))
            schema = pa.schema([field for field in scores.schema if field.name in columns])
            connection.register("scores", pa.RecordBatchReader.from_batches(schema, batches(scores, schema)))
            connection.execute(queries.utterances(probability_columns(model), every, names))
            connection.execute(queries.UTTERANCE_PAIRS)
            chosen = queries.of_scores(every, names)
            if seen:
                rows = corrections.corrected(seen.faces, queries.FACES_COLUMNS, seen.corrections)
                connection.register("faces", rows)
                connection.register("who", _who(seen.who))
                connection.execute(queries.faces(every, seen.faces.schema.names))
                connection.execute(queries.person_pairs())
                chosen |= queries.of_faces(every)
                if any(who.identity is not None for who in seen.who.values()):
                    connection.execute(queries.identity_pairs())
                    chosen |= queries.of_identities(every)
            connection.execute("SET preserve_insertion_order = true")
            written = {name: _write(connection, query, name, folder, output) for name, query in chosen.items()}
            lost = connection.execute("SELECT count(*) FILTER (span IS NULL) FROM utterances").fetchone()
    return Summaries(written, lost[0] if lost else 0)


def _who(who: Mapping[Person, Who]) -> pa.Table:
    rows = [(*person, *found) for person, found in who.items()]
    return pa.Table.from_pylist([dict(zip(_WHO.names, row, strict=True)) for row in rows], _WHO)


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
