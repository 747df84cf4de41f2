"""Several archives in one command: on one Ray, the failure of one stops none, and a bad list starts nothing."""

import re
from pathlib import Path

import pytest

from tests.conftest import run_here, scores_of
from tests.helpers.dialogue_tables import dialogues, write


def listed(folder: Path, text: str) -> Path:
    file = folder / "archives.toml"
    file.write_text(text.replace("HERE", str(folder)))
    return file


ARCHIVE = '[[archive]]\ndialogues = "HERE/{0}"\noutput = "HERE/{0}-scores"\n'


def test_archives_are_scored_side_by_side_and_one_that_fails_stops_no_other(
    ray_cluster: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, rows in (("a", 7), ("b", 5)):
        write(tmp_path / name, dialogues(rows))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "part-0.parquet").write_bytes(b"PAR1")
    text = "append = true\nshard_rows = 3\n" + "".join(map(ARCHIVE.format, ("a", "broken", "b")))
    assert run_here("score_all", "--archives", listed(tmp_path, text), "--parallel", 2) == 1
    told = capsys.readouterr()
    assert told.err.strip() == f"error: 1 of 3 archives failed, see above: {tmp_path}/broken-scores"
    assert scores_of(str(tmp_path / "a-scores")).num_rows == 7
    assert scores_of(str(tmp_path / "b-scores")).num_rows == 5
    assert (
        f"[{tmp_path}/broken-scores] error: {tmp_path}/broken/part-0.parquet: not a readable Parquet file" in told.out
    )
    lines = [line.split() for line in told.out.splitlines()]
    assert ["all", "12", "12", "0"] in lines


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[archive", "not TOML"),
        ("append = true", "lists no archive"),
        ('archive = "x"', "lists no archive"),
        ('[[archive]]\noutput = "HERE/x"\nfolder = "y"', "archive 1: score has no setting folder"),
        ('[[archive]]\ndialogues = "HERE/x"', "archive 1: .*--output"),
        ('[[archive]]\noutput = "HERE/x"\nmax_faces = 0', "archive 1: .*--max-faces"),
        (ARCHIVE.format("a") * 2, "two archives have the output"),
    ],
)
def test_a_bad_list_is_one_line_before_any_work(
    text: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here("score_all", "--archives", listed(tmp_path, text)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(complaint, line), line
    assert [path.name for path in tmp_path.iterdir()] == ["archives.toml"]


def test_a_list_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here("score_all", "--archives", tmp_path / "none.toml") == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err
