"""Kill a scoring job with -9 again and again: does every row come out once, with the scores of an undisturbed run?

The job decodes the videos of a dialogues table. It is scored once undisturbed; then anew, and killed at points spread
over the run, each time started again with the same command. Name an ``s3://`` prefix as the output to try it there.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pyarrow as pa

from benchmarks.bars import Figure, show
from emotionscope import cli, ray_session
from emotionscope.errors import JobError
from emotionscope.io import contracts, storage, tables


@cli.flags
@dataclass(frozen=True, kw_only=True)
class Kills:
    """Settings of the measure."""

    dialogues: str
    """Dialogues table with videos."""
    videos: str
    """Folder or s3:// prefix of its videos."""
    bundle: str
    """Bundle to score with."""
    output: str
    """Where the outputs go: a new folder or s3:// prefix."""
    points: int = 10
    """Times the job is killed."""
    shard_rows: int = 32
    """Rows of a shard; what is in flight when the job dies is done again."""


def run(settings: Kills) -> None:
    """Print what came out."""
    output = ray_session.output_uri(settings.output)
    rows = tables.open_dataset(settings.dialogues, "dialogues").rows
    calm, killed = storage.join(output, "undisturbed"), storage.join(output, "killed")
    began = time.monotonic()
    if not storage.exists(storage.join(calm, "_summary.json")):
        _finish(settings, calm)
    seconds = {"undisturbed": time.monotonic() - began}
    shards = len(storage.list_files(calm, ".parquet"))
    began = time.monotonic()
    for point in range(settings.points):
        _kill(settings, killed, max(1, (shards - 1) * (point + 1) // (settings.points + 1)))
    _finish(settings, killed)
    seconds["killed"] = time.monotonic() - began
    expected, found = (tables.read(tables.open_dataset(uri, "scores")) for uri in (calm, killed))
    keys = [pa.Table.to_pylist(table.select(contracts.KEY)) for table in (expected, found)]
    figures = [
        Figure("rows of the input", rows),
        Figure("times killed", settings.points, least=settings.points),
        Figure("rows that came out", len(found), least=rows, most=rows),
        Figure("keys differ from the undisturbed (1: yes)", float(keys[0] != keys[1]), most=0),
        Figure("scores differ from the undisturbed (1: yes)", float(not expected.equals(found)), most=0),
        *(Figure(f"seconds, {name}", value) for name, value in seconds.items()),
    ]
    show(f"Killed with -9, {output.split('://')[0] if storage.is_s3(output) else 'local disk'}", figures)


def _start(settings: Kills, output: str) -> "subprocess.Popen[bytes]":
    flags = ["--dialogues", settings.dialogues, "--videos", settings.videos, "--bundle", settings.bundle]
    command = [sys.executable, "-m", "jobs.score", *flags, "--output", output, f"--shard-rows={settings.shard_rows}"]
    return subprocess.Popen(command, env={**os.environ, "RAY_ADDRESS": "local"}, stdout=subprocess.DEVNULL)


def _kill(settings: Kills, output: str, shards: int) -> None:
    """Start the job and kill it once so many shards are there."""
    with _start(settings, output) as job:
        while job.poll() is None and (
            not storage.exists(output) or len(storage.list_files(output, ".parquet")) < shards
        ):
            try:
                job.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        job.kill()
    if job.returncode != -9:
        raise JobError(f"the job ended with code {job.returncode} before it could be killed")
    print(f"killed after {len(storage.list_files(output, '.parquet'))} shards", flush=True)


def _finish(settings: Kills, output: str) -> None:
    with _start(settings, output) as job:
        job.wait()
    if job.returncode:
        raise JobError(f"the job ended with code {job.returncode}")


if __name__ == "__main__":
    cli.main(run)
