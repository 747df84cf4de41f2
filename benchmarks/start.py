"""How long after a job is started on a Ray that runs does its first row lie in the output?"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import ray

from benchmarks import bars
from emotionscope.errors import JobError
from emotionscope.io import tables

ROWS, SHARD = 64, 8
LOOK = 0.05  # seconds between two looks
BAR = 15.0  # seconds
NAME = "seconds from the command to the first shard"


def measure(texts: Sequence[str], uri: str, rounds: int) -> list[float]:
    """Seconds of each round; a Ray that this process has started is the cluster."""
    with tempfile.TemporaryDirectory() as folder:
        keys = {"dialogue_id": ["d"] * ROWS, "utterance_id": list(range(ROWS))}
        tables.write_part(pa.table({**keys, "utterance": list(texts[:ROWS])}), f"{folder}/in/part-0.parquet")
        found = [_once(f"{folder}/in", uri, Path(folder, f"out-{number}")) for number in range(rounds + 1)]
        return found[1:]


def _once(dialogues: str, uri: str, output: Path) -> float:
    address = ray.get_runtime_context().gcs_address
    flags = ["--dialogues", dialogues, "--bundle", uri, "--output", str(output), "--shard-rows", str(SHARD)]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "jobs.score", *flags],
        env={**os.environ, "RAY_ADDRESS": address},
        stdout=subprocess.DEVNULL,
    ) as job:
        while job.poll() is None and not list(output.glob("*.parquet")):
            time.sleep(LOOK)
        seconds = time.perf_counter() - began
        if job.wait():
            raise JobError(f"jobs.score ended with code {job.returncode}")
    return seconds


def show(found: list[float]) -> None:
    """Print the figure beside its bar."""
    bars.show("Start-up of a job on a running Ray", [bars.Figure(NAME, statistics.median(found), most=BAR)])


def markdown(found: list[float]) -> str:
    """The figure in Markdown."""
    median = statistics.median(found)
    verdict = "holds" if median <= BAR else "missed"
    spread = f"{min(found):.1f}–{max(found):.1f}"
    return f"- Start-up, {NAME} on a Ray that runs: {median:.1f} ({spread}); at most {BAR:g}: {verdict}.\n"
