"""The examples run as they stand, on small data."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd
import pytest
import ray

import emotionscope
from emotionscope import ray_session
from tests.conftest import ROOT, shell
from tests.helpers.dialogue_tables import dialogues, write_file

ROWS = 150  # of each of MELD's files


@pytest.fixture(autouse=True)
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ``emotionscope`` of this checkout, whatever is installed."""
    file = tmp_path / "bin" / "emotionscope"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec {sys.executable} -m emotionscope "$@"\n')
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")


def run(*words: object, address: str = "local") -> str:
    """Run an example as a user does; what it prints."""
    environment = shell(PYTHONPATH=str(ROOT), RAY_ADDRESS=address)
    done = subprocess.run([*map(str, words)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_film_becomes_a_chart(shared: Path, tmp_path: Path) -> None:
    film = shared / "data/films/cremad_1001_six_emotions.mp4"
    told = run(sys.executable, "examples/film_to_chart.py", film, tmp_path / "chart.svg")
    assert "faces in 13 seconds" in told
    words = {node.text for node in ET.parse(tmp_path / "chart.svg").iter() if node.text}
    assert {"joy", "neutral", "mean probability"} <= words


@pytest.mark.slow
def test_each_night_is_added_to_one_table(ray_cluster: ray_session.Cluster, tmp_path: Path) -> None:
    for night in (1, 2):
        write_file(tmp_path / f"drops/night-{night}.parquet", dialogues(20))
        run("sh", "examples/nightly.sh", tmp_path / "drops", tmp_path / "scores", address=_address())
        assert emotionscope.open_scores(tmp_path / "scores").rows == 20 * night


@pytest.mark.slow
def test_a_text_model_is_trained_on_meld(shared: Path, ray_cluster: ray_session.Cluster, tmp_path: Path) -> None:
    (tmp_path / "meld").mkdir()
    for file in (shared / "data/meld").glob("*.csv"):
        pd.read_csv(file).head(ROWS).to_csv(tmp_path / "meld" / file.name, index=False)
    run("sh", "examples/train_on_meld.sh", tmp_path / "meld", tmp_path / "out", address=_address())
    assert emotionscope.open_scores(tmp_path / "out/scores").rows == 3 * ROWS
    assert (tmp_path / "out/report/report.html").exists()


def _address() -> str:
    """That of the tests' own Ray, which the example joins."""
    return str(ray.get_runtime_context().gcs_address)
