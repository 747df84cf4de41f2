"""Exactly once by construction: a shard is a span of rows of one input file and ends as one output file.

The output file's name follows from the shard and is written whole or not at all, so a rerun skips the shards
whose files are there, no key is ever remembered, and the output keeps the input's order.
"""

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from emotionscope import profile as profiles
from emotionscope.profile import Profile
from emotionscope.storage.place import Place
from emotionscope.tables import datasets, input_file
from emotionscope.tables.contracts import TableContract
from emotionscope.tables.manifest import PartRows


@dataclass(frozen=True)
class Shard:
    """Rows `start` to `start + rows` of one input file, and the name of the output file they become."""

    part: input_file.InputFile
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
        part = values.pop("part")
        return cls(input_file.InputFile(**{**part, "uri": Place(part["uri"])}), **values)


@dataclass(frozen=True)
class Tally:
    """Counts of one shard's output: rows, rows with a face, faces, errors by reason (the text before a colon).

    Only scores have a profile.
    """

    shard: str
    rows: int
    with_faces: int
    faces: int
    errors: dict[str, int]
    profile: Profile

    def to_json(self) -> str:
        """The counts as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Tally":
        """The counts that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass
class Totals:
    """The sum of tallies, with the list of their parts: of each shard no more is kept than its name and rows."""

    rows: int = 0
    with_faces: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    profile: Profile = field(default_factory=dict)
    parts: list[PartRows] = field(default_factory=list)

    def add(self, tally: Tally) -> None:
        """Count one more shard."""
        self.rows += tally.rows
        self.with_faces += tally.with_faces
        self.errors.update(tally.errors)
        profiles.add(self.profile, tally.profile)
        self.parts.append(PartRows(tally.shard, tally.rows))


def cut(dataset: datasets.Dataset, rows_per_shard: int, first: int = 0, together: str | None = None) -> list[Shard]:
    """All rows of a dataset as shards, in order; names sort as the rows do. Its first file has the number `first`.

    Successive rows of a file with one value of the column `together`, if it is named, come into one shard, which then
    has as many rows as that takes.
    """
    shards = []
    for number, part in enumerate(dataset.parts, first):
        starts: Sequence[int] = range(0, part.rows, rows_per_shard)
        if together:
            values = input_file.read_rows(part, pa.schema([dataset.schema.field(together)]), 0, part.rows)[together]
            starts = _between_values(values, rows_per_shard)
        for start, stop in itertools.pairwise([*starts, part.rows]):
            shards.append(Shard(part, start, stop - start, f"{part_name(number)}{start:010d}.parquet"))
    return shards


def part_name(number: int) -> str:
    """How the names of all output files begin whose rows come from the input file of a number."""
    return f"part-{number:05d}-"


def _between_values(values: pa.ChunkedArray, rows: int) -> list[int]:
    """Where to cut a column: into at least so many rows, but for the last piece, and not between two equal values."""
    codes = values.cast(pa.string()).combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    cuts = 1 + np.flatnonzero((codes[1:] != codes[:-1]) | (codes[1:] < 0))
    starts = [0] if len(codes) else []
    while starts and (at := np.searchsorted(cuts, starts[-1] + rows)) < len(cuts):
        starts.append(int(cuts[at]))
    return starts


def read(shard: Shard, schema: pa.Schema) -> pa.Table:
    """A shard's rows in the columns and types of `schema`: see `input_file.read_rows`."""
    return input_file.read_rows(shard.part, schema, shard.start, shard.rows)


def tally(table: pa.Table, shard: str, contract: TableContract) -> Tally:
    """Counts of the output table of a shard; its contract says where the reasons of failed rows and the faces are."""
    if contract.error is None or contract.faces is None:  # each row is a face
        return Tally(shard, len(table), len(table), len(table), {}, {})
    reasons = Counter(str(reason).split(":")[0] for reason in table[contract.error].drop_null().to_pylist())
    counts = table[contract.faces]
    counts = counts if pa.types.is_integer(counts.type) else pc.list_value_length(counts)
    with_faces, faces = (pc.sum(each).as_py() or 0 for each in (pc.greater(counts, 0), counts))
    profile = profiles.profile(table) if "fused_emotion" in table.column_names else {}
    return Tally(shard, len(table), with_faces, faces, dict(reasons), profile)
