"""Finished tables from Python: what the table's summary lists, the same in Arrow, DuckDB and pandas."""

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import emotionscope
from emotionscope.commands import summarise
from emotionscope.storage.place import Place
from emotionscope.tables import contracts, datasets
from tests.helpers.scores_tables import one_answer, scores

EMOTIONS = ["joy", "anger", "fear", "joy", "sadness"]


def write(folder: str) -> None:
    """A finished scores table of two files, beside which lies one of a run that has not finished."""
    for number, rows in enumerate((EMOTIONS[:3], EMOTIONS[3:], ["disgust"])):
        table = scores(
            [*rows], {"fused": [one_answer(name) for name in rows]}, utterance=[f"Line {number}"] * len(rows)
        )
        datasets.write_part(table, f"{folder}/part-{number}.parquet")
    parts = [{"name": "part-0.parquet", "rows": 3}, {"name": "part-1.parquet", "rows": 2}]
    (Place(folder) / "_summary.json").write_json({"parts": parts})


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    root = request.getfixturevalue("bucket") if request.param == "s3" else str(tmp_path)
    write(f"{root}/scores")
    return str(root)


def test_duckdb_arrow_and_pandas_read_what_the_summary_lists(place: str) -> None:
    found = emotionscope.open_scores(f"{place}/scores")
    frame = found.to_pandas()
    assert found.rows == len(frame) == 5
    assert frame["fused_emotion"].tolist() == EMOTIONS
    assert found.to_arrow().count_rows() == 5
    scores = found.to_duckdb()
    counted = duckdb.sql("SELECT fused_emotion, count(*) FROM scores GROUP BY ALL ORDER BY ALL").fetchall()
    assert counted == [("anger", 1), ("fear", 1), ("joy", 2), ("sadness", 1)]
    pd.testing.assert_frame_equal(scores.df().dropna(axis=1), frame.dropna(axis=1), check_dtype=False)


def test_a_connection_and_columns_can_be_chosen(tmp_path: Path) -> None:
    write(f"{tmp_path}/scores")
    found = emotionscope.open_scores(tmp_path / "scores")
    with duckdb.connect() as connection:
        assert found.to_duckdb(connection).aggregate("max(fused_joy)").fetchall() == [(pytest.approx(0.9),)]
    assert list(found.to_pandas(["utterance", "fused_joy"]).columns) == ["utterance", "fused_joy"]
    with pytest.raises(emotionscope.UserError, match="no column 'fused_happiness'"):
        found.to_pandas(["fused_happiness"])


def test_a_table_that_has_not_finished_and_another_table_are_refused(tmp_path: Path) -> None:
    write(f"{tmp_path}/scores")
    (tmp_path / "scores" / "_summary.json").rename(tmp_path / "scores" / "_run.json")
    with pytest.raises(emotionscope.UserError, match="not finished"):
        emotionscope.open_scores(tmp_path / "scores")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(emotionscope.UserError, match="dialogue_id"):
        emotionscope.open_scores(tmp_path / "a.parquet")


def test_faces_are_read(tmp_path: Path) -> None:
    schema = contracts.faces_schema()
    face = {"dialogue_id": "d", "utterance_id": 1, "time": 0.5, "person": 2, "emotion": "joy", "joy": 1.0}
    datasets.write_part(pa.Table.from_pylist([face], schema=schema), str(tmp_path / "part-0.parquet"))
    assert emotionscope.open_faces(tmp_path).to_pandas(["person", "emotion"]).to_dict("records") == [
        {"person": 2, "emotion": "joy"}
    ]


def test_a_summary_is_opened_by_its_name(place: str) -> None:
    summarise.run(summarise.Summarise(scores=f"{place}/scores", output=f"{place}/summaries"))
    found = emotionscope.open_summary(f"{place}/summaries", "dialogues")
    assert found.to_pandas()["rows"].tolist() == [5]
    assert found.to_duckdb().aggregate("sum(scored)").fetchall() == [(5,)]
    with pytest.raises(emotionscope.UserError, match=r"no summary 'dialog'; there are .*dialogues"):
        emotionscope.open_summary(f"{place}/summaries", "dialog")
