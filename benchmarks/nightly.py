"""What a night costs beside its scoring: a few new files, added to a table of thousands of files and millions of rows.

The table is real in all but its making: one file is scored, and its rows, under other keys, stand for the others'.
"""

import itertools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
from cyclopts import Parameter
from cyclopts.validators import Number

from benchmarks.measure import Figure, job, show
from benchmarks.scoring import dialogues
from emotionscope import cli
from emotionscope.batch.shard_sizes import SHARD_ROWS, rows_per_shard
from emotionscope.runs import arrivals, shards
from emotionscope.runs.run import Run, begin
from emotionscope.runs.shards import Shard
from emotionscope.tables import datasets
from emotionscope.tables.contracts import KEY

TEXTS = ("You came back!", "I said I would.", "Get out of here, all of you!", "We lost the house.", "At ten, upstairs.")


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Nightly:
    """Settings of the benchmark."""

    files: cli.PositiveInt = 2000
    """Files of the table."""
    rows: Annotated[int, Parameter(validator=Number(gte=1, lte=SHARD_ROWS["texts"][0]))] = 5000
    """Rows of each file, which is one shard."""
    new: cli.PositiveInt = 10
    """Files that a night brings."""


def run(settings: Nightly) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    with tempfile.TemporaryDirectory() as place:
        folder, numbers = Path(place), itertools.count()
        _drop(folder, numbers, 1, settings.rows)
        _score(folder / "in", folder / "out")
        _drop(folder, numbers, settings.files - 1, settings.rows)
        output, todo = _begin(folder)
        _write(output, todo)
        output.finish(output.find_done(todo)[0])
        figures = _pieces(folder, _drop(folder, numbers, settings.new, settings.rows))
        figures.append(_command(folder, _drop(folder, numbers, settings.new, settings.rows)))
    show(f"{settings.new:,} new files, added to {settings.files:,} of {settings.rows:,} rows each", figures)
    return figures


def _pieces(folder: Path, night: Sequence[Path]) -> list[Figure]:
    """Seconds to list the files and begin, to resume a run that was stopped half-way, and to finish it."""
    began = time.perf_counter()
    output, todo = _begin(folder)
    listed = time.perf_counter()
    _write(output, todo[: len(night) // 2])
    stopped = time.perf_counter()
    output, todo = _begin(folder)
    _, left = output.find_done(todo)
    resumed = time.perf_counter()
    _write(output, left)
    written = time.perf_counter()
    done, _ = output.find_done(todo)
    output.finish(done)
    seconds = {"listing": listed - began, "resuming": resumed - stopped, "finishing": time.perf_counter() - written}
    total = Figure("all of them, s", sum(seconds.values()), most=20)
    return [*(Figure(f"{name}, s", value) for name, value in seconds.items()), total]


def _command(folder: Path, night: Sequence[Path]) -> Figure:
    """Seconds that the whole command takes more than to score the same files into a new table."""
    (folder / "alone").mkdir()
    for file in night:
        (folder / "alone" / file.name).hardlink_to(file)
    alone = _score(folder / "alone", folder / "alone-scores")
    return Figure("score --append, beside score, s", _score(folder / "in", folder / "out", True) - alone, most=20)


def _drop(folder: Path, numbers: "itertools.count[int]", files: int, rows: int) -> list[Path]:
    """Write so many more files of the input."""
    written = []
    for number in itertools.islice(numbers, files):
        spoken = list(itertools.islice(itertools.cycle(TEXTS), rows))
        written.append(folder / "in" / f"part-{number:06d}.parquet")
        datasets.write_part(dialogues(spoken, number * rows), str(written[-1]))
    return written


def _score(source: Path, output: Path, add: bool = False) -> float:
    """Seconds of the command."""
    began = time.perf_counter()
    with job("score", {"dialogues": source, "output": output} | ({"append": "true"} if add else {})) as process:
        process.wait()
    return time.perf_counter() - began


def _begin(folder: Path) -> tuple[Run, list[Shard]]:
    """A run that adds what is new, and its shards."""
    found = arrivals.find(str(folder / "out"), str(folder / "in"), "dialogues")
    assert found
    assert found.before
    assert found.dataset
    chosen = {name: value for name, value in found.before.settings.items() if name != "input"}
    output = begin(str(folder / "out"), "score", chosen, found.dataset, found)
    return output, shards.cut(found.dataset, rows_per_shard("texts", found.dataset.rows), output.first_file)


def _write(output: Run, todo: Sequence[Shard]) -> None:
    """Write the shards' parts, with the scores of the table's first part."""
    assert output.before
    first = datasets.read(datasets.open_dataset(output.uri, "scores", {output.before.parts[0].name}))
    for shard in todo:
        keys = shards.read(shard, pa.schema([first.schema.field(name) for name in KEY]))
        table = first
        for name in KEY:
            table = table.set_column(table.schema.get_field_index(name), name, keys[name])
        output.write(shard.name, table)


if __name__ == "__main__":
    cli.main(run)
