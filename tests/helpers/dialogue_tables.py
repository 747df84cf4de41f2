"""Small tables of dialogues, as files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def dialogues(rows: int = 3, **columns: pa.Array) -> pa.Table:
    """A valid dialogues table, with more columns or others in place of its own."""
    base = {
        "dialogue_id": pa.array([f"d{row // 2}" for row in range(rows)]),
        "utterance_id": pa.array(range(rows), pa.int64()),
        "utterance": pa.array([f"Line {row}!" for row in range(rows)]),
    }
    return pa.table({**base, **columns})


def write(folder: Path, *parts: pa.Table) -> str:
    """Write tables as the files of a folder, whose name is returned."""
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(parts):
        pq.write_table(part, folder / f"part-{number}.parquet")
    return str(folder)


def write_file(path: Path, table: pa.Table) -> Path:
    """Write a table as one file, with the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


def invalid_utf8(values: list[bytes | None]) -> pa.Array:
    """A string array of bytes that need not be UTF-8, as some programs write them."""
    raw = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
