"""The command export: one file or a folder, from tables of any kind, and no name leads out of the folder."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import run_here
from tests.helpers.films import LINES, faces_table, moving, scores_table
from tests.helpers.videos import write_video


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Scores of two films, one of which has faces, and of utterances without a time or a video."""
    odd = ((None, None, None, "=1+1", "fear", None, "fear"),)
    parts = [
        *(scores_table(), scores_table(LINES[:1], "../../away/b.mp4"), scores_table(odd), scores_table(odd, None)),
    ]
    pq.write_table(pa.concat_tables(parts), tmp_path / "scores.parquet")
    pq.write_table(faces_table(), tmp_path / "faces.parquet")
    write_video(tmp_path / "film.mp4", moving(), fps=10)
    return tmp_path


def export(folder: Path, *flags: str) -> int:
    return run_here("export", "--scores", f"{folder}/scores.parquet", *flags)


@pytest.mark.parametrize("suffix", ["srt", "vtt", "eaf", "html", "json"])
def test_one_film_becomes_one_file(tables: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--faces", f"{tables}/faces.parquet", "--videos", str(tables)] if suffix in ("eaf", "html") else []
    target = tables / f"out.{suffix}"
    assert export(tables, "--output", str(target), "--video", "film.mp4", *more) == 0
    content = target.read_text()
    assert all(text in content for *_, text, _, _, _ in LINES)
    assert ("person 1" in content) == bool(more)
    assert "3 lines in 1 file; 1 without a time" in capsys.readouterr().out


def test_a_folder_has_a_file_of_each_film_and_none_beside_it(tables: Path) -> None:
    assert export(tables, "--format", "srt", "--output", f"{tables}/out") == 0
    assert sorted(str(path.relative_to(tables)) for path in tables.rglob("*.srt")) == ["out/away/b.srt", "out/film.srt"]


def test_films_of_one_name_in_two_formats_have_a_file_each(tmp_path: Path) -> None:
    names = ("a.mp4", "a.avi", "s3://bucket/a.mp4", "/a.mp4")
    pq.write_table(pa.concat_tables([scores_table(LINES, name) for name in names]), tmp_path / "scores.parquet")
    assert export(tmp_path, "--format", "vtt", "--output", f"{tmp_path}/out") == 0
    assert len([path for path in (tmp_path / "out").rglob("*") if path.is_file()]) == len(names)


def test_csv_has_every_row_and_column_and_no_formula(tables: Path) -> None:
    assert export(tables, "--output", f"{tables}/out.csv") == 0
    written, whole = pd.read_csv(tables / "out.csv"), pq.read_table(tables / "scores.parquet")
    assert list(written.columns) == whole.column_names
    assert len(written) == len(whole)
    assert written["utterance"].tolist()[-1] == "'=1+1"
    assert written["fused_joy"].tolist() == pytest.approx(whole["fused_joy"].to_pylist())
    assert export(tables, "--output", f"{tables}/one.csv", "--video", "film.mp4") == 0
    assert set(pd.read_csv(tables / "one.csv")["video"]) == {"film.mp4"}


def test_csv_of_columns_that_are_no_cells(tmp_path: Path) -> None:
    table = scores_table().append_column("tags", pa.array([["a", "ß"], None, []]))
    table = table.append_column("when", pa.array([{"day": 1}, None, {"day": 2}]))
    pq.write_table(table.append_column("raw", pa.array([b"x", None, b"="])), tmp_path / "scores.parquet")
    assert export(tmp_path, "--output", f"{tmp_path}/out.csv") == 0
    written = pd.read_csv(tmp_path / "out.csv")
    assert json.loads(written["tags"][0]) == ["a", "ß"]
    assert json.loads(written["when"][2]) == {"day": 2}


def test_label_studio_holds_all_films_in_one_file(tables: Path) -> None:
    assert export(tables, "--format", "label-studio", "--output", f"{tables}/tasks.json") == 0
    tasks = json.loads((tables / "tasks.json").read_text())
    assert [task["data"]["video"] for task in tasks] == ["../../away/b.mp4", "film.mp4"]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--output {tmp}/out.srt", "choose one by --video"),
        ("--output {tmp}/out", "name a --format"),
        ("--output {tmp}/film.mp4 --format srt", "is there"),
        ("--output {tmp}/new --format csv", "one file"),
        ("--output {tmp}/out.srt --video none.mp4", "no row of the video"),
        ("--output {tmp}/out.html --video film.mp4 --videos {tmp}/none", "no such folder"),
        ("--output {tmp}/out.srt --format doc", "--format"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    tables: Path, flags: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tables.rglob("*"))
    assert export(tables, *flags.format(tmp=tables).split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and told.count("\n") == 1
    assert complaint in told
    assert sorted(tables.rglob("*")) == before


def test_a_file_that_is_there_is_replaced_where_it_is_asked_for(tables: Path) -> None:
    (tables / "out.srt").write_text("mine")
    flags = ("--output", f"{tables}/out.srt", "--video", "film.mp4")
    assert export(tables, *flags) == 2
    assert (tables / "out.srt").read_text() == "mine"
    assert export(tables, *flags, "--replace") == 0
    assert "You came back!" in (tables / "out.srt").read_text()


def test_utterances_without_times_are_told_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(scores_table(((None, None, "A", "Hi", "joy", None, "joy"),)), tmp_path / "scores.parquet")
    assert export(tmp_path, "--output", f"{tmp_path}/out.srt") == 2
    assert "start and an end" in capsys.readouterr().err
