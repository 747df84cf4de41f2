"""How do time and memory grow with the archive, and does one long clip cost memory?

Texts: the utterances of a dialogues table, repeated (so the rows are real and their number is made), scored in three
sizes. Clips: short ones, without and with one of five minutes among them, which repeats a short one. Every run is a job
of its own, start-up included; memory is the proportional set size of all its processes together, at its peak.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa

from benchmarks.bars import Figure, show
from benchmarks.clips import find, repeat
from emotionscope import cli
from emotionscope.errors import JobError, UserError
from emotionscope.io import tables

ROWS, TIMES = 62_500, (1, 4, 16)
PART_ROWS = 250_000
TEXTS = "Texts to scores, as their number grows"
LONG = 300  # seconds
LOOK = 0.5  # seconds between two looks at the memory
MOST_GROWTH, MOST_MEMORY = 1.05, 1.2


@dataclass(frozen=True)
class Run:
    """What a job over so many rows took: seconds, and GiB at the peak."""

    rows: int
    seconds: float
    memory: float


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Growth:
    """Settings of the measure."""

    bundle: str
    """Bundle to score with."""
    dialogues: str | None = None
    """Dialogues table whose utterances are repeated; without it texts are not measured."""
    clips: str | None = None
    """Folder of clips (*.mp4, at any depth); without it clips are not measured."""
    rows: int = ROWS
    """Rows of the smallest of the three runs over texts."""
    short: int = 40
    """Short clips in each of the two runs over clips."""


def run(settings: Growth) -> None:
    """Print the figures beside their bars."""
    if not settings.dialogues and not settings.clips:
        raise UserError("name --dialogues, --clips or both")
    with tempfile.TemporaryDirectory() as folder:
        if settings.dialogues:
            show(TEXTS, figures(texts(settings.bundle, settings.dialogues, settings.rows, folder)))
        if settings.clips:
            show("Clips to keyframes, with one of five minutes among them", _clips(settings, settings.clips, folder))


def texts(bundle: str, dialogues: str, smallest: int, folder: str) -> list[Run]:
    """Score so many rows, 4 and 16 times as many; `folder` takes the archives. Raises JobError where a job fails."""
    source = tables.read(tables.open_dataset(dialogues, "dialogues"), ["utterance"])["utterance"].combine_chunks()
    runs = []
    for times in TIMES:
        rows = times * smallest
        archive = f"{folder}/texts-{times}"
        for part in range(math.ceil(rows / PART_ROWS)):
            numbers = range(part * PART_ROWS, min(rows, (part + 1) * PART_ROWS))
            spoken = source.take(pa.array([number % len(source) for number in numbers]))
            keys = {"dialogue_id": [str(number // 10) for number in numbers], "utterance_id": [n % 10 for n in numbers]}
            tables.write_part(pa.table({**keys, "utterance": spoken}), f"{archive}/part-{part:05d}.parquet")
        flags = ["--dialogues", archive, "--bundle", bundle, "--output", f"{archive}-scores"]
        runs.append(Run(rows, *_measure(["jobs.score", *flags])))
    return runs


def figures(runs: Sequence[Run]) -> list[Figure]:
    """Each run's figures, and how time and memory grow from the first to the last, beside their bars."""
    told: list[Figure] = []
    for run_ in runs:
        told.append(Figure(f"{run_.rows:,} rows: seconds", run_.seconds))
        told.append(Figure(f"{run_.rows:,} rows: peak memory, GiB", run_.memory))
        told.append(Figure(f"{run_.rows:,} rows: rows a second", run_.rows / run_.seconds))
    few, many = runs[0], runs[-1]
    exponent = math.log(many.seconds / few.seconds) / math.log(many.rows / few.rows)
    told.append(Figure(f"exponent of time from {few.rows:,} to {many.rows:,} rows", exponent, most=MOST_GROWTH))
    ratio = many.memory / few.memory
    return [*told, Figure("peak memory of the most against the fewest rows", ratio, most=MOST_MEMORY)]


def _clips(settings: Growth, clips: str, folder: str) -> list[Figure]:
    found = find(clips)
    long = Path(folder, "long.mp4")
    repeat(found[0], long, seconds=LONG)
    told, peaks = [], []
    for name, more in (("short clips alone", []), ("with a long one", [long])):
        paths = [found[number % len(found)] for number in range(settings.short)]
        paths[len(paths) // 2 : len(paths) // 2] = more
        names = [os.path.relpath(path, "/") for path in paths]
        keys = {"dialogue_id": ["d"] * len(paths), "utterance_id": list(range(len(paths)))}
        archive = f"{folder}/{name.replace(' ', '-')}"
        tables.write_part(
            pa.table({**keys, "utterance": [""] * len(paths), "video": names}), f"{archive}/part-0.parquet"
        )
        flags = ["--dialogues", archive, "--output", f"{archive}-keyframes", "--videos", "/", "--shard-rows", "10"]
        seconds, peak = _measure(["jobs.extract_keyframes", *flags])
        told += [Figure(f"{name}: seconds", seconds), Figure(f"{name}: peak memory, GiB", peak)]
        peaks.append(peak)
    return [*told, Figure("peak memory with against without", peaks[1] / peaks[0], most=MOST_MEMORY)]


def _measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak GiB of a job. Raises JobError where it fails."""
    began, peak = time.monotonic(), 0
    alone = {**os.environ, "RAY_ADDRESS": "local"}
    with subprocess.Popen([sys.executable, "-m", *command], env=alone, stdout=subprocess.DEVNULL) as job:
        while job.poll() is None:
            peak = max(peak, _memory(job.pid))
            try:
                job.wait(LOOK)
            except subprocess.TimeoutExpired:
                continue
    if job.returncode:
        raise JobError(f"{' '.join(command)} ended with code {job.returncode}")
    return time.monotonic() - began, peak / 2**30


def _memory(pid: int) -> int:
    """Bytes that a process and all below it hold; what several share counts once."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue  # it has ended meanwhile
    except psutil.NoSuchProcess:
        pass
    return total


if __name__ == "__main__":
    cli.main(run)
