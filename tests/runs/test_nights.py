"""A week of nights: what arrived is added by the same command, whatever happens, and the log tells the story."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from emotionscope import ray_session
from emotionscope.tables import datasets, manifest
from tests.conftest import ROOT, run_here, scores_of, shell
from tests.helpers.clusters import when_parts
from tests.helpers.dialogue_tables import dialogues
from tests.helpers.obvious import ORDER, WORDS

EACH, MANY = 60, 1200  # rows of a file; of one that takes long enough for its job to be killed


def drop(folder: Path, night: int, emotions: tuple[str, ...] = ORDER, rows: int = EACH) -> Path:
    """A night's file: its utterances say the emotions in turn."""
    words = [WORDS[emotions[row % len(emotions)]][row % 3] for row in range(rows)]
    table = dialogues(
        rows,
        dialogue_id=pa.array([f"night {night}"] * rows),
        utterance=pa.array(words),
    )
    file = folder / f"{night}" / "talks.parquet"
    datasets.write_part(table, str(file))
    return file


def events(output: Path, *kinds: str) -> list[dict[str, Any]]:
    """The events of some kinds in an output's log, in order."""
    lines = [line for file in sorted((output / "_log").iterdir()) for line in file.read_text().splitlines()]
    return [event for event in map(json.loads, lines) if event["event"] in kinds]


@pytest.mark.slow
def test_a_week(ray_cluster: ray_session.Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drops, output = tmp_path / "drops", tmp_path / "scores"
    nightly = ["--append", "--dialogues", drops, "--output", output, "--shard-rows", 10]
    drift = ["--scores", output, "--limit", 0.25]

    for night in (1, 2):
        drop(drops, night)
        assert run_here("score", *nightly) == 0
    assert run_here("drift", *drift) == 0

    broken = drop(drops, 3)
    drop(drops, 4)
    content = broken.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    assert run_here("score", *nightly) == 1
    assert f"error: 1 new files cannot be read; the others are scored: {broken}" in capsys.readouterr().err
    broken.write_bytes(content)

    drop(drops, 5, rows=MANY)
    command = [sys.executable, "-m", "jobs.score", *map(str, nightly)]
    with subprocess.Popen(command, cwd=ROOT, env=shell(RAY_ADDRESS="local")) as job:
        parts = len(list(output.glob("*.parquet")))
        when_parts(job, str(output), parts + 2, lambda: job.send_signal(signal.SIGKILL))
    assert scores_of(str(output)).num_rows == 3 * EACH

    drop(drops, 6)
    assert run_here("score", *nightly) == 0
    drop(drops, 7, ("surprise",))
    assert run_here("score", *nightly) == 0
    assert run_here("drift", *drift) == 1
    told = capsys.readouterr()
    assert "surprise rose from" in " ".join(told.out.split())
    assert "drifted beyond --limit 0.25: " in told.err

    assert run_here("score", *nightly) == 0
    assert "nothing new" in capsys.readouterr().out
    table = scores_of(str(output))
    keys = set(zip(table["dialogue_id"].to_pylist(), table["utterance_id"].to_pylist(), strict=True))
    assert table.num_rows == len(keys) == 6 * EACH + MANY

    (unreadable,) = events(output, "unreadable")
    assert unreadable["file"] == "3/talks.parquet"
    runs = events(output, "finish")
    assert [(run["files"], run["rows_in_table"]) for run in runs] == [
        (1, 60),
        (1, 120),
        (1, 180),
        (2, 1440),
        (1, 1500),
        (1, 1560),
    ]
    assert runs[3]["rows_resumed"] >= 20  # the killed run's
    assert runs[-1]["profile"]["emotion by text"]["surprise"] >= EACH // 2
    found = manifest.read(str(output))
    assert found and [run.profile for run in found.runs] == [run["profile"] for run in runs]
