"""How long does an analyst wait at an archive of millions of rows?

The rows of a scores table are repeated under other dialogue ids (so the rows are real and their number is made), in
files as large as `score` writes them. Then a process of its own opens that archive and asks all that the first page
shows, once bare and once for each filter; its peak memory is taken at the end.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from benchmarks.bars import Figure, show
from emotionscope import cli, ray_session
from emotionscope.batch import pipeline
from emotionscope.dashboard.archive import Archive, Totals
from emotionscope.dashboard.archive_page import SHOWN
from emotionscope.dashboard.fetching import fetch
from emotionscope.dashboard.selection import Selection
from emotionscope.io import storage, tables

WRITERS = 4
FILTERS = {
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
    """Settings of the measure."""

    scores: str
    """Scores table whose rows are repeated."""
    archive: str
    """Where the large archive goes: a folder or s3:// prefix; one that is there is taken."""
    rows: int = 10_000_000
    """Rows of the large archive."""


def run(settings: Browse) -> None:
    """Print the figures beside their bars."""
    archive = ray_session.output_uri(settings.archive)
    if not storage.exists(storage.join(archive, "_summary.json")):
        _enlarge(settings.scores, archive, settings.rows)
    asked = subprocess.run([sys.executable, "-m", __spec__.name, "--ask", archive], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(asked.stdout.splitlines()[-1])
    figures = [
        Figure("rows", found["rows"]),
        Figure("files", found["files"]),
        Figure("open and show the first page, s", found["open"], most=10),
        *(Figure(f"filter by {name}, s", seconds, most=2) for name, seconds in found["filters"].items()),
        Figure("find and show a dialogue, s", found["dialogue"], most=2),
        Figure("peak memory, GiB", found["memory"], most=2),
    ]
    show(f"Browsing {'S3' if storage.is_s3(archive) else 'local disk'}", figures)


def _enlarge(scores: str, archive: str, rows: int) -> None:
    source = tables.read(tables.open_dataset(scores, "scores"))
    source = pa.concat_tables([source, source.slice(0, pipeline.SHARD_ROWS["text"])]).combine_chunks()
    size, whole = pipeline.SHARD_ROWS["text"], len(source) - pipeline.SHARD_ROWS["text"]
    names = source["dialogue_id"].to_pylist()
    place = source.column_names.index("dialogue_id")

    def write(start: int) -> None:
        first = start % whole
        part = source.slice(first, min(size, rows - start))
        turns = [(start + offset) // whole for offset in range(len(part))]
        ids = [f"{turn:04d}-{name}" for turn, name in zip(turns, names[first : first + len(part)], strict=True)]
        part = part.set_column(place, "dialogue_id", pa.array(ids))
        tables.write_part(part, storage.join(archive, f"part-00000-{start:010d}.parquet"))

    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(write, range(0, rows, size)))
    summary = {"job": "score", "rows": rows, "repeated from": len(source) - size}
    storage.write_json(storage.join(archive, "_summary.json"), summary)


def ask(uri: str) -> dict[str, Any]:
    """Seconds that each question takes, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        return _ask(uri, folder)


def _ask(uri: str, folder: str) -> dict[str, Any]:
    began = time.monotonic()
    archive = Archive(fetch(uri, folder))
    archive.values("speaker")
    totals = _page(archive, Selection())
    found: dict[str, Any] = {"rows": totals.rows, "files": len(archive.dataset.parts)}
    found["open"] = time.monotonic() - began
    found["filters"] = {name: _seconds(archive, chosen) for name, chosen in FILTERS.items()}
    began = time.monotonic()
    archive.dialogue(archive.dialogues("0500-")[0])
    found["dialogue"] = time.monotonic() - began
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return found


def _seconds(archive: Archive, chosen: Selection) -> float:
    began = time.monotonic()
    _page(archive, chosen)
    return time.monotonic() - began


def _page(archive: Archive, chosen: Selection) -> Totals:
    """All that the page shows of a selection."""
    overview = archive.overview(chosen)
    archive.rows(chosen, limit=SHOWN)
    return overview.totals


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        print(json.dumps(ask(sys.argv[2])))
    else:
        cli.main(run)
