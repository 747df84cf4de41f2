"""Films one after another from a scores and a faces table of any size."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from emotionscope.film import answers
from emotionscope.film.answers import Film
from emotionscope.labels import EMOTIONS, MODELS, probability_columns
from emotionscope.tables.datasets import Dataset, batches

MEMORY = "1GB"  # that DuckDB may fill; beyond, it works on disk
HELD = 10_000  # rows in memory at once, beside those of one film
_SCORES = (
    *("video", "start", "end", "utterance_id", "utterance", "speaker", "speaker_person", "bundle"),
    *(name for model in MODELS for name in probability_columns(model)),
)
_FACES = ("video", "time", "person", "box", "quality", "speaking", *EMOTIONS)

Row = Mapping[str, Any]


def films(scores: Dataset, faces: Dataset | None = None, video: str | None = None) -> Iterator[tuple[Film, list[str]]]:
    """Each film of a scores table, in order of the names, with the versions of the bundles that scored it.

    `video` chooses one by its path. Rows without a video are of no film. The tables are sorted on disk where they are
    large: no more than one film is in memory.
    """
    with _sorted("scores", scores, _SCORES, video) as lines, _sorted("faces", faces, _FACES, video) as seen:
        people = _Groups(seen)
        for name, rows in groupby(lines, key=lambda row: row["video"]):
            own = list(rows)
            bundles = sorted({row["bundle"] for row in own if row["bundle"]})
            yield answers.film(name, own, people.of(name)), bundles


class _Groups:
    """Sorted rows, handed out by their video; videos come in order too."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._groups = groupby(rows, key=lambda row: row["video"])
        self._next = next(self._groups, None)

    def of(self, name: str) -> Iterable[Row]:
        """The rows of a video; none where it has none."""
        while self._next and self._next[0] < name:
            self._next = next(self._groups, None)
        if not self._next or self._next[0] != name:
            return ()
        own = list(self._next[1])
        self._next = next(self._groups, None)
        return own


@contextmanager
def _sorted(name: str, dataset: Dataset | None, columns: Iterable[str], video: str | None) -> Iterator[Iterator[Row]]:
    """The rows of a table that have a video, in order of it, as they are read."""
    if dataset is None or "video" not in dataset.schema.names:
        yield iter(())
        return
    schema = pa.schema([field for field in dataset.schema if field.name in set(columns)])
    with duckdb.connect(config={"memory_limit": MEMORY}) as connection:
        connection.register(name, pa.RecordBatchReader.from_batches(schema, batches(dataset, schema)))
        chosen, values = ("video = ?", [video]) if video is not None else ("video IS NOT NULL", [])
        found = connection.sql(f"SELECT * FROM {name} WHERE {chosen} ORDER BY video", params=values)
        reader: pa.RecordBatchReader = found.to_arrow_reader(HELD)
        yield (row for batch in reader for row in batch.to_pylist())
