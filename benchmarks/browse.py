"""How long an analyst waits at an archive of millions of rows.

`--enlarge` first makes the archive: it repeats the rows of a scores table under other dialogue ids, in files as large
as `score` writes them. Without it, the archive is opened and asked all that the first page shows, with each filter;
with `--visits`, its pages are opened in a browser, too.
"""

import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from benchmarks import visits
from benchmarks.measure import Figure, show
from emotionscope import cli
from emotionscope.batch.shard_sizes import rows_per_shard
from emotionscope.dashboard.fetching import fetch
from emotionscope.dashboard.pages.archive_page import SHOWN
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.storage.place import Place
from emotionscope.tables import datasets

FILTERS = {
    "nothing": Selection(),
    "an emotion": Selection(emotions=("anger",)),
    "a speaker": Selection(speakers=("Phoebe",)),
    "certainty": Selection(certainty=0.8),
    "disagreement": Selection(disagreement=True),
    "errors": Selection(error=True),
    "words in the text": Selection(search="coffee"),
    "an emotion, certainty and words": Selection(emotions=("joy", "anger"), certainty=0.5, search="you"),
}


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Browse:
    """Settings of the benchmark."""

    archive: cli.Path
    """The large archive: a folder or s3:// prefix."""
    enlarge: cli.Path | None = None
    """Scores table to make the archive from."""
    rows: cli.PositiveInt = 10_000_000
    """Rows of the archive that is made."""
    visits: cli.Switch = False
    """Open the pages in Chromium, too."""


def run(settings: Browse) -> None:
    """Make the archive, or print the figures beside their targets."""
    archive = Place(settings.archive)
    if settings.enlarge:
        _enlarge(settings.enlarge, archive, settings.rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        found = Archive(fetch(archive, folder))
        found.values("speaker")
        figures = [Figure("open, s", time.monotonic() - began, most=10)]
        for name, chosen in FILTERS.items():
            began = time.monotonic()
            found.overview(chosen)
            found.rows(chosen, limit=SHOWN)
            figures.append(Figure(f"filter by {name}, s", time.monotonic() - began, most=2))
        began = time.monotonic()
        found.shifts(Selection())
        figures.append(Figure("count the shifts, s", time.monotonic() - began, most=2))
        began = time.monotonic()
        found.dialogue((found.dialogues("0500-") or found.dialogues())[0])
        figures.append(Figure("find and show a dialogue, s", time.monotonic() - began, most=2))
    figures.append(Figure("peak memory, GiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, most=2))
    if settings.visits:
        figures += visits.figures(archive)
    show(f"Browsing {archive}", figures)


def _enlarge(scores: str, archive: str, rows: int) -> None:
    source, size = datasets.read(datasets.open_dataset(scores, "scores")), rows_per_shard("texts", rows)
    twice = pa.concat_tables([source] * (1 + -(-size // len(source)))).combine_chunks()
    place = source.column_names.index("dialogue_id")

    def write(first: int) -> None:
        part = twice.slice(first % len(source), min(size, rows - first))
        numbers = range(first, first + len(part))
        ids = [
            f"{n // len(source):04d}-{name}" for n, name in zip(numbers, part["dialogue_id"].to_pylist(), strict=True)
        ]
        part = part.set_column(place, "dialogue_id", pa.array(ids))
        datasets.write_part(part, Place(archive) / f"part-00000-{first:010d}.parquet")

    with ThreadPoolExecutor(4) as writers:
        list(writers.map(write, range(0, rows, size)))
    (Place(archive) / "_summary.json").write_json({"job": "score", "rows": rows})


if __name__ == "__main__":
    cli.main(run)
