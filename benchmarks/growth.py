"""How time and memory grow with the archive, what one long clip costs, and how soon a job's first rows are there.

Every run is a job of its own, start-up included. Memory is the proportional set size of all its processes together, at
its peak. Texts are the utterances of a dialogues table, repeated.
"""

import math
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import ray

from benchmarks.clips import find_clips, join
from benchmarks.measure import Figure, job, memory, show
from benchmarks.scoring import dialogues
from emotionscope import cli
from emotionscope.tables import datasets

TIMES, PART_ROWS = (1, 4, 16), 250_000
SHORT, LONG_SECONDS = 40, 300  # clips beside the long one, and its length
INTERVAL = 0.5  # seconds from one look at the memory to the next


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Growth:
    """Settings of the benchmark."""

    bundle: cli.Path
    """Bundle to score with."""
    dialogues: cli.Path
    """Dialogues table whose utterances are repeated."""
    clips: cli.Path | None = None
    """Folder of clips (*.mp4, at any depth). Default: clips are not measured."""
    rows: cli.PositiveInt = 31_250
    """Rows of the smallest of the three runs over texts."""


def run(settings: Growth) -> list[Figure]:
    """Print the figures beside their targets, and return them."""
    with tempfile.TemporaryDirectory() as folder:
        figures = _texts(settings, folder) + (_clips(settings.clips, folder) if settings.clips else [])
    show("Growth", figures)
    return figures


def _texts(settings: Growth, folder: str) -> list[Figure]:
    source = datasets.read(datasets.open_dataset(settings.dialogues, "dialogues"), ["utterance"])[
        "utterance"
    ].to_pylist()
    sizes = [times * settings.rows for times in TIMES]
    figures, runs = [], []
    for rows in sizes:
        for first in range(0, rows, PART_ROWS):
            spoken = [source[n % len(source)] for n in range(first, min(rows, first + PART_ROWS))]
            datasets.write_part(dialogues(spoken, first), f"{folder}/{rows}/part-{first:09d}.parquet")
        flags = {"dialogues": f"{folder}/{rows}", "output": f"{folder}/{rows}-scores", "bundle": settings.bundle}
        runs.append(_measure("score", flags))
        for name, value in zip(("seconds", "peak memory, GiB"), runs[-1], strict=True):
            figures.append(Figure(f"{rows:,} texts: {name}", value))
    (few_seconds, few_memory), _, (seconds, memory) = runs
    exponent = math.log(seconds / few_seconds) / math.log(sizes[-1] / sizes[0])
    figures.append(Figure("exponent of time", exponent, most=1.05))
    return [*figures, Figure("peak memory of the most against the fewest texts", memory / few_memory, most=1.2)]


def _clips(clips: str, folder: str) -> list[Figure]:
    found = find_clips(clips)
    long = Path(folder, "long.mp4")
    join(found[:1], long, seconds=LONG_SECONDS)
    short, half = [found[number % len(found)] for number in range(SHORT)], SHORT // 2
    peaks = []
    for number, paths in enumerate((short, [*short[:half], long, *short[half:]])):
        table = dialogues([""] * len(paths)).append_column("video", pa.array(map(str, paths)))
        datasets.write_part(table, f"{folder}/clips-{number}/part-0.parquet")
        flags = {"dialogues": f"{folder}/clips-{number}", "output": f"{folder}/keyframes-{number}", "videos": "/"}
        peaks.append(_measure("extract_keyframes", {**flags, "shard_rows": 10})[1])
    figures = [Figure(f"{SHORT} short clips: peak memory, GiB", peaks[0])]
    return [*figures, Figure("the same with one of five minutes, times as much", peaks[1] / peaks[0], most=1.2)]


def _measure(name: str, flags: Mapping[str, object]) -> tuple[float, float]:
    """Seconds and peak GiB of a job."""
    began, peak = time.monotonic(), 0
    with job(name, flags) as process:
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(INTERVAL)
    return time.monotonic() - began, peak / 2**30


def first_rows(texts: Sequence[str], bundle: str, rounds: int) -> Figure:
    """Seconds from the command to a job's first rows, on the Ray that this process has started."""
    found, address = [], ray.get_runtime_context().gcs_address
    with tempfile.TemporaryDirectory() as folder:
        datasets.write_part(dialogues(texts[:64]), f"{folder}/in/part-0.parquet")
        for number in range(rounds + 1):
            output, began = Path(folder, f"out-{number}"), time.perf_counter()
            flags = {"dialogues": f"{folder}/in", "bundle": bundle, "output": output}
            with job("score", flags, address) as process:
                while process.poll() is None and not list(output.glob("*.parquet")):
                    time.sleep(0.05)
                found.append(time.perf_counter() - began)
    return Figure("seconds to a job's first rows, on a Ray that runs", statistics.median(found[1:]), most=5.0)


if __name__ == "__main__":
    cli.main(run)
