"""Exactly once by construction: a shard is a span of rows of one input file and ends as one output file.

The output file's name follows from the shard and is written whole or not at all, so a rerun skips the shards
whose files are there, no key is ever remembered, and the output keeps the input's order.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotionscope.io import parts, tables


@dataclass(frozen=True)
class Shard:
    """Rows `start` to `start + rows` of one input file, and the name of the output file they become."""

    part: parts.Part
    start: int
    rows: int
    name: str

    def to_json(self) -> str:
        """The shard as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Shard":
        """The shard that `to_json` wrote."""
        values = json.loads(text)
        return cls(parts.Part(**values.pop("part")), **values)


@dataclass(frozen=True)
class Tally:
    """Counts of one shard's output: rows, rows with a face, and errors by reason (the text before a colon)."""

    shard: str
    rows: int
    with_faces: int
    errors: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The counts for a log."""
        return asdict(self)

    def to_json(self) -> str:
        """The counts as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Tally":
        """The counts that `to_json` wrote."""
        return cls(**json.loads(text))


def cut(dataset: tables.Dataset, rows_per_shard: int) -> list[Shard]:
    """All rows of a dataset as shards, in order; names sort as the rows do."""
    shards = []
    for number, part in enumerate(dataset.parts):
        for start in range(0, part.rows, rows_per_shard):
            rows = min(rows_per_shard, part.rows - start)
            shards.append(Shard(part, start, rows, f"part-{number:05d}-{start:010d}.parquet"))
    return shards


def read(shard: Shard, schema: pa.Schema) -> pa.Table:
    """A shard's rows in the columns and types of `schema`: see `parts.read_rows`."""
    return parts.read_rows(shard.part, schema, shard.start, shard.rows)


def tally(table: pa.Table, shard: str, error_column: str | None) -> Tally:
    """Counts of the output table of a shard; `error_column` holds the reasons of the rows that failed.

    Without one, each row is a face.
    """
    if error_column is None:
        return Tally(shard, len(table), len(table), {})
    reasons = Counter(str(reason).split(":")[0] for reason in table[error_column].drop_null().to_pylist())
    counts = table["face_count"] if "face_count" in table.column_names else pc.list_value_length(table["faces"])
    return Tally(shard, len(table), pc.sum(pc.greater(counts, 0)).as_py() or 0, dict(reasons))
