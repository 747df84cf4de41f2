"""Bad use of every job: one clear line on stderr, exit code 2, no traceback, nothing written."""

import importlib
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emotionscope import cli
from tests.conftest import ROOT, run_job
from tests.test_tables import dialogues, write

JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("[a-z]*.py"))


def call(job: str, *flags: object) -> int:
    """Run a job's command line in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(sys, "argv", [job, *map(str, flags)])
        cli.main(importlib.import_module(f"jobs.{job}").run)
    return int(end.value.code or 0)


@pytest.mark.parametrize("job", JOBS)
def test_help_explains_every_flag(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(job, "--help") == 0
    told = capsys.readouterr().out
    settings = next(iter(importlib.import_module(f"jobs.{job}").run.__annotations__.values()))
    for name in settings.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in told


@pytest.fixture
def good(tmp_path: Path) -> str:
    return write(tmp_path / "good", dialogues(video=pa.nulls(3, pa.string())))


@pytest.fixture
def places(tmp_path: Path, good: str) -> dict[str, str]:
    (tmp_path / "not_a_bundle").mkdir()
    (tmp_path / "not_a_bundle" / "thesis.txt").write_text("years of work")
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "bundle.json").write_text('{"format": 99}')
    write(tmp_path / "empty", dialogues(0))
    write(tmp_path / "wrong", dialogues().set_column(1, "utterance_id", [["a", "b", "c"]]))
    (tmp_path / "bytes").mkdir()
    (tmp_path / "bytes" / "part.parquet").write_bytes(b"PAR1")
    elsewhere = write(tmp_path / "elsewhere", dialogues(video=["/etc/passwd", None, None]))
    return {"tmp": str(tmp_path), "good": good, "elsewhere": elsewhere}


@pytest.mark.parametrize(
    ("job", "flags", "complaint"),
    [
        ("score", "--dialogues {tmp}/none --bundle {tmp}/fake --output {tmp}/out", "no such folder"),
        ("score", "--dialogues {tmp}/wrong --bundle {tmp}/fake --output {tmp}/out", "'utterance_id' is string"),
        ("score", "--dialogues {tmp}/empty --bundle {tmp}/fake --output {tmp}/out", "empty"),
        ("score", "--dialogues {tmp}/bytes --bundle {tmp}/fake --output {tmp}/out", "not a readable Parquet file"),
        ("score", "--dialogues {good} --bundle {tmp}/not_a_bundle --output {tmp}/out", "not a bundle"),
        ("score", "--dialogues {good} --bundle {tmp}/fake --output {tmp}/out", "not a bundle of format"),
        ("score", "--dialogues {good} --bundle {tmp}/fake --output {tmp}/out --detector eyes", "--detector"),
        ("score", "--dialogues {good} --keyframes {good} --bundle b --output {tmp}/out", "either"),
        ("score", "--dialogues {good} --output {tmp}/out", "--bundle"),
        ("score", "--dialogue {good} --bundle b --output {tmp}/out", "--dialogue"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/not_a_bundle", "holds other files"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --max-faces 0", "--max-faces"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --max-faces many", "--max-faces"),
        ("extract_keyframes", "--dialogues {elsewhere} --output {tmp}/out", "--videos"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --videos {tmp}/none", "--videos"),
        ("extract_keyframes", "--dialogues {good} --output {tmp}/out --max-errors few", "--max-errors"),
        ("train_text", "--dialogues {good} --bundle {tmp}/not_a_bundle", "not a bundle"),
        ("train_text", "--dialogues {good} --bundle {tmp}/out", "emotion"),
        ("train_vision", "--keyframes {good} --bundle {tmp}/out", ""),
        ("fit_fusion", "--keyframes {good} --bundle {tmp}/out", "faces"),
        ("evaluate", "--scores {good} --report {tmp}/out", "not a scores table"),
        ("prepare_meld", "--meld {tmp}/none --output {tmp}/out", ""),
        ("demo", "--output {tmp}/not_a_bundle --replace", "something else"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    job: str, flags: str, complaint: str, places: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(job, *flags.format(**places).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert complaint in told
    assert not Path(places["tmp"], "out").exists()
    assert Path(places["tmp"], "not_a_bundle", "thesis.txt").read_text() == "years of work"


def test_a_mistake_in_a_real_process_shows_no_traceback(tmp_path: Path) -> None:
    pq.write_table(dialogues(), tmp_path / "a.parquet")
    done = run_job("jobs.score", "--dialogues", str(tmp_path), "--bundle", "none", "--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_a_submitted_job_refuses_a_relative_output(obvious: Path) -> None:
    flags = ("--keyframes", str(obvious / "keyframes"), "--bundle", str(obvious / "bundle"), "--output", "scores")
    done = run_job("jobs.score", *flags, RAY_JOB_CONFIG_JSON_ENV_VAR="{}")
    assert done.returncode == 2
    assert "relative output" in done.stderr
