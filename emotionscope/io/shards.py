"""Exactly once by construction: a shard is a span of rows of one input file and ends as one output file.

The output file's name follows from the shard and is written whole or not at all, so a rerun skips the shards
whose files are there, no key is ever remembered, and the output keeps the input's order.
"""

import importlib.metadata
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from emotionscope import __version__
from emotionscope.errors import UserError, first_line
from emotionscope.io import storage, tables

RUN, SUMMARY = "_run.json", "_summary.json"
_PACKAGES = ("av", "numpy", "opencv-python-headless", "pyarrow", "ray", "torch")


@dataclass(frozen=True)
class Shard:
    """Rows `start` to `start + rows` of one input file, and the name of the output file they become.

    `partition` is the file's Hive partition: see `tables.Part`.
    """

    uri: str
    start: int
    rows: int
    name: str
    partition: str = ""


def cut(dataset: tables.Dataset, rows_per_shard: int) -> list[Shard]:
    """All rows of a dataset as shards, in order; names sort as the rows do."""
    shards = []
    for number, part in enumerate(dataset.parts):
        for start in range(0, part.rows, rows_per_shard):
            rows = min(rows_per_shard, part.rows - start)
            shards.append(Shard(part.uri, start, rows, f"part-{number:05d}-{start:010d}.parquet", part.partition))
    return shards


def read(shard: Shard, schema: pa.Schema) -> pa.Table:
    """A shard's rows in the columns and types of `schema`: see `tables.read_rows`."""
    return tables.read_rows(tables.Part(shard.uri, shard.rows, 0, shard.partition), schema, shard.start, shard.rows)


def tally(table: pa.Table) -> dict[str, Any]:
    """Counts of one output table: rows, rows with faces, and errors by reason (the text before a colon)."""
    error = "error" if "error" in table.column_names else "video_error"
    reasons = Counter(str(reason).split(":")[0] for reason in table[error].drop_null().to_pylist())
    counts = table["face_count"] if "face_count" in table.column_names else pc.list_value_length(table["faces"])
    return {"rows": len(table), "with_faces": pc.sum(pc.greater(counts, 0)).as_py() or 0, "errors": dict(reasons)}


class Output:
    """A job's output folder: new, or half-finished by the same job and gone on with.

    Raises UserError where it is finished already, or holds anything that another run wrote.
    """

    def __init__(self, uri: str, job: str, settings: dict[str, Any]) -> None:
        self.uri, self.job, self.settings = uri, job, settings
        self.started = time.time()
        storage.check_access(uri)
        run = {"job": job, "version": __version__, **settings}
        try:
            if storage.exists(storage.join(uri, SUMMARY)):
                raise UserError(f"{uri}: the output exists and is finished; name another --output or delete it")
            if storage.exists(storage.join(uri, RUN)):
                found = storage.read_json(storage.join(uri, RUN))
                changed = sorted(key for key in run.keys() | found.keys() if run.get(key) != found.get(key))
                if changed:
                    raise UserError(
                        f"{uri}: half-finished by a run with other settings ({', '.join(changed)} differ); run it as "
                        "it was started to go on, or name another --output"
                    )
            elif storage.list_files(uri):
                raise UserError(f"{uri}: the output exists and holds other files; name another --output")
            else:
                storage.write_json(storage.join(uri, RUN), run)
        except OSError as error:
            raise UserError(f"{uri}: cannot be written to ({first_line(error)})") from error

    def path(self, shard: Shard) -> str:
        """Where a shard's rows go."""
        return storage.join(self.uri, shard.name)

    def split(self, shards: list[Shard]) -> tuple[list[Shard], list[Shard]]:
        """The shards that are done and those still to do."""
        there = {file.name for file in storage.list_files(self.uri, ".parquet")}
        return [s for s in shards if s.name in there], [s for s in shards if s.name not in there]

    def finish(self, tallies: list[dict[str, Any]], extra: dict[str, Any]) -> dict[str, Any]:
        """Write ``_summary.json``, the mark of a finished output, and return its content."""
        seconds = time.time() - self.started
        errors: Counter[str] = Counter()
        for one in tallies:
            errors.update(one["errors"])
        rows = sum(one["rows"] for one in tallies)
        summary = {
            "job": self.job,
            "version": __version__,
            "rows": rows,
            "with_faces": sum(one["with_faces"] for one in tallies),
            "errors": dict(sorted(errors.items())),
            "files": len(tallies),
            "seconds": round(seconds, 2),
            "rows_per_second": round((rows - extra.get("rows_resumed", 0)) / max(seconds, 1e-6), 2),
            **extra,
            "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
            "settings": self.settings,
        }
        storage.write_json(storage.join(self.uri, SUMMARY), summary)
        return summary
