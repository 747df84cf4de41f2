"""Groups beside each other and the summaries, against the tables they are counted from."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from scipy.stats import binomtest

from emotionscope.dashboard.queries import grouping, summaries
from emotionscope.dashboard.queries.archive import Archive
from emotionscope.dashboard.queries.selection import Selection
from emotionscope.errors import UserError
from emotionscope.metrics import wilson
from emotionscope.tables import datasets
from tests.helpers.scores_tables import one_answer, scores


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    fused = ["joy", "joy", "anger", None, "joy", "fear"]
    table = scores(
        fused, {"fused": [one_answer(emotion) for emotion in fused]}, speaker=["A", "A", "A", "A", "B", "C"],
        start=pa.array([0.0, 59.9, 60.0, 61.0, float("nan"), 130.0]), take=pa.array([1, 1, 2, 2, 3, 3]),
    )  # fmt: skip
    datasets.write_part(table, f"{tmp_path}/scores/part.parquet")
    return Archive(f"{tmp_path}/scores")


def rows(found: grouping.Grouped, emotion: str) -> dict[tuple[str, str], tuple[int, int]]:
    table = found.table[found.table["emotion"] == emotion]
    return {(row.group, row.side): (row.rows, row.of) for row in table.itertuples()}


def test_rows_are_counted_by_any_column_and_by_the_minute(archive: Archive) -> None:
    by_speaker = grouping.count(archive, Selection(), "speaker", None, 2)
    assert by_speaker.groups == 3 and not by_speaker.is_ordered
    assert rows(by_speaker, "joy")["A", ""] == (2, 3) and len(rows(by_speaker, "joy")) == 2
    by_minute = grouping.count(archive, Selection(), grouping.MINUTE, None, 2)
    assert by_minute.is_ordered
    assert rows(by_minute, "joy") == {("0", ""): (2, 2), ("1", ""): (0, 1), ("2", ""): (0, 1)}
    beside = grouping.count(archive, Selection(speakers=("A", "B")), "take", "speaker", 12)
    assert rows(beside, "anger") == {("1", "A"): (0, 2), ("2", "A"): (1, 1), ("3", "B"): (0, 1)}
    by_number = grouping.count(archive, Selection(), "fused_joy", None, 12)
    assert sum(of for _, of in rows(by_number, "joy").values()) == 5


def test_an_interval_is_wilsons() -> None:
    least, most = wilson([0, 7, 40], [3, 10, 40])
    for low, high, (right, n) in zip(least, most, [(0, 3), (7, 10), (40, 40)], strict=True):
        wanted = binomtest(right, n).proportion_ci(method="wilson")
        assert (low, high) == (pytest.approx(wanted.low, abs=1e-4), pytest.approx(wanted.high, abs=1e-4))


def test_more_speakers_are_counted_where_they_are_asked_for(archive: Archive) -> None:
    assert archive.overview(Selection(), speakers=1).by_speaker["speaker"].unique().tolist() == ["A"]
    assert archive.overview(Selection(), speakers=1).speakers == 3
    assert archive.overview(Selection()).by_speaker["speaker"].nunique() == 3


@pytest.mark.parametrize("content", [None, "{", json.dumps({"job": "score", "rows": 1})])
def test_what_summarise_did_not_finish_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "_summary.json").write_text(content)
    with pytest.raises(UserError, match=str(tmp_path)):
        summaries.names(str(tmp_path))
